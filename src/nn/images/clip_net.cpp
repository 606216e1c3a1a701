#include <utility>

#include "blocks/conv_norm.h"
#include "blocks/layers.h"
#include "encoders/build.h"
#include "images/frames.h"
#include "images/residual_block.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// The 3D convolutions of a residual block that the two networks build differently.
std::vector<ConvOptions> clip_branch(const Conv3dConfig&, int64_t in_channels, const ClipStage& stage,
                                     int64_t stride, int64_t time_stride) {
  const int64_t channels = stage.channels;
  return {{in_channels, channels, {3, 3, 3}, {time_stride, stride, stride}},
          {channels, channels, {3, 3, 3}, {1, 1, 1}}};
}

std::vector<ConvOptions> clip_branch(const R2Plus1dConfig&, int64_t in_channels, const ClipStage& stage,
                                     int64_t stride, int64_t time_stride) {
  const int64_t channels = stage.channels;
  // As many weights as 3x3x3 has (section 3.5 of the paper). As in torchvision, and unlike the authors' code,
  // the block's second pair takes the first one's width, so that published weights fit.
  const int64_t middle = 27 * in_channels * channels / (9 * in_channels + 3 * channels);
  return {{in_channels, middle, {1, 3, 3}, {1, stride, stride}},
          {middle, channels, {3, 1, 1}, {time_stride, 1, 1}},
          {channels, middle, {1, 3, 3}, {1, 1, 1}},
          {middle, channels, {3, 1, 1}, {1, 1, 1}}};
}

std::vector<ConvOptions> clip_stem(const Conv3dConfig& config, int64_t in_channels) {
  const int64_t kernel = config.stem_kernel;
  return {
      {in_channels, config.stem_channels, {3, kernel, kernel}, {1, config.stem_stride, config.stem_stride}}};
}

std::vector<ConvOptions> clip_stem(const R2Plus1dConfig& config, int64_t in_channels) {
  const int64_t kernel = config.stem_kernel;
  return {{in_channels, config.stem_middle, {1, kernel, kernel}, {1, config.stem_stride, config.stem_stride}},
          {config.stem_middle, config.stem_channels, {3, 1, 1}, {1, 1, 1}}};
}

template <class Config>
class ClipNetImpl final : public torch::nn::Cloneable<ClipNetImpl<Config>>,
                          public Encoder,
                          public HasConvNorms {
 public:
  ClipNetImpl(Config config, affect::StreamShape input)
      : config_(std::move(config)), input_(std::move(input)) {
    reset();
  }

  void reset() override {
    scale_ = PixelScale(*this, config_, input_.frame[0]);
    stem_.clear();
    for (auto& options : clip_stem(config_, input_.frame[0])) {
      const auto number = std::to_string(stem_.size() + 1);
      stem_.emplace_back(*this, "stem" + number, "stem_norm" + number, std::move(options));
    }
    blocks_ = this->register_module("blocks", torch::nn::ModuleList());
    int64_t num_blocks = 0;
    for (const auto& stage : config_.stages) num_blocks += stage.blocks;
    int64_t channels = config_.stem_channels;
    for (const auto& stage : config_.stages) {
      for (int64_t i = 0; i < stage.blocks; ++i) {
        ResidualBlockImpl::Options options;
        options.branch =
            clip_branch(config_, channels, stage, i == 0 ? stage.stride : 1, i == 0 ? stage.time_stride : 1);
        options.drop_path =
            config_.drop_path * static_cast<double>(blocks_->size() + 1) / static_cast<double>(num_blocks);
        blocks_->push_back(ResidualBlock(options));
        channels = stage.channels;
      }
    }
    pool_ = this->register_module("pool", FramePool(config_.pooling, channels, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTCHW, const at::Tensor& mask_BT) override {
    check_frames(x_BTCHW, input_);
    FrameMask mask(mask_BT, stem_.front().weight().scalar_type());
    auto frames = scale_(x_BTCHW.flatten(0, 1)).view(x_BTCHW.sizes());
    if (mask.is_padded())  // whatever they hold, NaN included
      frames.masked_fill_(mask_BT.logical_not().view({x_BTCHW.size(0), x_BTCHW.size(1), 1, 1, 1}), 0.0);
    auto x_BCTHW = frames.transpose(1, 2).contiguous();
    // Masks need plain tensors between the convolutions.
    if (!mask.is_padded()) x_BCTHW = stem_.front().packed(x_BCTHW);
    for (const auto& conv_norm : stem_) x_BCTHW = mask.apply_BCT_(conv_norm(x_BCTHW, &mask)).relu_();
    for (const auto& block : *blocks_) {
      x_BCTHW = block->template as<ResidualBlockImpl>()->forward(x_BCTHW, mask);
    }
    const auto tokens_BTD = fast_dropout(unpacked(x_BCTHW).mean({3, 4}).transpose(1, 2).contiguous(),
                                         config_.dropout, this->is_training());
    return {tokens_BTD, mask.mask_BT, pool_(tokens_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>& mean_C, const std::vector<double>& std_C) override {
    scale_.set_statistics(mean_C, std_C);
  }
  bool wants_input_statistics() const override { return config_.normalize == ImageNormalization::kGlobal; }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.stages.back().channels; }
  std::shared_ptr<torch::nn::Module> as_module() override { return this->shared_from_this(); }
  std::vector<ConvNorm*> conv_norms() override {
    std::vector<ConvNorm*> all;
    for (auto& conv_norm : stem_) all.push_back(&conv_norm);
    return all;
  }

 private:
  Config config_;
  affect::StreamShape input_;
  PixelScale scale_;
  std::vector<ConvNorm> stem_;
  torch::nn::ModuleList blocks_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const Conv3dConfig& config, const affect::StreamShape& input) {
  require_images(input, config, Conv3dConfig::kType);
  return std::make_shared<ClipNetImpl<Conv3dConfig>>(config, input);
}

std::shared_ptr<Encoder> build(const R2Plus1dConfig& config, const affect::StreamShape& input) {
  require_images(input, config, R2Plus1dConfig::kType);
  return std::make_shared<ClipNetImpl<R2Plus1dConfig>>(config, input);
}

}  // namespace limbic::nn
