list(APPEND sources dsp/fft.cpp dsp/series.cpp)
