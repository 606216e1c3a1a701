#include "limbic/core/rng.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace limbic::core {
namespace {

// Golden words: xoshiro256** and SplitMix64 written anew in Python from their papers, checked there against
// the published first outputs (state 1,2,3,4 -> 11520, 0, 1509978240; SplitMix64 of 0 -> e220a8397b1dcdaf).
TEST(Rng, GivesTheSameWordsEverywhere) {
  Rng zero(0);
  for (const uint64_t word :
       {0x8c4986f3f0e565d5U, 0xf4547fdf5c2f56b6U, 0x6a9e0d6a14f022fbU, 0xdf483d9e238576e0U}) {
    EXPECT_EQ(zero.next(), word);
  }
  Rng keyed(42, 3, 17);
  for (const uint64_t word :
       {0x2d31aea7931e4804U, 0x367336d54acb9933U, 0x79f1f30cf35de4b3U, 0xafa1c37d961c215fU}) {
    EXPECT_EQ(keyed.next(), word);
  }
  Rng real(42);
  EXPECT_EQ(real.uniform(), 0.7872160376267471);
  EXPECT_EQ(real.uniform(), 0.8767381957601059);
}

TEST(Rng, KeysGiveDifferentStreams) {
  std::set<uint64_t> firsts;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (uint64_t key1 = 0; key1 < 20; ++key1) {
      for (uint64_t key2 = 0; key2 < 20; ++key2) firsts.insert(Rng(seed, key1, key2).next());
    }
  }
  EXPECT_EQ(firsts.size(), 8000U);
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(1);
  constexpr int kDraws = 200000;
  double sum = 0;
  double squares = 0;
  double fourths = 0;
  double uniform_sum = 0;
  double low = 1;
  double high = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
    const double u = rng.uniform();
    uniform_sum += u;
    low = std::min(low, u);
    high = std::max(high, u);
  }
  // Five standard errors each: 1/sqrt(n), sqrt(2/n), sqrt(96/n), sqrt(1/12n).
  EXPECT_NEAR(sum / kDraws, 0, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(fourths / kDraws, 3, 5 * std::sqrt(96.0 / kDraws));
  EXPECT_NEAR(uniform_sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_GE(low, 0);
  EXPECT_LT(high, 1);
}

TEST(Rng, BelowIsEvenAndInRange) {
  Rng rng(2);
  constexpr int kDraws = 70000;
  std::array<int, 7> counts{};
  for (int i = 0; i < kDraws; ++i) ++counts.at(static_cast<size_t>(rng.below(7)));
  double chi_squared = 0;
  for (const int count : counts) chi_squared += std::pow(count - kDraws / 7.0, 2) / (kDraws / 7.0);
  EXPECT_LT(chi_squared, 27.9);  // 6 degrees of freedom, p = 1e-4
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.below(1), 0);
  const int64_t large = INT64_MAX;
  for (int i = 0; i < 100; ++i) EXPECT_GE(rng.below(large), 0);
}

TEST(Rng, ShufflePermutesAndEveryOrderComesUp) {
  Rng rng(3);
  std::map<std::vector<int>, int> orders;
  for (int i = 0; i < 6000; ++i) {
    std::vector<int> items = {1, 2, 3};
    rng.shuffle(items);
    ++orders[items];
  }
  ASSERT_EQ(orders.size(), 6U);
  for (const auto& [order, count] : orders) EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000.0 * 5 / 6));
  std::vector<int> none;
  rng.shuffle(none);
  EXPECT_TRUE(none.empty());
}

TEST(Rng, TorchIsSeededToo) {
  seed_torch(11);
  const at::Tensor first = at::rand({4});
  seed_torch(11);
  EXPECT_TRUE(first.equal(at::rand({4})));
  EXPECT_FALSE(first.equal(at::rand({4})));
  seed_torch(0);
}

}  // namespace
}  // namespace limbic::core
