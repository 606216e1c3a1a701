#include <utility>

#include "blocks/conv_norm.h"
#include "blocks/layers.h"
#include "encoders/build.h"
#include "images/frames.h"
#include "images/residual_block.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// A copy in NHWC whose strides say so. contiguous(ChannelsLast) would return x itself when it has one
/// channel, being both layouts at once, and every layer after it would then take NCHW.
at::Tensor in_channels_last(const at::Tensor& x) {
  return at::empty(x.sizes(), x.options().memory_format(at::MemoryFormat::ChannelsLast)).copy_(x);
}

/// Inner width of a bottleneck = channels / this.
constexpr int64_t kBottleneckExpansion = 4;

std::vector<ConvOptions> branch_of(ResNetBlock block, int64_t in_channels, int64_t channels, int64_t stride) {
  if (block == ResNetBlock::kBasic) {
    return {{in_channels, channels, {3, 3}, {stride, stride}}, {channels, channels, {3, 3}, {1, 1}}};
  }
  const int64_t inner = channels / kBottleneckExpansion;
  return {{in_channels, inner, {1, 1}, {1, 1}},
          {inner, inner, {3, 3}, {stride, stride}},
          {inner, channels, {1, 1}, {1, 1}}};
}

class ResNetFaceImpl final : public torch::nn::Cloneable<ResNetFaceImpl>,
                             public Encoder,
                             public HasConvNorms {
 public:
  ResNetFaceImpl(ResNetFaceConfig config, affect::StreamShape input)
      : config_(std::move(config)), input_(std::move(input)) {
    reset();
  }

  void reset() override {
    scale_ = PixelScale(*this, config_, input_.frame[0]);
    const int64_t kernel = config_.stem_kernel;
    const int64_t stem_stride = config_.stem_stride;
    stem_ = ConvNorm(*this, "stem", "stem_norm",
                     {input_.frame[0], config_.stem_channels, {kernel, kernel}, {stem_stride, stem_stride}});
    blocks_ = register_module("blocks", torch::nn::ModuleList());
    int64_t num_blocks = 0;
    for (const auto& stage : config_.stages) num_blocks += stage.blocks;
    int64_t channels = config_.stem_channels;
    for (const auto& stage : config_.stages) {
      for (int64_t i = 0; i < stage.blocks; ++i) {
        ResidualBlockImpl::Options options;
        options.branch = branch_of(config_.block, channels, stage.channels, i == 0 ? stage.stride : 1);
        options.squeeze_reduction = config_.squeeze_excitation ? config_.squeeze_reduction : 0;
        options.drop_path =
            config_.drop_path * static_cast<double>(blocks_->size() + 1) / static_cast<double>(num_blocks);
        blocks_->push_back(ResidualBlock(options));
        channels = stage.channels;
      }
    }
    pool_ = register_module("pool", FramePool(config_.pooling, channels, config_.attention_hidden));
    if (!config_.channels_last) return;
    // Weights too: a convolution would otherwise convert them in every call.
    for (auto& parameter : parameters()) {
      if (parameter.dim() == 4) parameter.set_data(in_channels_last(parameter.detach()));
    }
  }

  EncoderOutput encode(const at::Tensor& x_BTCHW, const at::Tensor& mask_BT) override {
    check_frames(x_BTCHW, input_);
    return encode_frames(x_BTCHW, mask_BT, token_width(), stem_.weight().options(), is_training(), pool_,
                         [this](const at::Tensor& frames_NCHW) { return features(frames_NCHW); });
  }

  void set_input_statistics(const std::vector<double>& mean_C, const std::vector<double>& std_C) override {
    scale_.set_statistics(mean_C, std_C);
  }
  bool wants_input_statistics() const override { return config_.normalize == ImageNormalization::kGlobal; }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.stages.back().channels; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }
  std::vector<ConvNorm*> conv_norms() override { return {&stem_}; }

 private:
  at::Tensor features(const at::Tensor& frames_NCHW) {
    auto x = stem_.packed(scale_(frames_NCHW));
    if (config_.channels_last && !x.is_mkldnn()) x = in_channels_last(x);
    x = stem_(x).relu_();
    if (config_.stem_pool) {
      const int64_t kernel = config_.stem_pool_kernel;
      x = at::max_pool2d(x, kernel, 2, kernel == 3 ? 1 : 0);
    }
    for (const auto& block : *blocks_) x = block->as<ResidualBlockImpl>()->forward(x);
    return fast_dropout(unpacked(x).mean({2, 3}), config_.dropout, is_training());
  }

  ResNetFaceConfig config_;
  affect::StreamShape input_;
  PixelScale scale_;
  ConvNorm stem_;
  torch::nn::ModuleList blocks_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const ResNetFaceConfig& config, const affect::StreamShape& input) {
  require_images(input, config, ResNetFaceConfig::kType);
  return std::make_shared<ResNetFaceImpl>(config, input);
}

}  // namespace limbic::nn
