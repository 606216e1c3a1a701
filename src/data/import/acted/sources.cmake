list(APPEND sources
  import/acted/fer2013.cpp
  import/acted/ravdess.cpp
  import/acted/importers.cpp)
