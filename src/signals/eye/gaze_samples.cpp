#include "limbic/signals/eye/gaze_samples.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/table.h"

namespace limbic::signals {
namespace {

std::vector<double> steps_of(const std::vector<double>& time_s) {
  std::vector<double> steps;
  steps.reserve(time_s.size());
  for (size_t i = 1; i < time_s.size(); ++i) steps.push_back(time_s[i] - time_s[i - 1]);
  return steps;
}

}  // namespace

void check_gaze(const GazeSamples& gaze) {
  const size_t n = gaze.size();
  require(gaze.x_deg.size() == n && gaze.y_deg.size() == n && (gaze.pupil.empty() || gaze.pupil.size() == n),
          ErrorCode::kData,
          "gaze: " + std::to_string(n) + " times, " + std::to_string(gaze.x_deg.size()) + " x, " +
              std::to_string(gaze.y_deg.size()) + " y, " + std::to_string(gaze.pupil.size()) +
              " pupil sizes; expected as many of each (pupil may be empty)");
  // Messages are made only when needed: this runs over every sample of every step of an analysis.
  for (size_t i = 0; i < n; ++i) {
    if (!std::isfinite(gaze.time_s[i]) || (i > 0 && gaze.time_s[i] <= gaze.time_s[i - 1])) {
      throw Error(ErrorCode::kData, "gaze: the time of sample " + std::to_string(i) + " (" +
                                        std::to_string(gaze.time_s[i]) +
                                        " s) is not after the one before; expected increasing times; sort or "
                                        "drop repeated samples");
    }
    if (std::isinf(gaze.x_deg[i]) || std::isinf(gaze.y_deg[i])) {
      throw Error(ErrorCode::kData,
                  "gaze: sample " + std::to_string(i) + " is infinite; expected degrees or NaN for missing");
    }
  }
}

double sampling_rate_hz(const GazeSamples& gaze) {
  return gaze.size() < 2 ? kMissing : 1.0 / median(steps_of(gaze.time_s));
}

void mark_missing(GazeSamples& gaze, const std::vector<bool>& is_valid) {
  require(is_valid.size() == gaze.size(), ErrorCode::kData,
          "gaze: " + std::to_string(is_valid.size()) + " validity marks for " + std::to_string(gaze.size()) +
              " samples; expected one each");
  for (size_t i = 0; i < gaze.size(); ++i) {
    if (is_valid[i]) continue;
    gaze.x_deg[i] = gaze.y_deg[i] = kMissing;
    if (!gaze.pupil.empty()) gaze.pupil[i] = kMissing;
  }
}

std::vector<double> average_eyes(const std::vector<double>& left, const std::vector<double>& right) {
  require(left.size() == right.size(), ErrorCode::kData,
          "gaze: " + std::to_string(left.size()) + " samples of the left eye and " +
              std::to_string(right.size()) + " of the right; expected as many");
  std::vector<double> both(left.size());
  for (size_t i = 0; i < both.size(); ++i) {
    if (std::isnan(left[i])) {
      both[i] = right[i];
    } else {
      both[i] = std::isnan(right[i]) ? left[i] : 0.5 * (left[i] + right[i]);
    }
  }
  return both;
}

GazeSamples slice(const GazeSamples& gaze, double start_s, double end_s) {
  const auto& t = gaze.time_s;
  const auto first = std::lower_bound(t.begin(), t.end(), start_s) - t.begin();
  const auto last = std::max(first, std::lower_bound(t.begin(), t.end(), end_s) - t.begin());
  const auto part = [&](const std::vector<double>& x) {
    return x.empty() ? x : std::vector<double>(x.begin() + first, x.begin() + last);
  };
  return {part(t), part(gaze.x_deg), part(gaze.y_deg), part(gaze.pupil)};
}

std::vector<SampleRun> gaze_runs(const GazeSamples& gaze, double max_step) {
  std::vector<SampleRun> runs;
  const double longest_s = max_step / sampling_rate_hz(gaze);
  bool is_open = false;
  for (size_t i = 0; i < gaze.size(); ++i) {
    if (!gaze.has(i)) {
      is_open = false;
      continue;
    }
    if (!is_open || gaze.time_s[i] - gaze.time_s[i - 1] > longest_s) runs.push_back({i, i});
    runs.back().last = i + 1;
    is_open = true;
  }
  return runs;
}

}  // namespace limbic::signals
