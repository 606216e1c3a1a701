#pragma once
#include <string>
#include <vector>

namespace limbic::plot {

/// The least and greatest of finite numbers.
struct Range {
  double low = 1;
  double high = 0;  ///< below low: nothing seen yet

  bool is_empty() const { return low > high; }
  void add(double value);
  void add(const Range& other);
};

/// A straight scale from numbers to pixels, with the places of its marks.
struct Axis {
  double low = 0;
  double high = 1;
  std::vector<double> ticks;
  std::vector<std::string> tick_labels;

  /// 0 at low, 1 at high.
  double part(double value) const { return (value - low) / (high - low); }
};

/// An axis over the range with about `num_steps` round steps (1, 2, 5 times a power of ten).
/// @param margin  part of the range added at both ends; an empty range becomes [0, 1], a point gets width
Axis make_axis(Range range, double num_steps, double margin);
/// The same for seconds: steps of whole minutes or hours where they fit, labels "12.5", "3:20" or "1:05:00".
Axis make_time_axis(Range range, double num_steps, double margin);
/// Which of these the labels of a time axis are: "s", "m:ss" or "h:mm:ss".
std::string time_unit(const Axis& axis);

}  // namespace limbic::plot
