#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>

#include <limits>
#include <string>
#include <utility>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr size_t kModulesPerShortcut = 3;

/// Without bias, length kept; Glorot-uniform weights, as in the paper's code.
torch::nn::Conv1d make_glorot_conv(int64_t in_channels, int64_t out_channels, int64_t kernel) {
  torch::nn::Conv1d conv(
      torch::nn::Conv1dOptions(in_channels, out_channels, kernel).padding((kernel - 1) / 2).bias(false));
  torch::nn::init::xavier_uniform_(conv->weight);
  return conv;
}

/// Bottleneck, convolutions and a pool side by side, batch norm, ReLU. Zero at padded frames.
class InceptionImpl final : public torch::nn::Cloneable<InceptionImpl> {
 public:
  InceptionImpl(MultiscaleConvConfig config, int64_t in_channels)
      : config_(std::move(config)), in_channels_(in_channels) {
    reset();
  }
  void reset() override {
    int64_t channels = in_channels_;
    if (config_.bottleneck > 0 && in_channels_ > 1) {
      bottleneck_ = register_module("bottleneck", make_glorot_conv(channels, config_.bottleneck, 1));
      channels = config_.bottleneck;
    }
    convs_ = register_module("convs", torch::nn::ModuleList());
    for (const int64_t kernel : config_.kernels)
      convs_->push_back(make_glorot_conv(channels, config_.filters, kernel));
    pool_conv_ = register_module("pool_conv", make_glorot_conv(in_channels_, config_.filters, 1));
    norm_ = register_module("norm", MaskedBatchNorm(width()));
  }

  at::Tensor forward(const at::Tensor& x_BCT, const FrameMask& mask) {
    const auto narrow_BCT = bottleneck_ ? bottleneck_(x_BCT) : x_BCT;
    std::vector<at::Tensor> parts;
    for (const auto& conv : *convs_) parts.push_back(conv->as<torch::nn::Conv1d>()->forward(narrow_BCT));
    parts.push_back(pool_conv_(highest_of_three(x_BCT, mask)));
    return mask.apply_BCT_(norm_(at::cat(parts, 1), &mask)).relu_();
  }
  int64_t width() const { return config_.filters * static_cast<int64_t>(config_.kernels.size() + 1); }

 private:
  /// Over a frame and its two neighbours, those that are real.
  static at::Tensor highest_of_three(const at::Tensor& x_BCT, const FrameMask& mask) {
    if (!mask.is_padded()) return at::max_pool1d(x_BCT, 3, 1, 1);
    const auto padded_B1T = mask.mask_BT.logical_not().unsqueeze(1);
    const auto never = -std::numeric_limits<double>::infinity();
    return at::max_pool1d(x_BCT.masked_fill(padded_B1T, never), 3, 1, 1).masked_fill(padded_B1T, 0.0);
  }

  MultiscaleConvConfig config_;
  int64_t in_channels_;
  torch::nn::Conv1d bottleneck_{nullptr}, pool_conv_{nullptr};
  torch::nn::ModuleList convs_{nullptr};
  MaskedBatchNorm norm_{nullptr};
};
TORCH_MODULE(Inception);

class MultiscaleConvImpl final : public torch::nn::Cloneable<MultiscaleConvImpl>, public Encoder {
 public:
  MultiscaleConvImpl(MultiscaleConvConfig config, int64_t num_features)
      : config_(std::move(config)), num_features_(num_features) {
    reset();
  }

  void reset() override {
    scale_ = register_module("scale", InputScale(config_.normalize, num_features_));
    modules_ = register_module("modules", torch::nn::ModuleList());
    shortcuts_ = register_module("shortcuts", torch::nn::ModuleList());
    shortcut_norms_ = register_module("shortcut_norms", torch::nn::ModuleList());
    int64_t channels = num_features_;
    int64_t shortcut_channels = num_features_;
    for (int64_t i = 0; i < config_.depth; ++i) {
      const Inception module(config_, channels);
      modules_->push_back(module);
      channels = module->width();
      if (!has_shortcut(static_cast<size_t>(i))) continue;
      shortcuts_->push_back(make_glorot_conv(shortcut_channels, channels, 1));
      shortcut_norms_->push_back(MaskedBatchNorm(channels));
      shortcut_channels = channels;
    }
    token_width_ = channels;
    pool_ = register_module("pool", FramePool(config_.pooling, token_width_, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    FrameMask mask(mask_BT, scale_->buffers()[0].scalar_type());
    auto h_BCT = downsampled(scale_(x_BTF, mask), mask).transpose(1, 2);
    auto shortcut_BCT = h_BCT;
    for (size_t i = 0; i < modules_->size(); ++i) {
      h_BCT = modules_[i]->as<InceptionImpl>()->forward(h_BCT, mask);
      if (has_shortcut(i)) {
        const size_t at = i / kModulesPerShortcut;
        shortcut_BCT = shortcuts_[at]->as<torch::nn::Conv1d>()->forward(shortcut_BCT);
        shortcut_BCT = shortcut_norms_[at]->as<MaskedBatchNormImpl>()->forward(shortcut_BCT, &mask);
        h_BCT = mask.apply_BCT_(shortcut_BCT + h_BCT).relu_();
        shortcut_BCT = h_BCT;
      }
      h_BCT = fast_dropout(h_BCT, config_.dropout, is_training());
    }
    const auto tokens_BTD = h_BCT.transpose(1, 2).contiguous();
    return {tokens_BTD, mask.mask_BT, pool_(tokens_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F) override {
    scale_->set_statistics(mean_F, std_F);
  }
  bool wants_input_statistics() const override { return uses_training_set(config_.normalize); }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return token_width_; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  static bool has_shortcut(size_t module) { return module % kModulesPerShortcut == kModulesPerShortcut - 1; }

  /// The mean of every `downsample` frames, over the real ones. @param mask  of x; becomes that of the result
  at::Tensor downsampled(const at::Tensor& x_BTF, FrameMask& mask) const {
    const int64_t factor = config_.downsample;
    if (factor == 1) return x_BTF;
    const int64_t num_frames = x_BTF.size(1);
    const int64_t num_groups = (num_frames + factor - 1) / factor;
    const int64_t missing = num_groups * factor - num_frames;
    const auto real_BT = at::constant_pad_nd(mask.mask_BT, {0, missing}, 0);
    const auto num_BT1 =
        real_BT.view({-1, num_groups, factor}).sum(2).clamp_min(1).unsqueeze(2).to(x_BTF.scalar_type());
    const auto groups_BTKF = at::constant_pad_nd(x_BTF, {0, 0, 0, missing})
                                 .view({x_BTF.size(0), num_groups, factor, x_BTF.size(2)});
    mask = mask.reduced(factor);
    return groups_BTKF.sum(2) / num_BT1;
  }

  MultiscaleConvConfig config_;
  int64_t num_features_;
  int64_t token_width_ = 0;
  InputScale scale_{nullptr};
  torch::nn::ModuleList modules_{nullptr}, shortcuts_{nullptr}, shortcut_norms_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

void MultiscaleConvConfig::validate(config::Checks& checks) const {
  checks.expect(!kernels.empty(), "kernels", "must have at least one kernel");
  for (const int64_t kernel : kernels)
    checks.expect(kernel % 2 == 1, "kernels", "must be odd, got " + std::to_string(kernel));
}

std::shared_ptr<Encoder> build(const MultiscaleConvConfig& config, const affect::StreamShape& input) {
  require_features(input, MultiscaleConvConfig::kType);
  return std::make_shared<MultiscaleConvImpl>(config, input.num_features());
}

}  // namespace limbic::nn
