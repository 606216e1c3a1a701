#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace limbic::core {

/// Seeds LibTorch's default generators. Own randomness uses Rng, which is seeded where it is made.
void seed_torch(uint64_t seed);

/// xoshiro256** 1.0 (Blackman & Vigna 2018, public domain algorithm) seeded by SplitMix64.
/// std::*_distribution differ between standard libraries; these draws are the same everywhere.
class Rng {
 public:
  /// Independent streams come from further keys: Rng(seed, epoch, sample) does not depend on thread order.
  explicit Rng(uint64_t seed, uint64_t key1 = 0, uint64_t key2 = 0);

  uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal (polar Box-Muller, the spare is kept).
  double normal();
  double normal(double mean, double stddev) { return mean + stddev * normal(); }
  /// Uniform in [0, n), unbiased; n > 0.
  int64_t below(int64_t n);
  bool chance(double probability) { return uniform() < probability; }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[static_cast<size_t>(below(static_cast<int64_t>(i)))]);
    }
  }

 private:
  std::array<uint64_t, 4> state_{};
  double spare_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace limbic::core
