list(APPEND sources
  pretrained/silero_vad.cpp
)
