#include "limbic/objectives/self_distillation_config.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/objectives/distillation.h"
#include "limbic/objectives/objective.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

class SelfDistillationTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(31);
    for (const char* modality : {"audio", "text"}) {
      output_.modality_logits_BC["emotion"][modality] =
          at::randn({4, 3}, at::kDouble).set_requires_grad(true);
      output_.used_B[modality] = at::ones({4}, at::kBool);
    }
    output_.logits_BC["emotion"] = at::randn({4, 3}, at::kDouble).set_requires_grad(true);
    batch_.ids = {"a", "b", "c", "d"};
  }
  at::Tensor& own(const std::string& modality) { return output_.modality_logits_BC["emotion"][modality]; }
  at::Tensor& fused() { return output_.logits_BC["emotion"]; }
  std::unique_ptr<Objective> built(const std::string& yaml) const {
    const auto config = config::load_text<SelfDistillationConfig>(yaml, "recipe.yaml", {});
    return build_objective(config, {counts_});
  }
  /// Mean of sum_c p_c log(p_c / q_c) over the rows of `counts_B`, one number at a time.
  static double naive(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& counts_B,
                      double temperature) {
    double sum = 0.0;
    int num_rows = 0;
    for (int64_t b = 0; b < student.size(0); ++b) {
      if (!counts_B[b].item<bool>()) continue;
      ++num_rows;
      double p_sum = 0.0, q_sum = 0.0;
      for (int64_t c = 0; c < 3; ++c) {
        p_sum += std::exp(teacher[b][c].item<double>() / temperature);
        q_sum += std::exp(student[b][c].item<double>() / temperature);
      }
      for (int64_t c = 0; c < 3; ++c) {
        const double p = std::exp(teacher[b][c].item<double>() / temperature) / p_sum;
        const double q = std::exp(student[b][c].item<double>() / temperature) / q_sum;
        sum += p * std::log(p / q);
      }
    }
    return sum / num_rows;
  }

  affect::Batch batch_;
  affect::ModelOutput output_;
  ClassCounts counts_{{"emotion", {1, 1, 1}}};
};

TEST_F(SelfDistillationTest, IsTheDivergenceOfEveryModalityFromTheFusedScores) {
  const auto loss = built("{weight: 0.5, temperature: 8.0}")->compute({batch_, output_});
  const auto all_B = at::ones({4}, at::kBool);
  const double audio = naive(own("audio"), fused(), all_B, 8.0);
  const double text = naive(own("text"), fused(), all_B, 8.0);
  EXPECT_NEAR(loss.terms.at("self_distillation.audio").item<double>(), audio, 1e-12);
  EXPECT_NEAR(loss.terms.at("self_distillation.text").item<double>(), text, 1e-12);
  EXPECT_NEAR(loss.total.item<double>(), 0.5 * (audio + text), 1e-12);
}

TEST_F(SelfDistillationTest, RowsWithoutTheModalityDoNotCount) {
  output_.used_B["text"] = at::tensor({1, 0, 1, 0}).to(at::kBool);
  const double want = naive(own("text"), fused(), output_.used_B["text"], 1.0);
  own("text") = own("text").detach().clone();
  own("text")[1].fill_(std::numeric_limits<double>::quiet_NaN());
  own("text").set_requires_grad(true);
  const auto loss = built("{}")->compute({batch_, output_});
  EXPECT_NEAR(loss.terms.at("self_distillation.text").item<double>(), want, 1e-12);
  loss.total.backward();
  EXPECT_EQ(own("text").grad()[1].abs().sum().item<double>(), 0.0);
  EXPECT_GT(own("text").grad()[0].abs().sum().item<double>(), 0.0);
}

TEST_F(SelfDistillationTest, TheTeacherLearnsNothingFromItsStudents) {
  built("{}")->compute({batch_, output_}).total.backward();
  EXPECT_FALSE(fused().grad().defined());
  EXPECT_GT(own("audio").grad().abs().sum().item<double>(), 0.0);
}

TEST_F(SelfDistillationTest, IsZeroWhereTheScoresAgreeAndWhereNoRowCounts) {
  const auto all_B = at::ones({4}, at::kBool);
  EXPECT_NEAR(distillation_loss(fused() + 3.0, fused(), all_B, 2.0).item<double>(), 0.0, 1e-15);
  const auto none = distillation_loss(own("audio"), fused(), at::zeros({4}, at::kBool), 2.0);
  EXPECT_EQ(none.item<double>(), 0.0);
  none.backward();
  EXPECT_EQ(own("audio").grad().abs().sum().item<double>(), 0.0);
}

TEST_F(SelfDistillationTest, GradientsAgreeWithCentralDifferences) {
  const auto counts_B = at::tensor({1, 0, 1, 1}).to(at::kBool);
  EXPECT_LT(test::gradient_error([&] { return distillation_loss(own("audio"), fused(), counts_B, 1.7); },
                                 {own("audio")}, 1e-6, 12),
            1e-6);
}

TEST_F(SelfDistillationTest, MistakesAreErrors) {
  const auto problem = [&](const std::string& yaml) {
    return test::error_of([&] { built(yaml)->compute({batch_, output_}); }, ErrorCode::kConfig);
  };
  EXPECT_NE(problem("{task: emotoin}").find("did you mean 'emotion'?"), std::string::npos);
  output_.modality_logits_BC.clear();
  EXPECT_NE(problem("{}").find("model.modality_heads"), std::string::npos);
  counts_["sentiment"] = {1, 1, 1};
  EXPECT_NE(problem("{}").find("there are 2 tasks (emotion, sentiment); name one"), std::string::npos);
}

}  // namespace
}  // namespace limbic::objectives
