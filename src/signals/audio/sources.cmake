list(APPEND sources audio/energy_vad.cpp audio/log_mel.cpp audio/mel_filterbank.cpp audio/voice_activity.cpp)
