#pragma once
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/eval/calibration.h"
#include "limbic/eval/value_metrics.h"
#include "ranked_predictions.h"
#include "resample.h"

namespace limbic::eval {

inline constexpr double kNoMeasure = std::numeric_limits<double>::quiet_NaN();

/// NaN of nothing.
inline double share(double part, double whole) {
  return whole > 0 ? part / whole : kNoMeasure;
}

/// Sums over one dimension, from which every measure follows; sums of samples are sums of these. Values count
/// from the mean of the truth, so that squares do not cancel.
struct Moments {
  double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0, absolute = 0, squared = 0;
  double num_sequences = 0, sequence_ccc = 0;

  void add(double prediction, double truth, double centre) {
    const double px = prediction - centre;
    const double ty = truth - centre;
    n += 1;
    x += px;
    y += ty;
    xx += px * px;
    yy += ty * ty;
    xy += px * ty;
    absolute += std::abs(px - ty);
    squared += (px - ty) * (px - ty);
  }
  void add(const Moments& other, double weight) {
    n += weight * other.n;
    x += weight * other.x;
    y += weight * other.y;
    xx += weight * other.xx;
    yy += weight * other.yy;
    xy += weight * other.xy;
    absolute += weight * other.absolute;
    squared += weight * other.squared;
    num_sequences += weight * other.num_sequences;
    sequence_ccc += weight * other.sequence_ccc;
  }
  double cov(double a, double b, double ab) const { return ab - a * b / n; }  ///< times n
  double pearson() const {
    const double norm = cov(x, x, xx) * cov(y, y, yy);
    return n > 1 && norm > 0 ? cov(x, y, xy) / std::sqrt(norm) : kNoMeasure;
  }
  /// @param lost  degrees of freedom: n - lost divides
  double ccc(double lost) const {
    const double mean_difference = (x - y) / n;
    const double spread = (cov(x, x, xx) + cov(y, y, yy)) / (n - lost) + mean_difference * mean_difference;
    return n > 1 && spread > 0 ? 2 * cov(x, y, xy) / (n - lost) / spread : kNoMeasure;
  }
};

/// Two classes: (truth, prediction).
struct TwoByTwo {
  std::array<double, 4> count{};
  void add(bool truth, bool prediction, double weight = 1.0) {
    count[(truth ? 2U : 0U) + (prediction ? 1U : 0U)] += weight;
  }
  double total() const { return count[0] + count[1] + count[2] + count[3]; }
  double accuracy() const { return share(count[0] + count[3], total()); }
  double f1() const {
    const double whole = 2 * count[3] + count[1] + count[2];
    return whole > 0 ? 2 * count[3] / whole : 0.0;
  }
  double weighted_f1() const {
    const double whole = 2 * count[0] + count[1] + count[2];
    const double f1_of_no = whole > 0 ? 2 * count[0] / whole : 0.0;
    return share(f1_of_no * (count[0] + count[1]) + f1() * (count[2] + count[3]), total());
  }
};

/// What one sample (or group of samples) adds to every measure.
struct Sums {
  std::vector<Moments> moments_C;
  std::vector<TwoByTwo> labels_C;
  TwoByTwo has0, non0;
  std::array<double, 3> hits{};  ///< of acc7, acc5, acc3
  double num_whole = 0;          ///< samples where all labels are known
  double num_exact = 0;
  std::array<double, 3 * static_cast<size_t>(kEceBins)> bins{};  ///< count, hits, confidence

  explicit Sums(size_t num_outputs) : moments_C(num_outputs), labels_C(num_outputs) {}
  void add(const Sums& other, double weight) {
    for (size_t c = 0; c < moments_C.size(); ++c) {
      moments_C[c].add(other.moments_C[c], weight);
      for (size_t i = 0; i < 4; ++i) labels_C[c].count[i] += weight * other.labels_C[c].count[i];
    }
    for (size_t i = 0; i < 4; ++i) {
      has0.count[i] += weight * other.has0.count[i];
      non0.count[i] += weight * other.non0.count[i];
    }
    for (size_t i = 0; i < hits.size(); ++i) hits[i] += weight * other.hits[i];
    for (size_t i = 0; i < bins.size(); ++i) bins[i] += weight * other.bins[i];
    num_whole += weight * other.num_whole;
    num_exact += weight * other.num_exact;
  }
};

/// A measure of samples, read off their sums.
struct Measure {
  std::string name;
  std::function<double(const Sums&)> value;
};

/// All that is measured of a task of numbers, but the areas under curves.
std::vector<Measure> measures_of(const affect::LabelSpace& task);

/// Mean of the known truth, by output.
std::vector<double> centres(const affect::LabelSpace& task, const std::vector<ValuePrediction>& predictions);
/// @param centre_C  of the truth
Sums sums_of(const affect::LabelSpace& task, const ValuePrediction& prediction,
             const std::vector<double>& centre_C);

/// The mean of what has a value.
template <class Items, class Value>
double mean_over(const Items& items, Value&& value) {
  double sum = 0;
  double count = 0;
  for (const auto& item : items) {
    const double v = value(item);
    if (std::isnan(v)) continue;
    sum += v;
    count += 1;
  }
  return share(sum, count);
}

/// The predictions of one label as those of two classes, and where each is among all.
struct LabelRanking {
  RankedPredictions ranked;
  std::vector<size_t> sample;
};

std::vector<LabelRanking> rank_labels(const affect::LabelSpace& task,
                                      const std::vector<ValuePrediction>& predictions);
/// @param weight_of_sample  of all predictions, not of this label's alone
double auc_of(const LabelRanking& ranking, const std::vector<int64_t>& weight_of_sample);

}  // namespace limbic::eval
