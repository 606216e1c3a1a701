list(APPEND sources
  images/folding_test.cpp
  images/image_encoder_test.cpp
  images/torchvision_test.cpp
)
