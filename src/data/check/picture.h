#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace limbic::data {

/// A frame of (T, C, H, W) uint8 as a small grey picture, row by row: every pixel is the mean of the area
/// that it stands for, so that the size of the original does not matter.
std::vector<float> grey_picture(const at::Tensor& values_TCHW, int64_t frame, int64_t width, int64_t height);
/// Standard deviation.
double contrast_of(const std::vector<float>& picture);
/// Correlation of two pictures of one size, in [-1, 1]; 0 when one is flat.
double correlation_of(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace limbic::data
