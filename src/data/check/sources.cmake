list(APPEND sources
  check/check.cpp
  check/fingerprint.cpp
  check/near_duplicates.cpp
  check/picture.cpp
  check/stream_look.cpp
  check/summary.cpp
  check/text_shape.cpp)
