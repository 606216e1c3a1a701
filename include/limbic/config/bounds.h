#pragma once
#include <limits>
#include <string>

namespace limbic::config {

/// The numbers a field may take, as the fourth argument of visit(). Checked at load and written into the
/// schema; for an optional, a list or a map it bounds every number inside.
struct Bounds {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
  bool lower_is_open = false;  ///< true: `lower` itself is refused
  bool upper_is_open = false;  ///< true: `upper` itself is refused

  bool has_lower() const { return lower > -std::numeric_limits<double>::infinity(); }
  bool has_upper() const { return upper < std::numeric_limits<double>::infinity(); }
  bool contains(double value) const {
    return (lower_is_open ? value > lower : value >= lower) &&
           (upper_is_open ? value < upper : value <= upper);
  }
  /// ">= 1", "in [0, 1)"; empty when everything is allowed
  std::string to_string() const;
};

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

/// [lower, upper]
constexpr Bounds in_range(double lower, double upper) {
  return {lower, upper, false, false};
}
/// [lower, upper)
constexpr Bounds half_open(double lower, double upper) {
  return {lower, upper, false, true};
}
/// (lower, upper]
constexpr Bounds half_open_below(double lower, double upper) {
  return {lower, upper, true, false};
}
/// (lower, upper)
constexpr Bounds between(double lower, double upper) {
  return {lower, upper, true, true};
}
/// [lower, inf)
constexpr Bounds at_least(double lower) {
  return {lower, kUnbounded, false, false};
}
/// (lower, inf)
constexpr Bounds above(double lower) {
  return {lower, kUnbounded, true, false};
}
/// (-inf, upper]
constexpr Bounds at_most(double upper) {
  return {-kUnbounded, upper, false, false};
}

}  // namespace limbic::config
