list(APPEND sources
  store/combine_test.cpp
  store/index_test.cpp
  store/merge_test.cpp
  store/store_test.cpp)
