list(APPEND sources
  pretrained/silero_vad_test.cpp
)
