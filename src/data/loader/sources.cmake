list(APPEND sources
  loader/batch_buffers.cpp
  loader/collate.cpp
  loader/feature_source.cpp
  loader/fitted_features.cpp
  loader/loader.cpp
  loader/loader_config.cpp
  loader/sampler.cpp
  loader/supervision.cpp
  loader/targets.cpp)
