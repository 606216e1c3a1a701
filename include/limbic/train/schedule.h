#pragma once
#include <cstdint>

#include "limbic/config/bounds.h"

namespace limbic::train {

/// Linear warm-up, then half a cosine down to `final_scale` (Loshchilov & Hutter 2017, without restarts).
struct ScheduleConfig {
  double warmup_epochs = 1.0;  ///< may be a fraction
  double final_scale = 0.0;    ///< of the peak learning rate, at the last step

  template <class Visitor>
  void visit(Visitor& v) {
    v("warmup_epochs", warmup_epochs, "epochs of linear warm-up; may be a fraction", config::at_least(0.0));
    v("final_scale", final_scale, "multiple of the peak learning rate at the last step",
      config::in_range(0.0, 1.0));
  }
};

/// Multiple of the peak learning rate for the 0-based step `step` of `total_steps`: a pure function, so that
/// a resumed run needs no scheduler state. Steps past the end stay at final_scale.
double lr_scale(const ScheduleConfig& config, int64_t step, int64_t steps_per_epoch, int64_t total_steps);

}  // namespace limbic::train
