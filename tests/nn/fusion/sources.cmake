list(APPEND sources
  fusion/fusion_test.cpp
)
