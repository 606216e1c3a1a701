#include "limbic/eval/hierarchy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/paths.h"

namespace limbic::eval {
namespace {

const affect::Ontology& emotions() {
  static const affect::Ontology ontology = affect::Ontology::load();
  return ontology;
}

const affect::LabelSpace kFine{"emotion", {"anger", "rage", "joy", "surprise"}};

TEST(Hierarchy, AncestorSetsLeaveOutTheRoot) {
  const auto sets = ancestor_sets(emotions(), kFine);
  // anger, negative_active, negative, high_arousal
  EXPECT_EQ(sets[0].size(), 4u);
  EXPECT_EQ(sets[1].size(), 5u);
  EXPECT_EQ(sets[2].size(), 4u);
  for (const auto& set : sets) {
    for (const auto id : set) EXPECT_NE(emotions().name(id), "affect");
  }
}

TEST(Hierarchy, ANearMissCostsLessThanAFarOne) {
  const auto sets = ancestor_sets(emotions(), kFine);
  const auto scores_of = [&](int64_t truth, int64_t prediction) {
    ConfusionMatrix matrix(4);
    matrix.add(truth, prediction);
    return hierarchical_scores(matrix, sets);
  };
  // By hand: truth rage {rage, anger, negative_active, negative, high_arousal}.
  EXPECT_EQ(scores_of(1, 1).f1, 1.0);
  EXPECT_EQ(scores_of(1, 0).precision, 1.0);
  EXPECT_EQ(scores_of(1, 0).recall, 4.0 / 5.0);
  EXPECT_NEAR(scores_of(1, 0).f1, 8.0 / 9.0, 1e-15);
  // joy {joy, positive_active, positive, high_arousal} shares high_arousal.
  EXPECT_EQ(scores_of(1, 2).precision, 1.0 / 4.0);
  EXPECT_EQ(scores_of(1, 2).recall, 1.0 / 5.0);
  EXPECT_EQ(scores_of(1, kInvalid).f1, 0.0);
}

TEST(Hierarchy, SumsOverSamplesBeforeDividing) {
  const auto sets = ancestor_sets(emotions(), kFine);
  ConfusionMatrix matrix(4);
  matrix.add(1, 0, 2);         // shares 4 of 4 predicted and 5 wanted
  matrix.add(2, 2);            // 4 of 4 and 4
  matrix.add(0, 2);            // 1 of 4 and 4
  matrix.add(3, kInvalid, 1);  // surprise: 0 of 0 and 4 (surprise, ambiguous_active, ambiguous, high_arousal)
  const auto scores = hierarchical_scores(matrix, sets);
  EXPECT_NEAR(scores.precision, 13.0 / 16.0, 1e-15);
  EXPECT_NEAR(scores.recall, 13.0 / 22.0, 1e-15);
}

TEST(Hierarchy, ClassesWithoutMeaningCountAsInAFlatMetric) {
  const affect::LabelSpace odd{"colour", {"red_", "green_", "blue_"}};
  ConfusionMatrix matrix(3);
  matrix.add(0, 0, 3);
  matrix.add(1, 2, 1);
  matrix.add(2, 2, 4);
  const auto scores = hierarchical_scores(matrix, ancestor_sets(emotions(), odd));
  EXPECT_NEAR(scores.f1, matrix.accuracy(), 1e-15);
}

TaskPredictions fine_predictions() {
  TaskPredictions fine;
  fine.labels = {"emotion", {"angry", "calm", "happy", "sad"}};
  const auto add = [&](const char* id, int64_t truth, std::vector<double> p) {
    fine.predictions.push_back(make_prediction(id, id, truth, std::move(p)));
  };
  add("a", 0, {0.5, 0.1, 0.1, 0.3});
  add("b", 3, {0.4, 0.1, 0.3, 0.2});
  add("c", 1, {0.1, 0.2, 0.6, 0.1});
  add("d", 2, {NAN, 0.2, 0.6, 0.1});
  return fine;
}

TEST(Hierarchy, CoarseScoresForgiveWhatTheLevelDoesNotSee) {
  const auto fine = fine_predictions();
  const auto coarse = coarsened(fine, data::map_labels(fine.labels, "", "valence", emotions()));
  EXPECT_EQ(coarse.labels.task, "valence");
  EXPECT_EQ(coarse.labels.classes, (std::vector<std::string>{"negative", "positive"}));
  ASSERT_EQ(coarse.predictions.size(), 4u);
  EXPECT_NEAR(coarse.predictions[0].probabilities[0], 0.8, 1e-15);
  EXPECT_EQ(coarse.predictions[3].prediction, kInvalid);
  // Fine: 1 of 4 right. Negative, negative, positive right at the level, the fourth invalid.
  EXPECT_EQ(fine.value("accuracy"), 0.25);
  EXPECT_EQ(coarse.value("accuracy"), 0.75);
  EXPECT_EQ(coarse.value("uar"), 0.75);
}

TEST(Hierarchy, ATaskDropsTruthsThatItHasNoClassFor) {
  const auto fine = fine_predictions();
  const auto coarse = coarsened(fine, data::map_labels(fine.labels, "", "emotion4", emotions()));
  ASSERT_EQ(coarse.predictions.size(), 3u);  // calm is gone
  EXPECT_EQ(coarse.predictions[0].probabilities, (std::vector<double>{0.5, 0.1, 0.0, 0.3}));
}

TEST(Hierarchy, TheReportGetsTheMetricsWithIntervals) {
  auto fine = fine_predictions();
  auto report = evaluate(fine.labels, fine.predictions);
  const size_t before = metrics_of(report).size();
  add_hierarchical_metrics(report, fine.predictions, ancestor_sets(emotions(), fine.labels));
  const auto names = metrics_of(report);
  ASSERT_EQ(names.size(), before + 3);
  EXPECT_EQ(names.back(), "hierarchical_recall");
  const auto& f1 = report.metrics.at("hierarchical_f1");
  EXPECT_GT(f1.estimate, report.metrics.at("accuracy").estimate);
  EXPECT_LE(f1.low, f1.estimate);
  EXPECT_GE(f1.high, f1.estimate);
  EXPECT_NE(metrics_table(report).find("hierarchical_f1        0."), std::string::npos)
      << metrics_table(report);
}

TEST(Hierarchy, ContradictionsBetweenTasksAreRemoved) {
  std::map<std::string, TaskPredictions> tasks;
  tasks["emotion"].labels = {"emotion", {"happy", "sad", "surprise"}};
  tasks["sentiment"].labels = {"sentiment", {"negative", "neutral", "positive"}};
  const auto add = [&](const char* task, const char* id, std::vector<double> p) {
    tasks[task].predictions.push_back(make_prediction(id, "", 0, std::move(p)));
  };
  add("emotion", "a", {0.5, 0.4, 0.1});
  add("sentiment", "a", {0.7, 0.1, 0.2});
  add("emotion", "b", {0.5, 0.4, 0.1});
  add("sentiment", "b", {0.1, 0.1, 0.8});
  add("emotion", "c", {0.5, 0.4, 0.1});    // its sentiment is unknown
  add("sentiment", "d", {NAN, 0.1, 0.8});  // invalid
  add("emotion", "d", {0.5, 0.4, 0.1});
  const affect::ClassConstraints constraints(emotions(),
                                             {tasks["emotion"].labels, tasks["sentiment"].labels});
  EXPECT_EQ(count_contradictions(tasks, constraints), 1);
  EXPECT_EQ(make_consistent(tasks, constraints), 1);
  EXPECT_EQ(count_contradictions(tasks, constraints), 0);
  EXPECT_EQ(tasks["emotion"].predictions[0].prediction, 1);
  EXPECT_EQ(tasks["sentiment"].predictions[0].prediction, 0);
  EXPECT_EQ(tasks["emotion"].predictions[1].prediction, 0);
  EXPECT_EQ(tasks["emotion"].predictions[2].prediction, 0);
  EXPECT_EQ(tasks["sentiment"].predictions[2].prediction, kInvalid);
  EXPECT_EQ(make_consistent(tasks, constraints), 0);
}

}  // namespace
}  // namespace limbic::eval
