#include "limbic/weak/eda_arousal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/table.h"

namespace limbic::weak {
namespace {

constexpr uint64_t kLagKey = 0x4C4147ULL;
constexpr int kNumLagDraws = 200;
constexpr double kVertexReach_s = 0.8;  ///< of the parabola: about the width of the curve's flat top

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

/// @param for_lag  without the level, which knows no moment
std::vector<double> scores_of(const std::vector<EdaTrack::Window>& looked,
                              const std::vector<int32_t>& subject_N, const EdaArousalConfig& config,
                              bool for_lag) {
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
    score_N[i] = (score_N[i] + amplitude_N[i] + driver_N[i]) / 3;
    if (!for_lag) score_N[i] += config.combined_tonic * tonic_N[i];
  }
  return for_lag ? score_N : normalise_within(score_N, subject_N, config.normalise);
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

/// Share of the variance of the scores that lies between classes; NaN with fewer than two of them.
double correlation_ratio(const std::vector<double>& score_N, const std::vector<double>& membership_NC,
                         size_t num_classes, const std::vector<double>& weight_N) {
  std::vector<double> weight(num_classes, 0.0);
  std::vector<double> sum(num_classes, 0.0);
  double square = 0;
  for (size_t i = 0; i < score_N.size(); ++i) {
    if (std::isnan(score_N[i])) continue;
    for (size_t c = 0; c < num_classes; ++c) {
      const double w = weight_N[i] * membership_NC[i * num_classes + c];
      weight[c] += w;
      sum[c] += w * score_N[i];
      square += w * score_N[i] * score_N[i];
    }
  }
  const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
  const double mean = std::accumulate(sum.begin(), sum.end(), 0.0) / total;
  double between = 0;
  int num_present = 0;
  for (size_t c = 0; c < num_classes; ++c) {
    if (weight[c] <= 0) continue;
    ++num_present;
    const double d = sum[c] / weight[c] - mean;
    between += weight[c] * d * d;
  }
  const double variance = square - total * mean * mean;
  return num_present > 1 && variance > 0 ? between / variance : signals::kMissing;
}

/// Where a curve on an even grid is highest: of the parabola fitted about its highest point.
double vertex_of(const std::vector<double>& lags_s, const std::vector<double>& curve) {
  size_t top = lags_s.size();
  for (size_t k = 0; k < curve.size(); ++k) {
    if (!std::isnan(curve[k]) && (top == lags_s.size() || curve[k] > curve[top])) top = k;
  }
  if (top == lags_s.size()) return signals::kMissing;
  // Least squares of y = a + b x + c x^2 about the top.
  std::array<double, 5> power{};
  std::array<double, 3> moment{};
  double first = lags_s[top];
  double last = first;
  for (size_t k = 0; k < curve.size(); ++k) {
    const double x = lags_s[k] - lags_s[top];
    if (std::abs(x) > kVertexReach_s + 1e-9 || std::isnan(curve[k])) continue;
    first = std::min(first, lags_s[k]);
    last = std::max(last, lags_s[k]);
    double xn = 1;
    for (size_t n = 0; n < power.size(); ++n, xn *= x) {
      power[n] += xn;
      if (n < moment.size()) moment[n] += xn * curve[k];
    }
  }
  const double m00 = power[0], m01 = power[1], m02 = power[2], m12 = power[3], m22 = power[4];
  // Cramer's rule; m11 is m02.
  const double det =
      m00 * (m02 * m22 - m12 * m12) - m01 * (m01 * m22 - m12 * m02) + m02 * (m01 * m12 - m02 * m02);
  if (std::abs(det) < 1e-12) return lags_s[top];
  const double b = (m00 * (moment[1] * m22 - m12 * moment[2]) - moment[0] * (m01 * m22 - m12 * m02) +
                    m02 * (m01 * moment[2] - moment[1] * m02)) /
                   det;
  const double c = (m00 * (m02 * moment[2] - moment[1] * m12) - m01 * (m01 * moment[2] - moment[1] * m02) +
                    moment[0] * (m01 * m12 - m02 * m02)) /
                   det;
  if (c >= 0) return lags_s[top];
  return std::clamp(lags_s[top] - b / (2 * c), first, last);
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
  EdaScores result{scores_of(looked, subjects_of(windows), config, /*for_lag=*/false), {}};
  for (const auto& window : looked) result.quality_N.push_back(window.good_share);
  return result;
}

LagEstimate learn_lag(const std::vector<EdaTrack>& tracks, const std::vector<EdaWindow>& windows,
                      const std::vector<double>& membership_NC, int64_t num_classes,
                      const EdaArousalConfig& config) {
  const auto num = static_cast<size_t>(num_classes);
  const auto subject_N = subjects_of(windows);
  LagEstimate result;
  std::vector<std::vector<double>> score_LN;
  const std::vector<double> ones(windows.size(), 1.0);
  const auto num_lags =
      static_cast<int64_t>(std::floor((config.max_lag_s - config.min_lag_s) / config.lag_step_s + 1e-9)) + 1;
  for (int64_t k = 0; k < num_lags; ++k) {
    result.lags_s.push_back(config.min_lag_s + static_cast<double>(k) * config.lag_step_s);
    score_LN.push_back(scores_of(look(tracks, windows, result.lags_s.back()), subject_N, config, true));
    result.association.push_back(correlation_ratio(score_LN.back(), membership_NC, num, ones));
  }
  for (size_t i = 0; i < windows.size(); ++i) {
    const auto* row = membership_NC.data() + i * num;
    result.num_known += std::accumulate(row, row + num, 0.0) > 0 ? 1 : 0;
  }
  result.lag_s = vertex_of(result.lags_s, result.association);
  require(std::isfinite(result.lag_s), ErrorCode::kData,
          fmt::format("the lag cannot be learned: of {} windows about which something is known, none with a "
                      "good signal lies in a second class; fix lag_s",
                      result.num_known));

  std::map<int32_t, std::vector<size_t>> by_subject;
  for (size_t i = 0; i < windows.size(); ++i) by_subject[subject_N[i]].push_back(i);
  std::vector<const std::vector<size_t>*> people;
  for (const auto& entry : by_subject) people.push_back(&entry.second);
  std::vector<double> drawn_s;
  for (uint64_t r = 0; people.size() > 1 && r < kNumLagDraws; ++r) {
    core::Rng rng(r, kLagKey);
    std::vector<double> weight_N(windows.size(), 0.0);
    for (size_t p = 0; p < people.size(); ++p) {
      for (const size_t i : *people[static_cast<size_t>(rng.below(static_cast<int64_t>(people.size())))])
        weight_N[i] += 1;
    }
    std::vector<double> curve;
    for (const auto& score_N : score_LN)
      curve.push_back(correlation_ratio(score_N, membership_NC, num, weight_N));
    drawn_s.push_back(vertex_of(result.lags_s, curve));
  }
  const auto ends = signals::percentiles(drawn_s, {2.5, 97.5});
  result.low_s = ends[0];
  result.high_s = ends[1];
  return result;
}

}  // namespace limbic::weak
