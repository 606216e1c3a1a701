#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include <string>
#include <utility>

#include "blocks/attention.h"
#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr double kAstNormEpsilon = 1e-6;
constexpr double kAstInitialDeviation = 0.02;

class SpectrogramTransformerImpl final : public torch::nn::Cloneable<SpectrogramTransformerImpl>,
                                         public Encoder {
 public:
  SpectrogramTransformerImpl(SpectrogramTransformerConfig config, int64_t num_features)
      : config_(std::move(config)), num_features_(num_features) {
    reset();
  }

  void reset() override {
    const auto& c = config_;
    scale_ = register_module("scale", InputScale(c.normalize, num_features_));
    patches_ = register_module(
        "patches", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, c.width, {c.patch_time, c.patch_feature})
                                         .stride({c.stride_time, c.stride_feature})));
    const int64_t rows = (num_features_ - c.patch_feature) / c.stride_feature + 1;
    const auto initial = [](at::IntArrayRef shape) { return at::randn(shape) * kAstInitialDeviation; };
    position_PRD_ = register_parameter("position", initial({c.time_positions, rows, c.width}));
    // The class token and its position are always added up: one parameter.
    if (c.class_token) class_D_ = register_parameter("class_token", initial({c.width}));
    blocks_ = register_module("blocks", torch::nn::ModuleList());
    for (int64_t i = 0; i < c.layers; ++i) {
      TransformerBlockOptions options;
      options.width = c.width;
      options.heads = c.heads;
      options.hidden = c.hidden;
      options.dropout = c.dropout;
      options.attention_dropout = c.attention_dropout;
      options.drop_path = c.layers > 1
                              ? c.drop_path * static_cast<double>(i) / static_cast<double>(c.layers - 1)
                              : c.drop_path;
      options.norm_epsilon = kAstNormEpsilon;
      blocks_->push_back(TransformerBlock(options));
    }
    norm_ = register_module(
        "norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({c.width}).eps(kAstNormEpsilon)));
    if (!c.class_token) pool_ = register_module("pool", FramePool(c.pooling, c.width, c.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    const FrameMask frames(mask_BT, scale_->buffers()[0].scalar_type());
    auto x = scale_(x_BTF, frames);
    if (is_training()) x = spec_augment(config_.spec_augment, x, mask_BT);
    if (x.size(1) < config_.patch_time) x = at::constant_pad_nd(x, {0, 0, 0, config_.patch_time - x.size(1)});
    auto h_BTRD = patches_((x * config_.scale).unsqueeze(1)).permute({0, 2, 3, 1});
    const int64_t batch = h_BTRD.size(0);
    const int64_t times = h_BTRD.size(1);
    const int64_t rows = h_BTRD.size(2);
    const auto length_B = frames_of(length_of(mask_BT), config_.patch_time, config_.stride_time);
    const auto real_BT = at::arange(times, length_B.options()) < length_B.unsqueeze(1);
    const FrameMask mask(real_BT, x.scalar_type());

    auto h_BND = (h_BTRD + positions(length_B, times)).flatten(1, 2);
    auto key_mask_BN = mask.mask_BT.repeat_interleave(rows, 1);
    if (config_.class_token) {
      h_BND = at::cat({class_D_.expand({batch, 1, config_.width}), h_BND}, 1);
      key_mask_BN = at::constant_pad_nd(key_mask_BN, {1, 0}, 1);
    }
    if (!mask.is_padded()) key_mask_BN = at::Tensor();  // all real
    h_BND = fast_dropout(h_BND, config_.dropout, is_training());
    for (const auto& block : *blocks_) h_BND = block->as<TransformerBlockImpl>()->forward(h_BND, key_mask_BN);
    h_BND = norm_(h_BND);

    const auto seen_BTRD =
        h_BND.narrow(1, config_.class_token ? 1 : 0, times * rows).view({batch, times, rows, config_.width});
    const auto tokens_BTD = mask.apply_BTD(seen_BTRD.mean(2));
    // A row without real frames has a class token all the same.
    const auto embedding_BD = config_.class_token ? h_BND.select(1, 0) * mask.mask_BT.any(1, /*keepdim=*/true)
                                                  : pool_(tokens_BTD, mask);
    return {tokens_BTD, mask.mask_BT, embedding_BD};
  }

  void set_input_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F) override {
    scale_->set_statistics(mean_F, std_F);
  }
  bool wants_input_statistics() const override { return uses_training_set(config_.normalize); }
  int64_t width() const override { return pool_ ? pool_->width() : config_.width; }
  int64_t token_width() const override { return config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  /// (B or 1, times, rows, D). A clip longer than the table is spread over it by its own length, not by that
  /// of its batch.
  at::Tensor positions(const at::Tensor& length_B, int64_t times) const {
    if (times <= config_.time_positions) return position_PRD_.narrow(0, 0, times).unsqueeze(0);
    const int64_t last = config_.time_positions - 1;
    const auto step_B =
        (static_cast<double>(last) / (length_B - 1).clamp_min(1).to(position_PRD_.scalar_type()))
            .clamp_max(1.0);
    const auto where_BT = (at::arange(times, step_B.options()).unsqueeze(0) * step_B.unsqueeze(1))
                              .clamp_max(static_cast<double>(last));
    const auto below_BT = where_BT.floor();
    const auto share_BT11 = (where_BT - below_BT).unsqueeze(2).unsqueeze(3);
    const auto index_BT = below_BT.to(at::kLong);
    const auto rows_at = [&](const at::Tensor& index) {
      return position_PRD_.index_select(0, index.flatten())
          .view({index.size(0), index.size(1), position_PRD_.size(1), position_PRD_.size(2)});
    };
    return at::lerp(rows_at(index_BT), rows_at((index_BT + 1).clamp_max(last)), share_BT11);
  }

  SpectrogramTransformerConfig config_;
  int64_t num_features_;
  InputScale scale_{nullptr};
  torch::nn::Conv2d patches_{nullptr};
  at::Tensor position_PRD_, class_D_;
  torch::nn::ModuleList blocks_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

void SpectrogramTransformerConfig::validate(config::Checks& checks) const {
  checks.expect(width % heads == 0, "heads",
                "must divide width (" + std::to_string(width) + "), got " + std::to_string(heads));
}

std::shared_ptr<Encoder> build(const SpectrogramTransformerConfig& config, const affect::StreamShape& input) {
  require_features(input, SpectrogramTransformerConfig::kType);
  require(input.num_features() >= config.patch_feature, ErrorCode::kConfig,
          "encoder 'spectrogram_transformer': a patch is " + std::to_string(config.patch_feature) +
              " features high, but a frame of this modality has " + std::to_string(input.num_features()) +
              "; make patch_feature smaller");
  return std::make_shared<SpectrogramTransformerImpl>(config, input.num_features());
}

}  // namespace limbic::nn
