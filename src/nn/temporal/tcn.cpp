#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include "blocks/layers.h"
#include "limbic/nn/dropout.h"
#include "temporal/build.h"

namespace limbic::nn {
namespace {

/// A dilated convolution over frames with layer norm, ReLU and dropout: (B, T + span, in) -> (B, T, width),
/// span = (kernel - 1) * dilation frames of context.
class DilatedConvImpl final : public torch::nn::Cloneable<DilatedConvImpl> {
 public:
  DilatedConvImpl(int64_t in_width, int64_t width, int64_t kernel, int64_t dilation, double dropout)
      : in_width_(in_width), width_(width), kernel_(kernel), dilation_(dilation), dropout_(dropout) {
    reset();
  }
  void reset() override {
    conv_ = register_module("conv", torch::nn::Conv1d(torch::nn::Conv1dOptions(in_width_, width_, kernel_)
                                                          .dilation(dilation_)
                                                          .bias(false)));  // the norm has one
    torch::nn::init::kaiming_normal_(conv_->weight, 0.0, torch::kFanIn, torch::kReLU);
    norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width_})));
  }
  at::Tensor forward(const at::Tensor& x_BTD) {
    const auto y_BTD = norm_(conv_(x_BTD.transpose(1, 2)).transpose(1, 2));
    return fast_dropout(y_BTD.relu_(), dropout_, is_training());
  }
  int64_t span() const { return (kernel_ - 1) * dilation_; }
  int64_t in_width() const { return in_width_; }

 private:
  int64_t in_width_, width_, kernel_, dilation_;
  double dropout_;
  torch::nn::Conv1d conv_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(DilatedConv);

class TcnTemporalImpl final : public torch::nn::Cloneable<TcnTemporalImpl>, public Temporal {
 public:
  TcnTemporalImpl(TcnTemporalConfig config, int64_t in_width) : config_(config), in_width_(in_width) {
    reset();
  }
  void reset() override {
    const auto& c = config_;
    convs_ = register_module("convs", torch::nn::ModuleList());
    for (int64_t i = 0; i < c.layers; ++i) {
      const int64_t dilation = int64_t{1} << i;
      convs_->push_back(DilatedConv(i == 0 ? in_width_ : c.width, c.width, c.kernel, dilation, c.dropout));
      convs_->push_back(DilatedConv(c.width, c.width, c.kernel, dilation, c.dropout));
    }
    if (in_width_ != c.width) shortcut_ = register_module("shortcut", torch::nn::Linear(in_width_, c.width));
  }

  at::Tensor forward(const at::Tensor& x_BTD, const at::Tensor& mask_BT) override {
    const FrameMask mask(mask_BT, x_BTD.scalar_type());
    const auto padded = [&](const at::Tensor& x, const DilatedConvImpl& conv, int64_t /*i*/) {
      const int64_t before = config_.causal ? conv.span() : conv.span() / 2;
      return at::constant_pad_nd(mask.apply_BTD(x), {0, 0, before, conv.span() - before});
    };
    return mask.apply_BTD(run(mask.is_padded() ? without_padding(x_BTD, mask_BT) : x_BTD, padded));
  }

  at::Tensor step(const at::Tensor& x_BTD, TemporalState& state) override {
    require_causal(is_causal(), TcnTemporalConfig::kType, "'causal: true'");
    state.tensors.resize(convs_->size());
    state.position += x_BTD.size(1);
    // The last frames that a convolution read stand where forward() has padding.
    const auto continued = [&](const at::Tensor& x, const DilatedConvImpl& conv, int64_t i) {
      auto& past_BSD = state.tensors[static_cast<size_t>(i)];
      if (!past_BSD.defined()) past_BSD = at::zeros({x.size(0), conv.span(), conv.in_width()}, x.options());
      auto whole = at::cat({past_BSD, x}, 1);
      past_BSD = whole.narrow(1, x.size(1), conv.span()).clone();
      return whole;
    };
    return run(x_BTD, continued);
  }

  int64_t width() const override { return config_.width; }
  bool is_causal() const override { return config_.causal; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  /// @param with_context  (x, convolution, its number) -> x with the frames around it
  template <class WithContext>
  at::Tensor run(at::Tensor x, const WithContext& with_context) {
    const auto convolved = [&](const at::Tensor& in, int64_t i) {
      auto& conv = *convs_->ptr<DilatedConvImpl>(static_cast<size_t>(i));
      return conv.forward(with_context(in, conv, i));
    };
    for (int64_t i = 0; i < 2 * config_.layers; i += 2) {
      const auto y = convolved(convolved(x, i), i + 1);
      x = at::relu(y + (i == 0 && shortcut_ ? shortcut_(x) : x));
    }
    return x;
  }

  TcnTemporalConfig config_;
  int64_t in_width_;
  torch::nn::ModuleList convs_{nullptr};
  torch::nn::Linear shortcut_{nullptr};
};

}  // namespace

std::shared_ptr<Temporal> build(const TcnTemporalConfig& config, int64_t in_width) {
  return std::make_shared<TcnTemporalImpl>(config, in_width);
}

}  // namespace limbic::nn
