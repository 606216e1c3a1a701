#include "limbic/nn/hmm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"

namespace limbic::nn {
namespace {

constexpr int64_t kWindows = 5;
constexpr int64_t kHmmClasses = 3;

Hmm some_hmm() {
  return {torch::tensor({0.5, 0.3, 0.2}, at::kDouble),
          torch::tensor({{0.7, 0.2, 0.1}, {0.1, 0.6, 0.3}, {0.25, 0.25, 0.5}}, at::kDouble),
          torch::tensor({0.2, 0.5, 0.3}, at::kDouble)};
}

at::Tensor some_windows() {
  core::seed_torch(43);
  return at::rand({kWindows, kHmmClasses}, at::kDouble).add(0.05);
}

/// Probability of every sequence of classes together with the first `num_windows` windows.
template <class Visit>
void for_each_path(const Hmm& hmm, const at::Tensor& p_TC, int64_t num_windows, const Visit& visit) {
  int64_t count = 1;
  for (int64_t t = 0; t < num_windows; ++t) count *= kHmmClasses;
  for (int64_t code = 0; code < count; ++code) {
    std::vector<int64_t> path;
    double probability = 1.0;
    int64_t rest = code;
    for (int64_t t = 0; t < num_windows; ++t) {
      const int64_t c = rest % kHmmClasses;
      rest /= kHmmClasses;
      probability *=
          t == 0 ? hmm.initial_C[c].item<double>() : hmm.transition_CC[path.back()][c].item<double>();
      probability *= p_TC[t][c].item<double>() / hmm.prior_C[c].item<double>();
      path.push_back(c);
    }
    visit(path, probability);
  }
}

at::Tensor posterior_of(const Hmm& hmm, const at::Tensor& p_TC, int64_t num_windows, int64_t t) {
  auto sum_C = at::zeros({kHmmClasses}, at::kDouble);
  for_each_path(hmm, p_TC, num_windows, [&](const std::vector<int64_t>& path, double probability) {
    sum_C[path[static_cast<size_t>(t)]] += probability;
  });
  return sum_C / sum_C.sum();
}

TEST(Hmm, SmoothingIsTheSumOverAllPaths) {
  const auto p_TC = some_windows();
  const auto smooth_TC = hmm_smooth(some_hmm(), p_TC);
  for (int64_t t = 0; t < kWindows; ++t) {
    EXPECT_TRUE(at::allclose(smooth_TC[t], posterior_of(some_hmm(), p_TC, kWindows, t), 1e-9, 1e-12)) << t;
  }
}

TEST(Hmm, TheFilterKnowsOnlyThePast) {
  const auto p_TC = some_windows();
  const auto filtered_TC = hmm_filter(some_hmm(), p_TC);
  for (int64_t t = 0; t < kWindows; ++t) {
    EXPECT_TRUE(at::allclose(filtered_TC[t], posterior_of(some_hmm(), p_TC, t + 1, t), 1e-9, 1e-12)) << t;
  }
}

TEST(Hmm, AStreamEqualsTheWholeRecording) {
  const auto p_TC = some_windows();
  const auto whole_TC = hmm_filter(some_hmm(), p_TC);
  HmmFilter filter(some_hmm());
  for (int64_t t = 0; t < 2; ++t) EXPECT_TRUE(at::equal(filter.step(p_TC[t]), whole_TC[t]));
  auto copy = filter;
  for (int64_t t = 2; t < kWindows; ++t) {
    EXPECT_TRUE(at::equal(filter.step(p_TC[t]), whole_TC[t]));
    EXPECT_TRUE(at::equal(copy.step(p_TC[t].to(at::kDouble)), whole_TC[t]));
  }
  filter.reset();
  EXPECT_TRUE(at::equal(filter.step(p_TC[0]), whole_TC[0]));
}

TEST(Hmm, TheBestPathIsTheMostProbable) {
  const auto p_TC = some_windows();
  double highest = -1.0;
  std::vector<int64_t> want;
  for_each_path(some_hmm(), p_TC, kWindows, [&](const std::vector<int64_t>& path, double probability) {
    if (probability <= highest) return;
    highest = probability;
    want = path;
  });
  EXPECT_TRUE(at::equal(hmm_best_path(some_hmm(), p_TC), at::tensor(want, at::kLong)));
}

TEST(Hmm, AnOddWindowIsSmoothedAway) {
  const auto p_TC = torch::tensor({{0.8, 0.2}, {0.8, 0.2}, {0.3, 0.7}, {0.8, 0.2}, {0.8, 0.2}});
  const auto hmm = staying_hmm(2, 0.95);
  EXPECT_GT(hmm_smooth(hmm, p_TC)[2][0].item<double>(), 0.8);
  EXPECT_TRUE(at::equal(hmm_best_path(hmm, p_TC), at::zeros({5}, at::kLong)));
}

TEST(Hmm, AWindowThatSaysNothingIsBridged) {
  const auto hmm = staying_hmm(2, 0.9);
  auto p_TC =
      torch::tensor({{1.0, 0.0}, {0.0, 0.0}, {std::numeric_limits<double>::quiet_NaN(), 1.0}}, at::kDouble);
  const auto filtered_TC = hmm_filter(hmm, p_TC);
  EXPECT_NEAR(filtered_TC[1][0].item<double>(), 0.9, 1e-9);
  EXPECT_NEAR(filtered_TC[2][0].item<double>(), 0.9 * 0.9 + 0.1 * 0.1, 1e-9);
}

TEST(Hmm, CertainWindowsThatContradictTheChainStayFinite) {
  const auto p_TC = at::eye(2, at::kDouble).repeat({500, 1});
  for (const auto& result_TC :
       {hmm_smooth(staying_hmm(2, 0.999999), p_TC), hmm_filter(staying_hmm(2, 0.999999), p_TC)}) {
    EXPECT_TRUE(at::allclose(result_TC.sum(1), at::ones({1000}, at::kDouble)));
  }
}

TEST(Hmm, EstimatesAreSmoothedFrequencies) {
  const auto hmm = estimate_hmm({{0, 0, 1, -1, 1}, {1, 1}}, 2, 0.5);
  EXPECT_TRUE(at::allclose(hmm.initial_C, torch::tensor({1.5 / 3, 1.5 / 3}, at::kDouble)));
  // From 0: once to 0, once to 1; from 1: once to 1. The unknown label takes part in no step.
  EXPECT_TRUE(
      at::allclose(hmm.transition_CC, torch::tensor({{1.5 / 3, 1.5 / 3}, {0.5 / 2, 1.5 / 2}}, at::kDouble)));
  EXPECT_TRUE(at::allclose(hmm.prior_C, torch::tensor({2.5 / 7, 4.5 / 7}, at::kDouble)));
}

TEST(Hmm, ImpossibleSettingsAreRefused) {
  const auto text_of = [](const auto& make) -> std::string {
    try {
      make();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_NE(text_of([] { staying_hmm(3, 1.5); }).find("probability to stay in (0, 1)"), std::string::npos);
  EXPECT_NE(text_of([] {
              estimate_hmm({{0, 3}}, 3);
            }).find("label 3 at 1 of a sequence; expected -1 to 2"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::nn
