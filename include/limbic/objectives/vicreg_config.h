#pragma once
#include <string>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/objectives/projection_config.h"

namespace limbic::objectives {

/// Two embeddings of a sample agree, while every dimension varies over the batch and none repeats another
/// (VICReg, Bardes et al. 2022). Labels play no part, and no negatives are needed.
struct VicregConfig {
  static constexpr const char* kType = "vicreg";
  static constexpr const char* kDoc = "variance, invariance, covariance of two views (Bardes et al. 2022)";
  std::string modality = "fused";
  std::string against;
  double weight = 1.0;
  double invariance = 25.0;
  double variance = 25.0;
  double covariance = 1.0;
  ProjectionConfig projection{3, 512, 512, true};

  template <class Visitor>
  void visit(Visitor& v) {
    v("modality", modality, "whose embeddings: a modality, fused, or each (every modality by itself)");
    v("against", against, "another modality of the same sample; empty = a further view of this one");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("invariance", invariance, "lambda: factor of the mean squared difference", config::at_least(0));
    v("variance", variance, "mu: factor of the hinge on each dimension's standard deviation",
      config::at_least(0));
    v("covariance", covariance, "nu: factor of the covariances between dimensions", config::at_least(0));
    v("projection", projection, "the expander; published: three layers of 8192 units");
  }
  void validate(config::Checks& checks) const {
    checks.expect(against.empty() || (modality != "each" && modality != against), "against",
                  "must be another one than modality, which names one");
  }
};

}  // namespace limbic::objectives
