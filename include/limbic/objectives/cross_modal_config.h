#pragma once
#include <string>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/objectives/projection_config.h"

namespace limbic::objectives {

/// Modalities of one sample recognise each other in the batch: CMC (Tian et al. 2020) over pairs of
/// modalities with CLIP's symmetric loss (Radford et al. 2021). Labels play no part. A pair counts the
/// samples in which both are used.
struct CrossModalConfig {
  static constexpr const char* kType = "cross_modal";
  static constexpr const char* kDoc = "modalities of a sample recognise each other: CMC, CLIP";
  std::vector<std::string> modalities;
  std::string anchor;
  double weight = 1.0;
  double temperature = 0.07;
  bool learn_temperature = true;
  ProjectionConfig projection{1, 0, 128, true};

  template <class Visitor>
  void visit(Visitor& v) {
    v("modalities", modalities, "all pairs of these; empty = all modalities");
    v("anchor", anchor, "only pairs with this modality (CMC's core view); empty = all pairs");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("temperature", temperature, "divides the cosines; where learned, the first value", config::above(0));
    v("learn_temperature", learn_temperature, "as CLIP does, one for all pairs, never below 0.01");
    v("projection", projection, "head of each modality; CLIP: one linear layer");
  }
  void validate(config::Checks& checks) const {
    checks.expect(modalities.empty() || modalities.size() >= 2, "modalities", "must name two or none");
    checks.expect(!learn_temperature || temperature >= 0.01, "temperature",
                  "must be 0.01 or more to be learned");
  }
};

}  // namespace limbic::objectives
