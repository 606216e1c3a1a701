#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"

namespace torch::nn {
class Module;
}

namespace limbic::objectives {

/// How a weight rises over the first part of training.
enum class RampShape {
  kGaussian,  ///< exp(-5 (1 - t)^2), Laine & Aila 2017
  kLinear,    ///< t
};
constexpr auto enum_names(RampShape) {
  return std::array<std::pair<RampShape, const char*>, 2>{
      {{RampShape::kGaussian, "gaussian"}, {RampShape::kLinear, "linear"}}};
}

/// A factor that rises to 1: what a young model says about unlabelled samples is of little worth.
struct RampUp {
  double share = 0.0;
  RampShape shape = RampShape::kGaussian;

  template <class Visitor>
  void visit(Visitor& v) {
    v("share", share, "share of training over which the weight rises; 0 = it is full from the start",
      config::in_range(0, 1));
    v("shape", shape, "gaussian: exp(-5 (1 - t)^2) with t from 0 to 1; linear: t");
  }
  /// @param progress  share of training that is done, in [0, 1]
  double factor(double progress) const;
};

enum class Curriculum { kNone, kFlexMatch };
constexpr auto enum_names(Curriculum) {
  return std::array<std::pair<Curriculum, const char*>, 2>{
      {{Curriculum::kNone, "none"}, {Curriculum::kFlexMatch, "flexmatch"}}};
}

enum class PseudoLabelForm { kHard, kSoft };
constexpr auto enum_names(PseudoLabelForm) {
  return std::array<std::pair<PseudoLabelForm, const char*>, 2>{
      {{PseudoLabelForm::kHard, "hard"}, {PseudoLabelForm::kSoft, "soft"}}};
}

/// Which predictions become labels.
struct PseudoLabelConfig {
  double threshold = 0.95;
  Curriculum curriculum = Curriculum::kNone;
  PseudoLabelForm form = PseudoLabelForm::kHard;
  double temperature = 0.5;
  bool align = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("threshold", threshold, "least probability of a prediction that becomes a label",
      config::in_range(0, 1));
    v("curriculum", curriculum,
      "none, or flexmatch: lower thresholds for classes that are learned more slowly (Zhang et al. 2021)");
    v("form", form, "hard: the class; soft: its probabilities, sharpened");
    v("temperature", temperature, "soft: divides the logarithms of the probabilities (Berthelot et al. 2019)",
      config::above(0));
    v("align", align,
      "distribution alignment: predictions are scaled so that their mean is the labelled samples' class "
      "distribution (Berthelot et al. 2020)");
  }
};

/// Labels that a model gives the rows of a batch; none of the tensors has a gradient.
struct PseudoLabelRows {
  at::Tensor class_B;       ///< int64
  at::Tensor confidence_B;  ///< probability of that class
  at::Tensor target_BC;     ///< one-hot or sharpened probabilities
  at::Tensor accepted_B;    ///< bool
};

/// T_c = b_c / (2 - b_c) * threshold with b_c = n_c / max(max_c n_c, unused): FlexMatch's curriculum with its
/// threshold warm-up and convex mapping.
/// @param count_C  float, unlabelled samples whose prediction passed `threshold`, by class
/// @param unused   float scalar, unlabelled samples that never passed
at::Tensor flexmatch_thresholds(const at::Tensor& count_C, const at::Tensor& unused, double threshold);

/// p * prior / mean, rows normalised to 1 (ReMixMatch).
at::Tensor align_distribution(const at::Tensor& p_BC, const at::Tensor& prior_C, const at::Tensor& mean_C);

/// Sum over accepted rows of -sum_c target_c log softmax(logits)_c, divided by the number of rows that could
/// have been accepted (as in FixMatch: few labels weigh little). What other rows hold has no influence.
/// @return scalar; zero, with gradient, when no row is accepted
at::Tensor pseudo_label_loss(const at::Tensor& logits_BC, const PseudoLabelRows& labels,
                             const at::Tensor& candidate_B);

/// Turns predictions into labels and keeps what that needs from batch to batch.
///
/// FlexMatch's counts are over all unlabelled samples, each with the last class it was sure of. Samples are
/// told apart by 20 bits of a checksum of their ids (of 25,000 samples, 1.2 % share a place). A sample counts
/// as unused from when it is first seen on; published, all of them from the start.
class PseudoLabels {
 public:
  /// @param prior_C  labelled examples of each class
  /// @throws Error(kConfig) for more classes than the memory can tell apart (253)
  PseudoLabels(const PseudoLabelConfig& config, const std::vector<int64_t>& prior_C);

  /// @param candidate_B  bool, the rows that may get a label
  /// @param ids          of the rows' samples
  PseudoLabelRows label(const at::Tensor& logits_BC, const at::Tensor& candidate_B,
                        const std::vector<std::string>& ids);
  /// Buffers: the classes of samples, the last 128 batches' mean predictions. Never null.
  std::shared_ptr<torch::nn::Module> as_module() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// How good labels are, as far as the truth is known: "<name>.accepted", the share of the candidates, and
/// "<name>.precision", the share of the accepted rows of known truth whose class is right. A share of nothing
/// is left out.
/// @param withheld_B  int64, -1 = not known; undefined = of no row
void audit_labels(const std::string& name, const PseudoLabelRows& labels, const at::Tensor& candidate_B,
                  const at::Tensor& withheld_B, std::map<std::string, at::Tensor>& terms);
/// The precision of each class's labels: "<name>.precision.<class>".
void audit_classes(const std::string& name, const PseudoLabelRows& labels, const at::Tensor& withheld_B,
                   const std::vector<std::string>& classes, std::map<std::string, at::Tensor>& terms);

}  // namespace limbic::objectives
