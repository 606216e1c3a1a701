#include "limbic/train/schedule.h"

#include <algorithm>
#include <cmath>

namespace limbic::train {

double lr_scale(const ScheduleConfig& config, int64_t step, int64_t steps_per_epoch, int64_t total_steps) {
  const double warmup =
      std::min(config.warmup_epochs * static_cast<double>(steps_per_epoch), static_cast<double>(total_steps));
  const auto s = static_cast<double>(step);
  if (s < warmup) return (s + 1) / (warmup + 1);
  const double span = std::max(1.0, static_cast<double>(total_steps) - warmup);
  const double progress = std::min(1.0, (s - warmup) / span);
  constexpr double kPi = 3.14159265358979323846;
  return config.final_scale + (1 - config.final_scale) * 0.5 * (1 + std::cos(kPi * progress));
}

}  // namespace limbic::train
