list(APPEND sources
  import/generic/folder.cpp
  import/generic/importers.cpp
  import/generic/sensors.cpp
  import/generic/simulated.cpp)
