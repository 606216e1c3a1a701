list(APPEND sources
  import/generic/folder.cpp
  import/generic/simulated.cpp
  import/generic/importers.cpp)
