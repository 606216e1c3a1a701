list(APPEND sources
  images/channel_gate.cpp
  images/clip_net.cpp
  images/config.cpp
  images/convnext.cpp
  images/frames.cpp
  images/residual_block.cpp
  images/resnet.cpp
  images/spatial_transformer.cpp
  images/torchvision.cpp
)
