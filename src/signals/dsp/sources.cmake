list(APPEND sources
  dsp/butterworth.cpp
  dsp/clock.cpp
  dsp/clock_grid.cpp
  dsp/fft.cpp
  dsp/filter.cpp
  dsp/interpolate.cpp
  dsp/interval_functionals.cpp
  dsp/peaks.cpp
  dsp/resample.cpp
  dsp/series.cpp
  dsp/smoothing.cpp
  dsp/spectrum.cpp
  dsp/statistics.cpp)
