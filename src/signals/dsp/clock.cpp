#include "limbic/signals/dsp/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <unsupported/Eigen/FFT>

#include "limbic/core/error.h"
#include "limbic/signals/table.h"

namespace limbic::signals {
namespace {

/// Correlation by lag, and over how many samples.
struct LagCurve {
  int64_t first_lag = 0;
  std::vector<double> correlation;  ///< NaN where the overlap is too short
  std::vector<double> overlap;
};

double clock_median(std::vector<double> values) {
  if (values.empty()) return kMissing;
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double finite_mean(const std::vector<double>& x) {
  double sum = 0;
  double count = 0;
  for (const double v : x) {
    if (!std::isfinite(v)) continue;
    sum += v;
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

/// Pearson's r of a[i] and b[i - lag] over the pairs where both are there, for every lag in [first, last].
/// Block by block, so that memory follows the lag range and not the length.
LagCurve correlate(const std::vector<double>& a, const std::vector<double>& b, int64_t first, int64_t last,
                   double min_overlap) {
  const int64_t num_lags = last - first + 1;
  int64_t size = 1;
  while (size < std::max<int64_t>(4 * num_lags, 1 << 14)) size *= 2;
  const int64_t block = size - num_lags + 1;
  using Spectrum = std::vector<std::complex<double>>;
  Eigen::FFT<double> fft;
  const double mean_a = finite_mean(a), mean_b = finite_mean(b);
  // Three views of a signal: values with zeros for what is missing, squares, presence.
  const auto views = [&](const std::vector<double>& x, double mean, int64_t from, int64_t count) {
    std::array<Spectrum, 3> out;
    std::array<std::vector<double>, 3> parts;
    for (auto& part : parts) part.assign(static_cast<size_t>(size), 0.0);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = from + i;
      if (at < 0 || at >= static_cast<int64_t>(x.size()) || !std::isfinite(x[static_cast<size_t>(at)]))
        continue;
      const double value = x[static_cast<size_t>(at)] - mean;
      const auto k = static_cast<size_t>(i);
      parts[0][k] = value;
      parts[1][k] = value * value;
      parts[2][k] = 1;
    }
    for (size_t p = 0; p < 3; ++p) fft.fwd(out[p], parts[p]);
    return out;
  };
  std::array<std::vector<double>, 6> sums;  // ab, a, b, aa, bb, count
  for (auto& sum : sums) sum.assign(static_cast<size_t>(num_lags), 0.0);
  for (int64_t begin = 0; begin < static_cast<int64_t>(a.size()); begin += block) {
    // a[i] of the block meets b[i - lag]: b from begin - last on.
    const int64_t b_end = begin + block - first;
    if (b_end <= 0 || begin - last >= static_cast<int64_t>(b.size())) continue;
    const auto fa = views(a, mean_a, begin, block);
    const auto fb = views(b, mean_b, begin - last, block + num_lags - 1);
    const std::array<std::pair<size_t, size_t>, 6> products = {
        {{0, 0}, {0, 2}, {2, 0}, {1, 2}, {2, 1}, {2, 2}}};
    Spectrum product(static_cast<size_t>(size));
    std::vector<double> time;
    for (size_t p = 0; p < 6; ++p) {
      for (size_t k = 0; k < product.size(); ++k)
        product[k] = std::conj(fa[products[p].first][k]) * fb[products[p].second][k];
      fft.inv(time, product);
      // Place m pairs a[begin + i] with b[begin - last + i + m]: lag = last - m.
      for (int64_t m = 0; m < num_lags; ++m)
        sums[p][static_cast<size_t>(num_lags - 1 - m)] += time[static_cast<size_t>(m)];
    }
  }
  LagCurve curve;
  curve.first_lag = first;
  for (size_t k = 0; k < static_cast<size_t>(num_lags); ++k) {
    const double n = std::round(sums[5][k]);
    const double var_a = sums[3][k] - sums[1][k] * sums[1][k] / std::max(n, 1.0);
    const double var_b = sums[4][k] - sums[2][k] * sums[2][k] / std::max(n, 1.0);
    const double scale = 1e-12 * std::max(sums[3][k], 0.0) * std::max(sums[4][k], 0.0);
    const bool is_known = n >= min_overlap && var_a > 0 && var_b > 0 && var_a * var_b > scale;
    curve.correlation.push_back(
        is_known ? (sums[0][k] - sums[1][k] * sums[2][k] / n) / std::sqrt(var_a * var_b) : kMissing);
    curve.overlap.push_back(n);
  }
  return curve;
}

struct BestLag {
  double lag = 0;  ///< between samples
  double correlation = 0;
  double runner_up = 0;
  double noise = 0;  ///< median |r| of all lags
  bool is_found = false;
  bool is_at_edge = false;
};

/// The highest peak and the highest one outside its main lobe. Long overlaps count more: r of few samples is
/// large by chance.
BestLag best_lag(const LagCurve& curve) {
  const auto n = static_cast<int64_t>(curve.correlation.size());
  double longest = 1;
  for (const double overlap : curve.overlap) longest = std::max(longest, overlap);
  std::vector<double> score(curve.correlation.size(), kMissing);
  std::vector<double> magnitudes;
  BestLag best;
  int64_t top = -1;
  for (int64_t k = 0; k < n; ++k) {
    const auto i = static_cast<size_t>(k);
    if (!std::isfinite(curve.correlation[i])) continue;
    score[i] = curve.correlation[i] * std::sqrt(curve.overlap[i] / longest);
    magnitudes.push_back(std::abs(curve.correlation[i]));
    if (top < 0 || score[i] > score[static_cast<size_t>(top)]) top = k;
  }
  if (top < 0) return best;
  best.is_found = true;
  best.correlation = curve.correlation[static_cast<size_t>(top)];
  best.noise = clock_median(magnitudes);
  int64_t left = top, right = top;
  while (left > 0 && score[static_cast<size_t>(left - 1)] < score[static_cast<size_t>(left)]) --left;
  while (right + 1 < n && score[static_cast<size_t>(right + 1)] < score[static_cast<size_t>(right)]) ++right;
  double second = 0;
  for (int64_t k = 0; k < n; ++k) {
    if ((k < left || k > right) && score[static_cast<size_t>(k)] > second)
      second = score[static_cast<size_t>(k)];
  }
  const double top_score = score[static_cast<size_t>(top)];
  best.runner_up = top_score > 0 ? best.correlation * second / top_score : 0;
  best.lag = static_cast<double>(curve.first_lag + top);
  best.is_at_edge = top == 0 || top + 1 == n;
  if (!best.is_at_edge) {
    const double before = curve.correlation[static_cast<size_t>(top - 1)];
    const double after = curve.correlation[static_cast<size_t>(top + 1)];
    const double bend = before - 2 * best.correlation + after;
    if (std::isfinite(bend) && bend < 0) best.lag += 0.5 * (before - after) / bend;
  }
  return best;
}

/// Slow outline of activity: root mean square over 2 s. Its peak survives a drift of half a second.
std::vector<double> envelope_of(const std::vector<double>& x, double rate_hz) {
  const auto half = static_cast<int64_t>(std::lround(rate_hz));
  const double mean = finite_mean(x);
  const auto n = static_cast<int64_t>(x.size());
  std::vector<double> out(x.size(), kMissing);
  double sum = 0;
  int64_t count = 0;
  const auto change = [&](int64_t at, int sign) {
    if (at < 0 || at >= n || !std::isfinite(x[static_cast<size_t>(at)])) return;
    const double value = x[static_cast<size_t>(at)] - mean;
    sum += sign * value * value;
    count += sign;
  };
  for (int64_t i = -half; i < half; ++i) change(i, 1);
  for (int64_t i = 0; i < n; ++i) {
    change(i + half, 1);
    change(i - half - 1, -1);
    if (count > half)
      out[static_cast<size_t>(i)] = std::sqrt(std::max(0.0, sum) / static_cast<double>(count));
  }
  return out;
}

/// Median of the slopes of all pairs (Theil 1950, Sen 1968): a wrong window does not bend it.
struct RobustLine {
  double slope = 0;
  double middle_x = 0;
  double middle_y = 0;
};
RobustLine robust_line(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> slopes;
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t j = i + 1; j < x.size(); ++j) {
      if (x[j] != x[i]) slopes.push_back((y[j] - y[i]) / (x[j] - x[i]));
    }
  }
  RobustLine line;
  line.slope = slopes.empty() ? 0 : clock_median(slopes);
  line.middle_x = clock_median(x);
  std::vector<double> rest(y.size());
  for (size_t i = 0; i < y.size(); ++i) rest[i] = y[i] - line.slope * (x[i] - line.middle_x);
  line.middle_y = clock_median(rest);
  return line;
}

void check_config(const ClockMatchConfig& config) {
  config::ThrowingChecks checks("clock");
  config.validate(checks);
}

/// Offsets of windows of `other` around a first guess, and the line through them.
void refine_drift(const TimeSeries& reference, const TimeSeries& other, const ClockMatchConfig& config,
                  ClockMatch& match) {
  const double rate = config.rate_hz;
  const double span = static_cast<double>(other.values.size()) / rate;
  const double reach = 1 + config.max_drift * span;
  const auto window = static_cast<int64_t>(config.drift_window_s * rate);
  std::vector<double> at, offsets;
  for (int64_t begin = 0; begin + window / 2 < static_cast<int64_t>(other.values.size()); begin += window) {
    const auto end = std::min<int64_t>(begin + window, static_cast<int64_t>(other.values.size()));
    const TimeSeries piece{
        rate, other.time_of(begin), {other.values.begin() + begin, other.values.begin() + end}};
    // Only the part of the reference that the window can meet.
    const TimeSeries part =
        slice(reference, piece.t0_s + match.offset_s - reach, piece.end_s() + match.offset_s + reach);
    if (part.values.empty()) continue;
    const double shift = (match.offset_s + piece.t0_s - part.t0_s) * rate;
    const auto middle = static_cast<int64_t>(std::lround(shift));
    const auto lags = static_cast<int64_t>(std::ceil(reach * rate));
    const BestLag best = best_lag(correlate(part.values, piece.values, middle - lags, middle + lags,
                                            0.5 * static_cast<double>(end - begin)));
    if (!best.is_found || best.is_at_edge || best.correlation < config.min_correlation ||
        best.runner_up > config.max_runner_up * best.correlation) {
      continue;
    }
    at.push_back((piece.t0_s + piece.end_s()) / 2);
    offsets.push_back(best.lag / rate + part.t0_s - piece.t0_s);
  }
  if (at.size() < 3) {
    match.refusal = fmt::format("drift: only {} windows of {:g} s show an offset; at least 3 are needed",
                                at.size(), config.drift_window_s);
    return;
  }
  const RobustLine line = robust_line(at, offsets);
  if (std::abs(line.slope) > config.max_drift) {
    match.refusal =
        fmt::format("a drift of {:.2g} s/s; more than {:.2g} is no clock", line.slope, config.max_drift);
    return;
  }
  match.offset_s = line.middle_y;
  match.drift = line.slope;
  match.pivot_s = line.middle_x;
}

}  // namespace

void ClockMatchConfig::validate(config::Checks& checks) const {
  const auto positive = [&](const char* field, double value) {
    checks.expect(std::isfinite(value) && value > 0, field, fmt::format("must be positive, got {}", value));
  };
  positive("rate_hz", rate_hz);
  positive("max_offset_s", max_offset_s);
  positive("min_overlap_s", min_overlap_s);
  positive("drift_window_s", drift_window_s);
  positive("max_drift", max_drift);
  positive("event_tolerance_s", event_tolerance_s);
  checks.expect(std::isfinite(expected_offset_s), "expected_offset_s", "must be finite");
  checks.expect(max_offset_s * rate_hz <= 2e7, "max_offset_s",
                fmt::format("{} s at {} Hz are more than 2e7 lags", max_offset_s, rate_hz));
  checks.expect(min_correlation > 0 && min_correlation <= 1, "min_correlation",
                fmt::format("must be in (0, 1], got {}", min_correlation));
  checks.expect(max_runner_up > 0 && max_runner_up <= 1, "max_runner_up",
                fmt::format("must be in (0, 1], got {}", max_runner_up));
  checks.expect(min_events >= 1, "min_events", fmt::format("must be at least 1, got {}", min_events));
}

ClockMatch known_offset(double offset_s, double drift, double pivot_s) {
  require(std::isfinite(offset_s) && std::isfinite(drift) && std::isfinite(pivot_s), ErrorCode::kConfig,
          "clock: an offset that is not finite");
  ClockMatch match;
  match.offset_s = offset_s;
  match.drift = drift;
  match.pivot_s = pivot_s;
  match.confidence = 1;
  return match;
}

ClockMatch match_activity(const TimeSeries& reference, const TimeSeries& other,
                          const ClockMatchConfig& config) {
  check_config(config);
  check_series(reference, "reference");
  check_series(other, "other");
  ClockMatch match;
  const TimeSeries a = on_grid(reference, grid_over({reference}, config.rate_hz));
  const TimeSeries b = on_grid(other, grid_over({other}, config.rate_hz));
  if (a.values.empty() || b.values.empty()) {
    match.refusal = "no samples";
    return match;
  }
  // a[i] meets b[i - lag] when offset = lag / rate + a.t0 - b.t0.
  const double rate = config.rate_hz;
  const double shift = (config.expected_offset_s + b.t0_s - a.t0_s) * rate;
  const double reach = config.max_offset_s * rate;
  // Lags at which the two cannot meet are not looked at.
  const double lowest = std::max(std::ceil(shift - reach), 1.0 - static_cast<double>(b.values.size()));
  const double highest = std::min(std::floor(shift + reach), static_cast<double>(a.values.size()) - 1.0);
  if (lowest > highest) {
    match.refusal =
        fmt::format("the signals do not meet within {:g} s of the expected offset", config.max_offset_s);
    return match;
  }
  const std::vector<double> x = config.estimate_drift ? envelope_of(a.values, rate) : a.values;
  const std::vector<double> y = config.estimate_drift ? envelope_of(b.values, rate) : b.values;
  const BestLag best = best_lag(correlate(x, y, static_cast<int64_t>(lowest), static_cast<int64_t>(highest),
                                          config.min_overlap_s * rate));
  if (!best.is_found) {
    match.refusal =
        fmt::format("nowhere {:g} s of samples that both have and that vary", config.min_overlap_s);
    return match;
  }
  match.offset_s = best.lag / rate + a.t0_s - b.t0_s;
  match.pivot_s = (b.t0_s + b.end_s()) / 2;
  match.correlation = best.correlation;
  match.runner_up = best.runner_up;
  const bool is_weak = best.correlation < config.min_correlation;
  // On Fisher's scale, on which the spread of correlations does not shrink towards 1: bursts of movement
  // correlate at any lag a little, and still no other lag comes near the true one.
  const double score = std::atanh(std::clamp(best.correlation, -1.0, 1.0 - 1e-9));
  if (best.is_at_edge && !is_weak) {
    match.refusal = fmt::format("the best offset, {:.3f} s, is at the end of the search; widen max_offset_s",
                                match.offset_s);
  } else if (best.runner_up > config.max_runner_up * best.correlation && !is_weak) {
    match.refusal = fmt::format("ambiguous: correlation {:.2f} at {:.3f} s, {:.2f} at another offset",
                                best.correlation, match.offset_s, best.runner_up);
  } else if (is_weak || score < 4 * best.noise) {
    match.refusal = fmt::format(
        "the best correlation is {:.2f} at {:.3f} s (all lags: {:.2f}); the signals share "
        "too little",
        best.correlation, match.offset_s, best.noise);
  } else if (config.estimate_drift) {
    refine_drift(a, b, config, match);
  }
  if (match.is_usable()) match.confidence = std::clamp(1 - match.runner_up / match.correlation, 0.0, 1.0);
  return match;
}

ClockMatch match_events(const std::vector<double>& reference_s, const std::vector<double>& other_s,
                        const ClockMatchConfig& config) {
  check_config(config);
  ClockMatch match;
  std::vector<double> a, b;
  std::copy_if(reference_s.begin(), reference_s.end(), std::back_inserter(a),
               [](double t) { return std::isfinite(t); });
  std::copy_if(other_s.begin(), other_s.end(), std::back_inserter(b),
               [](double t) { return std::isfinite(t); });
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  const size_t fewer = std::min(a.size(), b.size());
  if (fewer < static_cast<size_t>(config.min_events)) {
    match.refusal = fmt::format("{} and {} events; at least {} of each are needed", a.size(), b.size(),
                                config.min_events);
    return match;
  }
  if (a.size() * b.size() > 4'000'000) {
    match.refusal = fmt::format("{} and {} events; more than 4 million pairs", a.size(), b.size());
    return match;
  }
  std::vector<double> differences;
  for (const double t : a) {
    for (const double u : b) {
      if (std::abs(t - u - config.expected_offset_s) <= config.max_offset_s) differences.push_back(t - u);
    }
  }
  std::sort(differences.begin(), differences.end());
  // How many pairs, one to one, lie within the tolerance of an offset.
  const double tolerance = config.event_tolerance_s;
  const auto pairs_at = [&](double offset) {
    std::vector<std::pair<double, double>> pairs;
    size_t i = 0, j = 0;
    while (i < a.size() && j < b.size()) {
      const double distance = a[i] - b[j] - offset;
      if (std::abs(distance) <= tolerance)
        pairs.emplace_back(a[i++], b[j++]);
      else if (distance < 0)
        ++i;
      else
        ++j;
    }
    return pairs;
  };
  // Candidates: clusters of differences. The most crowded ones are counted exactly.
  std::vector<std::pair<size_t, double>> candidates;
  for (size_t i = 0, j = 0; i < differences.size(); ++i) {
    while (j < differences.size() && differences[j] <= differences[i] + tolerance) ++j;
    candidates.emplace_back(j - i, differences[i + (j - i) / 2]);
  }
  std::sort(candidates.begin(), candidates.end(), [](const auto& p, const auto& q) {
    return p.first != q.first ? p.first > q.first : p.second < q.second;
  });
  if (candidates.size() > 500) candidates.resize(500);
  size_t most = 0, second = 0;
  double offset = 0;
  for (const auto& [crowd, at] : candidates) {
    const size_t count = pairs_at(at).size();
    if (count > most) {
      most = count;
      offset = at;
    }
  }
  for (const auto& [crowd, at] : candidates) {
    if (std::abs(at - offset) > 2 * tolerance) second = std::max(second, pairs_at(at).size());
  }
  match.correlation = static_cast<double>(most) / static_cast<double>(fewer);
  match.runner_up = static_cast<double>(second) / static_cast<double>(fewer);
  std::vector<double> at, offsets;
  for (const auto& [t, u] : pairs_at(offset)) {
    at.push_back(u);
    offsets.push_back(t - u);
  }
  if (most < static_cast<size_t>(config.min_events)) {
    match.refusal = fmt::format("at most {} events match; at least {} are needed", most, config.min_events);
  } else if (static_cast<double>(second) > config.max_runner_up * static_cast<double>(most)) {
    match.refusal =
        fmt::format("ambiguous: {} events match at {:.3f} s, {} at another offset", most, offset, second);
  }
  if (!offsets.empty()) {
    const RobustLine line = robust_line(at, offsets);
    match.pivot_s = line.middle_x;
    match.offset_s = clock_median(offsets);
    if (config.estimate_drift && offsets.size() >= 4 && std::abs(line.slope) <= config.max_drift) {
      match.drift = line.slope;
      match.offset_s = line.middle_y;
    }
  }
  if (match.is_usable()) match.confidence = std::clamp(1 - match.runner_up / match.correlation, 0.0, 1.0);
  return match;
}

}  // namespace limbic::signals
