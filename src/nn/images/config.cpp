#include <algorithm>
#include <string>

#include "limbic/nn/encoders/convnext.h"
#include "limbic/nn/encoders/image.h"
#include "limbic/nn/encoders/video.h"

namespace limbic::nn {
namespace {

/// An even kernel would shift the picture by half a pixel.
void expect_odd_kernel(config::Checks& checks, const char* field, int64_t value) {
  checks.expect(value % 2 == 1, field, "must be odd, got " + std::to_string(value));
}

}  // namespace

void PixelScaling::validate(config::Checks& checks) const {
  checks.expect(!pixel_mean.empty() && pixel_mean.size() == pixel_std.size(), "pixel_mean",
                "must have as many values as pixel_std, at least 1; got " +
                    std::to_string(pixel_mean.size()) + " and " + std::to_string(pixel_std.size()));
}

ResNetFaceConfig ResNetFaceConfig::of(ResNetPreset preset) {
  ResNetFaceConfig config;
  config.preset = preset;
  config.take_preset();
  return config;
}

void ResNetFaceConfig::take_preset() {
  if (preset == ResNetPreset::kSmall) {
    const ResNetFaceConfig small;
    block = small.block;
    stem_channels = small.stem_channels;
    stem_kernel = small.stem_kernel;
    stem_stride = small.stem_stride;
    stem_pool = small.stem_pool;
    stem_pool_kernel = small.stem_pool_kernel;
    stages = small.stages;
    return;
  }
  const bool is_deep = preset == ResNetPreset::kResNet50 || preset == ResNetPreset::kResNet101;
  block = is_deep ? ResNetBlock::kBottleneck : ResNetBlock::kBasic;
  stem_channels = 64;
  stem_kernel = 7;
  stem_stride = 2;
  stem_pool = true;
  stem_pool_kernel = 3;
  const int64_t third = preset == ResNetPreset::kResNet18 ? 2 : preset == ResNetPreset::kResNet101 ? 23 : 6;
  const bool is_18 = preset == ResNetPreset::kResNet18;
  const int64_t expansion = is_deep ? 4 : 1;
  stages = {{64 * expansion, is_18 ? 2 : 3, 1},
            {128 * expansion, is_18 ? 2 : 4, 2},
            {256 * expansion, third, 2},
            {512 * expansion, is_18 ? 2 : 3, 2}};
}

void ResNetFaceConfig::validate(config::Checks& checks) const {
  PixelScaling::validate(checks);
  expect_odd_kernel(checks, "stem_kernel", stem_kernel);
  checks.expect(!stages.empty(), "stages", "must have at least one stage");
  if (block != ResNetBlock::kBottleneck) return;
  for (const auto& stage : stages) {
    checks.expect(
        stage.channels % 4 == 0, "stages",
        "channels must be a multiple of 4 for bottleneck blocks, whose inner width is a quarter; got " +
            std::to_string(stage.channels));
  }
}

void ConvNextConfig::validate(config::Checks& checks) const {
  PixelScaling::validate(checks);
  checks.expect(!stages.empty(), "stages", "must have at least one stage");
}

void ClipNetConfig::validate(config::Checks& checks) const {
  PixelScaling::validate(checks);
  expect_odd_kernel(checks, "stem_kernel", stem_kernel);
  checks.expect(!stages.empty(), "stages", "must have at least one stage");
}

}  // namespace limbic::nn
