list(APPEND sources
  augment/augment_test.cpp
  augment/wave_test.cpp)
