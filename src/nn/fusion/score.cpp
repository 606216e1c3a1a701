#include "limbic/nn/score_fusion.h"

#include <ATen/ATen.h>
#include <torch/nn/cloneable.h>

namespace limbic::nn {
namespace {

/// Log-weight of an absent modality; finite, so that nothing becomes NaN.
constexpr double kAbsentScore = -1e30;

class ScoreFusionImpl final : public torch::nn::Cloneable<ScoreFusionImpl>, public ScoreFusion {
 public:
  ScoreFusionImpl(ScoreFusionConfig config, int64_t num_modalities, int64_t num_classes)
      : config_(config), num_modalities_(num_modalities), num_classes_(num_classes) {
    reset();
  }

  void reset() override {
    if (config_.weights == ScoreWeights::kLearned) {
      score_M_ = register_parameter("score_M", at::zeros({num_modalities_}));
    }
    prior_C_ = register_parameter("prior_C", at::zeros({num_classes_}));
  }

  at::Tensor fuse(const std::vector<at::Tensor>& logits_BC, const at::Tensor& present_BM) override {
    TORCH_CHECK(
        static_cast<int64_t>(logits_BC.size()) == num_modalities_ && present_BM.size(1) == num_modalities_,
        "fusion wants ", num_modalities_, " modalities, got ", logits_BC.size());
    const auto present_BM1 = present_BM.unsqueeze(2);
    const auto stacked_BMC = at::stack(logits_BC, 1);
    const auto logits_BMC = at::where(present_BM1, stacked_BMC, at::zeros({}, stacked_BMC.options()));
    const auto weight_BM1 = weights_BM(present_BM).unsqueeze(2);
    at::Tensor fused_BC;
    if (config_.weights == ScoreWeights::kProduct) {
      // Absent ones are a constant here, which the normalisation takes out.
      fused_BC = logits_BMC.sum(1).log_softmax(1);
    } else if (config_.space == ScoreSpace::kLogit) {
      fused_BC = (weight_BM1 * logits_BMC).sum(1);
    } else {
      // log(sum_m w_m p_m), without leaving the log domain.
      const auto joint_BMC = logits_BMC.log_softmax(2) + weight_BM1.clamp_min(1e-30).log();
      fused_BC = joint_BMC.masked_fill(present_BM1.logical_not(), kAbsentScore).logsumexp(1);
    }
    return at::where(present_BM.any(1, /*keepdim=*/true), fused_BC, prior_C_.unsqueeze(0));
  }

  at::Tensor weights_BM(const at::Tensor& present_BM) override {
    if (config_.weights != ScoreWeights::kLearned) {
      const auto one_BM = present_BM.to(prior_C_.scalar_type());
      return one_BM / one_BM.sum(1, /*keepdim=*/true).clamp_min(1.0);
    }
    const auto absent_BM = present_BM.logical_not();
    const auto score_BM = score_M_.unsqueeze(0).expand_as(present_BM).masked_fill(absent_BM, kAbsentScore);
    return score_BM.softmax(1).masked_fill(absent_BM, 0.0);
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  ScoreFusionConfig config_;
  int64_t num_modalities_;
  int64_t num_classes_;
  at::Tensor score_M_, prior_C_;
};

}  // namespace

std::shared_ptr<ScoreFusion> build_score_fusion(const ScoreFusionConfig& config, int64_t num_modalities,
                                                int64_t num_classes) {
  return std::make_shared<ScoreFusionImpl>(config, num_modalities, num_classes);
}

}  // namespace limbic::nn
