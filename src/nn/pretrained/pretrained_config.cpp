#include <cctype>
#include <string>

#include "limbic/nn/encoders/pretrained.h"

namespace limbic::nn {

void PretrainedConfig::validate(config::Checks& checks) const {
  checks.expect(!weights.empty() || tune == Tune::kAll, "tune",
                "must be all where there are no weights: a random network would stay as it is");
  checks.expect(tune != Tune::kLora || !lora.projections.empty(), "lora",
                "must name at least one of its projections");
}

void TransformerSize::validate(config::Checks& checks) const {
  checks.expect(heads > 0 && width % heads == 0, "heads",
                "must divide width " + std::to_string(width) + ", got " + std::to_string(heads));
}

namespace {

void expect_layer(config::Checks& checks, const PretrainedConfig& pretrained, const TransformerSize& size) {
  checks.expect(pretrained.layer <= size.layers, "pretrained",
                "layer is " + std::to_string(pretrained.layer) + ", but there are " +
                    std::to_string(size.layers) + " blocks");
}

}  // namespace

void VitConfig::validate(config::Checks& checks) const {
  expect_layer(checks, pretrained, size);
  const bool is_dino = family == VitFamily::kDinov2 || family == VitFamily::kDinov3;
  checks.expect(is_dino || registers == 0, "registers", "must be 0 but for dinov2 and dinov3");
  checks.expect(is_dino || !gated, "gated", "must be false but for dinov2 and dinov3");
  checks.expect(image_size >= patch, "image_size",
                "must be at least a patch, got " + std::to_string(image_size));
  checks.expect(
      input_size % patch == 0, "input_size",
      "must be a multiple of patch " + std::to_string(patch) + ", got " + std::to_string(input_size));
  checks.expect(family != VitFamily::kDinov3 || size.heads == 0 || (size.width / size.heads) % 4 == 0, "size",
                "must give every head a multiple of 4 units: rotary positions take them in fours");
  checks.expect(pixel_mean.size() == pixel_std.size() && (pixel_mean.empty() || pixel_mean.size() == 3),
                "pixel_mean", "must have 3 values, and pixel_std too; or none");
}

void Wav2Vec2Config::validate(config::Checks& checks) const {
  expect_layer(checks, pretrained, size);
  checks.expect(!convolutions.empty(), "convolutions", "must have at least one layer");
  checks.expect(
      size.width % position_groups == 0, "position_groups",
      "must divide width " + std::to_string(size.width) + ", got " + std::to_string(position_groups));
  checks.expect(
      buckets % 4 == 0 && max_distance > buckets / 4, "buckets",
      "must be a multiple of 4 and less than four times max_distance, got " + std::to_string(buckets));
}

void BertConfig::validate(config::Checks& checks) const {
  expect_layer(checks, pretrained, size);
}

void TorchScriptConfig::validate(config::Checks& checks) const {
  checks.expect(!path.empty(), "path", "is empty; expected a TorchScript file");
  bool is_hex = sha256.size() == 64;
  for (const char c : sha256)
    is_hex = is_hex && (std::isdigit(static_cast<unsigned char>(c)) != 0 || (c >= 'a' && c <= 'f'));
  checks.expect(is_hex, "sha256", "must be 64 lower-case hex digits; `sha256sum FILE` prints them");
  checks.expect(width >= 1, "width", "must be at least 1: D of the tokens that the file returns");
}

}  // namespace limbic::nn
