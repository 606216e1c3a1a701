#include "limbic/objectives/contrastive_losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "limbic/core/rng.h"
#include "limbic/objectives/triplet_loss.h"
#include "limbic/objectives/vicreg_loss.h"
#include "support/gradcheck.h"

namespace limbic::objectives {
namespace {

constexpr double kTemperature = 0.3;

class ContrastiveLossTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(51);
    a_ND_ = at::randn({4, 3}, at::kDouble).set_requires_grad(true);
    b_ND_ = at::randn({4, 3}, at::kDouble).set_requires_grad(true);
    queue_KD_ = at::randn({5, 3}, at::kDouble);
    z_ND_ = at::randn({6, 3}, at::kDouble).set_requires_grad(true);
  }
  static std::vector<double> row(const at::Tensor& x_ND, int64_t n) {
    std::vector<double> values;
    for (int64_t d = 0; d < x_ND.size(1); ++d) values.push_back(x_ND[n][d].item<double>());
    return values;
  }
  static double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0.0;
    for (size_t d = 0; d < a.size(); ++d) sum += a[d] * b[d];
    return sum;
  }
  static double cosine(const std::vector<double>& a, const std::vector<double>& b) {
    return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
  }
  static double likeness(const std::vector<double>& a, const std::vector<double>& b) {
    return std::exp(cosine(a, b) / kTemperature);
  }
  /// Half the distance of the vectors scaled to length 1.
  static double distance(const std::vector<double>& a, const std::vector<double>& b) {
    return std::sqrt(2.0 - 2.0 * cosine(a, b)) / 2.0;
  }

  at::Tensor a_ND_, b_ND_, queue_KD_, z_ND_;
  const at::Tensor label_N_ = at::tensor({0, 1, 0, 2, 1, 0}, at::kLong);
};

TEST_F(ContrastiveLossTest, NtXentIsTheNaiveSum) {
  for (const bool has_queue : {false, true}) {
    std::vector<std::vector<double>> z;
    for (int64_t n = 0; n < 4; ++n) z.push_back(row(a_ND_, n));
    for (int64_t n = 0; n < 4; ++n) z.push_back(row(b_ND_, n));
    double sum = 0.0;
    for (size_t i = 0; i < 8; ++i) {
      double all = 0.0;
      for (size_t j = 0; j < 8; ++j) all += j == i ? 0.0 : likeness(z[i], z[j]);
      for (int64_t k = 0; has_queue && k < 5; ++k) all += likeness(z[i], row(queue_KD_, k));
      sum -= std::log(likeness(z[i], z[(i + 4) % 8]) / all);
    }
    EXPECT_NEAR(nt_xent_loss(a_ND_, b_ND_, has_queue ? queue_KD_ : at::Tensor(), kTemperature).item<double>(),
                sum / 8.0, 1e-12);
  }
}

TEST_F(ContrastiveLossTest, QueueInfoNceIsTheNaiveSum) {
  double sum = 0.0;
  for (int64_t n = 0; n < 4; ++n) {
    const double positive = likeness(row(a_ND_, n), row(b_ND_, n));
    double all = positive;
    for (int64_t k = 0; k < 5; ++k) all += likeness(row(a_ND_, n), row(queue_KD_, k));
    sum -= std::log(positive / all);
  }
  EXPECT_NEAR(queue_info_nce_loss(a_ND_, b_ND_, queue_KD_, kTemperature).item<double>(), sum / 4.0, 1e-12);
}

TEST_F(ContrastiveLossTest, SymmetricInfoNceIsTheNaiveSumOverRowsAndColumns) {
  double sum = 0.0;
  for (int64_t n = 0; n < 4; ++n) {
    double of_row = 0.0, of_column = 0.0;
    for (int64_t j = 0; j < 4; ++j) {
      of_row += likeness(row(a_ND_, n), row(b_ND_, j));
      of_column += likeness(row(a_ND_, j), row(b_ND_, n));
    }
    const double own = likeness(row(a_ND_, n), row(b_ND_, n));
    sum -= std::log(own / of_row) + std::log(own / of_column);
  }
  const auto scale = at::full({}, 1.0 / kTemperature, at::kDouble);
  EXPECT_NEAR(symmetric_info_nce_loss(a_ND_, b_ND_, scale).item<double>(), sum / 8.0, 1e-12);
}

TEST_F(ContrastiveLossTest, SupervisedContrastiveIsTheNaiveSumOfRowsThatHaveFellows) {
  const std::vector<double> weight{1.0, 0.5, 0.25, 1.0, 0.0, 0.75};
  double sum = 0.0, norm = 0.0;
  for (int64_t i = 0; i < 6; ++i) {
    double all = 0.0;
    for (int64_t j = 0; j < 6; ++j) all += j == i ? 0.0 : likeness(row(z_ND_, i), row(z_ND_, j));
    double of_row = 0.0;
    int fellows = 0;
    for (int64_t p = 0; p < 6; ++p) {
      if (p == i || label_N_[p].item<int64_t>() != label_N_[i].item<int64_t>()) continue;
      of_row -= std::log(likeness(row(z_ND_, i), row(z_ND_, p)) / all);
      ++fellows;
    }
    if (fellows == 0) continue;
    sum += weight[static_cast<size_t>(i)] * of_row / fellows;
    norm += weight[static_cast<size_t>(i)];
  }
  const auto weight_N = at::tensor(weight, at::kDouble);
  EXPECT_NEAR(supervised_contrastive_loss(z_ND_, label_N_, weight_N, kTemperature).item<double>(), sum / norm,
              1e-12);
}

TEST_F(ContrastiveLossTest, WithALabelForEverySampleSupervisedContrastiveIsNtXent) {
  const auto label_N = at::arange(4, at::kLong).repeat({2});
  EXPECT_NEAR(supervised_contrastive_loss(at::cat({a_ND_, b_ND_}), label_N, {}, kTemperature).item<double>(),
              nt_xent_loss(a_ND_, b_ND_, {}, kTemperature).item<double>(), 1e-12);
}

TEST_F(ContrastiveLossTest, VicregsPartsAreTheNaiveSums) {
  const auto variance_of = [](const at::Tensor& x, int64_t d, int64_t e) {
    double mean_d = 0.0, mean_e = 0.0, sum = 0.0;
    for (int64_t n = 0; n < 4; ++n) {
      mean_d += x[n][d].item<double>() / 4.0;
      mean_e += x[n][e].item<double>() / 4.0;
    }
    for (int64_t n = 0; n < 4; ++n)
      sum += (x[n][d].item<double>() - mean_d) * (x[n][e].item<double>() - mean_e);
    return sum / 3.0;
  };
  double invariance = 0.0, variance = 0.0, covariance = 0.0;
  for (int64_t d = 0; d < 3; ++d) {
    for (int64_t n = 0; n < 4; ++n)
      invariance += std::pow(a_ND_[n][d].item<double>() - b_ND_[n][d].item<double>(), 2) / 12.0;
    for (const auto* x : {&a_ND_, &b_ND_}) {
      variance += std::max(0.0, 1.0 - std::sqrt(variance_of(*x, d, d) + 1e-4)) / 3.0;
      for (int64_t e = 0; e < 3; ++e) covariance += d == e ? 0.0 : std::pow(variance_of(*x, d, e), 2) / 3.0;
    }
  }
  const auto parts = vicreg_parts(a_ND_, b_ND_);
  EXPECT_NEAR(parts.invariance.item<double>(), invariance, 1e-12);
  EXPECT_NEAR(parts.variance.item<double>(), variance, 1e-12);
  EXPECT_NEAR(parts.covariance.item<double>(), covariance, 1e-12);
}

TEST_F(ContrastiveLossTest, TripletsAreTheNaiveMeanOverAllOfThem) {
  double sum = 0.0;
  int count = 0;
  for (int64_t a = 0; a < 6; ++a) {
    for (int64_t p = 0; p < 6; ++p) {
      for (int64_t n = 0; n < 6; ++n) {
        const auto label = [&](int64_t i) { return label_N_[i].item<int64_t>(); };
        if (a == p || label(a) != label(p) || label(a) == label(n)) continue;
        const double ap = distance(row(z_ND_, a), row(z_ND_, p));
        const double an = distance(row(z_ND_, a), row(z_ND_, n));
        const double pn = distance(row(z_ND_, p), row(z_ND_, n));
        sum += ap - (an + pn) / 2.0 + 1.0 + 2.0 / std::exp(4.0 * ap) + 1.0 + 2.0 / std::exp(4.0 - 4.0 * an);
        ++count;
      }
    }
  }
  EXPECT_NEAR(adaptive_margin_triplet_loss(z_ND_, label_N_, TripletMining::kAll, false).item<double>(),
              sum / count, 1e-9);
}

TEST_F(ContrastiveLossTest, HardTripletsAreTheFarthestPositiveAndTheNearestNegative) {
  double sum = 0.0;
  int count = 0;
  for (int64_t a = 0; a < 6; ++a) {
    int64_t p = -1, n = -1;
    const auto to = [&](int64_t i) { return distance(row(z_ND_, a), row(z_ND_, i)); };
    for (int64_t i = 0; i < 6; ++i) {
      if (i == a) continue;
      const bool is_same = label_N_[i].item<int64_t>() == label_N_[a].item<int64_t>();
      if (is_same && (p < 0 || to(i) > to(p))) p = i;
      if (!is_same && (n < 0 || to(i) < to(n))) n = i;
    }
    if (p < 0) continue;
    sum += to(p) - (to(n) + distance(row(z_ND_, p), row(z_ND_, n))) / 2.0 + 2.0 +
           2.0 * std::exp(-4.0 * to(p)) + 2.0 * std::exp(4.0 * to(n) - 4.0);
    ++count;
  }
  EXPECT_EQ(count, 5);  // the only one of label 2 has no positive
  EXPECT_NEAR(adaptive_margin_triplet_loss(z_ND_, label_N_, TripletMining::kHard, false).item<double>(),
              sum / count, 1e-9);
}

TEST_F(ContrastiveLossTest, AConstantMarginPullsPositivesTogetherAndPushesNegativesApart) {
  // Two of one label and one of another, on a circle.
  const auto angle = at::tensor({0.0, 1.0, -1.0}, at::kDouble).set_requires_grad(true);
  const auto z = [&] { return at::stack({angle.cos(), angle.sin()}, 1); };
  const auto label_N = at::tensor({0, 0, 1}, at::kLong);
  adaptive_margin_triplet_loss(z(), label_N, TripletMining::kAll, false).backward();
  EXPECT_GT(angle.grad()[1].item<double>(), 0.0);  // a step against it brings the positive nearer
  EXPECT_GT(angle.grad()[2].item<double>(), 0.0);  // and the negative farther away
}

TEST_F(ContrastiveLossTest, GradientsAgreeWithCentralDifferences) {
  const auto scale = at::full({}, 2.0, at::kDouble).set_requires_grad(true);
  const auto weight_N = at::rand({6}, at::kDouble);
  const auto check = [](const std::function<at::Tensor()>& loss, const std::vector<at::Tensor>& leaves) {
    return test::gradient_error(loss, leaves, 1e-6, 12);
  };
  EXPECT_LT(check([&] { return nt_xent_loss(a_ND_, b_ND_, queue_KD_, kTemperature); }, {a_ND_, b_ND_}), 1e-6);
  EXPECT_LT(check([&] { return queue_info_nce_loss(a_ND_, b_ND_, queue_KD_, kTemperature); }, {a_ND_, b_ND_}),
            1e-6);
  EXPECT_LT(check([&] { return symmetric_info_nce_loss(a_ND_, b_ND_, scale); }, {a_ND_, b_ND_, scale}), 1e-6);
  EXPECT_LT(
      check([&] { return supervised_contrastive_loss(z_ND_, label_N_, weight_N, kTemperature); }, {z_ND_}),
      1e-6);
  EXPECT_LT(check(
                [&] {
                  const auto parts = vicreg_parts(a_ND_, b_ND_);
                  return parts.invariance + 2.0 * parts.variance + 3.0 * parts.covariance;
                },
                {a_ND_, b_ND_}),
            1e-6);
  for (const auto mining : {TripletMining::kAll, TripletMining::kHard}) {
    EXPECT_LT(check([&] { return adaptive_margin_triplet_loss(z_ND_, label_N_, mining, true); }, {z_ND_}),
              1e-6);
  }
}

TEST_F(ContrastiveLossTest, TooFewRowsGiveZeroWithGradient) {
  const auto none = [](const at::Tensor& x) { return x.slice(0, 0, 0); };
  const auto one = [](const at::Tensor& x) { return x.slice(0, 0, 1); };
  const auto scale = at::full({}, 2.0, at::kDouble);
  const auto label_N = at::zeros({1}, at::kLong);
  const std::vector<at::Tensor> losses = {
      nt_xent_loss(none(a_ND_), none(b_ND_), queue_KD_, kTemperature),
      nt_xent_loss(one(a_ND_), one(b_ND_), {}, kTemperature),
      queue_info_nce_loss(none(a_ND_), none(b_ND_), queue_KD_, kTemperature),
      symmetric_info_nce_loss(none(a_ND_), none(b_ND_), scale),
      supervised_contrastive_loss(one(a_ND_), label_N, {}, kTemperature),
      // Nobody has a fellow.
      supervised_contrastive_loss(a_ND_, at::arange(4, at::kLong), {}, kTemperature),
      adaptive_margin_triplet_loss(a_ND_, at::arange(4, at::kLong), TripletMining::kAll, false),
      adaptive_margin_triplet_loss(a_ND_, at::zeros({4}, at::kLong), TripletMining::kHard, false),
      variance_loss(one(a_ND_)), covariance_loss(one(a_ND_)),
      vicreg_parts(one(a_ND_), one(b_ND_)).invariance};
  for (size_t i = 0; i < losses.size(); ++i) {
    EXPECT_EQ(losses[i].item<double>(), 0.0) << i;
    if (a_ND_.grad().defined()) a_ND_.mutable_grad().zero_();
    losses[i].backward();
    EXPECT_EQ(a_ND_.grad().abs().sum().item<double>(), 0.0) << i;
  }
}

}  // namespace
}  // namespace limbic::objectives
