#pragma once
#include <cstdint>
#include <string>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/objectives/projection_config.h"

namespace limbic::objectives {

/// Two views of a sample lie closer than views of different samples: SimCLR (Chen et al. 2020), and MoCo (He
/// et al. 2020) with momentum > 0. Labels play no part. Reads one further view of the batch.
struct InfoNceConfig {
  static constexpr const char* kType = "info_nce";
  static constexpr const char* kDoc = "views of a sample recognise each other: SimCLR, MoCo";
  std::string modality = "fused";
  double weight = 1.0;
  double temperature = 0.1;
  ProjectionConfig projection;
  int64_t queue = 0;
  double momentum = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("modality", modality, "whose embeddings: a modality, fused, or each (every modality by itself)");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("temperature", temperature, "divides the cosines; SimCLR 0.1 to 0.5, MoCo 0.07", config::above(0));
    v("projection", projection, "head that is trained along and thrown away");
    v("queue", queue, "projections of earlier batches that are negatives, too; 0 = this batch alone",
      config::at_least(0));
    v("momentum", momentum,
      "MoCo: keys come from an average of the model that follows this slowly (0.999), and negatives from the "
      "queue alone; 0 = SimCLR",
      config::half_open(0, 1));
  }
  void validate(config::Checks& checks) const {
    checks.expect(momentum == 0 || queue > 0, "queue", "must be positive with momentum: MoCo's negatives");
  }
};

}  // namespace limbic::objectives
