#include <torch/nn/modules/conv.h>
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "encoders/build.h"
#include "limbic/core/error.h"
#include "pretrained/names.h"
#include "pretrained/pretrained_encoder.h"

namespace limbic::nn {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int64_t kVitChannels = 3;
/// Frames of one pass.
constexpr int64_t kVitFramesPerPass = 32;

bool is_dino(VitFamily family) {
  return family == VitFamily::kDinov2 || family == VitFamily::kDinov3;
}

/// Scaled pixels (N, 3, H, W) to tokens (N, 1 + registers + patches, D).
class VitNetwork final : public torch::nn::Module {
 public:
  explicit VitNetwork(const VitConfig& config) : config_(config) {
    const int64_t width = config.size.width;
    const int64_t side = config.image_size / config.patch;
    class_token_ = register_parameter("class_token", at::empty({1, 1, width}));
    if (config.registers > 0)
      registers_ = register_parameter("registers", at::empty({1, config.registers, width}));
    if (config.family != VitFamily::kDinov3)
      positions_ = register_parameter("positions", at::empty({1, side * side + 1, width}));
    patch_ =
        register_module("patch", torch::nn::Conv2d(torch::nn::Conv2dOptions(kVitChannels, width, config.patch)
                                                       .stride(config.patch)
                                                       .bias(config.family != VitFamily::kClip)));
    if (config.family == VitFamily::kClip) {
      pre_norm_ = register_module(
          "pre_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(config.epsilon)));
    }
    FoundationBlockOptions options;
    options.size = config.size;
    options.activation = config.family == VitFamily::kClip && config.quick_gelu
                             ? FoundationActivation::kQuickGelu
                             : FoundationActivation::kGelu;
    options.gated = config.gated;
    options.key_bias = config.family != VitFamily::kDinov3;
    options.layer_scale = is_dino(config.family) ? config.layer_scale : 0.0;
    options.epsilon = config.epsilon;
    options.dropout = config.dropout;
    options.attention_dropout = config.attention_dropout;
    options.drop_path = config.drop_path;
    options.pretrained = &config.pretrained;
    stack = register_module("stack", FoundationStack(options, /*final_norm=*/true));
    initialize();
  }

  at::Tensor forward(const at::Tensor& x_NCHW) {
    const auto patches_NDHW = patch_(x_NCHW);
    const int64_t num_frames = x_NCHW.size(0);
    const int64_t height = patches_NDHW.size(2);
    const int64_t width = patches_NDHW.size(3);
    auto patches_NPD = patches_NDHW.flatten(2).transpose(1, 2);
    auto class_token = class_token_;
    AttentionContext context;
    if (positions_.defined()) {
      class_token = class_token + positions_.slice(1, 0, 1).view_as(class_token);
      patches_NPD = patches_NPD + patch_positions(height, width);
    } else {
      set_rotation(height, width, context);
    }
    std::vector<at::Tensor> parts = {class_token.expand({num_frames, -1, -1})};
    if (registers_.defined()) parts.push_back(registers_.expand({num_frames, -1, -1}));
    parts.push_back(patches_NPD);
    auto tokens_NPD = at::cat(parts, 1);
    if (pre_norm_) tokens_NPD = pre_norm_(tokens_NPD);
    return stack(tokens_NPD, context);
  }

  FoundationStack stack{nullptr};

 private:
  /// As published: DINO draws class and register tokens close to zero and leaves the convolution to PyTorch;
  /// CLIP scales by width and depth; the rest is normal with deviation 0.02, cut at two deviations.
  void initialize() {
    at::NoGradGuard no_grad;
    const bool is_clip = config_.family == VitFamily::kClip;
    const auto width = static_cast<double>(config_.size.width);
    const auto depth = static_cast<double>(config_.size.layers);
    if (is_dino(config_.family)) {
      class_token_.normal_(0.0, 1e-6);
    } else if (is_clip) {
      class_token_.normal_(0.0, 1.0 / std::sqrt(width));
      patch_->weight.normal_(0.0, 0.02);
    } else {
      truncated_normal_(class_token_, 0.02);
      truncated_normal_(patch_->weight, 0.02);
      patch_->bias.zero_();
    }
    if (registers_.defined()) registers_.normal_(0.0, 1e-6);
    if (positions_.defined()) truncated_normal_(positions_, 0.02);
    for (size_t i = 0; i < stack->layers->size(); ++i) {
      auto& block = stack->layers->at<FoundationBlockImpl>(i);
      for (auto* linear :
           {&block.query, &block.key, &block.value, &block.out, &block.gate, &block.up, &block.down}) {
        if (!linear->is_empty() && !is_clip) truncated_normal_((*linear)->weight, 0.02);
      }
      if (!is_clip) continue;
      const double into = 1.0 / std::sqrt(width * 2.0 * depth);
      for (auto* linear : {&block.query, &block.key, &block.value, &block.down})
        (*linear)->weight.normal_(0.0, into);
      block.out->weight.normal_(0.0, 1.0 / std::sqrt(width));
      block.up->weight.normal_(0.0, 1.0 / std::sqrt(2.0 * width));
    }
  }

  /// Learned positions for a grid of patches; other grids than the published one are interpolated, with
  /// antialiasing where the model was made so (DINOv2 with registers).
  at::Tensor patch_positions(int64_t height, int64_t width) const {
    const int64_t side = config_.image_size / config_.patch;
    const auto learned_1PD = positions_.slice(1, 1);
    if (height == side && width == side) return learned_1PD;
    const auto grid = learned_1PD.view({1, side, side, config_.size.width}).permute({0, 3, 1, 2});
    const bool antialias = config_.family == VitFamily::kDinov2 && config_.registers > 0;
    const auto sized = antialias ? at::_upsample_bicubic2d_aa(grid, {height, width}, /*align_corners=*/false)
                                 : at::upsample_bicubic2d(grid, {height, width}, /*align_corners=*/false);
    return sized.flatten(2).transpose(1, 2);
  }

  /// Angles of DINOv3: centres of patches in [-1, 1], row and column, at K / 4 frequencies each. In training
  /// all coordinates are scaled by one number, log-uniform.
  void set_rotation(int64_t height, int64_t width, AttentionContext& context) const {
    const auto options = class_token_.options().requires_grad(false);
    const int64_t head_width = config_.size.width / config_.size.heads;
    const auto centres = [&](int64_t n) {
      return (at::arange(n, options) + 0.5) * (2.0 / static_cast<double>(n)) - 1.0;
    };
    auto place_P2 = at::stack({centres(height).repeat_interleave(width), centres(width).repeat({height})}, 1);
    if (is_training() && config_.rotary_rescale > 1.0) {
      const double range = std::log(config_.rotary_rescale);
      place_P2 = place_P2 * at::empty({1}, options).uniform_(-range, range).exp_();
    }
    const auto exponent = at::arange(head_width / 4, options) * (4.0 / static_cast<double>(head_width));
    const auto frequency = exponent.mul(-std::log(config_.rotary_theta)).exp();
    const auto angle_PK = (place_P2.unsqueeze(2) * frequency * (2.0 * kPi)).flatten(1).repeat({1, 2});
    context.cos_PK = angle_PK.cos();
    context.sin_PK = angle_PK.sin();
  }

  VitConfig config_;
  at::Tensor class_token_, registers_, positions_;
  torch::nn::Conv2d patch_{nullptr};
  torch::nn::LayerNorm pre_norm_{nullptr};
};

int64_t frame_width(const VitConfig& config) {
  return config.size.width * (config.token == ImageToken::kClassMean ? 2 : 1);
}

/// What the family's image processors subtract and divide by.
std::pair<std::vector<double>, std::vector<double>> pixel_scale(const VitConfig& config) {
  if (!config.pixel_mean.empty()) return {config.pixel_mean, config.pixel_std};
  switch (config.family) {
    case VitFamily::kVit:
      return {{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};
    case VitFamily::kClip:
      return {{0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}};
    case VitFamily::kDinov2:
    case VitFamily::kDinov3:
      break;
  }
  return {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
}

class VitEncoder final : public PretrainedEncoder {
 public:
  VitEncoder(VitConfig config, affect::StreamShape input)
      : PretrainedEncoder(config.pretrained, config.pooling, frame_width(config), config.attention_hidden),
        config_(std::move(config)),
        input_(std::move(input)) {
    const auto [mean, std] = pixel_scale(config_);
    mean_C11_ = register_buffer("pixel_mean", at::tensor(mean, at::kDouble).to(at::kFloat).view({-1, 1, 1}));
    std_C11_ = register_buffer("pixel_std", at::tensor(std, at::kDouble).to(at::kFloat).view({-1, 1, 1}));
    network_ = std::make_shared<VitNetwork>(config_);
    adopt(network_, network_->stack, names_of(config_.family));
  }

  EncoderOutput encode(const at::Tensor& x_BTCHW, const at::Tensor& mask_BT) override {
    TORCH_CHECK(x_BTCHW.dim() == 5 && x_BTCHW.sizes().slice(2) == at::IntArrayRef(input_.frame),
                "the encoder wants (B, T, ", at::IntArrayRef(input_.frame), "), got ", x_BTCHW.sizes());
    const int64_t batch = x_BTCHW.size(0);
    const int64_t num_frames = x_BTCHW.size(1);
    const FrameMask mask(mask_BT, mean_C11_.scalar_type());
    const auto frames_NCHW = x_BTCHW.flatten(0, 1);
    at::Tensor tokens_ND;
    if (!mask.is_padded()) {
      tokens_ND = features(frames_NCHW);
    } else {
      // Only real frames are computed.
      tokens_ND = at::zeros({batch * num_frames, token_width()}, mean_C11_.options());
      if (mask.num_real > 0) {
        const auto index_N = mask_BT.flatten().nonzero().squeeze(1);
        tokens_ND = tokens_ND.index_copy(0, index_N, features(frames_NCHW.index_select(0, index_N)));
      }
    }
    const auto tokens_BTD = tokens_ND.view({batch, num_frames, token_width()});
    return {tokens_BTD, mask_BT, pool_(tokens_BTD, mask)};
  }

  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return frame_width(config_); }

 private:
  std::shared_ptr<Encoder> rebuild() const override { return std::make_shared<VitEncoder>(config_, input_); }

  at::Tensor features(const at::Tensor& frames_NCHW) {
    // Passes bound the memory where no graph keeps it anyway.
    const auto& pretrained = config_.pretrained;
    const bool has_graph =
        at::GradMode::is_enabled() && (pretrained.tune != Tune::kFrozen || pretrained.layer_mix);
    if (has_graph || frames_NCHW.size(0) <= kVitFramesPerPass) return features_of_pass(frames_NCHW);
    std::vector<at::Tensor> passes;
    for (const auto& chunk : frames_NCHW.split(kVitFramesPerPass)) passes.push_back(features_of_pass(chunk));
    return at::cat(passes);
  }

  at::Tensor features_of_pass(const at::Tensor& frames_NCHW) {
    const auto tokens_NPD = network_->forward(scaled(frames_NCHW));
    const auto class_ND = tokens_NPD.select(1, 0);
    if (config_.token == ImageToken::kClass) return class_ND;
    const auto mean_ND = tokens_NPD.slice(1, 1 + config_.registers).mean(1);
    return config_.token == ImageToken::kMean ? mean_ND : at::cat({class_ND, mean_ND}, 1);
  }

  /// Pixels in [0, 255] as the family's image processor makes them: antialiased resize, mean, deviation.
  at::Tensor scaled(const at::Tensor& frames_NCHW) const {
    auto x = frames_NCHW.to(mean_C11_.scalar_type());
    const int64_t side = config_.input_size;
    if (side > 0 && (x.size(2) != side || x.size(3) != side)) {
      const bool is_cubic = config_.family == VitFamily::kDinov2 || config_.family == VitFamily::kClip;
      x = is_cubic ? at::_upsample_bicubic2d_aa(x, {side, side}, /*align_corners=*/false).clamp_(0.0, 255.0)
                   : at::_upsample_bilinear2d_aa(x, {side, side}, /*align_corners=*/false);
    }
    // A grey frame becomes three equal channels by broadcasting.
    return (x / 255.0 - mean_C11_) / std_C11_;
  }

  VitConfig config_;
  affect::StreamShape input_;
  at::Tensor mean_C11_, std_C11_;
  std::shared_ptr<VitNetwork> network_;
};

}  // namespace

std::shared_ptr<Encoder> build(const VitConfig& config, const affect::StreamShape& input) {
  std::string frame;
  for (const int64_t size : input.frame) frame += (frame.empty() ? "" : ", ") + std::to_string(size);
  require(input.is_image() && (input.frame[0] == 1 || input.frame[0] == kVitChannels), ErrorCode::kConfig,
          "encoder 'vit' takes images [1 or 3, H, W], but a frame of this modality is [" + frame + "]");
  const auto fits = [&](int64_t side) { return side > 0 && side % config.patch == 0; };
  require(config.input_size > 0 || (fits(input.frame[1]) && fits(input.frame[2])), ErrorCode::kConfig,
          "encoder 'vit': frames [" + frame + "] are no whole number of patches of " +
              std::to_string(config.patch) + " pixels; set input_size, for example to " +
              std::to_string(config.patch * 16));
  return std::make_shared<VitEncoder>(config, input);
}

}  // namespace limbic::nn
