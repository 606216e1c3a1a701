#include "blocks/layers.h"

#include <torch/nn/utils/rnn.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr double kBatchNormMomentum = 0.1;
constexpr double kBatchNormEpsilon = 1e-5;
constexpr double kSmallestDeviation = 1e-5;
/// Stands in for -infinity in a softmax: a row of it stays finite, forwards and backwards.
constexpr double kNever = -1e30;

std::string shape_text(const std::vector<int64_t>& frame) {
  std::string text = "[";
  for (size_t i = 0; i < frame.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(frame[i]);
  return text + "]";
}

}  // namespace

FrameMask::FrameMask(at::Tensor mask, at::ScalarType dtype) : mask_BT(std::move(mask)) {
  TORCH_CHECK(mask_BT.dim() == 2 && mask_BT.scalar_type() == at::kBool, "a mask is bool (B, T), got ",
              mask_BT.scalar_type(), " ", mask_BT.sizes());
  num_real = mask_BT.sum().item<int64_t>();
  if (num_real < mask_BT.numel()) keep_BT1 = mask_BT.unsqueeze(2).to(dtype);
}

FrameMask FrameMask::reduced(int64_t factor) const {
  if (factor == 1) return *this;
  const int64_t num_frames = mask_BT.size(1);
  const int64_t num_tokens = (num_frames + factor - 1) / factor;
  FrameMask result;
  if (!is_padded()) {
    result.mask_BT = at::ones({mask_BT.size(0), num_tokens}, mask_BT.options());
    result.num_real = result.mask_BT.numel();
    return result;
  }
  const auto padded = at::constant_pad_nd(mask_BT, {0, num_tokens * factor - num_frames}, 0);
  return FrameMask(padded.view({mask_BT.size(0), num_tokens, factor}).any(2), keep_BT1.scalar_type());
}

at::Tensor FrameMask::keep_as_BCT(int64_t num_dims) const {
  std::vector<int64_t> sizes(static_cast<size_t>(num_dims), 1);
  sizes[0] = keep_BT1.size(0);
  sizes[2] = keep_BT1.size(1);
  return keep_BT1.view(sizes);
}

at::Tensor length_of(const at::Tensor& mask_BT) {
  const auto position_T = at::arange(1, mask_BT.size(1) + 1, mask_BT.options().dtype(at::kLong));
  return (mask_BT * position_T).amax(1);
}

at::Tensor frames_of(const at::Tensor& length_B, int64_t kernel, int64_t stride) {
  const auto whole_B = at::div((length_B - kernel + stride).clamp_min(0), stride, "floor");
  return at::maximum(whole_B, length_B.clamp_max(1));
}

void assign_statistics(at::Tensor& mean_F, at::Tensor& std_F, const std::vector<double>& mean,
                       const std::vector<double>& std) {
  const auto want = static_cast<size_t>(mean_F.numel());
  require(mean.size() == want && std.size() == want, ErrorCode::kModel,
          "input statistics have " + std::to_string(mean.size()) + " means and " +
              std::to_string(std.size()) + " deviations; expected " + std::to_string(want) +
              " of each, one per feature");
  at::NoGradGuard no_grad;
  const auto deviation = at::tensor(std, at::kDouble);
  mean_F.copy_(at::tensor(mean, at::kDouble).view_as(mean_F));
  std_F.copy_(at::where(deviation < kSmallestDeviation, at::ones_like(deviation), deviation).view_as(std_F));
}

void InputScaleImpl::reset() {
  mean_F_ = register_buffer("mean_F", at::zeros({num_features_}));
  std_F_ = register_buffer("std_F", at::ones({num_features_}));
}

at::Tensor InputScaleImpl::forward(const at::Tensor& x_BTF, const FrameMask& mask) const {
  TORCH_CHECK(x_BTF.dim() == 3 && x_BTF.size(2) == num_features_, "the encoder wants (B, T, ", num_features_,
              "), got ", x_BTF.sizes());
  auto x = x_BTF.to(mean_F_.scalar_type());
  const auto padded_BT1 = mask.mask_BT.logical_not().unsqueeze(2);
  switch (normalization_) {
    case Normalization::kNone:
      break;
    case Normalization::kGlobal:
      x = x.sub(mean_F_).div_(std_F_);
      break;
    case Normalization::kUtterance:
    case Normalization::kUtteranceMean: {
      if (mask.is_padded()) x = x.masked_fill(padded_BT1, 0.0);
      const auto num_B11 = mask.mask_BT.sum(1).clamp_min(1).to(x.scalar_type()).view({-1, 1, 1});
      x = x - x.sum(1, /*keepdim=*/true) / num_B11;
      if (normalization_ == Normalization::kUtteranceMean) {
        x = x.div_(std_F_);
        break;
      }
      if (mask.is_padded()) x.masked_fill_(padded_BT1, 0.0);
      x = x / ((x * x).sum(1, true) / num_B11).sqrt().add(kSmallestDeviation);
      break;
    }
  }
  return mask.is_padded() ? x.masked_fill(padded_BT1, 0.0) : x;
}

void InputScaleImpl::set_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F) {
  assign_statistics(mean_F_, std_F_, mean_F, std_F);
}

void MaskedBatchNormImpl::reset() {
  weight_C_ = register_parameter("weight", at::ones({channels_}));
  bias_C_ = register_parameter("bias", at::zeros({channels_}));
  running_mean_C_ = register_buffer("running_mean", at::zeros({channels_}));
  running_var_C_ = register_buffer("running_var", at::ones({channels_}));
}

// Note [Masked batch norm]
// The statistics come from two sums over input that is zero at padded frames, divided by the number of real
// values: two cheap passes that autograd knows how to reverse. Cancellation in E[x^2] - E[x]^2 is harmless
// here: the input of a batch norm has a mean of the order of its deviation.
at::Tensor MaskedBatchNormImpl::forward(const at::Tensor& x_BCT, const FrameMask* mask) {
  const bool is_masked = mask != nullptr && mask->is_padded();
  const int64_t num_frames = x_BCT.size(0) * x_BCT.size(2);
  const int64_t num_real = mask != nullptr ? mask->num_real : num_frames;
  const int64_t num_values = x_BCT.numel() / std::max<int64_t>(1, channels_ * num_frames) * num_real;
  const bool use_batch = is_training() && num_values > 1;
  if (!is_masked || !use_batch) {
    return at::batch_norm(x_BCT, weight_C_, bias_C_, running_mean_C_, running_var_C_, use_batch,
                          kBatchNormMomentum, kBatchNormEpsilon, /*cudnn_enabled=*/true);
  }
  const auto n = static_cast<double>(num_values);
  const auto x = x_BCT * mask->keep_as_BCT(x_BCT.dim());
  std::vector<int64_t> all_but_channels = {0};
  std::vector<int64_t> as_channels = {1, channels_};
  for (int64_t d = 2; d < x.dim(); ++d) {
    all_but_channels.push_back(d);
    as_channels.push_back(1);
  }
  const auto mean_C = x.sum(all_but_channels) / n;
  const auto var_C = ((x * x).sum(all_but_channels) / n - mean_C * mean_C).clamp_min(0.0);
  {
    at::NoGradGuard no_grad;
    running_mean_C_.lerp_(mean_C, kBatchNormMomentum);
    running_var_C_.lerp_(var_C * (n / (n - 1)), kBatchNormMomentum);
  }
  const auto scale_C = weight_C_ * (var_C + kBatchNormEpsilon).rsqrt();
  const auto shift_C = bias_C_ - mean_C * scale_C;
  return at::addcmul(shift_C.view(as_channels), x, scale_C.view(as_channels));
}

MaskedBatchNormImpl::Affine MaskedBatchNormImpl::evaluation_affine() const {
  const auto scale_C = weight_C_ * (running_var_C_ + kBatchNormEpsilon).rsqrt();
  return {scale_C, bias_C_ - running_mean_C_ * scale_C};
}

void FramePoolImpl::reset() {
  if (!has_attention()) return;
  hidden_ = register_module("hidden", torch::nn::Linear(token_width_, attention_hidden_));
  score_ = register_module("score", torch::nn::Linear(attention_hidden_, 1));
}

at::Tensor FramePoolImpl::forward(const at::Tensor& tokens_BTD, const FrameMask& mask) {
  at::Tensor weight_BT1;
  if (has_attention()) {
    auto score_BT = score_(hidden_(tokens_BTD).tanh_()).squeeze(2);
    if (mask.is_padded()) score_BT = score_BT.masked_fill(mask.mask_BT.logical_not(), kNever);
    weight_BT1 = mask.apply_BTD(score_BT.softmax(1).unsqueeze(2));
  } else {
    const auto share_B1 =
        mask.mask_BT.sum(1, /*keepdim=*/true).clamp_min(1).to(tokens_BTD.scalar_type()).reciprocal();
    weight_BT1 = (share_B1 * mask.mask_BT).unsqueeze(2);
  }
  const auto mean_BD = (tokens_BTD * weight_BT1).sum(1);
  if (!has_std()) return mean_BD;
  const auto off_BTD = tokens_BTD - mean_BD.unsqueeze(1);
  auto std_BD = ((off_BTD * off_BTD * weight_BT1).sum(1) + kBatchNormEpsilon).sqrt();
  if (mask.is_padded()) std_BD = std_BD * mask.mask_BT.any(1, /*keepdim=*/true);
  return at::cat({mean_BD, std_BD}, 1);
}

void RecurrentStackImpl::reset() {
  // LibTorch's modules hold the weights; the dropout between layers is ours, theirs costs 40 times as much.
  if (options_.kind == Recurrent::kLstm) {
    lstm_ = register_module("lstm", torch::nn::LSTM(torch::nn::LSTMOptions(options_.in_width, options_.hidden)
                                                        .num_layers(options_.layers)
                                                        .bidirectional(options_.bidirectional)));
  } else {
    gru_ = register_module("gru", torch::nn::GRU(torch::nn::GRUOptions(options_.in_width, options_.hidden)
                                                     .num_layers(options_.layers)
                                                     .bidirectional(options_.bidirectional)));
  }
}

at::Tensor RecurrentStackImpl::run(at::Tensor x, const at::Tensor& batch_size_T, int64_t batch,
                                   std::vector<at::Tensor>* state) {
  const auto weights = lstm_ ? lstm_->all_weights() : gru_->all_weights();
  const int64_t directions = options_.bidirectional ? 2 : 1;
  const auto num_weights = static_cast<size_t>(4 * directions);
  const size_t num_states = lstm_ ? 2 : 1;
  const auto start = at::zeros({directions, batch, options_.hidden}, x.options().requires_grad(false));
  if (state != nullptr) state->resize(num_states * static_cast<size_t>(options_.layers));
  for (int64_t layer = 0; layer < options_.layers; ++layer) {
    if (layer > 0) x = fast_dropout(x, options_.dropout, is_training());
    const size_t first_weight = static_cast<size_t>(layer) * num_weights;
    const at::TensorList weight(weights.data() + first_weight, num_weights);
    std::vector<at::Tensor> hidden(num_states, start);
    auto* kept = state != nullptr ? &(*state)[static_cast<size_t>(layer) * num_states] : nullptr;
    for (size_t i = 0; i < num_states && kept != nullptr; ++i) {
      if (kept[i].defined()) hidden[i] = kept[i].unsqueeze(0);
    }
    const bool two = options_.bidirectional;
    const bool is_packed = batch_size_T.defined();
    if (lstm_) {
      std::tie(x, hidden[0], hidden[1]) =
          is_packed ? at::lstm(x, batch_size_T, hidden, weight, true, 1, 0.0, is_training(), two)
                    : at::lstm(x, hidden, weight, true, 1, 0.0, is_training(), two, /*batch_first=*/true);
    } else {
      std::tie(x, hidden[0]) =
          is_packed ? at::gru(x, batch_size_T, hidden[0], weight, true, 1, 0.0, is_training(), two)
                    : at::gru(x, hidden[0], weight, true, 1, 0.0, is_training(), two, /*batch_first=*/true);
    }
    for (size_t i = 0; i < num_states && kept != nullptr; ++i) kept[i] = hidden[i].squeeze(0);
  }
  return x;
}

at::Tensor RecurrentStackImpl::forward(const at::Tensor& x_BTD, const FrameMask& mask) {
  const int64_t batch = x_BTD.size(0);
  const int64_t num_frames = x_BTD.size(1);
  if (!mask.is_padded()) return run(x_BTD, {}, batch, nullptr);
  // A row ends at its last real frame; gaps before it are read as zeros. Packing wants a length of 1 at
  // least.
  const auto length_B = length_of(mask.mask_BT).clamp_min(1).to(at::kCPU);
  namespace rnn = torch::nn::utils::rnn;
  const auto packed =
      rnn::pack_padded_sequence(x_BTD, length_B, /*batch_first=*/true, /*enforce_sorted=*/false);
  const rnn::PackedSequence read(run(packed.data(), packed.batch_sizes(), batch, nullptr),
                                 packed.batch_sizes(), packed.sorted_indices(), packed.unsorted_indices());
  const auto y_BTD = std::get<0>(rnn::pad_packed_sequence(read, /*batch_first=*/true, 0.0, num_frames));
  return mask.apply_BTD(y_BTD);
}

at::Tensor RecurrentStackImpl::step(const at::Tensor& x_BTD, std::vector<at::Tensor>& state) {
  TORCH_CHECK(!options_.bidirectional, "a stream is read forwards only");
  return run(x_BTD, {}, x_BTD.size(0), &state);
}

at::Tensor safe_gelu(const at::Tensor& x) {
  auto y = at::gelu(x);
  if (y.requires_grad()) y.register_hook([](const at::Tensor& gradient) { return gradient.contiguous(); });
  return y;
}

at::Tensor drop_path(const at::Tensor& x, double p, bool is_training) {
  if (!is_training || p == 0) return x;
  std::vector<int64_t> sizes(static_cast<size_t>(x.dim()), 1);
  sizes[0] = x.size(0);
  return x * at::rand(sizes, x.options()).ge_(p).div_(1.0 - p);
}

void require_features(const affect::StreamShape& input, const char* kind) {
  require(input.frame.size() == 1 && input.frame[0] > 0, ErrorCode::kConfig,
          std::string("encoder '") + kind +
              "' takes frames of features [F], but a frame of this modality is " + shape_text(input.frame) +
              "; use 'resnet' for images [C, H, W]");
}

}  // namespace limbic::nn
