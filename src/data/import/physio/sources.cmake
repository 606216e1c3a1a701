list(APPEND sources
  import/physio/stress_predict.cpp
  import/physio/importers.cpp)
