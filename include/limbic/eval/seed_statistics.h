#pragma once
#include <cstdint>
#include <vector>

namespace limbic::eval {

/// What repetitions of one experiment say: mean with its 95 % interval by Student's t.
struct SeedStatistics {
  int64_t count = 0;
  double mean = 0.0;
  double deviation = 0.0;  ///< standard deviation over repetitions (n - 1); 0 for one
  double low = 0.0;        ///< of the interval; infinite ends for one repetition
  double high = 0.0;
};

/// @param values  one a repetition, finite, at least one
SeedStatistics seed_statistics(const std::vector<double>& values);

/// x with P(T <= x) = p of Student's t with `freedom` >= 1 degrees of freedom; p in (0, 1). To 1e-10.
double student_t_quantile(double p, int64_t freedom);

}  // namespace limbic::eval
