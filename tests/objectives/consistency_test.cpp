#include "limbic/objectives/consistency.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/objectives/objective.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

const affect::LabelSpace kEmotion{"emotion", {"happy", "sad", "surprise"}};
const affect::LabelSpace kSentiment{"sentiment", {"negative", "neutral", "positive"}};
const affect::LabelSpace kValence{"valence3", {"low", "medium", "high"}};

class ConsistencyTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(5);
    for (int task = 0; task < 3; ++task)
      logits_.push_back(at::randn({4, 3}, at::kDouble).set_requires_grad(true));
  }
  static affect::ClassConstraints constraints_of(const std::vector<affect::LabelSpace>& tasks) {
    return {affect::Ontology::load(), tasks};
  }
  std::vector<at::Tensor> logits_;
};

TEST_F(ConsistencyTest, IsTheClosedFormOfTwoTasks) {
  const auto constraints = constraints_of({kEmotion, kSentiment});
  const auto loss_B = semantic_loss({logits_[0], logits_[1]}, consistent_assignments(constraints));
  const auto p = logits_[0].detach().softmax(1);
  const auto q = logits_[1].detach().softmax(1);
  for (int64_t b = 0; b < 4; ++b) {
    double contradiction = 0.0;
    for (const auto& pair : constraints.contradictions())
      contradiction += p[b][pair.class_a].item<double>() * q[b][pair.class_b].item<double>();
    EXPECT_GT(contradiction, 0.0);
    EXPECT_NEAR(loss_B[b].item<double>(), -std::log(1.0 - contradiction), 1e-12);
  }
}

TEST_F(ConsistencyTest, OfThreeTasksAnyContradictionCountsOnce) {
  const auto constraints = constraints_of({kEmotion, kSentiment, kValence});
  const auto loss_B = semantic_loss(logits_, consistent_assignments(constraints));
  for (int64_t b = 0; b < 4; ++b) {
    double consistent = 0.0;
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t j = 0; j < 3; ++j) {
        for (int64_t k = 0; k < 3; ++k) {
          if (constraints.contradicts(0, i, 1, j) || constraints.contradicts(0, i, 2, k) ||
              constraints.contradicts(1, j, 2, k))
            continue;
          consistent += logits_[0].softmax(1)[b][i].item<double>() *
                        logits_[1].softmax(1)[b][j].item<double>() *
                        logits_[2].softmax(1)[b][k].item<double>();
        }
      }
    }
    EXPECT_NEAR(loss_B[b].item<double>(), -std::log(consistent), 1e-12);
  }
}

TEST_F(ConsistencyTest, GradientsAgreeWithCentralDifferences) {
  const auto allowed_J = consistent_assignments(constraints_of({kEmotion, kSentiment, kValence}));
  EXPECT_LT(test::gradient_error([&] { return semantic_loss(logits_, allowed_J).mean(); }, logits_, 1e-6, 12),
            1e-6);
}

TEST_F(ConsistencyTest, StaysFiniteWhereTheModelIsSureOfAContradiction) {
  const auto allowed_J = consistent_assignments(constraints_of({kEmotion, kSentiment}));
  const auto emotion = at::tensor({200.0f, 0.0f, 0.0f}).view({1, 3}).set_requires_grad(true);
  const auto sentiment = at::tensor({200.0f, 0.0f, 0.0f}).view({1, 3}).set_requires_grad(true);
  const auto loss = semantic_loss({emotion, sentiment}, allowed_J).mean();
  EXPECT_NEAR(loss.item<float>(), 200.0f - std::log(3.0f),
              1e-3f);  // sad or surprise with negative, happy with positive
  loss.backward();
  EXPECT_TRUE(emotion.grad().isfinite().all().item<bool>());
  EXPECT_GT(emotion.grad()[0][0].item<float>(), 0.1f);
}

TEST_F(ConsistencyTest, DescendingItMakesTheTasksAgree) {
  const auto allowed_J = consistent_assignments(constraints_of({kEmotion, kSentiment}));
  std::vector<at::Tensor> leaves{logits_[0], logits_[1]};
  const double before = semantic_loss(leaves, allowed_J).max().item<double>();
  for (int step = 0; step < 300; ++step) {
    for (auto& leaf : leaves) {
      if (leaf.grad().defined()) leaf.grad().zero_();
    }
    semantic_loss(leaves, allowed_J).sum().backward();
    at::NoGradGuard no_grad;
    for (auto& leaf : leaves) leaf -= 0.5 * leaf.grad();
  }
  EXPECT_GT(before, 0.3);
  EXPECT_LT(semantic_loss(leaves, allowed_J).max().item<double>(), 0.05);
}

class ConsistencyObjectiveTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(6);
    batch_.ids = {"a", "b"};
    output_.logits_BC["emotion"] = at::randn({2, 3}).set_requires_grad(true);
    output_.logits_BC["sentiment"] = at::randn({2, 3}).set_requires_grad(true);
  }
  std::unique_ptr<Objective> built(const std::string& yaml) const {
    const auto config = config::load_text<ConsistencyConfig>(yaml, "recipe.yaml", {});
    return build_objective(config, {counts_, tasks_});
  }
  affect::Batch batch_;
  affect::ModelOutput output_;
  ClassCounts counts_{{"emotion", {1, 1, 1}}, {"sentiment", {1, 1, 1}}};
  std::vector<affect::LabelSpace> tasks_{kEmotion, kSentiment};
};

TEST_F(ConsistencyObjectiveTest, NamesItsTermAndAppliesItsWeight) {
  const auto loss = built("{tasks: [emotion, sentiment], weight: 0.25}")->compute({batch_, output_});
  ASSERT_EQ(loss.terms.count("consistency"), 1u);
  EXPECT_GT(loss.terms.at("consistency").item<double>(), 0.0);
  EXPECT_NEAR(loss.total.item<double>(), 0.25 * loss.terms.at("consistency").item<double>(), 1e-7);
  loss.total.backward();
  EXPECT_GT(output_.logits_BC["sentiment"].grad().abs().sum().item<double>(), 0.0);
}

TEST_F(ConsistencyObjectiveTest, EveryTaskIsTheDefaultAndTheOrderDoesNotMatter) {
  const double all = built("{}")->compute({batch_, output_}).total.item<double>();
  EXPECT_NEAR(built("{tasks: [sentiment, emotion]}")->compute({batch_, output_}).total.item<double>(), all,
              1e-6);
}

TEST_F(ConsistencyObjectiveTest, MistakesAreErrors) {
  const auto problem = [&](const std::string& yaml) {
    return test::error_of([&] { built(yaml); }, ErrorCode::kConfig);
  };
  EXPECT_EQ(problem("{tasks: [emotion]}"), "consistency needs two tasks or more, here: emotion");
  EXPECT_NE(problem("{tasks: [emotion, sentimnet]}").find("did you mean 'sentiment'?"), std::string::npos);
  EXPECT_EQ(problem("{tasks: [emotion, emotion]}"), "task 'emotion' is named twice");
  EXPECT_NE(problem("{ontology: nowhere.yaml}").find("nowhere.yaml"), std::string::npos);
  tasks_[1].classes = {"surprised", "confused", "curious"};
  EXPECT_NE(problem("{}").find("no contradiction between the classes of emotion, sentiment"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::objectives
