list(APPEND sources heart/beats_test.cpp heart/heart_analysis_test.cpp heart/hrv_test.cpp heart/skin_temperature_test.cpp)
