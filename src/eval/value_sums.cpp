#include "value_sums.h"

#include <algorithm>

namespace limbic::eval {
namespace {

using affect::LabelSpace;
using affect::TaskKind;

bool is_sentiment(const LabelSpace& task) {
  return task.num_classes() == 1 && task.traits.range == std::vector<double>{-3.0, 3.0};
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

}  // namespace

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

}  // namespace limbic::eval
