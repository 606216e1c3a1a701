#include "limbic/weak/eda_arousal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/table.h"

namespace limbic::weak {
namespace {

using Field = double (*)(const EdaTrack::Window&);

/// Inverse of the standard normal distribution (Acklam's rational approximation, error below 1.2e-9).
double normal_quantile(double p) {
  constexpr std::array a{-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                         1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr std::array b{-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                         6.680131188771972e+01, -1.328068155288572e+01};
  constexpr std::array c{-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                         -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr std::array d{7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                         3.754408661907416e+00};
  constexpr double kTail = 0.02425;
  if (p > 0.5) return -normal_quantile(1 - p);
  if (p < kTail) {
    const double q = std::sqrt(-2 * std::log(p));
    return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
           ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
  }
  const double q = p - 0.5;
  const double r = q * q;
  return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
         (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

void normalise_by(double centre, double scale, std::vector<double>& values) {
  for (auto& v : values) v = scale > 0 ? (v - centre) / scale : 0.0;
}

void to_normal_scores(std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    const double rank = 0.5 * static_cast<double>(i + end - 1) + 1;
    for (size_t k = i; k < end; ++k)
      result[order[k]] = normal_quantile(rank / static_cast<double>(values.size() + 1));
    i = end;
  }
  values = std::move(result);
}

/// One field of every window, on the subjects' own scales.
std::vector<double> field_scores(const std::vector<EdaTrack::Window>& looked,
                                 const std::vector<int32_t>& subject_N, const EdaArousalConfig& config,
                                 Field field) {
  std::vector<double> score_N;
  for (const auto& window : looked)
    score_N.push_back(window.good_share >= config.min_good_share ? field(window) : signals::kMissing);
  return normalise_within(score_N, subject_N, config.normalise);
}

double rate_of(const EdaTrack::Window& w) {
  return w.scr_rate_hz;
}
double amplitude_of(const EdaTrack::Window& w) {
  return std::sqrt(w.scr_amplitude);
}
double driver_of(const EdaTrack::Window& w) {
  return std::sqrt(std::max(0.0, w.driver));
}
double tonic_of(const EdaTrack::Window& w) {
  return std::log(std::max(w.tonic, 1e-3));
}

std::vector<double> scores_of(const std::vector<EdaTrack::Window>& looked,
                              const std::vector<int32_t>& subject_N, const EdaArousalConfig& config) {
  const auto of = [&](Field field) { return field_scores(looked, subject_N, config, field); };
  switch (config.score) {
    case EdaScore::kScrRate:
      return of(rate_of);
    case EdaScore::kScrAmplitude:
      return of(amplitude_of);
    case EdaScore::kDriver:
      return of(driver_of);
    case EdaScore::kTonic:
      return of(tonic_of);
    case EdaScore::kCombined:
      break;
  }
  auto score_N = of(rate_of);
  const auto amplitude_N = of(amplitude_of);
  const auto driver_N = of(driver_of);
  const auto tonic_N = of(tonic_of);
  for (size_t i = 0; i < score_N.size(); ++i) {
    score_N[i] = (score_N[i] + amplitude_N[i] + driver_N[i]) / 3 + config.combined_tonic * tonic_N[i];
  }
  return normalise_within(score_N, subject_N, config.normalise);
}

std::vector<EdaTrack::Window> look(const std::vector<EdaTrack>& tracks, const std::vector<EdaWindow>& windows,
                                   double lag_s) {
  std::vector<EdaTrack::Window> looked;
  for (const auto& w : windows) looked.push_back(tracks[w.track_idx].at(w.start_s + lag_s, w.end_s + lag_s));
  return looked;
}

std::vector<int32_t> subjects_of(const std::vector<EdaWindow>& windows) {
  std::vector<int32_t> subject_N;
  for (const auto& w : windows) subject_N.push_back(w.subject);
  return subject_N;
}

}  // namespace

void EdaArousalConfig::validate(config::Checks& checks) const {
  checks.expect(min_lag_s <= max_lag_s, "min_lag_s",
                fmt::format("must not be above max_lag_s, got {} and {}", min_lag_s, max_lag_s));
}

double EdaTrack::Integral::over(double start_s, double end_s) const {
  const auto at = [&](double t_s) {
    const double x = std::clamp((t_s - t0_s) * rate_hz, 0.0, static_cast<double>(sum.size() - 1));
    const auto i = std::min(static_cast<size_t>(x), sum.size() - 1);
    const auto next = std::min(i + 1, sum.size() - 1);
    return sum[i] + (x - static_cast<double>(i)) * (sum[next] - sum[i]);
  };
  return at(end_s) - at(start_s);
}

EdaTrack::Integral EdaTrack::integrate(const std::vector<double>& values, const std::vector<bool>& is_good,
                                       double rate_hz, double t0_s) {
  Integral result{rate_hz, t0_s, {0.0}};
  for (size_t i = 0; i < values.size(); ++i)
    result.sum.push_back(result.sum.back() + (is_good[i] ? values[i] / rate_hz : 0.0));
  return result;
}

EdaTrack::EdaTrack(const signals::TimeSeries& eda, const EdaArousalConfig& config) {
  const signals::EdaAnalysis analysis(config.analysis, eda);
  const auto& conductance = analysis.signals().conductance.values;
  std::vector<bool> is_good(conductance.size());
  int64_t num_good = 0;
  for (size_t i = 0; i < conductance.size(); ++i) {
    is_good[i] = std::isfinite(conductance[i]);
    num_good += is_good[i] ? 1 : 0;
  }
  // Half a sample earlier: a sample stands for the time about it.
  const double t0_s = eda.t0_s - 0.5 / eda.rate_hz;
  good_ = integrate(std::vector<double>(is_good.size(), 1.0), is_good, eda.rate_hz, t0_s);
  constexpr int64_t kFewest = 8;
  if (num_good >= kFewest) {
    const auto parts = signals::cvx_eda(conductance, eda.rate_hz, config.cvxeda);
    driver_ = integrate(parts.driver, is_good, eda.rate_hz, t0_s);
    tonic_ = integrate(parts.tonic, is_good, eda.rate_hz, t0_s);
  } else {
    good_.sum.assign(good_.sum.size(), 0.0);
    driver_ = tonic_ = good_;
  }
  amplitude_sum_.push_back(0);
  for (const auto& response : analysis.signals().responses) {
    onset_s_.push_back(response.onset_s);
    amplitude_sum_.push_back(amplitude_sum_.back() + std::max(0.0, response.amplitude));
  }
}

std::vector<double> EdaTrack::activity(double start_s, double step_s, size_t num_steps) const {
  std::vector<double> result(num_steps, 0.0);
  for (size_t i = 0; i < onset_s_.size(); ++i) {
    const double place = std::floor((onset_s_[i] - start_s) / step_s);
    if (place < 0 || place >= static_cast<double>(num_steps)) continue;
    result[static_cast<size_t>(place)] += std::sqrt(amplitude_sum_[i + 1] - amplitude_sum_[i]);
  }
  return result;
}

EdaTrack::Window EdaTrack::at(double start_s, double end_s) const {
  Window window;
  const double length_s = end_s - start_s;
  const double good_s = good_.over(start_s, end_s);
  window.good_share = length_s > 0 ? std::min(1.0, good_s / length_s) : 0.0;
  if (good_s <= 0) {
    window.scr_rate_hz = window.scr_amplitude = window.driver = window.tonic = signals::kMissing;
    return window;
  }
  const auto place = [&](double t_s) {
    return static_cast<size_t>(std::lower_bound(onset_s_.begin(), onset_s_.end(), t_s) - onset_s_.begin());
  };
  const size_t first = place(start_s);
  const size_t last = place(end_s);
  window.scr_rate_hz = static_cast<double>(last - first) / good_s;
  window.scr_amplitude = (amplitude_sum_[last] - amplitude_sum_[first]) * length_s / good_s;
  window.driver = driver_.over(start_s, end_s) / good_s;
  window.tonic = tonic_.over(start_s, end_s) / good_s;
  return window;
}

std::vector<double> normalise_within(const std::vector<double>& score_N,
                                     const std::vector<int32_t>& subject_N, WithinSubject how) {
  if (how == WithinSubject::kNone) return score_N;
  std::map<int32_t, std::vector<size_t>> by_subject;
  for (size_t i = 0; i < score_N.size(); ++i) {
    if (std::isfinite(score_N[i])) by_subject[subject_N[i]].push_back(i);
  }
  std::vector<double> result(score_N.size(), signals::kMissing);
  for (const auto& [subject, members] : by_subject) {
    std::vector<double> values;
    for (const size_t i : members) values.push_back(score_N[i]);
    const double deviation = 1.4826 * signals::median_deviation(values);
    if (how == WithinSubject::kRank) {
      to_normal_scores(values);
    } else if (how == WithinSubject::kRobust && deviation > 0) {
      normalise_by(signals::median(values), deviation, values);
    } else {
      normalise_by(signals::mean(values), signals::standard_deviation(values), values);
    }
    for (size_t k = 0; k < members.size(); ++k) result[members[k]] = values[k];
  }
  return result;
}

EdaScores eda_scores(const std::vector<EdaTrack>& tracks, const std::vector<EdaWindow>& windows,
                     const EdaArousalConfig& config, double lag_s) {
  const auto looked = look(tracks, windows, lag_s);
  EdaScores result{scores_of(looked, subjects_of(windows), config), {}};
  for (const auto& window : looked) result.quality_N.push_back(window.good_share);
  return result;
}

}  // namespace limbic::weak
