list(APPEND sources audio/log_mel_test.cpp)
