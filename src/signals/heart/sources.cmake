list(APPEND sources heart/beat_correction.cpp heart/beat_feed.cpp heart/bvp_detector.cpp heart/ecg_detector.cpp
     heart/heart_analysis.cpp heart/hrv.cpp heart/hrv_spectrum.cpp heart/skin_temperature.cpp
     heart/wave_quality.cpp)
