#include <utility>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

class GruEncoderImpl final : public torch::nn::Cloneable<GruEncoderImpl>, public Encoder {
 public:
  GruEncoderImpl(GruConfig config, int64_t num_features) : config_(config), num_features_(num_features) {
    reset();
  }

  void reset() override {
    scale_ = register_module("scale", InputScale(config_.normalize, num_features_));
    token_width_ = num_features_;
    if (config_.projection > 0) {
      projection_ = register_module("projection", torch::nn::Linear(num_features_, config_.projection));
      token_width_ = config_.projection;
    }
    if (config_.layers > 0) {
      RecurrentStackImpl::Options options;
      options.in_width = token_width_;
      options.hidden = config_.hidden;
      options.layers = config_.layers;
      options.bidirectional = config_.bidirectional;
      options.dropout = config_.dropout;
      recurrent_ = register_module("recurrent", RecurrentStack(options));
      token_width_ = recurrent_->width();
    }
    pool_ = register_module("pool", FramePool(config_.pooling, token_width_, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    const FrameMask mask(mask_BT, scale_->buffers()[0].scalar_type());
    auto tokens_BTD = scale_(x_BTF, mask);
    if (projection_)
      tokens_BTD = fast_dropout(projection_(tokens_BTD).relu_(), config_.dropout, is_training());
    tokens_BTD = recurrent_ ? recurrent_(tokens_BTD, mask) : mask.apply_BTD(tokens_BTD);
    return {tokens_BTD, mask_BT, pool_(tokens_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F) override {
    scale_->set_statistics(mean_F, std_F);
  }
  bool wants_input_statistics() const override { return uses_training_set(config_.normalize); }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return token_width_; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  GruConfig config_;
  int64_t num_features_;
  int64_t token_width_ = 0;
  InputScale scale_{nullptr};
  torch::nn::Linear projection_{nullptr};
  RecurrentStack recurrent_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const GruConfig& config, const affect::StreamShape& input) {
  require_features(input, GruConfig::kType);
  return std::make_shared<GruEncoderImpl>(config, input.num_features());
}

}  // namespace limbic::nn
