list(APPEND sources
  images/resnet.cpp
)
