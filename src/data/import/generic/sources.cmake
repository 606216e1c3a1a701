list(APPEND sources
  import/generic/feature_tables.cpp
  import/generic/features_folder.cpp
  import/generic/folder.cpp
  import/generic/importers.cpp
  import/generic/sensors.cpp
  import/generic/simulated.cpp
  import/generic/table.cpp)
