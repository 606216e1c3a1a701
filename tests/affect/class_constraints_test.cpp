#include "limbic/affect/class_constraints.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "limbic/core/rng.h"
#include "support/paths.h"

namespace limbic::affect {
namespace {

const LabelSpace kEmotion{"emotion", {"happy", "sad", "surprise"}};
const LabelSpace kSentiment{"sentiment", {"negative", "neutral", "positive"}};

const Ontology& shipped() {
  static const Ontology ontology = Ontology::load();
  return ontology;
}

TEST(ClassConstraints, HappyContradictsNegativeAndSurpriseNothing) {
  const ClassConstraints constraints(shipped(), {kEmotion, kSentiment});
  const auto row = [&](int64_t emotion) {
    std::vector<bool> result;
    for (int64_t s = 0; s < 3; ++s) result.push_back(constraints.contradicts(0, emotion, 1, s));
    return result;
  };
  EXPECT_EQ(row(0), (std::vector<bool>{true, true, false}));
  EXPECT_EQ(row(1), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(row(2), (std::vector<bool>{false, false, false}));
  EXPECT_EQ(constraints.contradictions().size(), 4u);
  EXPECT_TRUE(constraints.contradicts(1, 0, 0, 0));
}

TEST(ClassConstraints, AClassOfSeveralConceptsContradictsOnlyWhatAllOfThemDo) {
  // stress2: no_stress is positive or neutral, so it leaves room for happy and for neutral.
  const ClassConstraints constraints(shipped(), {shipped().label_space("stress2"), kSentiment});
  EXPECT_TRUE(constraints.contradicts(0, 0, 1, 0));
  EXPECT_FALSE(constraints.contradicts(0, 0, 1, 1));
  EXPECT_FALSE(constraints.contradicts(0, 0, 1, 2));
  EXPECT_TRUE(constraints.contradicts(0, 1, 1, 2));
  EXPECT_FALSE(constraints.contradicts(0, 1, 1, 0));
}

TEST(ClassConstraints, ACorpusLendsItsSpellings) {
  const LabelSpace codes{"emotion", {"Joyful", "Mad", "Powerful"}};
  const ClassConstraints constraints(shipped(), {codes, kSentiment}, "emorynlp");
  EXPECT_TRUE(constraints.contradicts(0, 2, 1, 0));
  EXPECT_TRUE(constraints.contradicts(0, 1, 1, 2));
}

TEST(ClassConstraints, ClassesWithoutMeaningAreFreeAndTold) {
  const ClassConstraints constraints(shipped(), {{"emotion", {"happy", "blorp"}}, kSentiment});
  EXPECT_EQ(constraints.meaningless(), std::vector<std::string>{"emotion: blorp"});
  for (int64_t s = 0; s < 3; ++s) EXPECT_FALSE(constraints.contradicts(0, 1, 1, s));
  EXPECT_NE(test::error_of(
                [] {
                  ClassConstraints(shipped(), {{"speaker", {"anna", "bert"}}});
                },
                ErrorCode::kConfig)
                .find("the ontology knows no class of task 'speaker'"),
            std::string::npos);
}

TEST(ClassConstraints, TheLikelyPairWinsOverTheLikelyClasses) {
  const ClassConstraints constraints(shipped(), {kEmotion, kSentiment});
  // Alone: happy and negative. Together: 0.5 * 0.2 (happy, positive) against 0.4 * 0.7 (sad, negative).
  const auto choice = constraints.decode({{0.5, 0.4, 0.1}, {0.7, 0.1, 0.2}});
  EXPECT_EQ(choice.classes, (std::vector<int64_t>{1, 0}));
  EXPECT_NEAR(choice.log_score, std::log(0.4 * 0.7), 1e-12);
  EXPECT_TRUE(choice.is_consistent);
  EXPECT_EQ(constraints.decode({{0.5, 0.4, 0.1}, {0.1, 0.1, 0.8}}).classes, (std::vector<int64_t>{0, 2}));
}

TEST(ClassConstraints, AValenceThatIsKnownTipsTheBalance) {
  const ClassConstraints constraints(shipped(), {kEmotion, kSentiment});
  const std::vector<std::vector<double>> p{{0.45, 0.45, 0.1}, {0.4, 0.2, 0.4}};
  AffectValues values;
  values.valence = 0.8;
  EXPECT_EQ(constraints.decode(p, values).classes, (std::vector<int64_t>{0, 2}));
  values.valence = -0.8;
  EXPECT_EQ(constraints.decode(p, values).classes, (std::vector<int64_t>{1, 0}));
  values.valence = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(constraints.decode(p, values).classes, constraints.decode(p).classes);
}

TEST(ClassConstraints, ATaskThatIsNotFiniteTakesNoPart) {
  const ClassConstraints constraints(shipped(), {kEmotion, kSentiment});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(constraints.decode({{nan, 0.4, 0.1}, {0.7, 0.1, 0.2}}).classes, (std::vector<int64_t>{-1, 0}));
}

TEST(ClassConstraints, WhereEverythingContradictsThePlainMaximaStay) {
  const ClassConstraints constraints(shipped(), {{"a", {"happy", "amused"}}, {"b", {"angry", "sad"}}});
  const auto choice = constraints.decode({{0.3, 0.7}, {0.6, 0.4}});
  EXPECT_FALSE(choice.is_consistent);
  EXPECT_EQ(choice.classes, (std::vector<int64_t>{1, 0}));
}

TEST(ClassConstraints, DecodingIsExactAgainstEveryAssignment) {
  const std::vector<LabelSpace> tasks{shipped().label_space("emotion8"), shipped().label_space("sentiment3"),
                                      shipped().label_space("arousal3"), shipped().label_space("quadrant4")};
  const ClassConstraints constraints(shipped(), tasks);
  core::Rng rng(8, 0, 0);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::vector<double>> p(tasks.size());
    for (size_t t = 0; t < tasks.size(); ++t) {
      double sum = 0;
      for (int64_t c = 0; c < tasks[t].num_classes(); ++c) {
        p[t].push_back(std::pow(rng.uniform(), 3.0) + 1e-6);
        sum += p[t].back();
      }
      for (double& value : p[t]) value /= sum;
    }
    AffectValues values;
    if (round % 2 == 1) {
      values.valence = 2 * rng.uniform() - 1;
      values.arousal = 2 * rng.uniform() - 1;
    }
    double best = -std::numeric_limits<double>::infinity();
    std::vector<int64_t> c(4, 0);
    for (c[0] = 0; c[0] < 8; ++c[0])
      for (c[1] = 0; c[1] < 3; ++c[1])
        for (c[2] = 0; c[2] < 3; ++c[2])
          for (c[3] = 0; c[3] < 4; ++c[3]) {
            bool is_allowed = true;
            double score = 0;
            for (int64_t a = 0; a < 4; ++a) {
              const auto at = static_cast<size_t>(a);
              for (int64_t b = a + 1; b < 4; ++b)
                is_allowed = is_allowed && !constraints.contradicts(a, c[at], b, c[static_cast<size_t>(b)]);
              score += std::log(p[at][static_cast<size_t>(c[at])]);
              const auto& vad = *constraints.vad(a, c[at]);
              if (values.valence) score -= std::pow(*values.valence - vad.valence, 2) / 0.5;
              if (values.arousal) score -= std::pow(*values.arousal - vad.arousal, 2) / 0.5;
            }
            if (is_allowed) best = std::max(best, score);
          }
    EXPECT_NEAR(constraints.decode(p, values).log_score, best, 1e-9);
  }
}

}  // namespace
}  // namespace limbic::affect
