list(APPEND sources
  check/check_test.cpp
  check/near_duplicates_test.cpp)
