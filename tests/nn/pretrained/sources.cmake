list(APPEND sources
  pretrained/pretrained_parity_test.cpp
  pretrained/pretrained_weights_test.cpp
  pretrained/silero_vad_test.cpp
)
