#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "limbic/core/rng.h"
#include "limbic/objectives/distillation.h"
#include "support/gradcheck.h"

namespace limbic::objectives {
namespace {

using Term = std::function<at::Tensor(const at::Tensor& student, const at::Tensor& teacher,
                                      const at::Tensor& counts_B)>;

struct TermCase {
  const char* name;
  Term term;
  std::vector<int64_t> student_shape;
  std::vector<int64_t> teacher_shape;
};

std::vector<TermCase> terms() {
  return {
      {"logits",
       [](const auto& s, const auto& t, const auto& c) { return distillation_loss(s, t, c, 3.0); },
       {5, 4},
       {5, 4}},
      {"labels",
       [](const auto& s, const auto& t, const auto& c) {
         return label_distillation_rows(s, t, c, 2.0).sum();
       },
       {5, 4},
       {5, 4}},
      {"values",
       [](const auto& s, const auto& t, const auto& c) { return value_distillation_rows(s, t, c).sum(); },
       {5, 2},
       {5, 2}},
      {"hint", hint_loss, {5, 6}, {5, 6}},
      {"similarity", similarity_loss, {5, 6}, {5, 3}},
      {"transport",
       [](const auto& s, const auto& t, const auto& c) { return transport_loss(s, t, c, 0.05, 200); },
       {5, 6},
       {5, 3}},
      {"attention", attention_loss, {5, 4, 6}, {5, 8, 3}},
  };
}

class DistillationTermTest : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    core::seed_torch(41);
    which_ = terms()[GetParam()];
    student_ = at::randn(which_.student_shape, at::kDouble).set_requires_grad(true);
    teacher_ = at::randn(which_.teacher_shape, at::kDouble).set_requires_grad(true);
    counts_B_ = torch::tensor({true, true, false, true, true});
  }
  TermCase which_{};
  at::Tensor student_, teacher_, counts_B_;
};

TEST_P(DistillationTermTest, RowsThatDoNotCountHaveNoInfluence) {
  const double want = which_.term(student_, teacher_, counts_B_).item<double>();
  const auto spoilt = [](const at::Tensor& x) {
    auto copy = x.detach().clone();
    copy[2].fill_(std::numeric_limits<double>::quiet_NaN());
    return copy.set_requires_grad(true);
  };
  const auto student = spoilt(student_);
  const auto loss = which_.term(student, spoilt(teacher_), counts_B_);
  EXPECT_NEAR(loss.item<double>(), want, 1e-12);
  loss.backward();
  EXPECT_TRUE(at::isfinite(student.grad()).all().item<bool>());
}

TEST_P(DistillationTermTest, HasTheRightGradientAndNoneForTheTeacher) {
  // The plan of optimal transport is held fixed: its gradient is that of the optimum only where it is one.
  const double tolerance = std::string(which_.name) == "transport" ? 0.2 : 1e-6;
  EXPECT_LT(test::gradient_error([&] { return which_.term(student_, teacher_, counts_B_); }, {student_}),
            tolerance);
  EXPECT_FALSE(teacher_.grad().defined());
}

TEST_P(DistillationTermTest, ABatchWithoutARowGivesZeroWithAGradient) {
  const auto loss = which_.term(student_, teacher_, at::zeros({5}, at::kBool));
  EXPECT_EQ(loss.item<double>(), 0.0);
  EXPECT_TRUE(loss.requires_grad());
}

TEST_P(DistillationTermTest, VanishesForEqualSides) {
  if (which_.student_shape != which_.teacher_shape) teacher_ = student_.detach();
  const auto loss = which_.term(student_, student_.detach(), counts_B_);
  EXPECT_NEAR(loss.item<double>(), 0.0, std::string(which_.name) == "transport" ? 0.03 : 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Terms, DistillationTermTest, testing::Range<size_t>(0, 7),
                         [](const auto& which) { return terms()[which.param].name; });

TEST(DistillationTerms, LabelsDivergeAsBernoullisDo) {
  const auto student = at::tensor({0.5, -1.0}, at::kDouble).view({1, 2});
  const auto teacher = at::tensor({2.0, 0.3}, at::kDouble).view({1, 2});
  double want = 0.0;
  for (int64_t c = 0; c < 2; ++c) {
    const double p = 1.0 / (1.0 + std::exp(-teacher[0][c].item<double>() / 2.0));
    const double q = 1.0 / (1.0 + std::exp(-student[0][c].item<double>() / 2.0));
    want += (p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q))) / 2.0;
  }
  EXPECT_NEAR(label_distillation_rows(student, teacher, at::ones({1}, at::kBool), 2.0).item<double>(), want,
              1e-12);
}

TEST(DistillationTerms, SimilaritiesAreThoseOfThePaper) {
  core::seed_torch(5);
  const auto student = at::randn({4, 3}, at::kDouble);
  const auto teacher = at::randn({4, 7}, at::kDouble);
  const auto rows_of = [](const at::Tensor& f) {
    auto g = f.matmul(f.t());
    for (int64_t i = 0; i < 4; ++i) g[i] = g[i] / g[i].norm();
    return g;
  };
  const double want = (rows_of(student) - rows_of(teacher)).norm().pow(2).item<double>() / 16.0;
  EXPECT_NEAR(similarity_loss(student, teacher, at::ones({4}, at::kBool)).item<double>(), want, 1e-12);
}

/// With little entropy the plan is the best assignment, which can be found by trying all.
TEST(DistillationTerms, TransportFindsTheCheapestAssignment) {
  core::seed_torch(6);
  const auto student = at::randn({4, 3}, at::kDouble);
  const auto teacher = at::randn({4, 5}, at::kDouble);
  const auto cosine = [](const at::Tensor& f) {
    const auto unit = f / f.norm(2, 1, true);
    return unit.matmul(unit.t());
  };
  const auto s = cosine(student);
  const auto t = cosine(teacher);
  std::vector<int64_t> order{0, 1, 2, 3};
  double best = std::numeric_limits<double>::infinity();
  do {
    double cost = 0.0;
    for (int64_t i = 0; i < 4; ++i)
      cost += (s[i] - t[order[static_cast<size_t>(i)]]).square().sum().item<double>() / 4.0 / 4.0;
    best = std::min(best, cost);
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_NEAR(transport_loss(student, teacher, at::ones({4}, at::kBool), 1e-3, 5000).item<double>(), best,
              2e-3);
}

}  // namespace
}  // namespace limbic::objectives
