list(APPEND sources
  dsp/clock_test.cpp
  dsp/filter_test.cpp
  dsp/peaks_test.cpp
  dsp/resample_test.cpp
  dsp/smoothing_test.cpp
  dsp/spectrum_test.cpp
  dsp/statistics_test.cpp)
