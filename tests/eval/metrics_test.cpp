#include "limbic/eval/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "limbic/core/rng.h"
#include "support/paths.h"

namespace limbic::eval {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<int64_t> kTruth = {0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 0, 1, 2, 2, 4, 4};
const std::vector<int64_t> kGuess = {0, 0, 1, 2, 1, 1, 0, 2, 2, 2, 1, 2, 0, 1, 3, 2, 4, 0};

ConfusionMatrix matrix_of(const std::vector<int64_t>& truth, const std::vector<int64_t>& guess) {
  ConfusionMatrix matrix(5);
  for (size_t i = 0; i < truth.size(); ++i) matrix.add(truth[i], guess[i]);
  return matrix;
}

// Golden numbers: sklearn 1.2.1 accuracy_score, balanced_accuracy_score, f1_score(average=macro|weighted,
// zero_division=0) and precision_recall_fscore_support(labels=range(5), zero_division=0). Class 3 never
// occurs but is predicted once.
TEST(ConfusionMatrix, AgreesWithScikitLearn) {
  const ConfusionMatrix m = matrix_of(kTruth, kGuess);
  EXPECT_NEAR(m.accuracy(), 0.6666666666666666, 1e-15);
  EXPECT_NEAR(m.uar(), 0.6410714285714286, 1e-15);
  EXPECT_NEAR(m.macro_f1(), 0.5405128205128205, 1e-15);
  EXPECT_NEAR(m.weighted_f1(), 0.688034188034188, 1e-15);
  const double precision[] = {0.6, 0.6, 0.8333333333333334, 0.0, 1.0};
  const double recall[] = {0.6, 0.75, 0.7142857142857143, 0.0, 0.5};
  const double f1[] = {0.6, 0.6666666666666665, 0.7692307692307692, 0.0, 0.6666666666666666};
  const int64_t support[] = {5, 4, 7, 0, 2};
  for (int64_t c = 0; c < 5; ++c) {
    EXPECT_NEAR(m.scores(c).precision, precision[c], 1e-15) << c;
    EXPECT_NEAR(m.scores(c).recall, recall[c], 1e-15) << c;
    EXPECT_NEAR(m.scores(c).f1, f1[c], 1e-15) << c;
    EXPECT_EQ(m.scores(c).support, support[c]) << c;
  }
  EXPECT_EQ(m.at(0, 1), 1);  // rows are the truth
  EXPECT_EQ(m.at(1, 0), 1);
  EXPECT_EQ(m.at(2, 3), 1);
  EXPECT_EQ(m.at(3, 2), 0);
  EXPECT_EQ(m.total(), 18);
}

// As sklearn has it with an extra label -1 in y_pred and `labels` naming the classes.
TEST(ConfusionMatrix, InvalidPredictionsCountAsWrongAndAsNoClass) {
  std::vector<int64_t> guess = kGuess;
  guess[0] = guess[8] = kInvalid;
  const ConfusionMatrix m = matrix_of(kTruth, guess);
  EXPECT_EQ(m.invalid(), 2);
  EXPECT_EQ(m.total(), 18);
  EXPECT_NEAR(m.accuracy(), 0.5555555555555556, 1e-15);
  EXPECT_NEAR(m.uar(), 0.5553571428571429, 1e-15);
  EXPECT_NEAR(m.macro_f1(), 0.4888888888888888, 1e-15);
  EXPECT_NEAR(m.weighted_f1(), 0.6049382716049382, 1e-15);
  EXPECT_NEAR(m.scores(0).precision, 0.5, 1e-15);
  EXPECT_NEAR(m.scores(0).recall, 0.4, 1e-15);
}

TEST(ConfusionMatrix, WithoutSamplesNothingIsKnown) {
  const ConfusionMatrix m(3);
  for (const Metric& row : metrics()) EXPECT_TRUE(std::isnan(row.value(m))) << row.name;
  ConfusionMatrix n(2);
  EXPECT_THAT(test::error_of([&] { n.add(2, 0); }, ErrorCode::kInternal),
              HasSubstr("truth 2 or prediction 0"));
  EXPECT_THAT(test::error_of([&] { n.add(0, -2); }, ErrorCode::kInternal), HasSubstr("prediction -2"));
}

TEST(PredictedClass, IsTheFirstLargestAndNeverClass0ForNaN) {
  EXPECT_EQ(predicted_class({0.1, 0.6, 0.3}), 1);
  EXPECT_EQ(predicted_class({0.4, 0.4, 0.2}), 0);
  EXPECT_EQ(predicted_class({kNan, kNan, kNan}), kInvalid);
  EXPECT_EQ(predicted_class({0.5, 0.5, kNan}), kInvalid);
  EXPECT_EQ(predicted_class({0.5, std::numeric_limits<double>::infinity()}), kInvalid);
  EXPECT_EQ(predicted_class({}), kInvalid);
}

TEST(Metrics, AreFoundByName) {
  EXPECT_STREQ(metric("uar").name, "uar");
  EXPECT_EQ(test::error_of([] { metric("acuracy"); }, ErrorCode::kConfig),
            "no metric 'acuracy'; did you mean 'accuracy'?; metrics: accuracy, uar, macro_f1, weighted_f1");
}

std::vector<Prediction> scored(const std::vector<int64_t>& truth, const std::vector<std::vector<double>>& p) {
  std::vector<Prediction> predictions;
  for (size_t i = 0; i < truth.size(); ++i)
    predictions.push_back(make_prediction("s" + std::to_string(i), "", truth[i], p[i]));
  return predictions;
}

// Golden numbers: sklearn 1.2.1 roc_auc_score, with ties; of three classes multi_class="ovr",
// average="macro".
TEST(Auc, AgreesWithScikitLearn) {
  const std::vector<double> score = {0.1, 0.4, 0.35, 0.8, 0.4, 0.7, 0.2, 0.4};
  std::vector<std::vector<double>> two;
  for (const double s : score) two.push_back({1 - s, s});
  EXPECT_NEAR(auc(scored({0, 0, 1, 1, 1, 0, 0, 1}, two), 2), 0.6875, 1e-12);
  const std::vector<std::vector<double>> three = {{.5, .3, .2}, {.2, .5, .3},   {.1, .2, .7}, {.4, .35, .25},
                                                  {.3, .4, .3}, {.25, .25, .5}, {.6, .1, .3}};
  EXPECT_NEAR(auc(scored({0, 1, 2, 1, 0, 2, 2}, three), 3), 0.8388888888888889, 1e-12);
}

TEST(Auc, IsUnknownWithoutProbabilitiesOrWithOneClass) {
  EXPECT_TRUE(std::isnan(auc(scored({0, 1}, {{}, {}}), 2)));
  EXPECT_TRUE(std::isnan(auc(scored({0, 1}, {{0.5, 0.5}, {kNan, 0.1}}), 2)));
  EXPECT_TRUE(std::isnan(auc(scored({1, 1}, {{0.5, 0.5}, {0.9, 0.1}}), 2)));
  EXPECT_TRUE(std::isnan(auc({}, 2)));
}

TEST(Auc, IntervalHoldsTheEstimateAndShrinksWithThePeople) {
  core::Rng rng(3);
  const auto people = [&](int num_people) {
    std::vector<Prediction> predictions;
    for (int i = 0; i < num_people * 20; ++i) {
      const int64_t truth = i % 2;
      const double p = 1 / (1 + std::exp(-rng.normal() - static_cast<double>(truth)));
      predictions.push_back(
          make_prediction(std::to_string(i), "p" + std::to_string(i / 20), truth, {1 - p, p}));
    }
    return predictions;
  };
  const Interval few = bootstrap_auc(people(6), 2);
  const Interval many = bootstrap_auc(people(60), 2);
  for (const Interval& i : {few, many}) {
    EXPECT_LT(i.low, i.estimate);
    EXPECT_GT(i.high, i.estimate);
    EXPECT_NEAR(i.estimate, 0.76, 0.08);  // Phi(1 / sqrt(2))
  }
  EXPECT_LT(many.high - many.low, 0.6 * (few.high - few.low));
}

/// 100 samples of two classes, 15 wrong, subjects of ten.
std::vector<Prediction> hundred() {
  std::vector<Prediction> predictions;
  for (int i = 0; i < 100; ++i) {
    const int64_t truth = i < 60 ? 0 : 1;
    predictions.push_back({"s" + std::to_string(i), "p" + std::to_string(i / 10), truth, truth, {}});
  }
  for (const size_t i : {1, 5, 9, 20, 33, 44, 50, 61, 66, 70, 75, 77, 80, 81, 90}) {
    predictions[i].prediction = 1 - predictions[i].truth;
  }
  return predictions;
}

Interval interval_of(const char* name, BootstrapOptions::Method method, bool by_subject, uint64_t seed = 0) {
  BootstrapOptions options;
  options.method = method;
  options.num_resamples = 10000;
  options.by_subject = by_subject;
  options.seed = seed;
  return bootstrap_interval(hundred(), 2, metric(name).value, options);
}

// scipy 1.10 stats.bootstrap (20000 resamples of accuracy, 4000 of UAR) and numpy resampling of whole
// subjects. The tolerance is the Monte Carlo error of the ends, one or two steps of 0.01 for accuracy.
TEST(Bootstrap, AgreesWithScipyWithinMonteCarloError) {
  using Method = BootstrapOptions::Method;
  const Interval percentile = interval_of("accuracy", Method::kPercentile, false);
  EXPECT_DOUBLE_EQ(percentile.estimate, 0.85);
  EXPECT_NEAR(percentile.low, 0.78, 0.0101);
  EXPECT_NEAR(percentile.high, 0.92, 0.0101);
  EXPECT_EQ(percentile.num_groups, 100);
  const Interval bca = interval_of("accuracy", Method::kBca, false);
  EXPECT_NEAR(bca.low, 0.77, 0.0101);
  EXPECT_NEAR(bca.high, 0.91, 0.0101);
  const Interval uar = interval_of("uar", Method::kPercentile, false);
  EXPECT_NEAR(uar.low, 0.7638, 0.006);
  EXPECT_NEAR(uar.high, 0.9125, 0.006);
  const Interval uar_bca = interval_of("uar", Method::kBca, false);
  EXPECT_NEAR(uar_bca.low, 0.7560, 0.006);
  EXPECT_NEAR(uar_bca.high, 0.9075, 0.006);
  const Interval cluster = interval_of("accuracy", Method::kPercentile, true);
  EXPECT_EQ(cluster.num_groups, 10);
  EXPECT_NEAR(cluster.low, 0.79, 0.0101);
  EXPECT_NEAR(cluster.high, 0.91, 0.0101);
}

TEST(Bootstrap, IsDeterministicForASeed) {
  using Method = BootstrapOptions::Method;
  const Interval a = interval_of("uar", Method::kBca, true, 7);
  const Interval b = interval_of("uar", Method::kBca, true, 7);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_NE(a.low, interval_of("uar", Method::kBca, true, 8).low);
}

TEST(Bootstrap, SubjectsThatAgreeWithThemselvesMakeItWider) {
  std::vector<Prediction> predictions;  // five subjects of 40: all right or all wrong
  for (int i = 0; i < 200; ++i) {
    predictions.push_back({std::to_string(i), std::to_string(i / 40), 0, i / 40 < 2 ? 0 : 1, {}});
  }
  BootstrapOptions options;
  options.method = BootstrapOptions::Method::kPercentile;
  const Interval by_subject = bootstrap_interval(predictions, 2, metric("accuracy").value, options);
  options.by_subject = false;
  const Interval by_sample = bootstrap_interval(predictions, 2, metric("accuracy").value, options);
  EXPECT_GT(by_subject.high - by_subject.low, 3 * (by_sample.high - by_sample.low));
}

TEST(Bootstrap, CoversTheTruthAboutAsOftenAsItSays) {
  core::Rng rng(5);
  int num_covered = 0;
  constexpr int kTrials = 300;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<Prediction> predictions;
    for (int i = 0; i < 120; ++i) predictions.push_back({"", "", 0, rng.chance(0.8) ? 0 : 1, {}});
    BootstrapOptions options;
    options.num_resamples = 300;
    options.seed = static_cast<uint64_t>(trial);
    const Interval i = bootstrap_interval(predictions, 2, metric("accuracy").value, options);
    num_covered += i.low <= 0.8 && 0.8 <= i.high ? 1 : 0;
  }
  // Binomial(300, 0.95) has a standard deviation of 3.8; the method itself is a point or two short at n =
  // 120.
  EXPECT_GE(num_covered, 270);
  EXPECT_LE(num_covered, 297);
}

TEST(Bootstrap, OneGroupOrOnlyRightAnswersAreDefined) {
  std::vector<Prediction> predictions = hundred();
  for (Prediction& p : predictions) p.subject = "only";
  const Interval one = bootstrap_interval(predictions, 2, metric("accuracy").value);
  EXPECT_EQ(one.num_groups, 1);
  EXPECT_DOUBLE_EQ(one.estimate, 0.85);
  EXPECT_TRUE(std::isnan(one.low) && std::isnan(one.high));
  for (Prediction& p : predictions) {
    p.subject.clear();
    p.prediction = p.truth;
  }
  const Interval perfect = bootstrap_interval(predictions, 2, metric("macro_f1").value);
  EXPECT_EQ(perfect.low, 1.0);
  EXPECT_EQ(perfect.high, 1.0);
}

}  // namespace
}  // namespace limbic::eval
