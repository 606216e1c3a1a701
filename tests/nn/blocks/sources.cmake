list(APPEND sources
  blocks/dropout_test.cpp
  blocks/spec_augment_test.cpp
  blocks/state_test.cpp
)
