list(APPEND sources
  audio/energy_vad_test.cpp
  audio/log_mel_test.cpp
  audio/loudness_test.cpp
  audio/mfcc_test.cpp
  audio/stft_test.cpp
  audio/voice_activity_test.cpp)
