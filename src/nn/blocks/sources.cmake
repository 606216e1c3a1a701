list(APPEND sources
  blocks/attention.cpp
  blocks/conv_norm.cpp
  blocks/dropout.cpp
  blocks/layers.cpp
  blocks/linear.cpp
  blocks/spec_augment.cpp
  blocks/state.cpp
)
