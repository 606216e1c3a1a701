list(APPEND sources
  show/store_page_test.cpp)
