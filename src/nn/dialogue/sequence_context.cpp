#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "dialogue/build.h"
#include "dialogue/turns.h"
#include "limbic/nn/dropout.h"
#include "limbic/nn/temporal.h"

namespace limbic::nn {
namespace {

/// (D, U, 1): 1 where the speaker is known and that of the turn before, else 0.
at::Tensor is_same_speaker(const at::Tensor& speaker_DU, at::ScalarType dtype) {
  const auto before_DU = at::constant_pad_nd(speaker_DU, {1, -1}, -1);
  return speaker_DU.eq(before_DU).logical_and_(speaker_DU.ge(0)).unsqueeze(2).to(dtype);
}

class SequenceContextImpl final : public torch::nn::Module, public DialogueContext {
 public:
  SequenceContextImpl(const SequenceContextConfig& config, int64_t in_width) : config_(config) {
    int64_t width = in_width;
    if (config.in_projection > 0) {
      in_projection_ = register_module("in_projection", torch::nn::Linear(width, config.in_projection));
      width = config.in_projection;
    }
    if (config.speaker_embedding > 0) {
      speaker_ = register_module("speaker", SpeakerEmbedding(config.max_speakers, config.speaker_embedding));
    }
    layer_ = build_temporal(config.layer, width + config.speaker_embedding + (config.same_speaker ? 1 : 0));
    register_module("layer", layer_->as_module());
    if (config.residual && width != layer_->width()) {
      shortcut_ = register_module(
          "shortcut", torch::nn::Linear(torch::nn::LinearOptions(width, layer_->width()).bias(false)));
    }
    if (config.out_projection > 0) {
      out_projection_ =
          register_module("out_projection", torch::nn::Linear(layer_->width(), config.out_projection));
    }
  }

  at::Tensor forward(const at::Tensor& x_DUW, const DialogueGrid& grid) override {
    const auto absent_DU1 = grid.mask_DU.logical_not().unsqueeze(2);
    auto turn_DUW = x_DUW.masked_fill(absent_DU1, 0.0);
    if (in_projection_) turn_DUW = drop(in_projection_(turn_DUW).relu_());
    std::vector<at::Tensor> parts{turn_DUW};
    if (speaker_) parts.push_back(speaker_(grid.speaker_DU));
    if (config_.same_speaker) parts.push_back(is_same_speaker(grid.speaker_DU, turn_DUW.scalar_type()));
    auto y_DUW =
        drop(layer_->forward(parts.size() == 1 ? turn_DUW : at::cat(parts, /*dim=*/2), grid.mask_DU));
    if (config_.residual) y_DUW = y_DUW + (shortcut_ ? shortcut_(turn_DUW) : turn_DUW);
    if (out_projection_) y_DUW = drop(out_projection_(y_DUW).relu_());
    return y_DUW.masked_fill(absent_DU1, 0.0);
  }

  int64_t width() const override {
    return config_.out_projection > 0 ? config_.out_projection : layer_->width();
  }
  bool is_causal() const override { return layer_->is_causal(); }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  at::Tensor drop(const at::Tensor& x) const { return fast_dropout(x, config_.dropout, is_training()); }

  SequenceContextConfig config_;
  std::shared_ptr<Temporal> layer_;
  torch::nn::Linear in_projection_{nullptr}, shortcut_{nullptr}, out_projection_{nullptr};
  SpeakerEmbedding speaker_{nullptr};
};

}  // namespace

std::shared_ptr<DialogueContext> build(const SequenceContextConfig& config, int64_t in_width) {
  return std::make_shared<SequenceContextImpl>(config, in_width);
}

}  // namespace limbic::nn
