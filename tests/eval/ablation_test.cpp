#include "limbic/eval/ablation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "limbic/core/rng.h"
#include "limbic/eval/report.h"
#include "limbic/eval/value_metrics.h"
#include "support/paths.h"

namespace limbic::eval {
namespace {

using ::testing::HasSubstr;

std::vector<double> random_game(size_t num_players, uint64_t seed) {
  core::Rng rng(seed);
  std::vector<double> value;
  for (size_t s = 0; s < size_t{1} << num_players; ++s) value.push_back(rng.uniform());
  return value;
}

TEST(ShapleyValues, OfTheGloveGameAreTwoThirdsAndASixth) {
  // One left glove (player 0) and two right ones: a pair is worth 1.
  std::vector<double> value(8, 0.0);
  for (const Subset pair : {0b011U, 0b101U, 0b111U}) value[pair] = 1;
  const auto shapley = shapley_values(value);
  EXPECT_NEAR(shapley[0], 2.0 / 3, 1e-15);
  EXPECT_NEAR(shapley[1], 1.0 / 6, 1e-15);
  EXPECT_NEAR(shapley[2], 1.0 / 6, 1e-15);
}

TEST(ShapleyValues, AreTheMeanGainOverAllOrders) {
  const auto value = random_game(5, 3);
  std::vector<size_t> order = {0, 1, 2, 3, 4};
  std::vector<double> mean(5, 0.0);
  do {
    Subset subset = 0;
    for (const size_t player : order) {
      mean[player] += (value[subset | Subset{1} << player] - value[subset]) / 120;
      subset |= Subset{1} << player;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  const auto shapley = shapley_values(value);
  for (size_t m = 0; m < 5; ++m) EXPECT_NEAR(shapley[m], mean[m], 1e-12);
}

TEST(ShapleyValues, HoldTheAxioms) {
  auto game = random_game(4, 5);
  const auto shapley = shapley_values(game);
  EXPECT_NEAR(std::accumulate(shapley.begin(), shapley.end(), 0.0), game[15] - game[0], 1e-12);  // efficiency
  const auto other = random_game(4, 6);
  std::vector<double> sum;
  for (size_t s = 0; s < 16; ++s) sum.push_back(game[s] + other[s]);
  for (size_t m = 0; m < 4; ++m)  // additivity
    EXPECT_NEAR(shapley_values(sum)[m], shapley[m] + shapley_values(other)[m], 1e-12);
  for (Subset s = 0; s < 16; ++s) {
    if ((s & 3U) == 2) game[s] = game[s ^ 3U];  // players 0 and 1 are worth the same everywhere
  }
  for (Subset s = 0; s < 16; ++s) {
    if ((s & 8U) != 0) game[s] = game[s & ~8U];  // player 3 adds nothing
  }
  const auto special = shapley_values(game);
  EXPECT_NEAR(special[0], special[1], 1e-12);  // symmetry
  EXPECT_NEAR(special[3], 0.0, 1e-12);         // dummy
  EXPECT_EQ(shapley_values({0.5}).size(), 0U);
  test::error_of([] { shapley_values({1, 2, 3}); }, ErrorCode::kInternal);
}

TEST(MinimalSubset, OfTheForwardSearchMissesAPairThatOnlyWorksTogether) {
  //                                 -  0   1   01  2   02  12   all
  const std::vector<double> value = {0, .6, .5, .7, .5, .7, .95, 1.0};
  EXPECT_EQ(best_subset(value), 0b111U);
  EXPECT_EQ(exhaustive_search(value, 0.06).subset, 0b110U);
  EXPECT_EQ(backward_search(value, 0.06).subset, 0b110U);
  const auto forward = forward_search(value, 0.06);
  EXPECT_EQ(forward.subset, 0b111U);
  EXPECT_EQ(forward.path, (std::vector<Subset>{0, 0b001, 0b011, 0b111}));
}

TEST(MinimalSubset, OfTheBackwardSearchMissesOneThatDoesAlone) {
  //                                 -  0   1   01   2    02  12  all
  const std::vector<double> value = {0, .5, .5, .97, .96, .9, .9, 1.0};
  EXPECT_EQ(exhaustive_search(value, 0.05).subset, 0b100U);
  EXPECT_EQ(backward_search(value, 0.05).subset, 0b011U);
  EXPECT_EQ(forward_search(value, 0.05).subset, 0b100U);
}

TEST(MinimalSubset, MayLieAtTheToleranceAndMayBeMet) {
  EXPECT_EQ(exhaustive_search({0.3, 0.78, 0.1, 0.8}, 0.02).subset, 0b01U);
  EXPECT_EQ(exhaustive_search({0.3, 0.78, 0.1, 0.8}, 0.019).subset, 0b11U);
  // The best is a part of the whole, and the forward search walks past it.
  //                                 -  0   1   01  2   02  12   all
  const std::vector<double> value = {0, .4, .3, .5, .3, .5, 1.0, .6};
  EXPECT_EQ(best_subset(value), 0b110U);
  EXPECT_FALSE(forward_search(value, 0.1).subset.has_value());
  EXPECT_EQ(exhaustive_search({NAN, 0.5, NAN, 0.4}, 0.2).subset, 0b01U);
}

TEST(Subsets, AreNamedAndOrderedBySize) {
  EXPECT_EQ(subsets_by_size(2), (std::vector<Subset>{0b11, 0b10, 0b01, 0b00}));
  EXPECT_EQ(subset_name(0b101, {"audio", "eda", "face"}), "audio + face");
  EXPECT_EQ(subset_name(0, {"audio"}), "(none)");
}

/// 60 samples of 6 people and 3 classes; "sure" tells the class, "vague" half the time, none says class 0.
std::vector<TaskPredictions> class_predictions() {
  core::Rng rng(8);
  std::vector<TaskPredictions> of_subset(4);
  for (auto& task : of_subset) task.labels = {"emotion", {"a", "b", "c"}};
  for (int i = 0; i < 60; ++i) {
    const int64_t truth = i % 3;
    const int64_t vague = rng.chance(0.5) ? truth : rng.below(3);
    const auto say = [&](int64_t said) {
      std::vector<double> p(3, 0.1 + 0.05 * rng.uniform());
      p[static_cast<size_t>(said)] = 0.7;
      return make_prediction("s" + std::to_string(i), "p" + std::to_string(i / 10), truth, p);
    };
    of_subset[0].predictions.push_back(say(0));
    of_subset[1].predictions.push_back(say(truth));
    of_subset[2].predictions.push_back(say(vague));
    of_subset[3].predictions.push_back(say(truth));
  }
  return of_subset;
}

TEST(Ablation, SaysWhatEachModalityIsWorth) {
  AblationOptions options;
  options.metric = "uar";
  options.tolerance = 0.05;
  const auto of_subset = class_predictions();
  const auto ablation = ablate_subsets({"sure", "vague"}, of_subset, options);
  EXPECT_NEAR(ablation.value_of_subset[0].estimate, 1.0 / 3, 1e-12);
  EXPECT_EQ(ablation.value_of_subset[3].estimate, 1.0);
  EXPECT_EQ(ablation.value_of_subset[3].num_groups, 6);
  const double vague = ablation.value_of_subset[2].estimate;
  EXPECT_NEAR(ablation.shapley[0].estimate, ((1 - 1.0 / 3) + (1 - vague)) / 2, 1e-12);
  EXPECT_NEAR(ablation.shapley[1].estimate, (vague - 1.0 / 3) / 2, 1e-12);
  EXPECT_LT(ablation.shapley[1].low, ablation.shapley[1].estimate);
  EXPECT_GT(ablation.shapley[1].high, ablation.shapley[1].estimate);
  EXPECT_EQ(ablation.best, 0b01U);  // of equals the smallest
  for (const auto& minimal : ablation.minimal) EXPECT_EQ(minimal.search.subset, 0b01U);
  EXPECT_EQ(ablation.minimal[0].loss.high, 0.0);  // paired: the same predictions differ by nothing, ever
  const auto json = to_json(ablation);
  EXPECT_EQ(json.at("subsets").front().at("modalities").size(), 2U);
  EXPECT_EQ(json.at("minimal").at("exhaustive").at("modalities"), nlohmann::json({"sure"}));
  EXPECT_THAT(ablation_text(ablation), HasSubstr("sure + vague  1.0000"));
}

TEST(Ablation, HasTheIntervalsOfTheReport) {
  for (const char* metric : {"uar", "auc", "ece", "macro_f1"}) {
    AblationOptions options;
    options.metric = metric;
    options.bootstrap.num_resamples = 200;
    const auto of_subset = class_predictions();
    const auto ablation = ablate_subsets({"sure", "vague"}, of_subset, options);
    const auto report = evaluate(of_subset[2], options.bootstrap).metrics.at(metric);
    EXPECT_NEAR(ablation.value_of_subset[2].estimate, report.estimate, 1e-12) << metric;
    EXPECT_NEAR(ablation.value_of_subset[2].low, report.low, 1e-12) << metric;
    EXPECT_NEAR(ablation.value_of_subset[2].high, report.high, 1e-12) << metric;
    const auto alone = metric_interval(of_subset[2], metric, options.bootstrap);
    EXPECT_NEAR(alone.low, report.low, 1e-12) << metric;
    EXPECT_EQ(ablation.is_lower_better, std::string(metric) == "ece");
  }
}

TEST(Ablation, OfValuesTurnsErrorsRound) {
  std::vector<TaskPredictions> of_subset(2);
  core::Rng rng(2);
  for (auto& task : of_subset) task.labels = {"level", {"level"}, {affect::TaskKind::kContinuous, {}, 0}};
  for (int i = 0; i < 40; ++i) {
    const double truth = rng.normal();
    const std::string subject = "p" + std::to_string(i % 8);
    of_subset[0].values.push_back({std::to_string(i), subject, {truth}, {0.0}});
    of_subset[1].values.push_back({std::to_string(i), subject, {truth}, {truth + 0.1 * rng.normal()}});
  }
  for (const char* metric : {"mae", "ccc"}) {
    AblationOptions options;
    options.metric = metric;
    options.bootstrap.num_resamples = 200;
    const auto ablation = ablate_subsets({"eda"}, of_subset, options);
    EXPECT_GT(ablation.shapley[0].low, 0.3) << metric;
    EXPECT_EQ(ablation.best, 1U);
    const auto report = evaluate(of_subset[1], options.bootstrap).metrics.at(metric);
    EXPECT_NEAR(ablation.value_of_subset[1].low, report.low, 1e-12) << metric;
  }
  AblationOptions options;
  options.metric = "loss";
  EXPECT_THAT(test::error_of([&] { ablate_subsets({"eda"}, of_subset, options); }, ErrorCode::kConfig),
              HasSubstr("no metric 'loss'"));
}

}  // namespace
}  // namespace limbic::eval
