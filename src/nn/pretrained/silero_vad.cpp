#include "limbic/nn/silero_vad.h"

#include <ATen/ATen.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/pimpl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/formats/onnx_tensors.h"
#include "limbic/nn/state.h"

namespace limbic::nn {
namespace {

constexpr int64_t kSileroWidth = 128;
constexpr const char* kBasisName = "stft.forward_basis_buffer";
constexpr int64_t kChunksAtOnce = 256;  // 8 s of sound; memory of a stream stays below 10 MB

struct SileroLayer {
  int64_t in;
  int64_t out;
  int64_t stride;
};

class SileroVadImpl final : public torch::nn::Cloneable<SileroVadImpl>, public SileroVad {
 public:
  /// @param scale  2 at 16 kHz, 1 at 8 kHz: every length of the front end is a multiple
  explicit SileroVadImpl(int64_t scale) : scale_(scale) { reset(); }

  void reset() override {
    basis_ = register_buffer("basis", at::zeros({2 * num_bins(), 1, window_samples()}));
    const std::array<SileroLayer, 4> layers = {
        {{num_bins(), 128, 1}, {128, 64, 2}, {64, 64, 2}, {64, kSileroWidth, 1}}};
    for (size_t i = 0; i < layers.size(); ++i) {
      auto options = torch::nn::Conv1dOptions(layers[i].in, layers[i].out, 3);
      options.stride(layers[i].stride).padding(1);
      encoder_[i] = register_module("encoder" + std::to_string(i), torch::nn::Conv1d(options));
    }
    recurrent_ =
        register_module("recurrent", torch::nn::LSTM(torch::nn::LSTMOptions(kSileroWidth, kSileroWidth)));
    head_ = register_module("head", torch::nn::Conv1d(torch::nn::Conv1dOptions(kSileroWidth, 1, 1)));
  }

  at::Tensor forward(const at::Tensor& chunks_BTS, SileroVadState& state) override {
    TORCH_CHECK(chunks_BTS.dim() == 3 && chunks_BTS.size(2) == chunk_samples() && chunks_BTS.size(1) > 0,
                "SileroVad wants (B, T > 0, ", chunk_samples(), "), got ", chunks_BTS.sizes());
    const int64_t num_streams = chunks_BTS.size(0);
    TORCH_CHECK(state.context_BS.sizes() == at::IntArrayRef({num_streams, context_samples()}),
                "SileroVad: the state is of ", state.context_BS.sizes(), ", the chunks of ", num_streams,
                " streams");
    const auto tails_BTS = chunks_BTS.slice(2, chunk_samples() - context_samples());
    const auto before_BTS =
        at::cat({state.context_BS.unsqueeze(1), tails_BTS.slice(1, 0, tails_BTS.size(1) - 1)}, 1);
    // N = B * T chunks; the right end is mirrored by a quarter window.
    auto x_NCS = at::cat({before_BTS, chunks_BTS}, 2).reshape({-1, 1, context_samples() + chunk_samples()});
    x_NCS = at::reflection_pad1d(x_NCS, {0, window_samples() / 4});
    const auto spectrum_NCT = at::conv1d(x_NCS, basis_, {}, window_samples() / 2);
    const auto parts = spectrum_NCT.split(num_bins(), 1);
    auto h_NDT = (parts[0].square() + parts[1].square()).sqrt_();
    for (auto& layer : encoder_) h_NDT = layer(h_NDT).relu_();
    // One frame a chunk is left: four spectra, halved twice.
    const auto h_TBD = h_NDT.reshape({num_streams, -1, kSileroWidth}).transpose(0, 1);
    const auto [y_TBD, last] =
        recurrent_(h_TBD, std::make_tuple(state.hidden_BD.unsqueeze(0), state.cell_BD.unsqueeze(0)));
    state.context_BS = tails_BTS.select(1, tails_BTS.size(1) - 1).clone();
    state.hidden_BD = std::get<0>(last).squeeze(0);
    state.cell_BD = std::get<1>(last).squeeze(0);
    return head_(y_TBD.permute({1, 2, 0}).relu()).sigmoid_().squeeze(1);
  }

  SileroVadState initial_state(int64_t num_streams) const override {
    const auto options = basis_.options();
    return {at::zeros({num_streams, context_samples()}, options),
            at::zeros({num_streams, kSileroWidth}, options), at::zeros({num_streams, kSileroWidth}, options)};
  }

  int64_t sample_rate_hz() const override { return 8000 * scale_; }
  int64_t chunk_samples() const override { return 256 * scale_; }
  int64_t context_samples() const override { return 32 * scale_; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

  int64_t window_samples() const { return 128 * scale_; }
  int64_t num_bins() const { return window_samples() / 2 + 1; }

 private:
  int64_t scale_;
  at::Tensor basis_;  ///< (2 bins, 1, window): cosines above sines, times the window
  std::array<torch::nn::Conv1d, 4> encoder_{nullptr, nullptr, nullptr, nullptr};
  torch::nn::LSTM recurrent_{nullptr};
  torch::nn::Conv1d head_{nullptr};
};

/// The file's names (within the branch of a rate) and ours.
std::vector<std::pair<std::string, std::string>> silero_names() {
  std::vector<std::pair<std::string, std::string>> names = {
      {kBasisName, "basis"},
      {"decoder.rnn.weight_ih", "recurrent.weight_ih_l0"},
      {"decoder.rnn.weight_hh", "recurrent.weight_hh_l0"},
      {"decoder.rnn.bias_ih", "recurrent.bias_ih_l0"},
      {"decoder.rnn.bias_hh", "recurrent.bias_hh_l0"},
      {"decoder.decoder.2.weight", "head.weight"},
      {"decoder.decoder.2.bias", "head.bias"}};
  for (int i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i);
    for (const char* part : {"weight", "bias"}) {
      names.emplace_back("encoder." + number + ".reparam_conv." + part, "encoder" + number + "." + part);
    }
  }
  return names;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::shared_ptr<SileroVad> build_silero_vad(const std::string& path, int64_t sample_rate_hz) {
  require(sample_rate_hz == 16000 || sample_rate_hz == 8000, ErrorCode::kConfig,
          "silero_vad: sample_rate_hz must be 16000 or 8000, got " + std::to_string(sample_rate_hz));
  const auto tensors = formats::read_onnx_tensors(path);
  auto model = std::make_shared<SileroVadImpl>(sample_rate_hz / 8000);
  // Each rate's weights are in a branch of their own; the length of the Fourier basis tells them apart.
  std::string branch;
  bool is_found = false;
  for (const auto& [name, tensor] : tensors) {
    if (!ends_with(name, kBasisName)) continue;
    if (tensor.dim() != 3 || tensor.size(2) != model->window_samples()) continue;
    branch = name.substr(0, name.size() - std::string(kBasisName).size());
    is_found = true;
  }
  require(is_found, ErrorCode::kModel,
          path + ": no Silero VAD weights for " + std::to_string(sample_rate_hz) +
              " Hz in it; expected version 5 or 6 (tools/models get silero_vad)");
  State state;
  for (const auto& [theirs, ours] : silero_names()) {
    const auto found = tensors.find(branch + theirs);
    require(found != tensors.end(), ErrorCode::kModel,
            path + ": no tensor '" + branch + theirs + "'; expected Silero VAD version 5 or 6");
    require(!found->second.is_floating_point() || at::isfinite(found->second).all().item<bool>(),
            ErrorCode::kModel, path + ": '" + branch + theirs + "' holds NaN or infinite values");
    state[ours] = found->second;
  }
  try {
    load_state(*model, state);
  } catch (const Error& e) {
    throw e.in(path);
  }
  model->eval();
  return model;
}

SileroVadStream::SileroVadStream(std::shared_ptr<SileroVad> model) : model_(std::move(model)) {
  require(model_ != nullptr, ErrorCode::kInternal, "SileroVadStream without a model");
  state_ = model_->initial_state(1);
}

void SileroVadStream::accept(const float* samples, int64_t num_samples, std::vector<double>& probabilities) {
  const auto chunk = static_cast<size_t>(model_->chunk_samples());
  for (int64_t i = 0; i < num_samples; ++i) {
    pending_.push_back(std::isfinite(samples[i]) ? samples[i] : 0.0f);
    if (pending_.size() == chunk * kChunksAtOnce) run(probabilities);
  }
  run(probabilities);
}

void SileroVadStream::finish(std::vector<double>& probabilities) {
  if (!pending_.empty()) {
    pending_.resize(static_cast<size_t>(model_->chunk_samples()), 0.0f);
    run(probabilities);
  }
  state_ = model_->initial_state(1);
}

/// Every whole chunk of what is pending.
void SileroVadStream::run(std::vector<double>& probabilities) {
  const int64_t chunk = model_->chunk_samples();
  const int64_t num_chunks = static_cast<int64_t>(pending_.size()) / chunk;
  if (num_chunks == 0) return;
  const at::NoGradGuard no_grad;
  const auto chunks_BTS =
      at::from_blob(pending_.data(), {1, num_chunks, chunk}, at::kFloat).to(state_.context_BS.device());
  const auto p_T = model_->forward(chunks_BTS, state_).to(at::kCPU).contiguous();
  const float* p = p_T.data_ptr<float>();
  probabilities.insert(probabilities.end(), p, p + num_chunks);
  pending_.erase(pending_.begin(), pending_.begin() + num_chunks * chunk);
}

}  // namespace limbic::nn
