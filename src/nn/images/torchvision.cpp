#include "limbic/nn/encoders/torchvision.h"

#include <vector>

namespace limbic::nn {
namespace {

using Names = std::map<std::string, std::string>;

void name_conv(Names& names, const std::string& own, const std::string& theirs) {
  names[own + ".weight"] = theirs + ".weight";
}
/// A convolution with bias, a linear layer or a layer norm.
void name_layer(Names& names, const std::string& own, const std::string& theirs) {
  name_conv(names, own, theirs);
  names[own + ".bias"] = theirs + ".bias";
}
void name_batch_norm(Names& names, const std::string& own, const std::string& theirs) {
  name_layer(names, own, theirs);
  for (const char* statistic : {".running_mean", ".running_var"}) names[own + statistic] = theirs + statistic;
}

/// "blocks.0." -> "layer1.0." for every block; `in_channels` enters the first stage.
template <class Stage, class NameBranch>
void name_blocks(Names& names, const std::vector<Stage>& stages, int64_t in_channels,
                 const NameBranch& name_branch) {
  int64_t block = 0;
  for (size_t s = 0; s < stages.size(); ++s) {
    for (int64_t i = 0; i < stages[s].blocks; ++i) {
      const auto own = "blocks." + std::to_string(block++) + ".";
      const auto theirs = "layer" + std::to_string(s + 1) + "." + std::to_string(i) + ".";
      name_branch(own, theirs);
      bool has_shortcut = i == 0 && (stages[s].stride != 1 || in_channels != stages[s].channels);
      if constexpr (std::is_same_v<Stage, ClipStage>)
        has_shortcut = has_shortcut || (i == 0 && stages[s].time_stride != 1);
      in_channels = stages[s].channels;
      if (!has_shortcut) continue;
      name_conv(names, own + "shortcut", theirs + "downsample.0");
      name_batch_norm(names, own + "shortcut_norm", theirs + "downsample.1");
    }
  }
}

}  // namespace

std::map<std::string, std::string> torchvision_names(const ResNetFaceConfig& config) {
  Names names;
  name_conv(names, "stem", "conv1");
  name_batch_norm(names, "stem_norm", "bn1");
  const int num_convs = config.block == ResNetBlock::kBottleneck ? 3 : 2;
  name_blocks(names, config.stages, config.stem_channels,
              [&](const std::string& own, const std::string& theirs) {
                for (int i = 1; i <= num_convs; ++i) {
                  name_conv(names, own + "conv" + std::to_string(i), theirs + "conv" + std::to_string(i));
                  name_batch_norm(names, own + "norm" + std::to_string(i), theirs + "bn" + std::to_string(i));
                }
              });
  return names;
}

std::map<std::string, std::string> torchvision_names(const ConvNextConfig& config) {
  Names names;
  name_layer(names, "stem", "features.0.0");
  name_layer(names, "stem_norm", "features.0.1");
  int64_t block = 0;
  for (size_t s = 0; s < config.stages.size(); ++s) {
    if (s > 0) {
      const auto own = "downsamples." + std::to_string(s - 1) + ".";
      const auto theirs = "features." + std::to_string(2 * s) + ".";
      name_layer(names, own + "norm", theirs + "0");
      name_layer(names, own + "conv", theirs + "1");
    }
    for (int64_t i = 0; i < config.stages[s].blocks; ++i) {
      const auto own = "blocks." + std::to_string(block++) + ".";
      const auto theirs = "features." + std::to_string(2 * s + 1) + "." + std::to_string(i) + ".";
      name_layer(names, own + "depthwise", theirs + "block.0");
      name_layer(names, own + "norm", theirs + "block.2");
      name_layer(names, own + "expand", theirs + "block.3");
      name_layer(names, own + "project", theirs + "block.5");
      names[own + "layer_scale"] = theirs + "layer_scale";
    }
  }
  name_layer(names, "norm", "classifier.0");
  return names;
}

std::map<std::string, std::string> torchvision_names(const Conv3dConfig& config) {
  Names names;
  name_conv(names, "stem1", "stem.0");
  name_batch_norm(names, "stem_norm1", "stem.1");
  name_blocks(names, config.stages, config.stem_channels,
              [&](const std::string& own, const std::string& theirs) {
                for (const char* i : {"1", "2"}) {
                  name_conv(names, own + "conv" + i, theirs + "conv" + i + ".0");
                  name_batch_norm(names, own + "norm" + i, theirs + "conv" + i + ".1");
                }
              });
  return names;
}

std::map<std::string, std::string> torchvision_names(const R2Plus1dConfig& config) {
  Names names;
  name_conv(names, "stem1", "stem.0");
  name_batch_norm(names, "stem_norm1", "stem.1");
  name_conv(names, "stem2", "stem.3");
  name_batch_norm(names, "stem_norm2", "stem.4");
  name_blocks(names, config.stages, config.stem_channels,
              [&](const std::string& own, const std::string& theirs) {
                for (int i = 0; i < 2; ++i) {
                  const auto conv = theirs + "conv" + std::to_string(i + 1);
                  const auto space = std::to_string(2 * i + 1);
                  const auto time = std::to_string(2 * i + 2);
                  name_conv(names, own + "conv" + space, conv + ".0.0");
                  name_batch_norm(names, own + "norm" + space, conv + ".0.1");
                  name_conv(names, own + "conv" + time, conv + ".0.3");
                  name_batch_norm(names, own + "norm" + time, conv + ".1");
                }
              });
  return names;
}

}  // namespace limbic::nn
