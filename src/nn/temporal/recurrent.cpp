#include "blocks/layers.h"
#include "temporal/build.h"

namespace limbic::nn {
namespace {

class RecurrentTemporalImpl final : public torch::nn::Cloneable<RecurrentTemporalImpl>, public Temporal {
 public:
  RecurrentTemporalImpl(Recurrent kind, RecurrentTemporalConfig config, int64_t in_width)
      : kind_(kind), config_(config), in_width_(in_width) {
    reset();
  }
  void reset() override {
    RecurrentStackImpl::Options options;
    options.kind = kind_;
    options.in_width = in_width_;
    options.hidden = config_.hidden;
    options.layers = config_.layers;
    options.bidirectional = config_.bidirectional;
    options.dropout = config_.dropout;
    recurrent_ = register_module("recurrent", RecurrentStack(options));
  }
  at::Tensor forward(const at::Tensor& x_BTD, const at::Tensor& mask_BT) override {
    const FrameMask mask(mask_BT, x_BTD.scalar_type());
    return recurrent_(mask.is_padded() ? without_padding(x_BTD, mask_BT) : x_BTD, mask);
  }
  int64_t width() const override { return recurrent_->width(); }
  bool is_causal() const override { return !config_.bidirectional; }
  at::Tensor step(const at::Tensor& x_BTD, TemporalState& state) override {
    require_causal(is_causal(), kind_ == Recurrent::kLstm ? "lstm" : "gru", "'bidirectional: false'");
    state.position += x_BTD.size(1);
    return recurrent_->step(x_BTD, state.tensors);
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  Recurrent kind_;
  RecurrentTemporalConfig config_;
  int64_t in_width_;
  RecurrentStack recurrent_{nullptr};
};

}  // namespace

std::shared_ptr<Temporal> build(const GruTemporalConfig& config, int64_t in_width) {
  return std::make_shared<RecurrentTemporalImpl>(Recurrent::kGru, config, in_width);
}

std::shared_ptr<Temporal> build(const LstmTemporalConfig& config, int64_t in_width) {
  return std::make_shared<RecurrentTemporalImpl>(Recurrent::kLstm, config, in_width);
}

}  // namespace limbic::nn
