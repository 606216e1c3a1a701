#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace limbic::eval {

/// The predicted class of a sample whose probabilities are not finite: no class at all.
inline constexpr int64_t kInvalid = -1;

/// Index of the largest probability (the first of equals), or kInvalid when one is NaN or infinite or none is
/// there.
int64_t predicted_class(const std::vector<double>& probabilities);

/// Scores of one class, as sklearn.metrics.precision_recall_fscore_support(zero_division=0) has them.
struct ClassScores {
  double precision = 0.0;  ///< 0 where the class is never predicted
  double recall = 0.0;     ///< 0 where it never occurs
  double f1 = 0.0;         ///< harmonic mean of the two, 0 where both are 0
  int64_t support = 0;     ///< samples of the class
};

/// Counts of (truth, prediction). Rows are the truth, as in sklearn. Invalid predictions are counted apart:
/// they lower accuracy and recall like any wrong answer and touch no class's precision.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int64_t num_classes);

  /// @param prediction  a class, or kInvalid. @throws Error(kInternal) for another number
  void add(int64_t truth, int64_t prediction, int64_t count = 1);
  void clear();

  int64_t num_classes() const { return num_classes_; }
  int64_t at(int64_t truth, int64_t prediction) const;
  int64_t total() const;
  int64_t invalid() const;  ///< samples with an invalid prediction

  /// Right answers / samples; NaN without samples, as are the next three.
  double accuracy() const;
  /// Unweighted average recall over the classes that occur in the truth (the paralinguistic challenges'
  /// measure, Schuller et al. 2009) = sklearn balanced_accuracy_score.
  double uar() const;
  /// Mean F1 over the classes that occur in the truth or the predictions = sklearn f1_score(average="macro",
  /// zero_division=0).
  double macro_f1() const;
  /// Mean F1 weighted by support = sklearn f1_score(average="weighted", zero_division=0).
  double weighted_f1() const;
  ClassScores scores(int64_t class_idx) const;

 private:
  int64_t row_sum(int64_t truth) const;
  int64_t column_sum(int64_t prediction) const;

  int64_t num_classes_;
  std::vector<int64_t> counts_;  ///< (C, C + 1); the last column holds the invalid ones
};

/// One sample's outcome.
struct Prediction {
  std::string id;
  std::string subject;                ///< who it is of: resampled as one; empty = on its own
  int64_t truth = 0;                  ///< class index
  int64_t prediction = kInvalid;      ///< class index or kInvalid
  std::vector<double> probabilities;  ///< C of them, or empty when only the label is known
};

/// A Prediction with its class taken from the probabilities.
Prediction make_prediction(std::string id, std::string subject, int64_t truth,
                           std::vector<double> probabilities);

ConfusionMatrix confusion(const std::vector<Prediction>& predictions, int64_t num_classes);

/// Area under the ROC curve: of the second of two classes, or the mean over classes against the rest that
/// have samples on both sides = sklearn roc_auc_score(multi_class="ovr", average="macro"). NaN when a
/// prediction has no finite probabilities or only one class occurs.
double auc(const std::vector<Prediction>& predictions, int64_t num_classes);

/// A named measure of a confusion matrix.
struct Metric {
  const char* name;
  const char* doc;
  double (*value)(const ConfusionMatrix&);
};
/// accuracy, uar, macro_f1, weighted_f1
const std::vector<Metric>& metrics();
/// Of ordered classes besides: qwk, mae.
const std::vector<Metric>& ordinal_metrics();
/// Those of metrics(), and auc.
const std::vector<std::string>& metric_names();
inline constexpr const char* kAucName = "auc";
/// @throws Error(kConfig) with the nearest name
const Metric& metric(const std::string& name);

struct BootstrapOptions {
  enum class Method { kPercentile, kBca };
  Method method = Method::kBca;
  int64_t num_resamples = 2000;
  double level = 0.95;  ///< in (0, 1)
  uint64_t seed = 0;
  bool by_subject = true;  ///< resample subjects, for samples of one person are not independent; else samples
};

/// A confidence interval of a metric.
struct Interval {
  double estimate = 0.0;
  double low = 0.0;  ///< NaN, as is high, with fewer than 2 groups: nothing can be said
  double high = 0.0;
  int64_t num_groups = 0;  ///< what was resampled: subjects, or samples
};

/// Bootstrap confidence interval (Efron & Tibshirani 1993, ch. 13 percentile and 14 BCa; groups are drawn
/// whole, the cluster bootstrap of Davison & Hinkley 1997, §3.8). Deterministic for a seed, whatever the
/// order of the samples within a group. Quantiles are linear between order statistics, as in numpy.
Interval bootstrap_interval(const std::vector<Prediction>& predictions, int64_t num_classes,
                            const std::function<double(const ConfusionMatrix&)>& value,
                            const BootstrapOptions& options = {});

/// The same of auc(). Draws in which only one class is left do not count.
Interval bootstrap_auc(const std::vector<Prediction>& predictions, int64_t num_classes,
                       const BootstrapOptions& options = {});

}  // namespace limbic::eval
