#include "check/picture.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>

namespace limbic::data {
namespace {

double mean_of(const std::vector<float>& x) {
  double sum = 0;
  for (const float value : x) sum += value;
  return x.empty() ? 0.0 : sum / static_cast<double>(x.size());
}

}  // namespace

std::vector<float> grey_picture(const at::Tensor& values_TCHW, int64_t frame, int64_t width, int64_t height) {
  const at::Tensor values = values_TCHW.contiguous();
  const int64_t channels = values.size(1);
  const int64_t rows = values.size(2);
  const int64_t columns = values.size(3);
  const auto* pixels = values.data_ptr<uint8_t>() + frame * channels * rows * columns;
  std::vector<float> picture;
  picture.reserve(static_cast<size_t>(width * height));
  for (int64_t y = 0; y < height; ++y) {
    const int64_t top = y * rows / height;
    const int64_t bottom = std::max(top + 1, (y + 1) * rows / height);
    for (int64_t x = 0; x < width; ++x) {
      const int64_t left = x * columns / width;
      const int64_t right = std::max(left + 1, (x + 1) * columns / width);
      int64_t sum = 0;
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t r = top; r < bottom; ++r)
          for (int64_t k = left; k < right; ++k) sum += pixels[(c * rows + r) * columns + k];
      picture.push_back(static_cast<float>(sum) /
                        static_cast<float>(channels * (bottom - top) * (right - left)));
    }
  }
  return picture;
}

double contrast_of(const std::vector<float>& picture) {
  const double mean = mean_of(picture);
  double square = 0;
  for (const float value : picture) square += (value - mean) * (value - mean);
  return std::sqrt(square / static_cast<double>(std::max<size_t>(1, picture.size())));
}

double correlation_of(const std::vector<float>& a, const std::vector<float>& b) {
  const double mean_a = mean_of(a);
  const double mean_b = mean_of(b);
  double product = 0;
  double square_a = 0;
  double square_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += (a[i] - mean_a) * (b[i] - mean_b);
    square_a += (a[i] - mean_a) * (a[i] - mean_a);
    square_b += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return square_a > 0 && square_b > 0 ? product / std::sqrt(square_a * square_b) : 0.0;
}

}  // namespace limbic::data
