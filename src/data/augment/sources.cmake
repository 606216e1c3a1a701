list(APPEND sources
  augment/augment.cpp
  augment/augmenter.cpp
  augment/image.cpp
  augment/series.cpp
  augment/spectrum.cpp
  augment/text.cpp
  augment/wave.cpp
  augment/wave_parts.cpp)
