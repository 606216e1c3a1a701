#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "blocks/conv_norm.h"
#include "blocks/layers.h"
#include "encoders/build.h"
#include "images/channel_gate.h"
#include "images/frames.h"
#include "images/spatial_transformer.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr double kNormEpsilon = 1e-6;
constexpr double kInitialDeviation = 0.02;
constexpr int64_t kBottleneckRatio = 4;

// Note [Channels last in ConvNeXt]
// Layer norms and pointwise layers work on the last dimension, so activations are NHWC in memory throughout
// and (N, C, H, W) for the convolutions: permuting between the two views copies nothing.
at::Tensor as_NHWC(const at::Tensor& x_NCHW) {
  return x_NCHW.permute({0, 2, 3, 1});
}
at::Tensor as_NCHW(const at::Tensor& x_NHWC) {
  return x_NHWC.permute({0, 3, 1, 2});
}

torch::nn::LayerNorm make_norm(int64_t channels) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels}).eps(kNormEpsilon));
}

torch::nn::Conv2d make_patches(int64_t in_channels, int64_t channels, int64_t size) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in_channels, channels, size).stride(size));
}

/// All below `module`: normal with deviation 0.02, biases 0. The published truncation at +-2 lies a hundred
/// deviations out.
void initialise_convnext(torch::nn::Module& module) {
  at::NoGradGuard no_grad;
  for (const auto& part : module.modules(/*include_self=*/false)) {
    if (part->as<torch::nn::Conv2d>() == nullptr && part->as<torch::nn::Linear>() == nullptr) continue;
    for (auto& parameter : part->named_parameters(/*recurse=*/false)) {
      if (parameter.key() == "weight") {
        parameter.value().normal_(0.0, kInitialDeviation);
      } else {
        parameter.value().zero_();
      }
    }
  }
}

/// Depthwise 7x7, layer norm, inverted bottleneck with GELU, layer scale, stochastic depth.
class ConvNextBlockImpl final : public torch::nn::Cloneable<ConvNextBlockImpl> {
 public:
  ConvNextBlockImpl(int64_t channels, double layer_scale, double drop_path)
      : channels_(channels), initial_scale_(layer_scale), drop_path_(drop_path) {
    reset();
  }
  void reset() override {
    depthwise_ = register_module(
        "depthwise",
        torch::nn::Conv2d(torch::nn::Conv2dOptions(channels_, channels_, 7).padding(3).groups(channels_)));
    norm_ = register_module("norm", make_norm(channels_));
    expand_ = register_module("expand", torch::nn::Linear(channels_, kBottleneckRatio * channels_));
    project_ = register_module("project", torch::nn::Linear(kBottleneckRatio * channels_, channels_));
    layer_scale_C11_ = register_parameter("layer_scale", at::full({channels_, 1, 1}, initial_scale_));
  }
  at::Tensor forward(const at::Tensor& x_NHWC) {
    auto y_NHWC = norm_(as_NHWC(depthwise_(as_NCHW(x_NHWC))));
    y_NHWC = drop_path(project_(safe_gelu(expand_(y_NHWC))), drop_path_, is_training());
    return at::addcmul(x_NHWC, y_NHWC, layer_scale_C11_.view({channels_}));
  }

 private:
  int64_t channels_;
  double initial_scale_;
  double drop_path_;
  torch::nn::Conv2d depthwise_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear expand_{nullptr}, project_{nullptr};
  at::Tensor layer_scale_C11_;
};
TORCH_MODULE(ConvNextBlock);

/// Layer norm and a 2x2 convolution of stride 2, then channel gates if asked for.
class DownsampleImpl final : public torch::nn::Cloneable<DownsampleImpl> {
 public:
  DownsampleImpl(int64_t in_channels, int64_t channels, int64_t squeeze_reduction)
      : in_channels_(in_channels), channels_(channels), squeeze_reduction_(squeeze_reduction) {
    reset();
  }
  void reset() override {
    norm_ = register_module("norm", make_norm(in_channels_));
    conv_ = register_module("conv", make_patches(in_channels_, channels_, 2));
    if (squeeze_reduction_ > 0)
      gate_ = register_module("gate", ChannelGate(channels_, squeeze_reduction_, /*bias=*/false));
  }
  at::Tensor forward(const at::Tensor& x_NHWC) {
    auto y_NCHW = conv_(as_NCHW(norm_(x_NHWC)));
    if (gate_) y_NCHW = gate_(y_NCHW);
    return as_NHWC(y_NCHW);
  }

 private:
  int64_t in_channels_;
  int64_t channels_;
  int64_t squeeze_reduction_;  ///< 0 = no gate
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Conv2d conv_{nullptr};
  ChannelGate gate_{nullptr};
};
TORCH_MODULE(Downsample);

/// EmoNeXt's regulariser: dot-product attention between the faces of a batch, and the variance of its weights
/// as a loss. As in the authors' code scores are scaled by width^-1/4; the attended values go nowhere there,
/// so they are not computed.
class AttentionRegularizerImpl final : public torch::nn::Cloneable<AttentionRegularizerImpl> {
 public:
  explicit AttentionRegularizerImpl(int64_t width) : width_(width) { reset(); }
  void reset() override {
    norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width_})));
    query_ = register_module("query", torch::nn::Linear(width_, width_));
    key_ = register_module("key", torch::nn::Linear(width_, width_));
  }
  at::Tensor loss(const at::Tensor& x_ND) {
    const auto normed_ND = norm_(x_ND);
    const double scale = 1.0 / std::sqrt(std::sqrt(static_cast<double>(width_)));
    const auto weight_NN = (query_(normed_ND).matmul(key_(normed_ND).t()) * scale).softmax(1);
    return (weight_NN - weight_NN.mean()).square().mean();
  }

 private:
  int64_t width_;
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear query_{nullptr}, key_{nullptr};
};
TORCH_MODULE(AttentionRegularizer);

class ConvNextImpl final : public torch::nn::Cloneable<ConvNextImpl>, public Encoder {
 public:
  ConvNextImpl(ConvNextConfig config, affect::StreamShape input)
      : config_(std::move(config)), input_(std::move(input)) {
    reset();
  }

  void reset() override {
    scale_ = PixelScale(*this, config_, input_.frame[0]);
    if (config_.spatial_transformer)
      transformer_ = register_module("transformer", SpatialTransformer(input_.frame));
    int64_t channels = config_.stages.front().channels;
    stem_ = register_module("stem", make_patches(input_.frame[0], channels, config_.stem_patch));
    stem_norm_ = register_module("stem_norm", make_norm(channels));
    downsamples_ = register_module("downsamples", torch::nn::ModuleList());
    blocks_ = register_module("blocks", torch::nn::ModuleList());
    int64_t num_blocks = 0;
    for (const auto& stage : config_.stages) num_blocks += stage.blocks;
    for (size_t s = 0; s < config_.stages.size(); ++s) {
      const auto& stage = config_.stages[s];
      if (s > 0) {
        const int64_t reduction = config_.squeeze_excitation ? config_.squeeze_reduction : 0;
        downsamples_->push_back(Downsample(channels, stage.channels, reduction));
        channels = stage.channels;
      }
      for (int64_t i = 0; i < stage.blocks; ++i) {
        const double share =
            static_cast<double>(blocks_->size()) / static_cast<double>(std::max<int64_t>(1, num_blocks - 1));
        blocks_->push_back(ConvNextBlock(channels, config_.layer_scale, config_.drop_path * share));
      }
    }
    norm_ = register_module("norm", make_norm(channels));
    if (config_.attention_regularizer > 0)
      regularizer_ = register_module("regularizer", AttentionRegularizer(channels));
    initialise_convnext(*this);
    if (transformer_) transformer_->start_at_identity();
    pool_ = register_module("pool", FramePool(config_.pooling, channels, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTCHW, const at::Tensor& mask_BT) override {
    check_frames(x_BTCHW, input_);
    at::Tensor loss;
    auto output = encode_frames(x_BTCHW, mask_BT, token_width(), stem_->weight.options(), is_training(),
                                pool_, [&](const at::Tensor& frames_NCHW) {
                                  auto x_ND = features(frames_NCHW);
                                  if (regularizer_ && is_training()) loss = regularizer_->loss(x_ND);
                                  return fast_dropout(x_ND, config_.dropout, is_training());
                                });
    if (loss.defined()) output.losses["attention_regularizer"] = loss * config_.attention_regularizer;
    return output;
  }

  void set_input_statistics(const std::vector<double>& mean_C, const std::vector<double>& std_C) override {
    scale_.set_statistics(mean_C, std_C);
  }
  bool wants_input_statistics() const override { return config_.normalize == ImageNormalization::kGlobal; }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.stages.back().channels; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  at::Tensor features(const at::Tensor& frames_NCHW) {
    auto x_NCHW = scale_(frames_NCHW);
    if (transformer_) x_NCHW = transformer_(x_NCHW);
    auto x_NHWC = stem_norm_(as_NHWC(stem_(x_NCHW)).contiguous());
    size_t b = 0;
    for (size_t s = 0; s < config_.stages.size(); ++s) {
      if (s > 0) x_NHWC = downsamples_[s - 1]->as<DownsampleImpl>()->forward(x_NHWC);
      for (int64_t i = 0; i < config_.stages[s].blocks; ++i) {
        x_NHWC = blocks_[b++]->as<ConvNextBlockImpl>()->forward(x_NHWC);
      }
    }
    return norm_(x_NHWC.mean({1, 2}));
  }

  ConvNextConfig config_;
  affect::StreamShape input_;
  PixelScale scale_;
  SpatialTransformer transformer_{nullptr};
  torch::nn::Conv2d stem_{nullptr};
  torch::nn::LayerNorm stem_norm_{nullptr}, norm_{nullptr};
  torch::nn::ModuleList downsamples_{nullptr}, blocks_{nullptr};
  AttentionRegularizer regularizer_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const ConvNextConfig& config, const affect::StreamShape& input) {
  require_images(input, config, ConvNextConfig::kType);
  int64_t smallest = config.stem_patch << (config.stages.size() - 1);
  if (config.spatial_transformer) smallest = std::max(smallest, kSmallestTransformedImage);
  require(std::min(input.frame[1], input.frame[2]) >= smallest, ErrorCode::kConfig,
          "encoder 'convnext': images of " + std::to_string(input.frame[1]) + " x " +
              std::to_string(input.frame[2]) + " pixels are too small; expected at least " +
              std::to_string(smallest) + " a side: give larger images, a smaller stem_patch or fewer stages");
  return std::make_shared<ConvNextImpl>(config, input);
}

}  // namespace limbic::nn
