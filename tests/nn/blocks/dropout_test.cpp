#include "limbic/nn/dropout.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <vector>

#include "limbic/core/rng.h"
#include "limbic/core/threads.h"

namespace limbic::nn {
namespace {

/// The hash of Note [Counter dropout], one element at a time and written out anew.
bool naive_keeps(uint64_t index, uint64_t seed, double p) {
  uint32_t h = static_cast<uint32_t>(index) ^ static_cast<uint32_t>(seed);
  h *= 2654435761u;
  h = ((h >> 16) ^ h) * 2246822507u;
  h = ((h >> 13) ^ h) + static_cast<uint32_t>(seed >> 32) + static_cast<uint32_t>(index >> 32) * 2654435761u;
  h = ((h >> 15) ^ h) * 3266489909u;
  h = (h >> 16) ^ h;
  return static_cast<double>(h) >= std::floor(p * 4294967296.0);
}

TEST(Dropout, MaskIsTheDocumentedHashOfTheIndex) {
  const uint64_t seed = 0x123456789ABCDEFull;
  const auto y = hash_dropout(at::ones({200003}), 0.3, seed);
  for (int64_t i = 0; i < y.numel(); ++i) {
    ASSERT_EQ(y.data_ptr<float>()[i] != 0.0f, naive_keeps(static_cast<uint64_t>(i), seed, 0.3)) << i;
  }
}

TEST(Dropout, KeepsTheRightShareAndTheMean) {
  core::seed_torch(3);
  for (const double p : {0.05, 0.3, 0.5, 0.9}) {
    const auto y = fast_dropout(at::ones({1000000}, at::kDouble), p, true);
    // Five standard errors of a binomial share.
    EXPECT_NEAR((y == 0).to(at::kDouble).mean().item<double>(), p, 5 * std::sqrt(p * (1 - p) / 1e6));
    EXPECT_NEAR(y.mean().item<double>(), 1.0, 5 * std::sqrt(p / (1 - p) / 1e6));
  }
}

TEST(Dropout, NeighboursAndSuccessiveCallsAreUncorrelated) {
  core::seed_torch(4);
  const auto first = fast_dropout(at::ones({1000000}), 0.5, true) - 1.0;
  const auto second = fast_dropout(at::ones({1000000}), 0.5, true) - 1.0;
  EXPECT_LT(std::abs((first * second).mean().item<double>()), 0.005);
  for (const int64_t lag : {1, 2, 7, 64, 256, 4096}) {
    const auto rest = first.numel() - lag;
    EXPECT_LT(std::abs((first.narrow(0, 0, rest) * first.narrow(0, lag, rest)).mean().item<double>()), 0.005)
        << lag;
  }
}

TEST(Dropout, MaskDoesNotDependOnThreads) {
  const auto x = at::randn({300001});
  const auto one = hash_dropout(x, 0.4, 11);
  core::set_num_threads(2);
  const auto two = hash_dropout(x, 0.4, 11);
  core::set_num_threads(1);
  EXPECT_TRUE(at::equal(one, two));
}

TEST(Dropout, RepeatsWithTheSeedOfTorch) {
  const auto x = at::randn({1000});
  core::seed_torch(5);
  const auto first = fast_dropout(x, 0.5, true);
  const auto next = fast_dropout(x, 0.5, true);
  core::seed_torch(5);
  EXPECT_TRUE(at::equal(first, fast_dropout(x, 0.5, true)));
  EXPECT_FALSE(at::equal(first, next));
}

TEST(Dropout, GradientHasTheSameMask) {
  for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
    auto x = at::randn({2, 3, 5, 7}, at::kDouble).contiguous(format).set_requires_grad(true);
    const auto y = hash_dropout(x, 0.25, 8);
    const auto weight = at::randn({2, 3, 5, 7}, at::kDouble);
    (y * weight).sum().backward();
    const auto want = at::where(y != 0, weight / 0.75, at::zeros_like(weight));
    EXPECT_TRUE(at::allclose(x.grad(), want, 1e-12, 1e-12));
  }
}

TEST(Dropout, IsTheIdentityInEvaluationAndWithProbabilityZero) {
  const auto x = at::randn({10});
  EXPECT_TRUE(fast_dropout(x, 0.5, false).is_same(x));
  EXPECT_TRUE(fast_dropout(x, 0.0, true).is_same(x));
  EXPECT_EQ(fast_dropout(at::empty({0, 3}), 0.5, true).numel(), 0);
}

TEST(Dropout, OtherTypesTakeTorchsPath) {
  const auto y = fast_dropout(at::ones({10000}, at::kBFloat16), 0.5, true);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_NEAR((y == 0).to(at::kFloat).mean().item<float>(), 0.5f, 0.05f);
}

}  // namespace
}  // namespace limbic::nn
