list(APPEND sources
  blocks/dropout.cpp
  blocks/layers.cpp
  blocks/spec_augment.cpp
  blocks/state.cpp
)
