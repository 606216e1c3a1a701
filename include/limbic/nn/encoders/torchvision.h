#pragma once
#include <map>
#include <string>

#include "limbic/nn/encoders/convnext.h"
#include "limbic/nn/encoders/image.h"
#include "limbic/nn/encoders/video.h"

namespace limbic::nn {

// Names of tensors in torchvision's state dicts by the encoder's own: {"blocks.0.conv1.weight",
// "layer1.0.conv1.weight"}. Shapes and values are the same. Not in the map: what torchvision lacks (pixel
// statistics, gates, pools) and what the encoder lacks (the classifier, num_batches_tracked).

/// resnet18 to resnet101, and other depths and widths of the same form.
std::map<std::string, std::string> torchvision_names(const ResNetFaceConfig& config);
/// convnext_tiny to convnext_large.
std::map<std::string, std::string> torchvision_names(const ConvNextConfig& config);
/// video.r3d_18
std::map<std::string, std::string> torchvision_names(const Conv3dConfig& config);
/// video.r2plus1d_18
std::map<std::string, std::string> torchvision_names(const R2Plus1dConfig& config);

}  // namespace limbic::nn
