#include "blocks/layers.h"
#include "limbic/core/error.h"
#include "temporal/build.h"

namespace limbic::nn {
namespace {

class GruTemporalImpl final : public torch::nn::Cloneable<GruTemporalImpl>, public Temporal {
 public:
  GruTemporalImpl(GruTemporalConfig config, int64_t in_width) : config_(config), in_width_(in_width) {
    reset();
  }
  void reset() override {
    RecurrentStackImpl::Options options;
    options.kind = Recurrent::kGru;
    options.in_width = in_width_;
    options.hidden = config_.hidden;
    options.layers = config_.layers;
    options.bidirectional = config_.bidirectional;
    options.dropout = config_.dropout;
    recurrent_ = register_module("recurrent", RecurrentStack(options));
  }
  at::Tensor forward(const at::Tensor& x_BTD, const at::Tensor& mask_BT) override {
    const FrameMask mask(mask_BT, x_BTD.scalar_type());
    const auto x = mask.is_padded() ? x_BTD.masked_fill(mask_BT.logical_not().unsqueeze(2), 0.0) : x_BTD;
    return recurrent_(x, mask);
  }
  int64_t width() const override { return recurrent_->width(); }
  bool is_causal() const override { return !config_.bidirectional; }
  at::Tensor step(const at::Tensor& /*x_BTD*/, TemporalState& /*state*/) override {
    throw Error(ErrorCode::kModel, "gru: no stream yet");
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  GruTemporalConfig config_;
  int64_t in_width_;
  RecurrentStack recurrent_{nullptr};
};

}  // namespace

std::shared_ptr<Temporal> build(const GruTemporalConfig& config, int64_t in_width) {
  return std::make_shared<GruTemporalImpl>(config, in_width);
}

}  // namespace limbic::nn
