#include <torch/nn/modules/embedding.h>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

class EventSequenceImpl final : public torch::nn::Cloneable<EventSequenceImpl>, public Encoder {
 public:
  EventSequenceImpl(const EventSequenceConfig& config, int64_t num_columns)
      : config_(config), num_columns_(num_columns) {
    reset();
  }

  void reset() override {
    scale_ = register_module("scale", InputScale(Normalization::kGlobal, num_columns_));
    kind_ = register_module("kind", torch::nn::Embedding(config_.kinds, config_.kind_width));
    const int64_t num_values = num_columns_ - 1;
    const int64_t in_width = config_.kind_width + num_values * (config_.missing_flags ? 2 : 1);
    token_ = register_module("token", torch::nn::Linear(in_width, config_.hidden));
    pool_ = register_module("pool", FramePool(config_.pooling, config_.hidden, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    const FrameMask mask(mask_BT, scale_->buffers()[0].scalar_type());
    const auto scaled_BTF = scale_(x_BTF, mask);
    const auto missing_BTV = without_kind(scaled_BTF.isfinite().logical_not());
    auto values_BTV = without_kind(scaled_BTF).masked_fill(missing_BTV, 0.0);
    if (config_.clip > 0) values_BTV = values_BTV.clamp(-config_.clip, config_.clip);
    std::vector<at::Tensor> parts = {kind_(kinds_of(x_BTF, mask_BT)), values_BTV};
    if (config_.missing_flags) parts.push_back(missing_BTV.to(values_BTV.scalar_type()));
    const auto tokens_BTD =
        mask.apply_BTD(fast_dropout(token_(at::cat(parts, 2)).relu_(), config_.dropout, is_training()));
    return {tokens_BTD, mask_BT, pool_(tokens_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F) override {
    scale_->set_statistics(mean_F, std_F);
  }
  bool wants_input_statistics() const override { return true; }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.hidden; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  at::Tensor without_kind(const at::Tensor& x_BTF) const {
    const int64_t after = config_.kind_column + 1;
    return at::cat({x_BTF.narrow(2, 0, config_.kind_column), x_BTF.narrow(2, after, num_columns_ - after)},
                   2);
  }

  at::Tensor kinds_of(const at::Tensor& x_BTF, const at::Tensor& mask_BT) const {
    const auto raw_BT = x_BTF.select(2, config_.kind_column).masked_fill(mask_BT.logical_not(), 0.0);
    const auto kind_BT = raw_BT.to(at::kLong);
    if (kind_BT.numel() > 0) {
      TORCH_CHECK(at::logical_and(kind_BT == raw_BT, (kind_BT >= 0).logical_and(kind_BT < config_.kinds))
                      .all()
                      .item<bool>(),
                  "column ", config_.kind_column, " of the events must hold whole numbers from 0 to ",
                  config_.kinds - 1, ", got ", raw_BT.min().item<double>(), " to ",
                  raw_BT.max().item<double>());
    }
    return kind_BT;
  }

  EventSequenceConfig config_;
  int64_t num_columns_;
  InputScale scale_{nullptr};
  torch::nn::Embedding kind_{nullptr};
  torch::nn::Linear token_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const EventSequenceConfig& config, const affect::StreamShape& input) {
  require_features(input, EventSequenceConfig::kType);
  require(config.kind_column < input.num_features(), ErrorCode::kConfig,
          "encoder 'event_sequence': kind_column is " + std::to_string(config.kind_column) +
              ", but events have " + std::to_string(input.num_features()) + " columns");
  return std::make_shared<EventSequenceImpl>(config, input.num_features());
}

}  // namespace limbic::nn
