list(APPEND sources
  loader/loader_test.cpp
  loader/quarantine_test.cpp
  loader/sampler_test.cpp)
