list(APPEND sources
  import/dialogue/importers.cpp)
