list(APPEND sources
  blocks/attention_test.cpp
  blocks/dropout_test.cpp
  blocks/spec_augment_test.cpp
  blocks/state_test.cpp
)
