#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/table.h"
#include "limbic/weak/eda_arousal.h"

namespace limbic::weak {
namespace {

constexpr uint64_t kLagKey = 0x4C4147ULL;
constexpr int kNumLagDraws = 200;
constexpr double kVertexReach_s = 0.8;  ///< of the parabola: about the width of the curve's flat top
constexpr double kInertiaStep_s = 0.25;

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

/// Sums over steps for a regression of x on z_1..z_P: of 1, x, x^2, z_p, x z_p, z_p z_q.
struct RegressionSums {
  double one = 0;
  double x = 0;
  double xx = 0;
  std::vector<double> z_P;
  std::vector<double> xz_P;
  std::vector<double> zz_PP;

  explicit RegressionSums(size_t num) : z_P(num, 0.0), xz_P(num, 0.0), zz_PP(num * num, 0.0) {}
  void add(double x_value, const double* z) {
    const size_t num = z_P.size();
    one += 1;
    x += x_value;
    xx += x_value * x_value;
    for (size_t p = 0; p < num; ++p) {
      z_P[p] += z[p];
      xz_P[p] += x_value * z[p];
      for (size_t q = 0; q < num; ++q) zz_PP[p * num + q] += z[p] * z[q];
    }
  }
  /// Adds another's about its own means.
  void add_centred(const RegressionSums& other, double weight) {
    if (other.one <= 0) return;
    const size_t num = z_P.size();
    one += weight * other.one;
    xx += weight * (other.xx - other.x * other.x / other.one);
    for (size_t p = 0; p < num; ++p) {
      xz_P[p] += weight * (other.xz_P[p] - other.x * other.z_P[p] / other.one);
      for (size_t q = 0; q < num; ++q)
        zz_PP[p * num + q] += weight * (other.zz_PP[p * num + q] - other.z_P[p] * other.z_P[q] / other.one);
    }
  }
  /// Share of x's variance that the z explain; of centred sums. NaN where nothing varies.
  double explained() const;
};

double RegressionSums::explained() const {
  const size_t num = z_P.size();
  if (xx <= 0) return signals::kMissing;
  // Gauss-Jordan on [zz | xz]; regressors that the ones before them explain are left out.
  auto a = zz_PP;
  auto b = xz_P;
  double sum = 0;
  double largest = 0;
  for (size_t p = 0; p < num; ++p) largest = std::max(largest, zz_PP[p * num + p]);
  for (size_t p = 0; p < num; ++p) {
    const double pivot = a[p * num + p];
    if (pivot <= 1e-9 * largest || pivot <= 0) continue;
    sum += b[p] * b[p] / pivot;
    for (size_t q = p + 1; q < num; ++q) {
      const double factor = a[q * num + p] / pivot;
      for (size_t r = p; r < num; ++r) a[q * num + r] -= factor * a[p * num + r];
      b[q] -= factor * b[p];
    }
  }
  return largest > 0 ? sum / xx : signals::kMissing;
}

/// One recording in steps of the lags' grid.
struct SteppedTrack {
  std::vector<double> activity_T;
  std::vector<bool> is_good_T;
  std::vector<double> class_TP;  ///< probabilities of the classes but the last
};

SteppedTrack stepped(const EdaTrack& track, const std::vector<const EdaWindow*>& windows,
                     const std::vector<const double*>& rows, const std::vector<double>& mean_P,
                     double step_s) {
  const size_t num = mean_P.size();
  double start_s = track.start_s();
  double end_s = track.end_s();
  for (const auto* window : windows) {
    start_s = std::min(start_s, window->start_s);
    end_s = std::max(end_s, window->end_s);
  }
  SteppedTrack result;
  const auto num_steps = static_cast<size_t>(std::ceil((end_s - start_s) / step_s));
  result.activity_T = track.activity(start_s, step_s, num_steps);
  for (size_t t = 0; t < num_steps; ++t) {
    const double at_s = start_s + static_cast<double>(t) * step_s;
    result.is_good_T.push_back(track.at(at_s, at_s + step_s).good_share > 0.5);
    result.class_TP.insert(result.class_TP.end(), mean_P.begin(), mean_P.end());
  }
  for (size_t w = 0; w < windows.size(); ++w) {
    // Steps whose middle lies in the window.
    const double from = std::ceil((windows[w]->start_s - start_s) / step_s - 0.5);
    const double to = std::ceil((windows[w]->end_s - start_s) / step_s - 0.5);
    for (auto t = static_cast<size_t>(std::max(0.0, from)); t < std::min(num_steps, static_cast<size_t>(to));
         ++t)
      std::copy_n(rows[w], num, result.class_TP.begin() + static_cast<int64_t>(t * num));
  }
  return result;
}

/// Passes every column through a first-order low-pass.
std::vector<double> with_inertia(const std::vector<double>& class_TP, size_t num, double inertia_s,
                                 double step_s) {
  if (inertia_s <= 0) return class_TP;
  auto state_TP = class_TP;
  const double keep = std::exp(-step_s / inertia_s);
  for (size_t i = num; i < state_TP.size(); ++i)
    state_TP[i] = class_TP[i] + keep * (state_TP[i - num] - class_TP[i]);
  return state_TP;
}

/// For every person, inertia and lag.
using LagSums = std::vector<std::vector<RegressionSums>>;  ///< [person][inertia x lag]

/// Association over the lags at one inertia.
std::vector<double> curve_at(const LagSums& sums, const std::vector<double>& weight_of_person,
                             size_t num_regressors, size_t num_lags, size_t inertia) {
  std::vector<double> curve;
  for (size_t k = 0; k < num_lags; ++k) {
    RegressionSums pooled(num_regressors);
    for (size_t p = 0; p < sums.size(); ++p)
      pooled.add_centred(sums[p][inertia * num_lags + k], weight_of_person[p]);
    curve.push_back(pooled.explained());
  }
  return curve;
}

/// The curve that gets highest of those at inertias [1, n). @return its index
size_t best_curve(const LagSums& sums, const std::vector<double>& weight_of_person, size_t num_regressors,
                  size_t num_lags, std::vector<double>& curve) {
  size_t best = 1;
  double highest = -1;
  for (size_t r = 1; r < sums.front().size() / num_lags; ++r) {
    auto here = curve_at(sums, weight_of_person, num_regressors, num_lags, r);
    double top = -1;
    for (const double value : here) top = std::isnan(value) ? top : std::max(top, value);
    if (r > 1 && top <= highest) continue;
    highest = top;
    best = r;
    curve = std::move(here);
  }
  return best;
}

}  // namespace

LagEstimate learn_lag(const std::vector<EdaTrack>& tracks, const std::vector<EdaWindow>& windows,
                      const std::vector<double>& membership_NC, int64_t num_classes,
                      const EdaArousalConfig& config) {
  const auto num = static_cast<size_t>(num_classes);
  const size_t num_regressors = num - 1;
  LagEstimate result;
  std::vector<double> mean_C(num, 0.0);
  std::vector<std::vector<const EdaWindow*>> windows_of(tracks.size());
  std::vector<std::vector<const double*>> rows_of(tracks.size());
  std::vector<int32_t> person_of(tracks.size(), -1);
  for (size_t i = 0; i < windows.size(); ++i) {
    const double* row = membership_NC.data() + i * num;
    person_of[windows[i].track_idx] = windows[i].subject;
    if (std::accumulate(row, row + num, 0.0) <= 0) continue;
    ++result.num_known;
    windows_of[windows[i].track_idx].push_back(&windows[i]);
    rows_of[windows[i].track_idx].push_back(row);
    for (size_t c = 0; c < num; ++c) mean_C[c] += row[c];
  }
  const auto num_present = std::count_if(mean_C.begin(), mean_C.end(), [](double sum) { return sum > 1e-9; });
  const auto refuse = [&] {
    throw Error(ErrorCode::kData,
                fmt::format("the lag cannot be learned: {} windows of {} classes are known; it takes two "
                            "classes and skin conductance responses about them; fix lag_s",
                            result.num_known, num_present));
  };
  if (num_present < 2) refuse();
  for (auto& share : mean_C) share /= static_cast<double>(result.num_known);
  mean_C.pop_back();

  const double step_s = config.lag_step_s;
  const auto first_shift = static_cast<int64_t>(std::llround(config.min_lag_s / step_s));
  const auto last_shift =
      std::max(first_shift, static_cast<int64_t>(std::floor(config.max_lag_s / step_s + 1e-9)));
  for (int64_t k = first_shift; k <= last_shift; ++k)
    result.lags_s.push_back(static_cast<double>(k) * step_s);
  std::vector<double> inertias_s{0.0};
  if (config.inertia_s) {
    inertias_s.push_back(*config.inertia_s);
  } else {
    for (double r = 0; r <= config.max_inertia_s + 1e-9; r += kInertiaStep_s) inertias_s.push_back(r);
  }

  std::map<int32_t, std::vector<SteppedTrack>> people;
  for (size_t k = 0; k < tracks.size(); ++k) {
    if (person_of[k] < 0 && windows_of[k].empty()) continue;
    people[person_of[k]].push_back(stepped(tracks[k], windows_of[k], rows_of[k], mean_C, step_s));
  }
  LagSums sums;
  for (auto& [person, of_person] : people) {
    double total = 0;
    double num_good = 0;
    for (const auto& track : of_person) {
      total = std::accumulate(track.activity_T.begin(), track.activity_T.end(), total);
      num_good += static_cast<double>(std::count(track.is_good_T.begin(), track.is_good_T.end(), true));
    }
    // People who respond more, or more strongly, count no more than others.
    const double scale = total > 0 ? num_good / total : 0.0;
    auto& of_lags = sums.emplace_back();
    for (const double inertia_s : inertias_s) {
      std::vector<std::vector<double>> states;
      for (const auto& track : of_person)
        states.push_back(with_inertia(track.class_TP, num_regressors, inertia_s, step_s));
      for (int64_t shift = first_shift; shift <= last_shift; ++shift) {
        RegressionSums& here = of_lags.emplace_back(num_regressors);
        for (size_t k = 0; k < of_person.size(); ++k) {
          const auto& track = of_person[k];
          for (size_t t = static_cast<size_t>(shift); t < track.activity_T.size(); ++t) {
            if (!track.is_good_T[t]) continue;
            here.add(scale * track.activity_T[t],
                     states[k].data() + (t - static_cast<size_t>(shift)) * num_regressors);
          }
        }
      }
    }
  }

  const size_t num_lags = result.lags_s.size();
  const std::vector<double> ones(sums.size(), 1.0);
  result.association = curve_at(sums, ones, num_regressors, num_lags, 0);
  result.lag_s = vertex_of(result.lags_s, result.association);
  if (std::isnan(result.lag_s)) refuse();
  std::vector<double> curve;
  result.inertia_s = inertias_s[best_curve(sums, ones, num_regressors, num_lags, curve)];
  result.latency_s = vertex_of(result.lags_s, curve);
  std::vector<double> lags_s;
  std::vector<double> latencies_s;
  for (uint64_t r = 0; sums.size() > 1 && r < kNumLagDraws; ++r) {
    core::Rng rng(r, kLagKey);
    std::vector<double> weight(sums.size(), 0.0);
    for (size_t p = 0; p < sums.size(); ++p)
      weight[static_cast<size_t>(rng.below(static_cast<int64_t>(sums.size())))] += 1;
    lags_s.push_back(vertex_of(result.lags_s, curve_at(sums, weight, num_regressors, num_lags, 0)));
    best_curve(sums, weight, num_regressors, num_lags, curve);
    latencies_s.push_back(vertex_of(result.lags_s, curve));
  }
  const auto of_lag = signals::percentiles(lags_s, {2.5, 97.5});
  result.low_s = of_lag[0];
  result.high_s = of_lag[1];
  const auto of_latency = signals::percentiles(latencies_s, {2.5, 97.5});
  result.latency_low_s = of_latency[0];
  result.latency_high_s = of_latency[1];
  return result;
}

}  // namespace limbic::weak
