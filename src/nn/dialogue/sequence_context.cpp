#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include "dialogue/build.h"
#include "limbic/nn/temporal.h"

namespace limbic::nn {
namespace {

class SequenceContextImpl final : public torch::nn::Module, public DialogueContext {
 public:
  SequenceContextImpl(const SequenceContextConfig& config, int64_t in_width)
      : layer_(build_temporal(config.layer, in_width)) {
    register_module("layer", layer_->as_module());
  }
  at::Tensor forward(const at::Tensor& x_DUW, const DialogueGrid& grid) override {
    return layer_->forward(x_DUW, grid.mask_DU);
  }
  int64_t width() const override { return layer_->width(); }
  bool is_causal() const override { return layer_->is_causal(); }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  std::shared_ptr<Temporal> layer_;
};

}  // namespace

std::shared_ptr<DialogueContext> build(const SequenceContextConfig& config, int64_t in_width) {
  return std::make_shared<SequenceContextImpl>(config, in_width);
}

}  // namespace limbic::nn
