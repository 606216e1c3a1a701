list(APPEND sources
  store/manifest.cpp
  store/sample_table.cpp
  store/store.cpp)
