#include "limbic/nn/crf.h"

#include <ATen/ATen.h>
#include <torch/nn/cloneable.h>

#include <tuple>
#include <vector>

namespace limbic::nn {
namespace {

/// Log-weight of a labelling that is ruled out; finite, so that no gradient is NaN.
constexpr double kRuledOut = -1e30;

/// The table's parts, and emissions that are zero at padded turns.
struct CrfParts {
  CrfParts(const at::Tensor& emission, const at::Tensor& mask, const at::Tensor& table_SC)
      : mask_DU(mask), num_classes(emission.size(2)) {
    TORCH_CHECK(emission.dim() == 3 && mask.sizes() == emission.sizes().slice(0, 2),
                "a CRF wants emissions (D, U, C) and a mask (D, U), got ", emission.sizes(), " and ",
                mask.sizes());
    TORCH_CHECK(table_SC.dim() == 2 && table_SC.size(0) == num_classes + 2 && table_SC.size(1) == num_classes,
                "the CRF's table is (", num_classes + 2, ", ", num_classes, "), got ", table_SC.sizes());
    emission_DUC = emission.masked_fill(mask.logical_not().unsqueeze(2), 0.0);
    transition_CC = table_SC.narrow(0, 0, num_classes);
    first_C = table_SC[num_classes];
    last_C = table_SC[num_classes + 1];
  }
  at::Tensor turn_D1(int64_t u) const { return mask_DU.narrow(1, u, 1); }
  at::Tensor emission_DC(int64_t u) const { return emission_DUC.select(1, u); }
  int64_t num_turns() const { return emission_DUC.size(1); }

  at::Tensor mask_DU;
  int64_t num_classes;
  at::Tensor emission_DUC, transition_CC, first_C, last_C;
};

/// alpha_u[c] = log-sum over labellings of the turns up to u that end with c; that of the turn before where u
/// is padded, zero before the first.
std::vector<at::Tensor> forward_scores(const CrfParts& crf) {
  std::vector<at::Tensor> alpha;
  auto now_DC = at::zeros_like(crf.emission_DC(0));
  auto has_begun_D1 = at::zeros_like(crf.turn_D1(0));
  for (int64_t u = 0; u < crf.num_turns(); ++u) {
    auto entered_DC = crf.first_C.expand_as(now_DC);
    if (u > 0) {
      const auto carried_DC = (now_DC.unsqueeze(2) + crf.transition_CC).logsumexp(1);
      entered_DC = at::where(has_begun_D1, carried_DC, entered_DC);
    }
    now_DC = at::where(crf.turn_D1(u), entered_DC + crf.emission_DC(u), now_DC);
    has_begun_D1 = has_begun_D1.logical_or(crf.turn_D1(u));
    alpha.push_back(now_DC);
  }
  return alpha;
}

/// Log-sum over labellings, from the last alpha.
at::Tensor partition_of(const CrfParts& crf, const at::Tensor& alpha_DC) {
  const auto sum_D = (alpha_DC + crf.last_C).logsumexp(1);
  return sum_D.masked_fill(crf.mask_DU.any(1).logical_not(), 0.0);
}

class CrfLayerImpl final : public torch::nn::Cloneable<CrfLayerImpl>, public CrfLayer {
 public:
  explicit CrfLayerImpl(int64_t num_classes) : num_classes_(num_classes) { reset(); }
  void reset() override {
    table_SC_ = register_parameter("table", at::zeros({num_classes_ + 2, num_classes_}));
  }
  at::Tensor table_SC() const override { return table_SC_; }
  at::Tensor logits(const at::Tensor& emission_BC, const DialogueGrid& grid) override {
    if (is_training()) return emission_BC;
    return grid.to_rows(crf_log_marginals(grid.to_grid(emission_BC), grid.mask_DU, table_SC_));
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  int64_t num_classes_;
  at::Tensor table_SC_;
};

}  // namespace

at::Tensor crf_log_partition(const at::Tensor& emission_DUC, const at::Tensor& mask_DU,
                             const at::Tensor& table_SC) {
  const CrfParts crf(emission_DUC, mask_DU, table_SC);
  return partition_of(crf, forward_scores(crf).back());
}

at::Tensor crf_log_likelihood(const at::Tensor& emission_DUC, const at::Tensor& label_DU,
                              const at::Tensor& mask_DU, const at::Tensor& table_SC) {
  // The labellings that agree with the known labels, as a share of all.
  const auto class_C = at::arange(emission_DUC.size(2), label_DU.options());
  const auto is_other_DUC = label_DU.unsqueeze(2).ne(class_C).logical_and(label_DU.ge(0).unsqueeze(2));
  const auto agreeing_DUC = emission_DUC.masked_fill(is_other_DUC, kRuledOut);
  return crf_log_partition(agreeing_DUC, mask_DU, table_SC) -
         crf_log_partition(emission_DUC, mask_DU, table_SC);
}

at::Tensor crf_log_marginals(const at::Tensor& emission_DUC, const at::Tensor& mask_DU,
                             const at::Tensor& table_SC) {
  const CrfParts crf(emission_DUC, mask_DU, table_SC);
  auto score = forward_scores(crf);
  const auto partition_D1 = partition_of(crf, score.back()).unsqueeze(1);
  // Backward, beta_u[c] = log-sum over labellings of the turns after u if u has class c; `after` is beta and
  // emission of the next turn that is there.
  auto after_DC = at::zeros_like(score.back());
  auto is_followed_D1 = at::zeros_like(crf.turn_D1(0));
  for (int64_t u = crf.num_turns() - 1; u >= 0; --u) {
    const auto carried_DC = (crf.transition_CC + after_DC.unsqueeze(1)).logsumexp(2);
    const auto beta_DC = at::where(is_followed_D1, carried_DC, crf.last_C.expand_as(carried_DC));
    auto& alpha_DC = score[static_cast<size_t>(u)];
    alpha_DC = (alpha_DC + beta_DC - partition_D1).masked_fill(crf.turn_D1(u).logical_not(), 0.0);
    after_DC = at::where(crf.turn_D1(u), crf.emission_DC(u) + beta_DC, after_DC);
    is_followed_D1 = is_followed_D1.logical_or(crf.turn_D1(u));
  }
  return at::stack(score, 1);
}

at::Tensor crf_best_path(const at::Tensor& emission_DUC, const at::Tensor& mask_DU,
                         const at::Tensor& table_SC) {
  const at::NoGradGuard no_grad;
  const CrfParts crf(emission_DUC, mask_DU, table_SC);
  const auto same_DC =
      at::arange(crf.num_classes, mask_DU.options().dtype(at::kLong)).expand_as(crf.emission_DC(0));
  auto best_DC = at::zeros_like(crf.emission_DC(0));
  auto has_begun_D1 = at::zeros_like(crf.turn_D1(0));
  std::vector<at::Tensor> before_DC;  // the class before, if the turn has class c
  for (int64_t u = 0; u < crf.num_turns(); ++u) {
    const auto carried = (best_DC.unsqueeze(2) + crf.transition_CC).max(1);
    const auto goes_on_D1 = crf.turn_D1(u).logical_and(has_begun_D1);
    before_DC.push_back(at::where(goes_on_D1, std::get<1>(carried), same_DC));
    const auto entered_DC = at::where(has_begun_D1, std::get<0>(carried), crf.first_C.expand_as(best_DC));
    best_DC = at::where(crf.turn_D1(u), entered_DC + crf.emission_DC(u), best_DC);
    has_begun_D1 = has_begun_D1.logical_or(crf.turn_D1(u));
  }
  auto class_D1 = (best_DC + crf.last_C).argmax(1, /*keepdim=*/true);
  auto path_DU = at::empty(mask_DU.sizes(), class_D1.options());
  for (int64_t u = crf.num_turns() - 1; u >= 0; --u) {
    path_DU.narrow(1, u, 1).copy_(class_D1.masked_fill(crf.turn_D1(u).logical_not(), -1));
    class_D1 = before_DC[static_cast<size_t>(u)].gather(1, class_D1);
  }
  return path_DU;
}

std::shared_ptr<CrfLayer> build_crf_layer(int64_t num_classes) {
  return std::make_shared<CrfLayerImpl>(num_classes);
}

}  // namespace limbic::nn
