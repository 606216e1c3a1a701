list(APPEND sources
  blocks/attention.cpp
  blocks/conv_norm.cpp
  blocks/dropout.cpp
  blocks/layers.cpp
  blocks/spec_augment.cpp
  blocks/state.cpp
)
