#include "limbic/objectives/pseudo_labels.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"

namespace limbic::objectives {
namespace {

constexpr int64_t kPlaces = int64_t{1} << 20;
constexpr int64_t kBatchesRemembered = 128;  // as in ReMixMatch
// What a place of FlexMatch's memory holds; from kFirstClass on, a class.
constexpr int64_t kUnseen = 0;
constexpr int64_t kUnused = 1;
constexpr int64_t kFirstClass = 2;
constexpr int64_t kMostClasses = 254 - kFirstClass + 1;

at::Tensor mean_of_rows(const at::Tensor& x_BC, const at::Tensor& rows_B) {
  return x_BC.masked_fill(rows_B.logical_not().unsqueeze(1), 0.0).sum(0) / rows_B.sum();
}

}  // namespace

double RampUp::factor(double progress) const {
  if (progress >= share) return 1.0;
  const double t = std::max(progress, 0.0) / share;
  return shape == RampShape::kLinear ? t : std::exp(-5.0 * (1.0 - t) * (1.0 - t));
}

at::Tensor flexmatch_thresholds(const at::Tensor& count_C, const at::Tensor& unused, double threshold) {
  const auto status_C = count_C / at::maximum(count_C.max(), unused).clamp_min(1.0);
  return status_C / (2.0 - status_C) * threshold;
}

at::Tensor align_distribution(const at::Tensor& p_BC, const at::Tensor& prior_C, const at::Tensor& mean_C) {
  const auto scaled_BC = p_BC * (prior_C / mean_C.clamp_min(1e-6));
  return scaled_BC / scaled_BC.sum(1, /*keepdim=*/true).clamp_min(1e-12);
}

at::Tensor pseudo_label_loss(const at::Tensor& logits_BC, const PseudoLabelRows& labels,
                             const at::Tensor& candidate_B) {
  const auto skip_B1 = labels.accepted_B.logical_not().unsqueeze(1);
  const auto log_p_BC = logits_BC.masked_fill(skip_B1, 0.0).log_softmax(1);
  const auto target_BC = labels.target_BC.to(logits_BC.scalar_type()).masked_fill(skip_B1, 0.0);
  return -(target_BC * log_p_BC).sum() / candidate_B.sum().clamp_min(1);
}

struct PseudoLabels::Impl final : torch::nn::Module {
  Impl(const PseudoLabelConfig& chosen, const std::vector<int64_t>& prior) : config(chosen) {
    num_classes = static_cast<int64_t>(prior.size());
    if (config.curriculum == Curriculum::kFlexMatch) {
      require(num_classes <= kMostClasses, ErrorCode::kConfig,
              "labels.curriculum: flexmatch is for " + std::to_string(kMostClasses) +
                  " classes at most, here are " + std::to_string(num_classes) + "; use none");
      last_class_K = register_buffer("last_class", at::full({kPlaces}, kUnseen, at::kByte));
    }
    if (!config.align) return;
    // A class without labelled examples would never be predicted again; a uniform start lets every class be.
    prior_C = at::tensor(prior, at::kDouble) + 1.0;
    prior_C = prior_C / prior_C.sum();
    mean_HC = register_buffer("mean", at::zeros({kBatchesRemembered, num_classes}, at::kDouble));
    num_means = register_buffer("num_means", at::zeros({}, at::kLong));
  }

  /// Buffers follow the model; `to` writes them in place, so these members stay the module's own.
  void follow(const at::Tensor& x) {
    if (last_class_K.defined() && last_class_K.device() != x.device())
      last_class_K.set_data(last_class_K.to(x.device()));
    if (!mean_HC.defined() || mean_HC.device() == x.device()) return;
    prior_C = prior_C.to(x.device());
    mean_HC.set_data(mean_HC.to(x.device()));
    num_means.set_data(num_means.to(x.device()));
  }

  at::Tensor aligned(const at::Tensor& p_BC, const at::Tensor& candidate_B) {
    if (candidate_B.any().item<bool>()) {
      mean_HC.copy_(mean_HC.roll(-1, 0));
      mean_HC[-1].copy_(mean_of_rows(p_BC, candidate_B));
      num_means.copy_((num_means + 1).clamp_max(kBatchesRemembered));
    }
    const auto mean_C = mean_HC.sum(0) / num_means.clamp_min(1);
    return align_distribution(p_BC, prior_C.to(p_BC.scalar_type()), mean_C.to(p_BC.scalar_type()));
  }

  /// (C,) from what is remembered.
  at::Tensor thresholds(const at::Tensor& p_BC) const {
    if (!last_class_K.defined()) return at::full({num_classes}, config.threshold, p_BC.options());
    const auto count = at::bincount(last_class_K, {}, kFirstClass + num_classes).to(p_BC.scalar_type());
    return flexmatch_thresholds(count.slice(0, kFirstClass), count[kUnused], config.threshold);
  }

  void remember(const std::vector<std::string>& ids, const at::Tensor& class_B, const at::Tensor& sure_B,
                const at::Tensor& candidate_B) {
    if (!last_class_K.defined()) return;
    TORCH_CHECK(static_cast<int64_t>(ids.size()) == class_B.numel(), ids.size(), " ids for ", class_B.numel(),
                " rows");
    auto place_B = at::empty({class_B.numel()}, at::kLong);
    auto* places = place_B.data_ptr<int64_t>();
    for (size_t i = 0; i < ids.size(); ++i)
      places[i] = core::crc32(ids[i].data(), ids[i].size()) & static_cast<uint32_t>(kPlaces - 1);
    place_B = place_B.to(class_B.device());
    // A sample that is no longer sure keeps its class, as in the published code.
    const auto old_B = last_class_K.index_select(0, place_B).to(at::kLong);
    const auto new_B = at::where(sure_B, class_B + kFirstClass, old_B.clamp_min(kUnused)).to(at::kByte);
    const auto rows_N = candidate_B.nonzero().squeeze(1);
    last_class_K.index_put_({place_B.index_select(0, rows_N)}, new_B.index_select(0, rows_N));
  }

  PseudoLabelConfig config;
  int64_t num_classes = 0;
  at::Tensor prior_C;       ///< alignment only
  at::Tensor mean_HC;       ///< alignment only: mean predictions of the last batches, the newest last
  at::Tensor num_means;     ///< how many of them there are
  at::Tensor last_class_K;  ///< FlexMatch only, uint8
};

PseudoLabels::PseudoLabels(const PseudoLabelConfig& config, const std::vector<int64_t>& prior_C)
    : impl_(std::make_shared<Impl>(config, prior_C)) {}

std::shared_ptr<torch::nn::Module> PseudoLabels::as_module() const {
  return impl_;
}

PseudoLabelRows PseudoLabels::label(const at::Tensor& logits_BC, const at::Tensor& candidate_B,
                                    const std::vector<std::string>& ids) {
  at::NoGradGuard no_grad;
  auto& own = *impl_;
  const auto& config = own.config;
  own.follow(logits_BC);
  auto p_BC = logits_BC.masked_fill(candidate_B.logical_not().unsqueeze(1), 0.0).softmax(1);
  if (config.align) p_BC = own.aligned(p_BC, candidate_B);
  PseudoLabelRows labels;
  std::tie(labels.confidence_B, labels.class_B) = p_BC.max(1);
  const auto least_B = own.thresholds(p_BC).index_select(0, labels.class_B);
  labels.accepted_B = candidate_B.logical_and(labels.confidence_B >= least_B);
  labels.target_BC = config.form == PseudoLabelForm::kHard
                         ? at::one_hot(labels.class_B, p_BC.size(1)).to(p_BC.scalar_type())
                         : (p_BC.clamp_min(1e-12).log() / config.temperature).softmax(1);
  own.remember(ids, labels.class_B, labels.confidence_B >= config.threshold, candidate_B);
  return labels;
}

void audit_labels(const std::string& name, const PseudoLabelRows& labels, const at::Tensor& candidate_B,
                  const at::Tensor& withheld_B, std::map<std::string, at::Tensor>& terms) {
  const auto num_candidates = candidate_B.sum();
  if (num_candidates.item<int64_t>() == 0) return;
  terms[name + ".accepted"] = labels.accepted_B.sum().to(at::kFloat) / num_candidates;
  if (!withheld_B.defined()) return;
  const auto judged_B = labels.accepted_B.logical_and(withheld_B >= 0);
  const auto num_judged = judged_B.sum();
  if (num_judged.item<int64_t>() == 0) return;
  const auto is_right_B = judged_B.logical_and(labels.class_B == withheld_B);
  terms[name + ".precision"] = is_right_B.sum().to(at::kFloat) / num_judged;
}

void audit_classes(const std::string& name, const PseudoLabelRows& labels, const at::Tensor& withheld_B,
                   const std::vector<std::string>& classes, std::map<std::string, at::Tensor>& terms) {
  if (!withheld_B.defined()) return;
  const auto judged_B = labels.accepted_B.logical_and(withheld_B >= 0);
  const auto right_B = judged_B.logical_and(labels.class_B == withheld_B);
  const auto num_classes = static_cast<int64_t>(classes.size());
  const auto count = [&](const at::Tensor& rows_B) {
    return at::bincount(labels.class_B, rows_B.to(at::kFloat), num_classes).to(at::kCPU, at::kFloat);
  };
  const auto judged_C = count(judged_B);
  const auto precision_C = count(right_B) / judged_C;
  for (int64_t c = 0; c < num_classes; ++c) {
    if (judged_C[c].item<float>() > 0)
      terms[name + ".precision." + classes[static_cast<size_t>(c)]] = precision_C[c];
  }
}

}  // namespace limbic::objectives
