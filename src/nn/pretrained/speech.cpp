#include <torch/nn/modules/conv.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"
#include "pretrained/names.h"
#include "pretrained/pretrained_encoder.h"

namespace limbic::nn {
namespace {

constexpr double kWaveformEpsilon = 1e-7;  ///< of Hugging Face's feature extractor
constexpr double kChannelNormEpsilon = 1e-5;

/// Tokens that a convolution makes of so many samples.
at::Tensor shortened(const at::Tensor& length_B, const WaveformLayer& conv) {
  return length_B.sub(conv.kernel).div(conv.stride, "floor").add(1).clamp_min(0);
}

/// True in the first length_B of num_tokens places.
at::Tensor mask_of_lengths(const at::Tensor& length_B, int64_t num_tokens) {
  return at::arange(num_tokens, length_B.options()).unsqueeze(0) < length_B.unsqueeze(1);
}

// Note [Padded sound]
// Each row is what Hugging Face's model computes for that recording alone. With layer norm that is also what
// it computes for a batch with an attention mask. Its base models (group norm) must be run without a mask
// there, so padding leaks into the norm's statistics over time; here they leave padding out.
class SpeechNetwork final : public torch::nn::Module {
 public:
  explicit SpeechNetwork(const Wav2Vec2Config& config) : config_(config) {
    const int64_t width = config.size.width;
    convolutions = register_module("convolutions", torch::nn::ModuleList());
    conv_norms = register_module("conv_norms", torch::nn::ModuleList());
    int64_t channels = 1;
    for (const auto& layer : config.convolutions) {
      torch::nn::Conv1d conv(torch::nn::Conv1dOptions(channels, layer.channels, layer.kernel)
                                 .stride(layer.stride)
                                 .bias(config.conv_bias));
      // Kaiming-normal; the bias keeps PyTorch's default.
      const auto fan_in = static_cast<double>(channels * layer.kernel);
      at::NoGradGuard no_grad;
      conv->weight.normal_(0.0, std::sqrt(2.0 / fan_in));
      convolutions->push_back(conv);
      channels = layer.channels;
      if (config.conv_norm == SpeechConvNorm::kLayer || conv_norms->size() == 0)
        conv_norms->push_back(torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels})));
    }
    const auto norm_options = torch::nn::LayerNormOptions({channels}).eps(config.epsilon);
    if (config.feature_norm)
      feature_norm_ = register_module("feature_norm", torch::nn::LayerNorm(norm_options));
    projection_ = register_module("projection", torch::nn::Linear(channels, width));
    const auto kernel = config.position_kernel;
    const double spread = 2.0 / std::sqrt(static_cast<double>(kernel * width));
    const auto direction = at::empty({width, width / config.position_groups, kernel}).normal_(0.0, spread);
    // Of the plain tensor: once it is a parameter, autograd would take its norm for a part of the graph.
    const auto scale = direction.square().sum(at::IntArrayRef({0, 1}), /*keepdim=*/true).sqrt();
    position_direction_ = register_parameter("position_direction", direction);
    position_scale_ = register_parameter("position_scale", scale);
    position_bias_ = register_parameter("position_bias", at::zeros({width}));
    if (!config.norm_first) {
      norm_ = register_module("norm",
                              torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(config.epsilon)));
    }
    if (config.family == SpeechFamily::kWavlm) {
      relative_ =
          register_parameter("relative", at::empty({config.buckets, config.size.heads}).normal_(0.0, 0.02));
    }
    FoundationBlockOptions options;
    options.size = config.size;
    options.norm_first = config.norm_first;
    options.relative_gate = config.family == SpeechFamily::kWavlm;
    options.epsilon = config.epsilon;
    options.dropout = config.dropout;
    options.attention_dropout = config.attention_dropout;
    options.activation_dropout = config.activation_dropout;
    options.pretrained = &config.pretrained;
    stack = register_module("stack", FoundationStack(options, config.norm_first, config.layer_drop));
  }

  /// @param x_BS      samples
  /// @param length_B  int64, real samples of each row; what follows them is zero
  /// @return tokens and how many are real
  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& x_BS, at::Tensor length_B) {
    auto h_BCT = x_BS.unsqueeze(1);
    for (size_t i = 0; i < config_.convolutions.size(); ++i) {
      h_BCT = convolutions->at<torch::nn::Conv1dImpl>(i).forward(h_BCT);
      length_B = shortened(length_B, config_.convolutions[i]);
      if (config_.conv_norm == SpeechConvNorm::kLayer) {
        h_BCT = conv_norms->at<torch::nn::LayerNormImpl>(i).forward(h_BCT.transpose(1, 2)).transpose(1, 2);
      } else if (i == 0) {
        h_BCT = channel_norm(h_BCT, length_B);
      }
      h_BCT = safe_gelu(h_BCT);
    }
    const auto mask_BT = mask_of_lengths(length_B, h_BCT.size(2));
    const auto keep_BT1 = mask_BT.to(h_BCT.scalar_type()).unsqueeze(2);
    auto h_BTD = h_BCT.transpose(1, 2);
    if (feature_norm_) h_BTD = feature_norm_(h_BTD);
    h_BTD = fast_dropout(projection_(h_BTD), config_.dropout, is_training()) * keep_BT1;
    h_BTD = h_BTD + place(h_BTD);
    if (norm_) h_BTD = norm_(h_BTD);
    h_BTD = fast_dropout(h_BTD, config_.dropout, is_training());
    AttentionContext context;
    context.key_bias_B11T = key_bias_of(mask_BT, h_BTD.scalar_type());
    if (relative_.defined()) context.relative_1HTT = relative_bias(h_BTD.size(1));
    return {stack(h_BTD, context) * keep_BT1, mask_BT};
  }

  torch::nn::ModuleList convolutions{nullptr}, conv_norms{nullptr};
  FoundationStack stack{nullptr};

 private:
  /// Each channel over its real frames: group norm with a group a channel.
  at::Tensor channel_norm(const at::Tensor& x_BCT, const at::Tensor& length_B) {
    auto& norm = conv_norms->at<torch::nn::LayerNormImpl>(0);
    if ((length_B == x_BCT.size(2)).all().item<bool>())
      return at::group_norm(x_BCT, x_BCT.size(1), norm.weight, norm.bias, kChannelNormEpsilon);
    const auto keep_B1T = mask_of_lengths(length_B, x_BCT.size(2)).unsqueeze(1).to(x_BCT.scalar_type());
    const auto num_B11 = length_B.clamp_min(1).to(x_BCT.scalar_type()).view({-1, 1, 1});
    const auto centred_BCT = (x_BCT - (x_BCT * keep_B1T).sum(2, true) / num_B11) * keep_B1T;
    const auto var_BC1 = centred_BCT.square().sum(2, true) / num_B11;
    return centred_BCT * (var_BC1 + kChannelNormEpsilon).rsqrt() * norm.weight.unsqueeze(1) +
           norm.bias.unsqueeze(1);
  }

  /// A convolution over time says where a token is; an even kernel gives one token too many.
  at::Tensor place(const at::Tensor& h_BTD) const {
    const auto weight = at::_weight_norm(position_direction_, position_scale_, 2);
    auto place_BDT = at::conv1d(h_BTD.transpose(1, 2), weight, position_bias_, 1, config_.position_kernel / 2,
                                1, config_.position_groups);
    return safe_gelu(place_BDT.slice(2, 0, h_BTD.size(1))).transpose(1, 2);
  }

  /// WavLM's bias by bucket of distance (T5's buckets, both directions). @return (1, H, T, T)
  at::Tensor relative_bias(int64_t num_tokens) const {
    const auto position_T = at::arange(num_tokens, relative_.options().dtype(at::kLong).requires_grad(false));
    const auto distance_TT = position_T.unsqueeze(0) - position_T.unsqueeze(1);
    const int64_t half = config_.buckets / 2;
    const int64_t exact = half / 2;
    const auto far = distance_TT.abs();
    // Buckets grow logarithmically; float32 as in the original, for equal buckets at the edges.
    const auto growth = (far.to(at::kFloat) / static_cast<double>(exact)).log() /
                        std::log(static_cast<double>(config_.max_distance) / static_cast<double>(exact)) *
                        static_cast<double>(half - exact);
    const auto coarse = growth.clamp_min(0.0).to(at::kLong).add(exact).clamp_max(half - 1);
    const auto bucket_TT = at::where(far < exact, far, coarse) + (distance_TT > 0).to(at::kLong) * half;
    return at::embedding(relative_, bucket_TT).permute({2, 0, 1}).unsqueeze(0);
  }

  Wav2Vec2Config config_;
  torch::nn::LayerNorm feature_norm_{nullptr}, norm_{nullptr};
  torch::nn::Linear projection_{nullptr};
  at::Tensor position_direction_, position_scale_, position_bias_, relative_;
};

class SpeechEncoder final : public PretrainedEncoder {
 public:
  SpeechEncoder(Wav2Vec2Config config, affect::StreamShape input)
      : PretrainedEncoder(config.pretrained, config.pooling, config.size.width, config.attention_hidden),
        config_(std::move(config)),
        input_(std::move(input)) {
    network_ = std::make_shared<SpeechNetwork>(config_);
    adopt(network_, network_->stack, names_of(config_.family, config_.norm_first));
    if (config_.tune_convolutions || config_.pretrained.weights.empty()) return;
    for (const auto& part : {network_->convolutions, network_->conv_norms}) {
      for (auto& parameter : part->parameters()) parameter.set_requires_grad(false);
    }
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    const int64_t samples_a_frame = input_.num_features();
    TORCH_CHECK(x_BTF.dim() == 3 && x_BTF.size(2) == samples_a_frame, "the encoder wants (B, T, ",
                samples_a_frame, "), got ", x_BTF.sizes());
    const auto dtype = network_->parameters().front().scalar_type();
    const auto mask_BS = mask_BT.repeat_interleave(samples_a_frame, 1);
    const auto position_S = at::arange(1, mask_BS.size(1) + 1, mask_BS.options().dtype(at::kLong));
    const auto length_B = mask_BS.size(1) == 0 ? at::zeros({mask_BS.size(0)}, position_S.options())
                                               : (mask_BS * position_S).amax(1);
    auto x_BS = x_BTF.flatten(1).to(dtype).masked_fill(mask_BS.logical_not(), 0.0);
    if (config_.normalize_waveform) x_BS = normalized(x_BS, mask_BS);
    // Sound shorter than one token's view is padded, so that every convolution has something to read.
    x_BS = at::constant_pad_nd(x_BS, {0, std::max<int64_t>(0, samples_of_one_token() - x_BS.size(1))});
    const auto [tokens_BTD, token_mask_BT] = network_->forward(x_BS, length_B);
    const FrameMask mask(token_mask_BT, dtype);
    return {tokens_BTD, token_mask_BT, pool_(tokens_BTD, mask)};
  }

  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.size.width; }

 private:
  std::shared_ptr<Encoder> rebuild() const override {
    return std::make_shared<SpeechEncoder>(config_, input_);
  }

  /// Zero mean and unit variance over real samples; zero at padding.
  static at::Tensor normalized(const at::Tensor& x_BS, const at::Tensor& mask_BS) {
    const auto keep_BS = mask_BS.to(x_BS.scalar_type());
    const auto num_B1 = keep_BS.sum(1, /*keepdim=*/true).clamp_min(1.0);
    const auto centred_BS = (x_BS - x_BS.sum(1, true) / num_B1) * keep_BS;
    return centred_BS / (centred_BS.square().sum(1, true) / num_B1 + kWaveformEpsilon).sqrt();
  }

  int64_t samples_of_one_token() const {
    int64_t samples = 1;
    for (auto layer = config_.convolutions.rbegin(); layer != config_.convolutions.rend(); ++layer)
      samples = (samples - 1) * layer->stride + layer->kernel;
    return samples;
  }

  Wav2Vec2Config config_;
  affect::StreamShape input_;
  std::shared_ptr<SpeechNetwork> network_;
};

}  // namespace

std::shared_ptr<Encoder> build(const Wav2Vec2Config& config, const affect::StreamShape& input) {
  require_features(input, Wav2Vec2Config::kType);
  return std::make_shared<SpeechEncoder>(config, input);
}

}  // namespace limbic::nn
