list(APPEND sources
  show/store_page.cpp
  show/stream_view.cpp)
