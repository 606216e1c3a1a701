#pragma once
#include <cstddef>
#include <vector>

namespace limbic::signals {

/// Where a person looked over time, both eyes averaged, in degrees of visual angle: 0 = the middle of the
/// screen, x grows to the right, y downwards, as pixels do. NaN = missing, always in x and y together.
struct GazeSamples {
  std::vector<double> time_s;  ///< N, increasing; steps need not be even
  std::vector<double> x_deg;   ///< N
  std::vector<double> y_deg;   ///< N
  std::vector<double> pupil;   ///< N in any unit, 0 or NaN = no pupil seen; or empty: not recorded

  size_t size() const { return time_s.size(); }
  bool has(size_t i) const { return x_deg[i] == x_deg[i] && y_deg[i] == y_deg[i]; }
};

/// @throws Error(kData) unless the columns have one length and times are finite and increase
void check_gaze(const GazeSamples& gaze);
/// 1 / the median step; NaN with fewer than two samples.
double sampling_rate_hz(const GazeSamples& gaze);
/// Makes the samples NaN that a tracker calls invalid. @throws Error(kData) when lengths differ
void mark_missing(GazeSamples& gaze, const std::vector<bool>& is_valid);
/// Mean of two eyes' coordinate; of the one that is there when the other is NaN.
std::vector<double> average_eyes(const std::vector<double>& left, const std::vector<double>& right);

/// Samples with times in [start_s, end_s): a piece of a recording that is too long for memory.
GazeSamples slice(const GazeSamples& gaze, double start_s, double end_s);

/// Samples [first, last)
struct SampleRun {
  size_t first = 0;
  size_t last = 0;
  size_t size() const { return last - first; }
};
/// Stretches without a missing sample and without a step longer than max_step median steps.
std::vector<SampleRun> gaze_runs(const GazeSamples& gaze, double max_step = 2.5);

}  // namespace limbic::signals
