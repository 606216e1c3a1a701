list(APPEND sources
  audio/log_mel_test.cpp
  audio/loudness_test.cpp
  audio/mfcc_test.cpp
  audio/stft_test.cpp)
