#pragma once

namespace limbic::signals {

inline constexpr double kPi = 3.14159265358979323846;
inline constexpr double kTwoPi = 2 * kPi;

}  // namespace limbic::signals
