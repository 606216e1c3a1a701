list(APPEND sources
  import/physio/bvh_styles.cpp
  import/physio/cog_load.cpp
  import/physio/deap.cpp
  import/physio/gaze_graph.cpp
  import/physio/importers.cpp
  import/physio/k_emocon.cpp
  import/physio/lund2013.cpp
  import/physio/sensor_features.cpp
  import/physio/stress_predict.cpp
  import/physio/walk_imu.cpp
  import/physio/wesad.cpp
  import/physio/wesad_features.cpp
  import/physio/windows.cpp)
