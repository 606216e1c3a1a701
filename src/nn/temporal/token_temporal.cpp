#include "limbic/nn/token_temporal.h"

#include <utility>

#include "blocks/layers.h"
#include "limbic/nn/temporal.h"

namespace limbic::nn {
namespace {

class TokenTemporalImpl final : public torch::nn::Module, public TokenTemporal {
 public:
  TokenTemporalImpl(const TokenTemporalConfig& config, int64_t in_width)
      : layer_(build_temporal(config.layer, in_width)),
        pool_(config.pooling, layer_->width(), config.attention_hidden) {
    register_module("layer", layer_->as_module());
    register_module("pool", pool_);
  }

  EncoderOutput apply(EncoderOutput encoded) override {
    encoded.tokens_BTD = layer_->forward(encoded.tokens_BTD, encoded.mask_BT);
    encoded.embedding_BD =
        pool_(encoded.tokens_BTD, FrameMask(encoded.mask_BT, encoded.tokens_BTD.scalar_type()));
    return encoded;
  }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return layer_->width(); }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  std::shared_ptr<Temporal> layer_;
  FramePool pool_;
};

}  // namespace

std::shared_ptr<TokenTemporal> build_token_temporal(const TokenTemporalConfig& config, int64_t token_width) {
  return std::make_shared<TokenTemporalImpl>(config, token_width);
}

}  // namespace limbic::nn
