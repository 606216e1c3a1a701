#include "limbic/signals/eye/eye_features.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/resample.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

/// Names and values side by side, so that columns and rows cannot differ.
struct FeatureRow {
  std::vector<Column> columns;
  std::vector<double> values;
  void add(const char* name, const char* unit, const char* doc, double value) {
    columns.push_back({name, unit, doc});
    values.push_back(value);
  }
};

struct Line {
  double slope = kMissing;
  double intercept = kMissing;
};
/// Least squares over pairs without NaN; NaN with fewer than three or without spread.
Line fit_line(const std::vector<double>& x, const std::vector<double>& y) {
  double n = 0, mean_x = 0, mean_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) || std::isnan(y[i])) continue;
    ++n;
    mean_x += (x[i] - mean_x) / n;
    mean_y += (y[i] - mean_y) / n;
  }
  double xx = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) || std::isnan(y[i])) continue;
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (n < 3 || !(xx > 0)) return {};
  return {xy / xx, mean_y - xy / xx * mean_x};
}

double entropy_bits(const std::vector<double>& counts) {
  double total = 0;
  for (const double c : counts) total += c;
  if (total == 0) return kMissing;
  double bits = 0;
  for (const double c : counts) {
    if (c > 0) bits -= c / total * std::log2(c / total);
  }
  return bits;
}

/// Entropy of the next cell given the present one, weighted by how often each cell is left (Krejtz et al.
/// 2014).
double transition_entropy_bits(const std::vector<size_t>& cells, size_t num_cells) {
  if (cells.size() < 2) return kMissing;
  double bits = 0;
  for (size_t from = 0; from < num_cells; ++from) {
    std::vector<double> next(num_cells, 0.0);
    double leaves = 0;
    for (size_t i = 1; i < cells.size(); ++i) {
      if (cells[i - 1] != from) continue;
      ++next[cells[i]];
      ++leaves;
    }
    if (leaves > 0) bits += leaves / static_cast<double>(cells.size() - 1) * entropy_bits(next);
  }
  return bits;
}

/// What is collected of the events of one class.
struct EventLists {
  std::vector<double> duration_s;
  std::vector<double> amplitude_deg;
  std::vector<double> peak_deg_s;
  std::vector<double> mean_deg_s;
  std::vector<double> dispersion_deg;
  double total_s = 0;
  void add(const GazeMeasures& m) {
    duration_s.push_back(m.duration_s);
    amplitude_deg.push_back(m.amplitude_deg);
    peak_deg_s.push_back(m.peak_velocity_deg_s);
    mean_deg_s.push_back(m.mean_velocity_deg_s);
    dispersion_deg.push_back(m.dispersion_deg);
    total_s += m.duration_s;
  }
  double count() const { return static_cast<double>(duration_s.size()); }
};

/// Everything that a row says, of one window's samples and events.
struct WindowContent {
  double num_samples = 0;
  double num_seen = 0;
  double num_closed = 0;
  double num_pursuing = 0;
  double step_s = kMissing;
  std::vector<double> x_deg;
  std::vector<double> y_deg;
  std::vector<double> pupil;
  std::vector<double> time_s;
  EventLists by_class[kNumGazeClasses];
  std::vector<double> fixation_x_deg;
  std::vector<double> fixation_y_deg;
  const EventLists& of(GazeClass c) const { return by_class[static_cast<size_t>(c)]; }
};

void add_saccade_features(const EventLists& saccades, double seconds, double max_main_sequence_deg,
                          FeatureRow& row) {
  std::vector<double> amplitude, peak, log_amplitude, log_peak;
  for (size_t i = 0; i < saccades.amplitude_deg.size(); ++i) {
    const double a = saccades.amplitude_deg[i];
    const double v = saccades.peak_deg_s[i];
    if (!(a > 0 && a <= max_main_sequence_deg && v > 0)) continue;
    amplitude.push_back(a);
    peak.push_back(v);
    log_amplitude.push_back(std::log(a));
    log_peak.push_back(std::log(v));
  }
  row.add("saccade_count", "1", "under 100 Hz: candidates", saccades.count());
  row.add("saccade_rate_per_s", "1/s", "", saccades.count() / seconds);
  row.add("saccade_duration_mean_s", "s", "", mean(saccades.duration_s));
  row.add("saccade_duration_sd_s", "s", "of the population", standard_deviation(saccades.duration_s));
  row.add("saccade_amplitude_mean_deg", "deg", "", mean(saccades.amplitude_deg));
  row.add("saccade_amplitude_sd_deg", "deg", "of the population", standard_deviation(saccades.amplitude_deg));
  row.add("saccade_amplitude_median_deg", "deg", "", median(saccades.amplitude_deg));
  row.add("saccade_peak_velocity_mean_deg_s", "deg/s", "", mean(saccades.peak_deg_s));
  row.add("saccade_peak_velocity_sd_deg_s", "deg/s", "of the population",
          standard_deviation(saccades.peak_deg_s));
  row.add("saccade_peak_velocity_max_deg_s", "deg/s", "", maximum(saccades.peak_deg_s));
  row.add("main_sequence_slope_per_s", "1/s", "peak velocity over amplitude, least squares",
          fit_line(amplitude, peak).slope);
  row.add("main_sequence_exponent", "1", "the same of their logarithms",
          fit_line(log_amplitude, log_peak).slope);
}

void add_path_features(const WindowContent& w, const EyeFeatureConfig& config, FeatureRow& row) {
  const double spread = std::hypot(standard_deviation(w.x_deg), standard_deviation(w.y_deg));
  row.add("gaze_spread_deg", "deg", "root of the summed variances of x and y", spread);
  double path = w.fixation_x_deg.size() > 1 ? 0.0 : kMissing;
  std::vector<size_t> cells;
  std::vector<double> visits(static_cast<size_t>(config.grid_columns * config.grid_rows), 0.0);
  const auto cell_of = [](double deg, double size_deg, int64_t num) {
    const double at = std::floor((deg / size_deg + 0.5) * static_cast<double>(num));
    return static_cast<size_t>(std::clamp(at, 0.0, static_cast<double>(num - 1)));
  };
  for (size_t i = 0; i < w.fixation_x_deg.size(); ++i) {
    const double x = w.fixation_x_deg[i];
    const double y = w.fixation_y_deg[i];
    if (i > 0) path += std::hypot(x - w.fixation_x_deg[i - 1], y - w.fixation_y_deg[i - 1]);
    cells.push_back(cell_of(y, config.grid_height_deg, config.grid_rows) *
                        static_cast<size_t>(config.grid_columns) +
                    cell_of(x, config.grid_width_deg, config.grid_columns));
    ++visits[cells.back()];
  }
  row.add("scanpath_length_deg", "deg", "from fixation to fixation", path);
  row.add("gaze_entropy_bits", "bit", "of the cells that fixations lie in", entropy_bits(visits));
  row.add("gaze_transition_entropy_bits", "bit", "of the next fixation's cell given the present one's",
          transition_entropy_bits(cells, visits.size()));
}

FeatureRow features_of(const WindowContent& w, const EyeFeatureConfig& config) {
  FeatureRow row;
  const double seconds = w.num_samples * w.step_s;
  const EventLists& fixations = w.of(GazeClass::kFixation);
  const EventLists& blinks = w.of(GazeClass::kBlink);
  const EventLists& pursuits = w.of(GazeClass::kPursuit);
  row.add("valid_share", "1", "seen samples", w.num_seen / w.num_samples);
  row.add("fixation_count", "1", "", fixations.count());
  row.add("fixation_rate_per_s", "1/s", "", fixations.count() / seconds);
  row.add("fixation_duration_mean_s", "s", "", mean(fixations.duration_s));
  row.add("fixation_duration_sd_s", "s", "of the population", standard_deviation(fixations.duration_s));
  row.add("fixation_duration_median_s", "s", "", median(fixations.duration_s));
  row.add("fixation_duration_max_s", "s", "", maximum(fixations.duration_s));
  row.add("fixation_dispersion_mean_deg", "deg", "(max - min) of x plus of y",
          mean(fixations.dispersion_deg));
  add_saccade_features(w.of(GazeClass::kSaccade), seconds, config.max_main_sequence_deg, row);
  row.add("pso_count", "1", "post-saccadic oscillations", w.of(GazeClass::kPso).count());
  row.add("pursuit_count", "1", "", pursuits.count());
  row.add("pursuit_share", "1", "samples in pursuit, of those seen", w.num_pursuing / w.num_seen);
  row.add("pursuit_velocity_mean_deg_s", "deg/s", "", mean(pursuits.mean_deg_s));
  row.add("blink_count", "1", "", blinks.count());
  row.add("blink_rate_per_min", "1/min", "", 60 * blinks.count() / seconds);
  row.add("blink_duration_mean_s", "s", "with the lid's way down and up", mean(blinks.duration_s));
  row.add("perclos", "1",
          "samples in blinks and in losses longer than closure_s, of all: at most, since looking away is "
          "lost too",
          w.num_closed / w.num_samples);
  row.add("pupil_mean", "1", "in the unit of the recording", mean(w.pupil));
  row.add("pupil_sd", "1", "of the population", standard_deviation(w.pupil));
  row.add("pupil_slope_per_s", "1/s", "least squares over time", fit_line(w.time_s, w.pupil).slope);
  add_path_features(w, config, row);
  row.add("min_resolvable_ms", "ms", "2 / rate: shorter events cannot be told from noise", 2000 * w.step_s);
  return row;
}

}  // namespace

void EyeFeatureConfig::validate(config::Checks& checks) const {
  const auto expect_positive = [&](double value, const char* field) {
    checks.expect(std::isfinite(value) && value > 0, field, "must be positive, got " + std::to_string(value));
  };
  expect_positive(max_main_sequence_deg, "max_main_sequence_deg");
  expect_positive(closure_s, "closure_s");
  expect_positive(hampel_window_s, "hampel_window_s");
  expect_positive(hampel_deviations, "hampel_deviations");
  checks.expect(max_pupil_gap_s >= 0, "max_pupil_gap_s",
                "must not be negative, got " + std::to_string(max_pupil_gap_s));
  checks.expect(grid_columns >= 1 && grid_columns <= 100, "grid_columns",
                "must be in [1, 100], got " + std::to_string(grid_columns));
  checks.expect(grid_rows >= 1 && grid_rows <= 100, "grid_rows",
                "must be in [1, 100], got " + std::to_string(grid_rows));
  expect_positive(grid_width_deg, "grid_width_deg");
  expect_positive(grid_height_deg, "grid_height_deg");
}

std::vector<double> clean_pupil(const GazeSamples& gaze, const EyeFeatureConfig& config) {
  if (gaze.pupil.empty()) return {};
  if (gaze.size() < 2) return {gaze.pupil[0] > 0 ? gaze.pupil[0] : kMissing};
  std::vector<double> time_s;
  std::vector<double> sizes;
  for (size_t i = 0; i < gaze.size(); ++i) {
    if (!(gaze.pupil[i] > 0) || std::isinf(gaze.pupil[i])) continue;
    time_s.push_back(gaze.time_s[i]);
    sizes.push_back(gaze.pupil[i]);
  }
  const double rate_hz = sampling_rate_hz(gaze);
  const int64_t window = 2 * static_cast<int64_t>(0.5 * config.hampel_window_s * rate_hz) + 1;
  const std::vector<double> centres = median_filter(sizes, window);
  std::vector<double> away(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) away[i] = std::abs(sizes[i] - centres[i]);
  const std::vector<double> spreads = median_filter(away, window);
  constexpr double kGaussian = 1.4826;
  std::vector<double> kept_s;
  std::vector<double> kept;
  for (size_t i = 0; i < sizes.size(); ++i) {
    // A spread of 0: most of the window has one value, and so small a step may well be the next digit.
    if (spreads[i] > 0 && away[i] > config.hampel_deviations * kGaussian * spreads[i]) continue;
    kept_s.push_back(time_s[i]);
    kept.push_back(sizes[i]);
  }
  // A gap of no length would forbid the steps between samples themselves.
  return interpolate(kept_s, kept, gaze.time_s, std::max(config.max_pupil_gap_s, 1.5 / rate_hz));
}

EyeFeatures::EyeFeatures(const ClassifiedGaze& data, const EyeFeatureConfig& config)
    : data_(data), config_(config) {
  config::ThrowingChecks checks("eye_features");
  config_.validate(checks);
  pupil_ = clean_pupil(data.gaze, config);
  for (const GazeEvent& event : data.events) {
    measures_.push_back(measure(event, data.gaze, data.velocity, data.step_s));
  }
}

std::vector<double> EyeFeatures::window(const Interval& window) const {
  const auto& t = data_.gaze.time_s;
  const auto index_of = [&](double time_s) {
    return static_cast<size_t>(std::lower_bound(t.begin(), t.end(), time_s) - t.begin());
  };
  const size_t first = index_of(window.start_s);
  const size_t last = std::max(first, index_of(window.end_s));
  if (first == last) return std::vector<double>(columns().size(), kMissing);

  WindowContent w;
  w.step_s = data_.step_s;
  w.num_samples = static_cast<double>(last - first);
  for (size_t i = first; i < last; ++i) {
    if (!data_.gaze.has(i)) continue;
    ++w.num_seen;
    w.x_deg.push_back(data_.gaze.x_deg[i]);
    w.y_deg.push_back(data_.gaze.y_deg[i]);
  }
  if (!pupil_.empty()) {
    for (size_t i = first; i < last; ++i) {
      w.time_s.push_back(t[i]);
      w.pupil.push_back(pupil_[i]);
    }
  }
  // Events do not overlap, so those that reach into the window begin with the last one before it.
  const auto begins_before = [](const GazeEvent& e, size_t sample) { return e.last <= sample; };
  auto event = std::lower_bound(data_.events.begin(), data_.events.end(), first, begins_before);
  for (; event != data_.events.end() && event->first < last; ++event) {
    const GazeMeasures& m = measures_[static_cast<size_t>(event - data_.events.begin())];
    const auto inside = static_cast<double>(std::min(event->last, last) - std::max(event->first, first));
    const bool is_closed = event->gaze_class == GazeClass::kBlink ||
                           (event->gaze_class == GazeClass::kLoss && m.duration_s > config_.closure_s);
    if (is_closed) w.num_closed += inside;
    if (event->gaze_class == GazeClass::kPursuit) w.num_pursuing += inside;
    if (event->first < first) continue;
    w.by_class[static_cast<size_t>(event->gaze_class)].add(m);
    if (event->gaze_class != GazeClass::kFixation) continue;
    double x = 0;
    double y = 0;
    for (size_t i = event->first; i < event->last; ++i) {
      x += data_.gaze.x_deg[i];
      y += data_.gaze.y_deg[i];
    }
    w.fixation_x_deg.push_back(x / static_cast<double>(event->last - event->first));
    w.fixation_y_deg.push_back(y / static_cast<double>(event->last - event->first));
  }
  return features_of(w, config_).values;
}

std::vector<Column> EyeFeatures::columns() {
  return features_of({}, {}).columns;
}

}  // namespace limbic::signals
