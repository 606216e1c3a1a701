list(APPEND sources audio/energy_vad_test.cpp audio/log_mel_test.cpp audio/voice_activity_test.cpp)
