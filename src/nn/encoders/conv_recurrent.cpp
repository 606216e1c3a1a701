#include <utility>

#include "blocks/conv_norm.h"
#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr int64_t kLevelFeatures = 4;

/// One ConvLayer. Frames are dimension 2; padded ones are zero before and after.
class ConvBlockImpl final : public torch::nn::Cloneable<ConvBlockImpl>, public HasConvNorms {
 public:
  ConvBlockImpl(ConvLayer config, int64_t in_channels) : config_(config), in_channels_(in_channels) {
    reset();
  }
  void reset() override {
    const auto& c = config_;
    conv1_ = ConvNorm(*this, "conv1", "norm1",
                      {in_channels_, c.channels, {c.kernel, c.kernel}, {c.stride, c.stride}});
    if (!c.residual) return;
    conv2_ = ConvNorm(*this, "conv2", "norm2", {c.channels, c.channels, {c.kernel, c.kernel}, {1, 1}});
    if (c.stride != 1 || in_channels_ != c.channels) {
      shortcut_ = ConvNorm(*this, "shortcut", "shortcut_norm",
                           {in_channels_, c.channels, {1, 1}, {c.stride, c.stride}});
    }
  }

  /// @param x_BCTF  may be packed() where no frame is padded, and so is the result then
  /// @param mask    of x; becomes that of the result
  at::Tensor forward(const at::Tensor& x_BCTF, FrameMask& mask) {
    mask = mask.reduced(config_.stride);
    auto y = conv1_(x_BCTF, &mask);
    if (conv2_) {
      y = conv2_(mask.apply_BCT_(y).relu_(), &mask);
      const auto shortcut = shortcut_ ? shortcut_(x_BCTF, &mask) : x_BCTF;
      // They differ where weights of one of the two have changed since they were folded.
      y = y.is_mkldnn() == shortcut.is_mkldnn() ? y.add_(shortcut) : unpacked(y).add_(unpacked(shortcut));
    }
    y = mask.apply_BCT_(y).relu_();
    if (config_.pool_time > 1 || config_.pool_feature > 1) {
      // ceil_mode: the last window may be short, so a clip's tokens do not depend on how far it is padded.
      // Zeros in it are harmless after a ReLU. oneDNN's pool is worth a copy into its layout and back.
      y = at::max_pool2d(packed(y), {config_.pool_time, config_.pool_feature},
                         {config_.pool_time, config_.pool_feature}, 0, 1,
                         /*ceil_mode=*/true);
      if (mask.is_padded()) y = unpacked(y);
      mask = mask.reduced(config_.pool_time);
    }
    return fast_dropout(y, config_.dropout, is_training());
  }

  /// x as oneDNN likes it when this block runs folded.
  at::Tensor packed(const at::Tensor& x_BCTF) const { return conv1_.packed(x_BCTF); }

  std::vector<ConvNorm*> conv_norms() override {
    std::vector<ConvNorm*> all;
    for (auto* conv_norm : {&conv1_, &conv2_, &shortcut_}) {
      if (*conv_norm) all.push_back(conv_norm);
    }
    return all;
  }

  /// Features of a frame that come out of `num_features`.
  int64_t reduced_features(int64_t num_features) const {
    const int64_t strided = (num_features + config_.stride - 1) / config_.stride;
    return (strided + config_.pool_feature - 1) / config_.pool_feature;
  }

 private:
  ConvLayer config_;
  int64_t in_channels_;
  ConvNorm conv1_, conv2_, shortcut_;
};
TORCH_MODULE(ConvBlock);

class ConvRecurrentImpl final : public torch::nn::Cloneable<ConvRecurrentImpl>, public Encoder {
 public:
  ConvRecurrentImpl(ConvRecurrentConfig config, int64_t num_features)
      : config_(std::move(config)), num_features_(num_features) {
    reset();
  }

  void reset() override {
    scale_ = register_module("scale", InputScale(config_.normalize, num_features_));
    layers_ = register_module("layers", torch::nn::ModuleList());
    int64_t channels = 1;
    int64_t features = num_features_;
    for (const auto& layer : config_.layers) {
      const ConvBlock block(layer, channels);
      layers_->push_back(block);
      features = block->reduced_features(features);
      channels = layer.channels;
    }
    token_width_ = channels * features;
    if (config_.projection > 0) {
      projection_ = register_module("projection", torch::nn::Linear(token_width_, config_.projection));
      token_width_ = config_.projection;
    }
    if (config_.recurrent != Recurrent::kNone) {
      RecurrentStackImpl::Options options;
      options.kind = config_.recurrent;
      options.in_width = token_width_;
      options.hidden = config_.hidden;
      options.layers = config_.recurrent_layers;
      options.bidirectional = config_.bidirectional;
      options.dropout = config_.dropout;
      recurrent_ = register_module("recurrent", RecurrentStack(options));
      token_width_ = recurrent_->width();
    }
    pool_ = register_module("pool", FramePool(config_.pooling, token_width_, config_.attention_hidden));
    if (config_.level) level_norm_ = register_module("level_norm", MaskedBatchNorm(kLevelFeatures));
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    FrameMask mask(mask_BT, scale_->buffers()[0].scalar_type());
    const auto level_BF = config_.level ? level_of(x_BTF, mask) : at::Tensor();
    auto x = scale_(x_BTF, mask);
    if (is_training()) x = spec_augment(config_.spec_augment, x, mask_BT);
    x = x.unsqueeze(1);
    // A mask cannot be multiplied into oneDNN's layout.
    if (!mask.is_padded() && !layers_->is_empty()) x = layers_[0]->as<ConvBlockImpl>()->packed(x);
    for (const auto& layer : *layers_) x = layer->as<ConvBlockImpl>()->forward(x, mask);
    auto tokens_BTD = fast_dropout(unpacked(x).transpose(1, 2).flatten(2), config_.dropout, is_training());
    if (projection_)
      tokens_BTD = fast_dropout(projection_(tokens_BTD).relu_(), config_.dropout, is_training());
    tokens_BTD = recurrent_ ? recurrent_(tokens_BTD, mask) : mask.apply_BTD(tokens_BTD);
    auto embedding_BD = pool_(tokens_BTD, mask);
    if (config_.level) embedding_BD = at::cat({embedding_BD, level_BF}, 1);
    return {tokens_BTD, mask.mask_BT, embedding_BD};
  }

  void set_input_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F) override {
    scale_->set_statistics(mean_F, std_F);
  }
  bool wants_input_statistics() const override { return uses_training_set(config_.normalize); }
  int64_t width() const override { return pool_->width() + (config_.level ? kLevelFeatures : 0); }
  int64_t token_width() const override { return token_width_; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  /// (B, 4): the clip's level over its real frames (maximum, mean, deviation) and the log of their number,
  /// scaled by a batch norm; zero for a row without real frames.
  at::Tensor level_of(const at::Tensor& x_BTF, const FrameMask& mask) {
    const auto padded_BT = mask.mask_BT.logical_not();
    const auto x = x_BTF.to(scale_->buffers()[0].scalar_type());
    const auto level_BT = x.masked_fill(padded_BT.unsqueeze(2), 0.0).logsumexp(2);
    const auto num_B = mask.mask_BT.sum(1).clamp_min(1).to(level_BT.scalar_type());
    const auto mean_B = level_BT.masked_fill(padded_BT, 0.0).sum(1) / num_B;
    const auto off_BT = (level_BT - mean_B.unsqueeze(1)).masked_fill(padded_BT, 0.0);
    const auto std_B = ((off_BT * off_BT).sum(1) / num_B + 1e-5).sqrt();
    const auto max_B = level_BT.masked_fill(padded_BT, -1e30).amax(1);
    const FrameMask rows(mask.mask_BT.any(1).unsqueeze(0), level_BT.scalar_type());
    const auto raw_BF =
        at::stack({max_B, mean_B, std_B, num_B.log()}, 1).masked_fill(rows.mask_BT.t().logical_not(), 0.0);
    // The rows are the frames of one long clip to the batch norm.
    const auto scaled_1FB1 = level_norm_(raw_BF.t().unsqueeze(0).unsqueeze(3), &rows);
    auto level_BF = scaled_1FB1.squeeze(3).squeeze(0).t();
    if (is_training() && config_.level_noise > 0) {
      level_BF = level_BF + at::randn(level_BF.sizes(), level_BF.options()) * config_.level_noise;
    }
    return rows.is_padded() ? level_BF * rows.mask_BT.t() : level_BF;
  }

  ConvRecurrentConfig config_;
  int64_t num_features_;
  int64_t token_width_ = 0;
  InputScale scale_{nullptr};
  torch::nn::ModuleList layers_{nullptr};
  torch::nn::Linear projection_{nullptr};
  RecurrentStack recurrent_{nullptr};
  FramePool pool_{nullptr};
  MaskedBatchNorm level_norm_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const ConvRecurrentConfig& config, const affect::StreamShape& input) {
  require_features(input, ConvRecurrentConfig::kType);
  return std::make_shared<ConvRecurrentImpl>(config, input.num_features());
}

}  // namespace limbic::nn
