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

ResNetFaceConfig ResNetFaceConfig::torchvision(int depth) {
  require(depth == 18 || depth == 34 || depth == 50 || depth == 101, ErrorCode::kConfig,
          "there is no ResNet of depth " + std::to_string(depth) + "; expected 18, 34, 50 or 101");
  ResNetFaceConfig config;
  const bool is_deep = depth >= 50;
  config.block = is_deep ? ResNetBlock::kBottleneck : ResNetBlock::kBasic;
  config.stem_channels = 64;
  config.stem_kernel = 7;
  config.stem_pool = true;
  config.stem_pool_kernel = 3;
  const int64_t expansion = is_deep ? 4 : 1;
  const bool is_18 = depth == 18;
  config.stages = {{64 * expansion, is_18 ? 2 : 3, 1},
                   {128 * expansion, is_18 ? 2 : 4, 2},
                   {256 * expansion,
                    is_18          ? 2
                    : depth == 101 ? 23
                                   : 6,
                    2},
                   {512 * expansion, is_18 ? 2 : 3, 2}};
  return config;
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
