list(APPEND sources
  loader/fitted_features_test.cpp
  loader/loader_test.cpp
  loader/quarantine_test.cpp
  loader/sampler_test.cpp
  loader/supervision_test.cpp
  loader/targets_test.cpp)
