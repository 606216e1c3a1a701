#include <torch/nn/modules/conv.h>

#include <utility>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "encoders_motion/pose_input.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr int64_t kPoseKernel = 3;

/// Convolution that keeps the length, batch norm, ReLU, dropout. Padded frames in as zeros.
class PoseConvImpl final : public torch::nn::Cloneable<PoseConvImpl> {
 public:
  struct Options {
    int64_t in_channels = 0;
    int64_t channels = 0;
    int64_t kernel = 1;
    int64_t dilation = 1;
    bool causal = false;
    double dropout = 0.0;
  };
  explicit PoseConvImpl(Options options) : options_(options) { reset(); }
  void reset() override {
    conv_ = register_module(
        "conv",
        torch::nn::Conv1d(torch::nn::Conv1dOptions(options_.in_channels, options_.channels, options_.kernel)
                              .dilation(options_.dilation)
                              .padding(options_.causal ? 0 : reach() / 2)
                              .bias(false)));
    norm_ = register_module("norm", MaskedBatchNorm(options_.channels));
  }
  at::Tensor forward(const at::Tensor& x_BCT, const FrameMask& mask) {
    const auto read_BCT = options_.causal ? at::constant_pad_nd(x_BCT, {reach(), 0}) : x_BCT;
    const auto y_BCT = mask.apply_BCT_(norm_(conv_(read_BCT), &mask)).relu_();
    return fast_dropout(y_BCT, options_.dropout, is_training());
  }

 private:
  /// Frames between the first and the last that a result sees.
  int64_t reach() const { return (options_.kernel - 1) * options_.dilation; }

  Options options_;
  torch::nn::Conv1d conv_{nullptr};
  MaskedBatchNorm norm_{nullptr};
};
TORCH_MODULE(PoseConv);

class PoseTcnImpl final : public torch::nn::Cloneable<PoseTcnImpl>, public Encoder {
 public:
  PoseTcnImpl(PoseTcnConfig config, PoseInput input) : config_(std::move(config)), input_(std::move(input)) {
    reset();
  }

  void reset() override {
    PoseConvImpl::Options options;
    options.in_channels = input_.num_joints() * input_.channels();
    options.channels = config_.channels;
    options.kernel = kPoseKernel;
    options.causal = config_.causal;
    options.dropout = config_.dropout;
    expand_ = register_module("expand", PoseConv(options));
    options.in_channels = config_.channels;
    convs_ = register_module("convs", torch::nn::ModuleList());
    mixes_ = register_module("mixes", torch::nn::ModuleList());
    for (int64_t i = 0; i < config_.blocks; ++i) {
      options.dilation *= kPoseKernel;
      convs_->push_back(PoseConv(options));
      auto mix = options;
      mix.kernel = 1;
      mix.dilation = 1;
      mixes_->push_back(PoseConv(mix));
    }
    pool_ = register_module("pool", FramePool(config_.pooling, config_.channels, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    const auto dtype = expand_->parameters()[0].scalar_type();
    const auto frames = input_.read(x_BTF, mask_BT, dtype);
    const FrameMask mask(frames.mask_BT, dtype);
    auto h_BCT = expand_(frames.x_BTJC.flatten(2).transpose(1, 2), mask);
    for (size_t i = 0; i < convs_->size(); ++i) {
      const auto wide_BCT = convs_[i]->as<PoseConvImpl>()->forward(h_BCT, mask);
      h_BCT = h_BCT + mixes_[i]->as<PoseConvImpl>()->forward(wide_BCT, mask);
    }
    const auto tokens_BTD = h_BCT.transpose(1, 2).contiguous();
    return {tokens_BTD, mask.mask_BT, pool_(tokens_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>&, const std::vector<double>&) override {}
  bool wants_input_statistics() const override { return false; }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.channels; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  PoseTcnConfig config_;
  PoseInput input_;
  PoseConv expand_{nullptr};
  torch::nn::ModuleList convs_{nullptr}, mixes_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const PoseTcnConfig& config, const affect::StreamShape& input) {
  return std::make_shared<PoseTcnImpl>(config, PoseInput(config.pose, input, PoseTcnConfig::kType));
}

}  // namespace limbic::nn
