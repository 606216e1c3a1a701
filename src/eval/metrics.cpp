#include "limbic/eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

int64_t predicted_class(const std::vector<double>& probabilities) {
  if (probabilities.empty()) return kInvalid;
  for (const double p : probabilities) {
    if (!std::isfinite(p)) return kInvalid;
  }
  return std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin();
}

Prediction make_prediction(std::string id, std::string subject, int64_t truth,
                           std::vector<double> probabilities) {
  const int64_t prediction = predicted_class(probabilities);
  return {std::move(id), std::move(subject), truth, prediction, std::move(probabilities)};
}

ConfusionMatrix::ConfusionMatrix(int64_t num_classes) : num_classes_(num_classes) {
  require(num_classes > 0, ErrorCode::kInternal, "ConfusionMatrix: needs a class");
  counts_.assign(static_cast<size_t>(num_classes * (num_classes + 1)), 0);
}

void ConfusionMatrix::add(int64_t truth, int64_t prediction, int64_t count) {
  if (truth < 0 || truth >= num_classes_ || prediction < kInvalid || prediction >= num_classes_) {
    throw Error(ErrorCode::kInternal, "ConfusionMatrix: truth " + std::to_string(truth) + " or prediction " +
                                          std::to_string(prediction) + " is not one of " +
                                          std::to_string(num_classes_) + " classes");
  }
  const int64_t column = prediction == kInvalid ? num_classes_ : prediction;
  counts_[static_cast<size_t>(truth * (num_classes_ + 1) + column)] += count;
}

void ConfusionMatrix::clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
}

int64_t ConfusionMatrix::at(int64_t truth, int64_t prediction) const {
  const int64_t column = prediction == kInvalid ? num_classes_ : prediction;
  return counts_.at(static_cast<size_t>(truth * (num_classes_ + 1) + column));
}

int64_t ConfusionMatrix::row_sum(int64_t truth) const {
  int64_t sum = 0;
  for (int64_t c = kInvalid; c < num_classes_; ++c) sum += at(truth, c);
  return sum;
}

int64_t ConfusionMatrix::column_sum(int64_t prediction) const {
  int64_t sum = 0;
  for (int64_t c = 0; c < num_classes_; ++c) sum += at(c, prediction);
  return sum;
}

int64_t ConfusionMatrix::total() const {
  int64_t sum = 0;
  for (const int64_t count : counts_) sum += count;
  return sum;
}

int64_t ConfusionMatrix::invalid() const {
  return column_sum(kInvalid);
}

ClassScores ConfusionMatrix::scores(int64_t class_idx) const {
  const int64_t hits = at(class_idx, class_idx);
  const int64_t support = row_sum(class_idx);
  const int64_t predicted = column_sum(class_idx);
  return {ratio(hits, predicted), ratio(hits, support), ratio(2 * hits, support + predicted), support};
}

double ConfusionMatrix::accuracy() const {
  const int64_t all = total();
  if (all == 0) return kNaN;
  int64_t hits = 0;
  for (int64_t c = 0; c < num_classes_; ++c) hits += at(c, c);
  return ratio(hits, all);
}

double ConfusionMatrix::uar() const {
  double sum = 0.0;
  int64_t num_present = 0;
  for (int64_t c = 0; c < num_classes_; ++c) {
    const int64_t support = row_sum(c);
    if (support == 0) continue;
    sum += ratio(at(c, c), support);
    ++num_present;
  }
  return num_present == 0 ? kNaN : sum / static_cast<double>(num_present);
}

double ConfusionMatrix::macro_f1() const {
  double sum = 0.0;
  int64_t num_present = 0;
  for (int64_t c = 0; c < num_classes_; ++c) {
    const int64_t occurrences = row_sum(c) + column_sum(c);
    if (occurrences == 0) continue;
    sum += ratio(2 * at(c, c), occurrences);
    ++num_present;
  }
  return num_present == 0 ? kNaN : sum / static_cast<double>(num_present);
}

double ConfusionMatrix::weighted_f1() const {
  const int64_t all = total();
  if (all == 0) return kNaN;
  double sum = 0.0;
  for (int64_t c = 0; c < num_classes_; ++c) {
    const ClassScores s = scores(c);
    sum += s.f1 * static_cast<double>(s.support);
  }
  return sum / static_cast<double>(all);
}

ConfusionMatrix confusion(const std::vector<Prediction>& predictions, int64_t num_classes) {
  ConfusionMatrix matrix(num_classes);
  for (const Prediction& p : predictions) matrix.add(p.truth, p.prediction);
  return matrix;
}

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> table = {
      {"accuracy", "right answers / samples", [](const ConfusionMatrix& m) { return m.accuracy(); }},
      {"uar", "unweighted average recall of the classes that occur",
       [](const ConfusionMatrix& m) { return m.uar(); }},
      {"macro_f1", "mean F1 of the classes that occur or are predicted",
       [](const ConfusionMatrix& m) { return m.macro_f1(); }},
      {"weighted_f1", "mean F1 weighted by support",
       [](const ConfusionMatrix& m) { return m.weighted_f1(); }},
  };
  return table;
}

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Metric& row : metrics()) all.emplace_back(row.name);
    all.emplace_back(kAucName);
    return all;
  }();
  return names;
}

const Metric& metric(const std::string& name) {
  for (const Metric& row : metrics()) {
    if (name == row.name) return row;
  }
  std::vector<std::string> names;
  for (const Metric& row : metrics()) names.emplace_back(row.name);
  throw Error(ErrorCode::kConfig, "no metric '" + name + "'" + core::did_you_mean(name, names) +
                                      "; metrics: " + core::join(names));
}

}  // namespace limbic::eval
