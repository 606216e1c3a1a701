list(APPEND sources
  voice/egemaps_test.cpp
  voice/voice_analysis_test.cpp
  voice/voice_functionals_test.cpp
  voice/voice_praat_test.cpp)
