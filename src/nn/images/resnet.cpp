#include <algorithm>
#include <string>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// Frames of one pass at inference: bounds the memory of hour-long windows.
constexpr int64_t kFramesPerPass = 256;

/// Channel gates from the image's mean (squeeze and excitation).
class ChannelGateImpl final : public torch::nn::Cloneable<ChannelGateImpl> {
 public:
  ChannelGateImpl(int64_t channels, int64_t reduction) : channels_(channels), reduction_(reduction) {
    reset();
  }
  void reset() override {
    const int64_t hidden = std::max<int64_t>(1, channels_ / reduction_);
    squeeze_ = register_module("squeeze", torch::nn::Linear(channels_, hidden));
    excite_ = register_module("excite", torch::nn::Linear(hidden, channels_));
  }
  at::Tensor forward(const at::Tensor& x_NCHW) {
    const auto gate_NC = excite_(squeeze_(x_NCHW.mean({2, 3})).relu_()).sigmoid_();
    return x_NCHW * gate_NC.unsqueeze(2).unsqueeze(3);
  }

 private:
  int64_t channels_;
  int64_t reduction_;
  torch::nn::Linear squeeze_{nullptr}, excite_{nullptr};
};
TORCH_MODULE(ChannelGate);

/// conv-BN-ReLU-conv-BN plus shortcut, ReLU.
class BasicBlockImpl final : public torch::nn::Cloneable<BasicBlockImpl> {
 public:
  struct Options {
    int64_t in_channels = 0;
    int64_t channels = 0;
    int64_t stride = 1;
    int64_t squeeze_reduction = 0;  ///< 0 = no gate
    double drop_path = 0.0;
  };
  explicit BasicBlockImpl(Options options) : options_(options) { reset(); }
  void reset() override {
    const auto& o = options_;
    conv1_ = register_module("conv1", make_conv(o.in_channels, o.channels, 3, o.stride));
    norm1_ = register_module("norm1", MaskedBatchNorm(o.channels));
    conv2_ = register_module("conv2", make_conv(o.channels, o.channels, 3, 1));
    norm2_ = register_module("norm2", MaskedBatchNorm(o.channels));
    if (o.squeeze_reduction > 0)
      gate_ = register_module("gate", ChannelGate(o.channels, o.squeeze_reduction));
    if (o.stride != 1 || o.in_channels != o.channels) {
      shortcut_ = register_module("shortcut", make_conv(o.in_channels, o.channels, 1, o.stride));
      shortcut_norm_ = register_module("shortcut_norm", MaskedBatchNorm(o.channels));
    }
  }
  at::Tensor forward(const at::Tensor& x_NCHW) {
    auto y = norm2_(conv2_(norm1_(conv1_(x_NCHW)).relu_()));
    if (gate_) y = gate_(y);
    y = drop_path(y, options_.drop_path, is_training());
    return y.add_(shortcut_ ? shortcut_norm_(shortcut_(x_NCHW)) : x_NCHW).relu_();
  }

 private:
  Options options_;
  torch::nn::Conv2d conv1_{nullptr}, conv2_{nullptr}, shortcut_{nullptr};
  MaskedBatchNorm norm1_{nullptr}, norm2_{nullptr}, shortcut_norm_{nullptr};
  ChannelGate gate_{nullptr};
};
TORCH_MODULE(BasicBlock);

class ResNetFaceImpl final : public torch::nn::Cloneable<ResNetFaceImpl>, public Encoder {
 public:
  ResNetFaceImpl(ResNetFaceConfig config, affect::StreamShape input)
      : config_(std::move(config)), input_(std::move(input)) {
    reset();
  }

  void reset() override {
    const int64_t image_channels = input_.frame[0];
    mean_C11_ = register_buffer("mean_C11", at::zeros({image_channels, 1, 1}));
    std_C11_ = register_buffer("std_C11", at::ones({image_channels, 1, 1}));
    if (config_.normalize == ImageNormalization::kFixed) {
      const auto num_values = static_cast<int64_t>(config_.pixel_mean.size());
      for (int64_t c = 0; c < image_channels; ++c) {
        const auto i = static_cast<size_t>(num_values == 1 ? 0 : c);
        mean_C11_[c].fill_(255.0 * config_.pixel_mean[i]);
        std_C11_[c].fill_(255.0 * config_.pixel_std[i]);
      }
    }
    stem_ = register_module(
        "stem", make_conv(image_channels, config_.stem_channels, config_.stem_kernel, config_.stem_stride));
    stem_norm_ = register_module("stem_norm", MaskedBatchNorm(config_.stem_channels));
    blocks_ = register_module("blocks", torch::nn::ModuleList());
    int64_t num_blocks = 0;
    for (const auto& stage : config_.stages) num_blocks += stage.blocks;
    int64_t channels = config_.stem_channels;
    for (const auto& stage : config_.stages) {
      for (int64_t i = 0; i < stage.blocks; ++i) {
        BasicBlockImpl::Options options;
        options.in_channels = channels;
        options.channels = stage.channels;
        options.stride = i == 0 ? stage.stride : 1;
        options.squeeze_reduction = config_.squeeze_excitation ? config_.squeeze_reduction : 0;
        options.drop_path =
            config_.drop_path * static_cast<double>(blocks_->size() + 1) / static_cast<double>(num_blocks);
        blocks_->push_back(BasicBlock(options));
        channels = stage.channels;
      }
    }
    pool_ = register_module("pool", FramePool(config_.pooling, channels, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTCHW, const at::Tensor& mask_BT) override {
    TORCH_CHECK(x_BTCHW.dim() == 5 && x_BTCHW.sizes().slice(2) == at::IntArrayRef(input_.frame),
                "the encoder wants (B, T, ", at::IntArrayRef(input_.frame), "), got ", x_BTCHW.sizes());
    const int64_t batch = x_BTCHW.size(0);
    const int64_t num_frames = x_BTCHW.size(1);
    const FrameMask mask(mask_BT, stem_->weight.scalar_type());
    const auto frames_NCHW = x_BTCHW.flatten(0, 1);
    at::Tensor tokens_ND;
    if (!mask.is_padded()) {
      tokens_ND = features(frames_NCHW);
    } else {
      // Only real frames are computed: padded ones cost nothing and stay out of the batch norms.
      tokens_ND = at::zeros({batch * num_frames, token_width()}, stem_->weight.options());
      if (mask.num_real > 0) {
        const auto index_N = mask_BT.flatten().nonzero().squeeze(1);
        tokens_ND = tokens_ND.index_copy(0, index_N, features(frames_NCHW.index_select(0, index_N)));
      }
    }
    const auto tokens_BTD = tokens_ND.view({batch, num_frames, token_width()});
    return {tokens_BTD, mask_BT, pool_(tokens_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>& mean_C, const std::vector<double>& std_C) override {
    assign_statistics(mean_C11_, std_C11_, mean_C, std_C);
  }
  bool wants_input_statistics() const override { return config_.normalize == ImageNormalization::kGlobal; }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.stages.back().channels; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  at::Tensor features(const at::Tensor& frames_NCHW) {
    const bool is_inference = !at::GradMode::is_enabled() && !is_training();
    if (!is_inference || frames_NCHW.size(0) <= kFramesPerPass) return features_of_pass(frames_NCHW);
    std::vector<at::Tensor> passes;
    for (const auto& chunk : frames_NCHW.split(kFramesPerPass)) passes.push_back(features_of_pass(chunk));
    return at::cat(passes);
  }

  at::Tensor features_of_pass(const at::Tensor& frames_NCHW) {
    auto x = scaled(frames_NCHW);
    if (config_.channels_last) x = x.contiguous(at::MemoryFormat::ChannelsLast);
    x = stem_norm_(stem_(x)).relu_();
    if (config_.stem_pool) x = at::max_pool2d(x, 2, 2);
    for (const auto& block : *blocks_) x = block->as<BasicBlockImpl>()->forward(x);
    return fast_dropout(x.mean({2, 3}), config_.dropout, is_training());
  }

  /// Pixels in [0, 255] as the network likes them.
  at::Tensor scaled(const at::Tensor& frames_NCHW) const {
    auto x = frames_NCHW.to(mean_C11_.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
    if (config_.normalize != ImageNormalization::kImage) return x.sub_(mean_C11_).div_(std_C11_);
    x.sub_(x.mean({1, 2, 3}, /*keepdim=*/true));
    const auto std_N111 = (x * x).mean({1, 2, 3}, true).sqrt();
    return x / (std_N111 + 255.0 * config_.image_epsilon);
  }

  ResNetFaceConfig config_;
  affect::StreamShape input_;
  at::Tensor mean_C11_, std_C11_;
  torch::nn::Conv2d stem_{nullptr};
  MaskedBatchNorm stem_norm_{nullptr};
  torch::nn::ModuleList blocks_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const ResNetFaceConfig& config, const affect::StreamShape& input) {
  std::string frame;
  for (const int64_t size : input.frame) frame += (frame.empty() ? "" : ", ") + std::to_string(size);
  require(input.is_image() &&
              std::all_of(input.frame.begin(), input.frame.end(), [](int64_t n) { return n > 0; }),
          ErrorCode::kConfig,
          "encoder 'resnet' takes images [C, H, W], but a frame of this modality is [" + frame +
              "]; use 'conv_recurrent' or 'gru' for features");
  const auto num_values = static_cast<int64_t>(config.pixel_mean.size());
  require(config.normalize != ImageNormalization::kFixed || num_values == 1 || num_values == input.frame[0],
          ErrorCode::kConfig,
          "encoder 'resnet': pixel_mean has " + std::to_string(num_values) + " values for images of " +
              std::to_string(input.frame[0]) + " channels; give one value, or one per channel");
  return std::make_shared<ResNetFaceImpl>(config, input);
}

}  // namespace limbic::nn
