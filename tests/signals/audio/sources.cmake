list(APPEND sources
  audio/audio_analysis_test.cpp
  audio/energy_vad_test.cpp
  audio/log_mel_test.cpp
  audio/loudness_test.cpp
  audio/mfcc_test.cpp
  audio/spectral_shape_test.cpp
  audio/stft_test.cpp
  audio/voice_activity_test.cpp)
