list(APPEND sources audio/log_mel.cpp audio/mel_filterbank.cpp)
