#pragma once
#include <cstdint>

namespace limbic::core {

/// A point on a recording's clock, in nanoseconds. Seconds appear only at borders (files, screens): a
/// 30000/1001 time base or hours of 48 kHz samples lose nothing in int64 nanoseconds.
struct Timestamp {
  int64_t ticks = 0;  ///< nanoseconds

  static constexpr int64_t kTicksPerSecond = 1'000'000'000;
  /// Nearest tick of `s` seconds.
  static constexpr Timestamp from_seconds(double s) {
    const double t = s * static_cast<double>(kTicksPerSecond);
    return Timestamp{static_cast<int64_t>(t < 0 ? t - 0.5 : t + 0.5)};
  }
  constexpr double seconds() const {
    return static_cast<double>(ticks) / static_cast<double>(kTicksPerSecond);
  }

  friend constexpr bool operator==(Timestamp a, Timestamp b) { return a.ticks == b.ticks; }
  friend constexpr bool operator!=(Timestamp a, Timestamp b) { return a.ticks != b.ticks; }
  friend constexpr bool operator<(Timestamp a, Timestamp b) { return a.ticks < b.ticks; }
  friend constexpr bool operator<=(Timestamp a, Timestamp b) { return a.ticks <= b.ticks; }
  friend constexpr bool operator>(Timestamp a, Timestamp b) { return b < a; }
  friend constexpr bool operator>=(Timestamp a, Timestamp b) { return b <= a; }
  friend constexpr Timestamp operator+(Timestamp a, Timestamp b) { return {a.ticks + b.ticks}; }
  friend constexpr Timestamp operator-(Timestamp a, Timestamp b) { return {a.ticks - b.ticks}; }
};

}  // namespace limbic::core
