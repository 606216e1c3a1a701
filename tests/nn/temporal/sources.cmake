list(APPEND sources
  temporal/temporal_test.cpp
)
