#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "limbic/affect/batch.h"
#include "limbic/affect/label_space.h"
#include "limbic/config/bounds.h"

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// How the values of a continuous task are kept in its range.
enum class OutputBound { kNone, kTanh, kSigmoid };
constexpr auto enum_names(OutputBound) {
  return std::array<std::pair<OutputBound, const char*>, 3>{
      {{OutputBound::kNone, "none"}, {OutputBound::kTanh, "tanh"}, {OutputBound::kSigmoid, "sigmoid"}}};
}

/// Embedding to the outputs of a task: dropout, optional hidden layer, linear.
struct HeadConfig {
  double dropout = 0.3;
  int64_t hidden = 0;  ///< units of a layer + ReLU + dropout before the last; 0 = none
  OutputBound bound = OutputBound::kNone;
  bool uncertainty = false;
  bool crf = false;  ///< see nn/crf.h

  template <class Visitor>
  void visit(Visitor& v) {
    v("dropout", dropout, "dropout on the input and on the hidden layer, in [0, 1)", config::half_open(0, 1));
    v("hidden", hidden, "units of a hidden layer; 0 = none", config::at_least(0));
    v("bound", bound, "continuous tasks with a range: none, tanh or sigmoid keeps values inside");
    v("uncertainty", uncertainty,
      "continuous tasks: also say the variance of every value; wants regression: gaussian_nll");
    v("crf", crf, "classes of successive turns of a dialogue depend on each other (train with type: crf)");
  }
};

/// What the scores of a head mean. The kind of its task says which are defined.
struct HeadReading {
  at::Tensor logits_BC;        ///< single label; ordinal: logarithms of the probabilities
  at::Tensor label_logits_BC;  ///< multi label
  at::Tensor value_BC;         ///< continuous
  at::Tensor log_variance_BC;  ///< continuous, with HeadConfig::uncertainty

  /// The one of the first three that is defined.
  const at::Tensor& main() const;
  /// Puts it where ModelOutput has it.
  void put(const std::string& task, affect::ModelOutput& output) const;
};

/// One task's outputs for one vector a row.
///
/// Single label: class scores. Multi label: one logit a label. Continuous: a linear map; with a range its
/// unit is half the range and its zero the middle, so that a head starts inside; `uncertainty` adds the
/// logarithm of the variance (Kendall & Gal 2017, heteroscedastic). Ordinal: the cumulative link model of
/// McCullagh 1980 with the logistic link, P(y > k) = sigmoid(s(x) - b_k), one score s for all thresholds as
/// in CORAL (Cao et al. 2020). The thresholds b are made of positive gaps, so they are in order by
/// construction and class probabilities are never negative, where CORAL proves the order for the optimum
/// only. They start where a score of 0 finds every class equally likely.
class Head {
 public:
  virtual ~Head() = default;
  /// (B, width) -> (B, num_scores()), what late fusion mixes; read() says what it means.
  virtual at::Tensor logits(const at::Tensor& x_BD) = 0;
  virtual int64_t num_scores() const = 0;
  /// Without parameters: any mix of the scores of heads of one task can be read.
  virtual HeadReading read(const at::Tensor& scores_BS) const = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};
/// @throws Error(kConfig) for a bound without a range, or of another kind of task
std::shared_ptr<Head> build_head(const HeadConfig& config, int64_t width, const affect::LabelSpace& task);

}  // namespace limbic::nn
