#pragma once
#include <array>
#include <utility>

namespace limbic::objectives {

/// Weights of the classes against imbalance; scaled so that their mean over the classes that occur is 1.
enum class ClassBalance {
  kNone,
  kInverse,      ///< 1 / n
  kSqrtInverse,  ///< 1 / sqrt(n)
  kEffective,    ///< (1 - beta) / (1 - beta^n), Cui et al. 2019
};
constexpr auto enum_names(ClassBalance) {
  return std::array<std::pair<ClassBalance, const char*>, 4>{{{ClassBalance::kNone, "none"},
                                                              {ClassBalance::kInverse, "inverse"},
                                                              {ClassBalance::kSqrtInverse, "sqrt_inverse"},
                                                              {ClassBalance::kEffective, "effective"}}};
}

}  // namespace limbic::objectives
