#include "limbic/eval/value_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/eval/calibration.h"
#include "ranked_predictions.h"
#include "resample.h"

namespace limbic::eval {
namespace {

using affect::LabelSpace;
using affect::TaskKind;

constexpr double kNoMeasure = std::numeric_limits<double>::quiet_NaN();

double share(double part, double whole) {
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

bool is_sentiment(const LabelSpace& task) {
  return task.num_classes() == 1 && task.traits.range == std::vector<double>{-3.0, 3.0};
}

/// @param centre_C  of the truth
Sums sums_of(const LabelSpace& task, const ValuePrediction& p, const std::vector<double>& centre_C) {
  const size_t num_outputs = task.classes.size();
  Sums sums(num_outputs);
  bool is_whole = true;
  bool is_exact = true;
  for (size_t i = 0; i < p.truth.size(); ++i) {
    const size_t c = i % num_outputs;
    if (std::isnan(p.truth[i])) {
      is_whole = false;
      continue;
    }
    if (task.traits.kind == TaskKind::kContinuous) {
      sums.moments_C[c].add(p.prediction[i], p.truth[i], centre_C[c]);
      continue;
    }
    const bool truth = p.truth[i] >= 0.5;
    const bool said = p.prediction[i] >= 0.5;
    sums.labels_C[c].add(truth, said);
    is_exact = is_exact && truth == said;
    const double confidence = std::max(p.prediction[i], 1.0 - p.prediction[i]);
    const auto bin = static_cast<size_t>(std::clamp<int64_t>(
        static_cast<int64_t>(std::ceil(confidence * static_cast<double>(kEceBins))) - 1, 0, kEceBins - 1));
    sums.bins[3 * bin] += 1;
    sums.bins[3 * bin + 1] += truth == said ? 1 : 0;
    sums.bins[3 * bin + 2] += confidence;
  }
  sums.num_whole = is_whole ? 1 : 0;
  sums.num_exact = is_whole && is_exact ? 1 : 0;
  for (auto& moments : sums.moments_C) {
    const double ccc = moments.n > 1 ? moments.ccc(0) : kNoMeasure;
    if (std::isnan(ccc)) continue;
    moments.num_sequences = 1;
    moments.sequence_ccc = ccc;
  }
  if (is_sentiment(task) && std::isfinite(p.truth.front()) && std::isfinite(p.prediction.front())) {
    const double truth = p.truth.front();
    const double said = p.prediction.front();
    sums.has0.add(truth >= 0, said >= 0);
    if (truth != 0) sums.non0.add(truth > 0, said > 0);
    for (size_t k = 0; k < sums.hits.size(); ++k) {
      const double limit = 3.0 - static_cast<double>(k);
      // nearbyint rounds half to even, as numpy does.
      const bool is_hit =
          std::nearbyint(std::clamp(truth, -limit, limit)) == std::nearbyint(std::clamp(said, -limit, limit));
      sums.hits[k] += is_hit ? 1 : 0;
    }
  }
  return sums;
}

struct Measure {
  std::string name;
  std::function<double(const Sums&)> value;
};

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

using OfMoments = double (*)(const Moments&);
const std::vector<std::pair<const char*, OfMoments>>& moment_measures() {
  static const std::vector<std::pair<const char*, OfMoments>> table = {
      {"ccc", [](const Moments& m) { return m.ccc(0); }},
      {"ccc_unbiased", [](const Moments& m) { return m.ccc(1); }},
      {"pearson", [](const Moments& m) { return m.pearson(); }},
      {"mae", [](const Moments& m) { return share(m.absolute, m.n); }},
      {"mse", [](const Moments& m) { return share(m.squared, m.n); }},
      {"rmse", [](const Moments& m) { return std::sqrt(share(m.squared, m.n)); }},
      {"ccc_per_sequence", [](const Moments& m) { return share(m.sequence_ccc, m.num_sequences); }}};
  return table;
}

std::vector<Measure> continuous_measures(const LabelSpace& task) {
  std::vector<Measure> measures;
  const auto applies = [&](const char* name) {
    return task.is_framewise() || std::string(name) != "ccc_per_sequence";
  };
  for (const auto& [name, of_moments] : moment_measures()) {
    if (!applies(name)) continue;
    const OfMoments value = of_moments;
    measures.push_back({name, [value](const Sums& s) { return mean_over(s.moments_C, value); }});
  }
  if (is_sentiment(task)) {
    measures.push_back({"acc2_has0", [](const Sums& s) { return s.has0.accuracy(); }});
    measures.push_back({"f1_has0", [](const Sums& s) { return s.has0.weighted_f1(); }});
    measures.push_back({"acc2_non0", [](const Sums& s) { return s.non0.accuracy(); }});
    measures.push_back({"f1_non0", [](const Sums& s) { return s.non0.weighted_f1(); }});
    const std::array<const char*, 3> names = {"acc7", "acc5", "acc3"};
    for (size_t k = 0; k < names.size(); ++k)
      measures.push_back({names[k], [k](const Sums& s) { return share(s.hits[k], s.has0.total()); }});
  }
  if (task.num_classes() == 1) return measures;
  for (size_t c = 0; c < task.classes.size(); ++c) {
    for (const auto& [name, of_moments] : moment_measures()) {
      if (!applies(name)) continue;
      const OfMoments value = of_moments;
      measures.push_back(
          {name + ("_" + task.classes[c]), [value, c](const Sums& s) { return value(s.moments_C[c]); }});
    }
  }
  return measures;
}

std::vector<Measure> label_measures(const LabelSpace& task) {
  std::vector<Measure> measures = {
      {"macro_f1",
       [](const Sums& s) {
         return mean_over(s.labels_C, [](const TwoByTwo& t) { return t.total() > 0 ? t.f1() : kNoMeasure; });
       }},
      {"micro_f1",
       [](const Sums& s) {
         TwoByTwo all;
         for (const auto& t : s.labels_C) {
           for (size_t i = 0; i < 4; ++i) all.count[i] += t.count[i];
         }
         return all.total() > 0 ? all.f1() : kNoMeasure;
       }},
      {"label_accuracy",
       [](const Sums& s) { return mean_over(s.labels_C, [](const TwoByTwo& t) { return t.accuracy(); }); }},
      {"exact_match", [](const Sums& s) { return share(s.num_exact, s.num_whole); }},
      {kEceName, [](const Sums& s) {
         double gap = 0;
         double count = 0;
         for (size_t b = 0; b < s.bins.size(); b += 3) {
           gap += std::abs(s.bins[b + 1] - s.bins[b + 2]);
           count += s.bins[b];
         }
         return share(gap, count);
       }}};
  for (size_t c = 0; c < task.classes.size(); ++c) {
    measures.push_back({"f1_" + task.classes[c], [c](const Sums& s) {
                          return s.labels_C[c].total() > 0 ? s.labels_C[c].f1() : kNoMeasure;
                        }});
  }
  return measures;
}

std::vector<Measure> measures_of(const LabelSpace& task) {
  return task.traits.kind == TaskKind::kMultiLabel ? label_measures(task) : continuous_measures(task);
}

std::vector<double> centres(const LabelSpace& task, const std::vector<ValuePrediction>& predictions) {
  std::vector<double> sum(task.classes.size(), 0.0);
  std::vector<double> count(task.classes.size(), 0.0);
  for (const auto& p : predictions) {
    for (size_t i = 0; i < p.truth.size(); ++i) {
      if (std::isnan(p.truth[i])) continue;
      sum[i % sum.size()] += p.truth[i];
      count[i % sum.size()] += 1;
    }
  }
  for (size_t c = 0; c < sum.size(); ++c) sum[c] = count[c] > 0 ? sum[c] / count[c] : 0.0;
  return sum;
}

/// The predictions of one label as those of two classes, and where each is among all.
struct LabelRanking {
  RankedPredictions ranked;
  std::vector<size_t> sample;
};

std::vector<LabelRanking> rank_labels(const LabelSpace& task,
                                      const std::vector<ValuePrediction>& predictions) {
  std::vector<LabelRanking> rankings;
  for (size_t c = 0; c < task.classes.size(); ++c) {
    std::vector<Prediction> of_label;
    std::vector<size_t> sample;
    for (size_t i = 0; i < predictions.size(); ++i) {
      if (std::isnan(predictions[i].truth[c])) continue;
      const double p = predictions[i].prediction[c];
      of_label.push_back({{}, {}, predictions[i].truth[c] >= 0.5 ? 1 : 0, 0, {1.0 - p, p}});
      sample.push_back(i);
    }
    rankings.push_back({RankedPredictions(of_label, 2), std::move(sample)});
  }
  return rankings;
}

double auc_of(const LabelRanking& ranking, const std::vector<int64_t>& weight_of_sample) {
  std::vector<int64_t> weights;
  for (const size_t i : ranking.sample) weights.push_back(weight_of_sample[i]);
  return ranking.ranked.auc(weights);
}

}  // namespace

std::vector<std::string> value_metric_names(const LabelSpace& task) {
  std::vector<std::string> names;
  for (const auto& measure : measures_of(task)) names.push_back(measure.name);
  if (task.traits.kind == TaskKind::kMultiLabel) {
    names.emplace_back(kAucName);
    for (const auto& label : task.classes) names.push_back(std::string(kAucName) + "_" + label);
  }
  return names;
}

double value_metric(const LabelSpace& task, const std::vector<ValuePrediction>& predictions,
                    const std::string& name) {
  const auto centre_C = centres(task, predictions);
  for (const auto& measure : measures_of(task)) {
    if (measure.name != name) continue;
    Sums sums(task.classes.size());
    for (const auto& p : predictions) sums.add(sums_of(task, p, centre_C), 1.0);
    return measure.value(sums);
  }
  const auto known = value_metric_names(task);
  require(std::find(known.begin(), known.end(), name) != known.end(), ErrorCode::kConfig,
          "no metric '" + name + "' of task '" + task.task + "'" + core::did_you_mean(name, known) +
              "; metrics: " + core::join(known));
  const std::vector<int64_t> once(predictions.size(), 1);
  const auto rankings = rank_labels(task, predictions);
  if (name == kAucName) return mean_over(rankings, [&](const auto& r) { return auc_of(r, once); });
  const std::string label = name.substr(std::string(kAucName).size() + 1);
  return auc_of(rankings[static_cast<size_t>(task.index_of(label))], once);
}

std::map<std::string, Interval> value_intervals(const LabelSpace& task,
                                                const std::vector<ValuePrediction>& predictions,
                                                const BootstrapOptions& options) {
  const auto centre_C = centres(task, predictions);
  const auto groups = group_samples(predictions, options.by_subject);
  std::vector<Sums> of_group(groups.num_groups, Sums(task.classes.size()));
  for (size_t i = 0; i < predictions.size(); ++i)
    of_group[groups.group[i]].add(sums_of(task, predictions[i], centre_C), 1.0);
  const auto measures = measures_of(task);
  const bool has_labels = task.traits.kind == TaskKind::kMultiLabel;
  const auto rankings = has_labels ? rank_labels(task, predictions) : std::vector<LabelRanking>{};
  const auto all_values = [&](const std::vector<int64_t>& times) {
    Sums sums(task.classes.size());
    for (size_t g = 0; g < of_group.size(); ++g) {
      if (times[g] > 0) sums.add(of_group[g], static_cast<double>(times[g]));
    }
    std::vector<double> values;
    for (const auto& measure : measures) values.push_back(measure.value(sums));
    if (!has_labels) return values;
    std::vector<int64_t> weights(predictions.size());
    for (size_t i = 0; i < weights.size(); ++i) weights[i] = times[groups.group[i]];
    std::vector<double> areas;
    for (const auto& ranking : rankings) areas.push_back(auc_of(ranking, weights));
    values.push_back(mean_over(areas, [](double area) { return area; }));
    values.insert(values.end(), areas.begin(), areas.end());
    return values;
  };
  // interval_of() draws the same for every measure, so one evaluation of a draw does for all.
  std::vector<std::vector<double>> values_of_draw;
  std::map<std::string, Interval> intervals;
  const auto names = value_metric_names(task);
  for (size_t k = 0; k < names.size(); ++k) {
    size_t draw = 0;
    intervals[names[k]] = interval_of(
        groups.num_groups,
        [&](const std::vector<int64_t>& times) {
          if (draw == values_of_draw.size()) values_of_draw.push_back(all_values(times));
          return values_of_draw[draw++][k];
        },
        options);
  }
  return intervals;
}

bool is_lower_better(const std::string& metric_name) {
  const std::string stem = metric_name.substr(0, metric_name.find('_'));
  return stem == "loss" || stem == kEceName || stem == "mae" || stem == "mse" || stem == "rmse";
}

}  // namespace limbic::eval
