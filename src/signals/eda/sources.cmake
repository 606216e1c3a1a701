list(APPEND sources eda/bateman_lq.cpp eda/cvx_eda.cpp eda/eda_analysis.cpp eda/eda_clean.cpp eda/eda_decompose.cpp
     eda/eda_features.cpp eda/eda_quality.cpp eda/eda_simulator.cpp eda/eda_stream.cpp eda/scr.cpp
     eda/scr_absolute.cpp eda/scr_joint.cpp eda/smoothing_windows.cpp)
