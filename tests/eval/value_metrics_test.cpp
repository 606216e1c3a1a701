#include "limbic/eval/value_metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "limbic/eval/calibration.h"
#include "limbic/eval/report.h"
#include "support/paths.h"

namespace limbic::eval {
namespace {

using affect::LabelSpace;
using affect::TaskKind;

constexpr double kUnknownValue = std::numeric_limits<double>::quiet_NaN();

LabelSpace continuous(std::vector<std::string> names, std::vector<double> range = {}, double rate_hz = 0) {
  return {"affect", std::move(names), {TaskKind::kContinuous, std::move(range), rate_hz}};
}

std::vector<ValuePrediction> sentiments() {
  const std::vector<double> truth = {-3, -1.8, -0.5, 0, 0, 0.4, 0.6, 1.5, 2.5, 3, -2.2, 1.0};
  const std::vector<double> said = {-2.5, -0.5, 0.5, -0.2, 0.1, 1.5, -0.4, 2.5, 3.6, 1.2, -3.4, 0.8};
  std::vector<ValuePrediction> predictions;
  for (size_t i = 0; i < truth.size(); ++i)
    predictions.push_back({"s" + std::to_string(i), "p" + std::to_string(i % 4), {truth[i]}, {said[i]}});
  predictions.push_back({"unknown", "p0", {kUnknownValue}, {1.0}});
  return predictions;
}

// Golden numbers: sklearn 1.2.1, scipy 1.10.1 pearsonr, numpy round and clip; ccc from numpy's cov and var
// with ddof 0 and 1.
TEST(ValueMetrics, AgreeWithScipyAndTheConventionsOfMosi) {
  const auto task = continuous({"sentiment"}, {-3.0, 3.0});
  const std::vector<std::pair<const char*, double>> golden = {{"ccc", 0.843705708027316},
                                                              {"ccc_unbiased", 0.8439239413046689},
                                                              {"pearson", 0.8481364136370207},
                                                              {"mae", 0.875},
                                                              {"mse", 1.0108333333333335},
                                                              {"rmse", 1.005402075457045},
                                                              {"acc2_has0", 0.75},
                                                              {"f1_has0", 0.7555555555555555},
                                                              {"acc2_non0", 0.8},
                                                              {"f1_non0", 0.8},
                                                              {"acc7", 5.0 / 12},
                                                              {"acc5", 8.0 / 12},
                                                              {"acc3", 0.75}};
  EXPECT_EQ(value_metric_names(task).size(), golden.size());
  const auto intervals = value_intervals(task, sentiments());
  for (const auto& [name, value] : golden) {
    EXPECT_NEAR(value_metric(task, sentiments(), name), value, 1e-12) << name;
    const auto& interval = intervals.at(name);
    EXPECT_NEAR(interval.estimate, value, 1e-12) << name;
    EXPECT_EQ(interval.num_groups, 4) << name;
    EXPECT_LE(interval.low, interval.high) << name;
  }
}

TEST(ValueMetrics, OnlySentimentHasItsConventions) {
  for (const auto& name : value_metric_names(continuous({"valence"}, {-1.0, 1.0})))
    EXPECT_EQ(name.find("acc"), std::string::npos) << name;
  EXPECT_NE(test::error_of([] { value_metric(continuous({"valence"}), sentiments(), "pearsn"); },
                           ErrorCode::kConfig)
                .find("did you mean 'pearson'?"),
            std::string::npos);
}

TEST(ValueMetrics, AreMeansOverDimensionsAndKeepEachByName) {
  const auto task = continuous({"valence", "arousal"});
  std::vector<ValuePrediction> predictions;
  for (const auto& p : sentiments())
    predictions.push_back({p.id, p.subject, {p.truth[0], 5.0 + p.truth[0]}, {p.prediction[0], p.truth[0]}});
  EXPECT_NEAR(value_metric(task, predictions, "mae_valence"), 0.875, 1e-12);
  EXPECT_NEAR(value_metric(task, predictions, "mae_arousal"), 5.0, 1e-12);
  EXPECT_NEAR(value_metric(task, predictions, "mae"), 0.5 * (0.875 + 5.0), 1e-12);
  EXPECT_NEAR(value_metric(task, predictions, "pearson_arousal"), 1.0, 1e-12);
}

TEST(ValueMetrics, OverTimeSequencesAreConcatenatedAndAlsoAveraged) {
  const auto task = continuous({"valence"}, {}, 2.0);
  const ValuePrediction perfect{"a", "p", {0, 1, 2}, {0, 1, 2}};
  const ValuePrediction shifted{"b", "q", {0, 2, kUnknownValue}, {1, 3, 9}};
  // By hand: of the second, 2 * 1 / (1 + 1 + 1).
  EXPECT_NEAR(value_metric(task, {perfect, shifted}, "ccc_per_sequence"), 0.5 * (1.0 + 2.0 / 3.0), 1e-12);
  EXPECT_NEAR(value_metric(task, {perfect, shifted}, "mae"), 2.0 / 5.0, 1e-12);
}

TEST(ValueMetrics, AConstantHasNoCorrelation) {
  const auto task = continuous({"valence"});
  const std::vector<ValuePrediction> flat = {{"a", "", {1}, {0}}, {"b", "", {1}, {0}}};
  EXPECT_TRUE(std::isnan(value_metric(task, flat, "pearson")));
  EXPECT_EQ(value_metric(task, flat, "ccc"), 0.0);
  EXPECT_TRUE(std::isnan(value_metric(task, {}, "mae")));
}

const LabelSpace kUnits{"aus", {"au04", "au06", "au12"}, {TaskKind::kMultiLabel, {}, 0.0}};

std::vector<ValuePrediction> units() {
  const std::vector<std::vector<double>> truth = {{1, 0, 1}, {0, 0, 1}, {1, 1, 0}, {0, 0, 0},
                                                  {1, 0, 1}, {1, 1, 1}, {0, 0, 1}, {0, 1, 0}};
  const std::vector<std::vector<double>> said = {{.9, .2, .6}, {.4, .6, .7},  {.3, .8, .2}, {.1, .3, .55},
                                                 {.7, .1, .4}, {.6, .45, .9}, {.6, .2, .8}, {.2, .5, .1}};
  std::vector<ValuePrediction> predictions;
  for (size_t i = 0; i < truth.size(); ++i)
    predictions.push_back({"s" + std::to_string(i), "p" + std::to_string(i % 4), truth[i], said[i]});
  return predictions;
}

// Golden numbers: sklearn 1.2.1 f1_score, accuracy_score, roc_auc_score.
TEST(ValueMetrics, OfSeveralLabelsAgreeWithSklearn) {
  auto predictions = units();
  EXPECT_NEAR(value_metric(kUnits, predictions, "macro_f1"), 0.7388888888888889, 1e-12);
  EXPECT_NEAR(value_metric(kUnits, predictions, "micro_f1"), 0.75, 1e-12);
  EXPECT_NEAR(value_metric(kUnits, predictions, "exact_match"), 0.25, 1e-12);
  EXPECT_NEAR(value_metric(kUnits, predictions, "label_accuracy"), 0.75, 1e-12);
  EXPECT_NEAR(value_metric(kUnits, predictions, "auc_au04"), 0.84375, 1e-12);
  EXPECT_NEAR(value_metric(kUnits, predictions, "auc"), 0.88125, 1e-12);
  EXPECT_NEAR(value_intervals(kUnits, predictions).at("auc_au12").estimate, 0.9333333333333333, 1e-12);
  predictions[1].truth[1] = kUnknownValue;
  EXPECT_NEAR(value_metric(kUnits, predictions, "macro_f1"), 0.7833333333333333, 1e-12);
  EXPECT_NEAR(value_metric(kUnits, predictions, "auc_au06"), 1.0, 1e-12);
  EXPECT_NEAR(value_metric(kUnits, predictions, "exact_match"), 2.0 / 7.0, 1e-12);
}

TEST(OrdinalMetrics, AgreeWithSklearn) {
  const LabelSpace task{"level", {"none", "low", "mid", "high"}, {TaskKind::kOrdinal, {}, 0.0}};
  const std::vector<int64_t> truth = {0, 1, 2, 3, 2, 1, 0, 3, 2, 2};
  const std::vector<int64_t> said = {0, 2, 2, 1, 3, 1, 1, 3, 2, 0};
  TaskPredictions predictions{task, {}};
  for (size_t i = 0; i < truth.size(); ++i)
    predictions.predictions.push_back({"", "", truth[i], said[i], {}});
  EXPECT_NEAR(predictions.value("qwk"), 0.47619047619047616, 1e-12);
  EXPECT_NEAR(predictions.value("mae"), 0.7, 1e-12);
  const auto report = evaluate(predictions);
  EXPECT_NEAR(report.metrics.at("qwk").estimate, 0.47619047619047616, 1e-12);
  EXPECT_FALSE(is_share(task, "qwk"));
}

std::vector<Prediction> overconfident() {
  const std::vector<std::vector<double>> logits = {{3, 0, -1},  {0.5, 2, 0}, {-1, 4, 2}, {2.5, 2, 0},
                                                   {0, 0, 5.0}, {1, 3, 1},   {4, 1, 0}};
  const std::vector<int64_t> truth = {0, 1, 2, 1, 2, 0, 0};
  std::vector<Prediction> predictions;
  for (size_t i = 0; i < truth.size(); ++i) {
    double sum = 0;
    std::vector<double> p;
    for (const double z : logits[i]) p.push_back(std::exp(z));
    for (const double value : p) sum += value;
    for (double& value : p) value /= sum;
    predictions.push_back(make_prediction("s" + std::to_string(i), "", truth[i], p));
  }
  return predictions;
}

// Golden numbers: scipy 1.10.1 optimize.minimize_scalar of the likelihood; the bins by numpy.
TEST(Calibration, TheTemperatureIsThatOfScipysMinimiser) {
  auto predictions = overconfident();
  EXPECT_NEAR(nll(predictions), 0.8354012110849744, 1e-12);
  EXPECT_NEAR(ece(predictions), 0.3045328624183086, 1e-12);
  EXPECT_NEAR(bootstrap_ece(predictions).estimate, 0.3045328624183086, 1e-12);
  const double temperature = fit_temperature(predictions);
  EXPECT_NEAR(temperature, 1.700676727798171, 1e-6);
  for (auto& p : predictions) p.probabilities = with_temperature(p.probabilities, temperature);
  EXPECT_NEAR(nll(predictions), 0.747512493353535, 1e-10);
  EXPECT_NEAR(fit_temperature(predictions), 1.0, 1e-9);
  EXPECT_NEAR(fit_temperature(units()), 0.5657288841143526, 1e-6);
}

TEST(Calibration, OfNothingIsNone) {
  EXPECT_EQ(fit_temperature(std::vector<Prediction>{}), 1.0);
  EXPECT_TRUE(std::isnan(ece(std::vector<Prediction>{})));
  EXPECT_TRUE(std::isnan(nll({})));
}

TEST(Metrics, OfErrorsTheSmallerOneIsBetter) {
  for (const char* name : {"loss", "mae", "rmse_valence", "ece"}) EXPECT_TRUE(is_lower_better(name)) << name;
  for (const char* name : {"ccc", "uar", "macro_f1", "acc7"}) EXPECT_FALSE(is_lower_better(name)) << name;
}

TEST(Report, ValuesMakeTheRoundTripThroughTheirFiles) {
  test::TempDir dir;
  TaskPredictions clips{continuous({"valence", "arousal"}, {-1.0, 1.0}), {}};
  clips.values = {{"a", "p", {0.25, kUnknownValue}, {0.5, 0.125}, {0.1, 0.2}}};
  TaskPredictions frames{continuous({"trace"}, {}, 4.0), {}};
  frames.values = {{"a", "p", {0.25, kUnknownValue, 0.5}, {0.5, 0.125, 1.0}}, {"b", "q", {1.0}, {2.0}}};
  frames.labels.task = "over_time";
  write_results(dir.path(), {{"affect", clips}, {"over_time", frames}});
  for (const auto* task : {&clips, &frames}) {
    const auto read =
        read_task_predictions(predictions_path(dir.path(), task->labels.task, false), task->labels);
    ASSERT_EQ(read.values.size(), task->values.size());
    for (size_t i = 0; i < read.values.size(); ++i) {
      EXPECT_EQ(read.values[i].prediction, task->values[i].prediction);
      EXPECT_EQ(read.values[i].variance, task->values[i].variance);
      for (size_t k = 0; k < read.values[i].truth.size(); ++k)
        EXPECT_TRUE(read.values[i].truth[k] == task->values[i].truth[k] ||
                    std::isnan(task->values[i].truth[k]));
    }
  }
  EXPECT_FALSE(std::filesystem::exists(dir / "confusion_affect.csv"));
}

}  // namespace
}  // namespace limbic::eval
