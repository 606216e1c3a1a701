list(APPEND sources
  import/importer_test.cpp)
