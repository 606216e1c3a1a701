#include "limbic/nn/frame_head.h"

#include <utility>

#include "blocks/layers.h"
#include "heads/value_range.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

class FrameHeadImpl final : public torch::nn::Cloneable<FrameHeadImpl>, public FrameHead {
 public:
  FrameHeadImpl(HeadConfig config, std::vector<ModalityShape> modalities, int64_t context_width,
                const affect::LabelSpace& task)
      : config_(config),
        modalities_(std::move(modalities)),
        context_width_(context_width),
        rate_hz_(task.traits.rate_hz),
        range_(config, task) {
    reset();
  }
  void reset() override {
    const int64_t width = config_.hidden > 0 ? config_.hidden : range_.num_scores();
    token_layers_.clear();
    for (const auto& modality : modalities_)
      token_layers_.push_back(
          register_module("tokens_" + modality.name, torch::nn::Linear(modality.token_width, width)));
    if (context_width_ > 0)
      context_layer_ = register_module(
          "context", torch::nn::Linear(torch::nn::LinearOptions(context_width_, width).bias(false)));
    if (config_.hidden > 0)
      last_ = register_module("last", torch::nn::Linear(config_.hidden, range_.num_scores()));
  }
  FrameReading forward(const FusionInput& input, const std::vector<TokenClock>& clocks,
                       const at::Tensor& context_BD, int64_t num_rows) override {
    TORCH_CHECK(input.modalities.size() == modalities_.size() && clocks.size() == modalities_.size(),
                "frame head wants ", modalities_.size(), " modalities, got ", input.modalities.size());
    at::Tensor sum_BTD, count_BT1;
    FrameReading reading;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      auto features = input.modalities[m];
      const auto present_B1 = input.present_BM.select(1, static_cast<int64_t>(m)).unsqueeze(1);
      features.mask_BT = features.mask_BT.logical_and(present_B1);
      const auto resampled = resample_tokens(features, clocks[m], rate_hz_, num_rows);
      const auto& used_BT = resampled.covered_BT;
      const auto here_BT1 = used_BT.unsqueeze(2).to(resampled.x_BTD.scalar_type());
      const auto mapped_BTD =
          token_layers_[m](fast_dropout(resampled.x_BTD, config_.dropout, is_training())) * here_BT1;
      sum_BTD = m == 0 ? mapped_BTD : sum_BTD + mapped_BTD;
      count_BT1 = m == 0 ? here_BT1 : count_BT1 + here_BT1;
      reading.covered_BT = m == 0 ? used_BT : reading.covered_BT.logical_or(used_BT);
    }
    auto x_BTD = sum_BTD / count_BT1.clamp_min(1.0);
    if (context_layer_) {
      x_BTD = x_BTD + context_layer_(fast_dropout(context_BD, config_.dropout, is_training())).unsqueeze(1);
    }
    if (last_) x_BTD = last_(fast_dropout(x_BTD.relu(), config_.dropout, is_training()));
    const auto values = range_.read(x_BTD);
    reading.value_BTC = values.value_BC;
    reading.log_variance_BTC = values.log_variance_BC;
    return reading;
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  HeadConfig config_;
  std::vector<ModalityShape> modalities_;
  int64_t context_width_;
  double rate_hz_;
  ValueRange range_;
  std::vector<torch::nn::Linear> token_layers_;
  torch::nn::Linear context_layer_{nullptr}, last_{nullptr};
};

}  // namespace

ResampledTokens resample_tokens(const ModalityFeatures& features, const TokenClock& clock, double rate_hz,
                                int64_t num_rows) {
  const auto& x_BTD = features.tokens_BTD;
  const int64_t num_tokens = x_BTD.size(1);
  const auto time_1T = at::arange(num_rows, clock.rate_hz_B.options()).unsqueeze(0) / rate_hz;
  const auto rate_B1 = clock.rate_hz_B.unsqueeze(1);
  // Frame f is at start + f / rate; a token of n frames lies n / 2 - 1 / 2 frames behind its first.
  auto place_BT =
      ((time_1T - clock.start_s_B.unsqueeze(1)) * rate_B1 - 0.5 * (clock.frames_per_token - 1.0)) /
      clock.frames_per_token;
  place_BT = place_BT.masked_fill(rate_B1 <= 0, 0.0);
  const auto below_BT = place_BT.floor();
  const auto share_BT = (place_BT - below_BT).to(x_BTD.scalar_type());
  // A neighbour counts by its nearness where it is real; alone, only within half a token.
  const auto neighbour = [&](const at::Tensor& at_BT, const at::Tensor& nearness_BT) {
    const auto inside_BT = at_BT.ge(0).logical_and(at_BT.lt(num_tokens));
    const auto index_BT = at_BT.clamp(0, num_tokens - 1).to(at::kLong);
    const auto real_BT = inside_BT.logical_and(features.mask_BT.gather(1, index_BT));
    const auto rows_BTD =
        x_BTD.gather(1, index_BT.unsqueeze(2).expand({x_BTD.size(0), num_rows, x_BTD.size(2)}));
    const auto weight_BT = nearness_BT.masked_fill(real_BT.logical_not(), 0.0);
    return std::pair(at::where(real_BT.unsqueeze(2), rows_BTD, at::zeros({}, rows_BTD.options())), weight_BT);
  };
  const auto [first_BTD, first_weight_BT] = neighbour(below_BT, 1.0 - share_BT);
  const auto [second_BTD, second_weight_BT] = neighbour(below_BT + 1.0, share_BT);
  const auto weight_BT = first_weight_BT + second_weight_BT;
  ResampledTokens resampled;
  resampled.covered_BT = weight_BT >= 0.5 - 1e-6;
  const auto sum_BTD = first_BTD * first_weight_BT.unsqueeze(2) + second_BTD * second_weight_BT.unsqueeze(2);
  const auto covered_BT1 = resampled.covered_BT.unsqueeze(2);
  resampled.x_BTD = at::where(covered_BT1, sum_BTD / weight_BT.unsqueeze(2).clamp_min(0.25),
                              at::zeros({}, x_BTD.options()));
  return resampled;
}

std::shared_ptr<FrameHead> build_frame_head(const HeadConfig& config,
                                            const std::vector<ModalityShape>& modalities,
                                            int64_t context_width, const affect::LabelSpace& task) {
  return std::make_shared<FrameHeadImpl>(config, modalities, context_width, task);
}

}  // namespace limbic::nn
