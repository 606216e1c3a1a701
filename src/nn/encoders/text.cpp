#include <torch/nn/init.h>
#include <torch/nn/modules/embedding.h>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// Half the width of the initial uniform distribution (Kim 2014).
constexpr double kInitialBound = 0.25;

class TextEncoderImpl final : public torch::nn::Cloneable<TextEncoderImpl>, public Encoder {
 public:
  TextEncoderImpl(const TextConfig& config, int64_t vocabulary) : config_(config), vocabulary_(vocabulary) {
    reset();
  }

  void reset() override {
    embedding_ = register_module("embedding", torch::nn::Embedding(vocabulary_, config_.width));
    torch::nn::init::uniform_(embedding_->weight, -kInitialBound, kInitialBound);
    pool_ = register_module("pool", FramePool(config_.pooling, config_.width, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BT1, const at::Tensor& mask_BT) override {
    TORCH_CHECK(x_BT1.dim() == 3 && x_BT1.size(2) == 1, "the text encoder wants ids (B, T, 1), got ",
                x_BT1.sizes());
    const FrameMask mask(mask_BT, embedding_->weight.scalar_type());
    // Padded places may hold anything, and an id must be one that the table has.
    auto ids_BT = x_BT1.squeeze(2).masked_fill(mask_BT.logical_not(), 0).to(at::kLong);
    check_ids(ids_BT);
    if (is_training() && config_.word_dropout > 0) {
      const auto hidden_BT = at::rand(ids_BT.sizes(), embedding_->weight.options()) < config_.word_dropout;
      ids_BT = ids_BT.masked_fill(hidden_BT, config_.unknown_id);
    }
    const auto tokens_BTD = mask.apply_BTD(fast_dropout(embedding_(ids_BT), config_.dropout, is_training()));
    return {tokens_BTD, mask_BT, pool_(tokens_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>&, const std::vector<double>&) override {}
  bool wants_input_statistics() const override { return false; }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  void check_ids(const at::Tensor& ids_BT) const {
    if (ids_BT.numel() == 0) return;
    const auto lowest = ids_BT.min().item<int64_t>();
    const auto highest = ids_BT.max().item<int64_t>();
    TORCH_CHECK(lowest >= 0 && highest < vocabulary_, "token ids from ", lowest, " to ", highest,
                " do not fit the vocabulary of ", vocabulary_, "; was the text cut by another tokenizer?");
  }

  TextConfig config_;
  int64_t vocabulary_;
  torch::nn::Embedding embedding_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const TextConfig& config, const affect::StreamShape& input) {
  require(input.vocabulary > 0 && input.frame == std::vector<int64_t>{1}, ErrorCode::kConfig,
          "encoder 'text' takes ids of tokens; give the modality the feature 'tokens', or use 'mlp' for "
          "values and hashed n-grams");
  require(config.unknown_id < input.vocabulary, ErrorCode::kConfig,
          "encoder 'text': unknown_id is " + std::to_string(config.unknown_id) + ", but the vocabulary has " +
              std::to_string(input.vocabulary) + " tokens");
  return std::make_shared<TextEncoderImpl>(config, input.vocabulary);
}

}  // namespace limbic::nn
