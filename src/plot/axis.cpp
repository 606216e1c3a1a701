#include "axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace limbic::plot {
namespace {

double round_step(double span, double num_steps) {
  const double raw = span / std::max(1.0, num_steps);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double lead = raw / power;
  return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

Range widened(Range range, double margin) {
  if (range.is_empty()) return {0, 1};
  // Far beyond what a figure is for; keeps the arithmetic below finite.
  range.low = std::max(range.low, -1e300);
  range.high = std::min(range.high, 1e300);
  const double size = std::max(std::abs(range.low), std::abs(range.high));
  const double span = range.high - range.low;
  if (span <= 1e-9 * size || span <= 1e-300) {
    const double half = size > 1e-290 ? 0.1 * size : 0.5;
    return {range.low - half, range.high + half};
  }
  return {range.low - margin * span, range.high + margin * span};
}

std::vector<double> ticks_of(const Axis& axis, double step) {
  std::vector<double> ticks;
  const double first = std::ceil(axis.low / step - 1e-9);
  for (double k = first; k * step <= axis.high + 1e-9 * step && ticks.size() < 200; ++k)
    ticks.push_back(k * step);
  return ticks;
}

std::string number_text(double value, double step) {
  if (std::abs(value) < 1e-9 * step) return "0";
  const double size = std::abs(value);
  if (step < 1e-4 || size >= 1e6) {
    const int digits =
        std::max(0, static_cast<int>(std::floor(std::log10(size)) - std::floor(std::log10(step))));
    return fmt::format("{:.{}e}", value, std::min(digits, 6));
  }
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

std::string clock_text(double seconds, bool has_hours) {
  const auto whole = static_cast<long long>(std::llround(std::abs(seconds)));
  const char* sign = seconds < 0 && whole > 0 ? "-" : "";
  if (!has_hours) return fmt::format("{}{}:{:02}", sign, whole / 60, whole % 60);
  return fmt::format("{}{}:{:02}:{:02}", sign, whole / 3600, whole / 60 % 60, whole % 60);
}

constexpr double kMostSecondsAsNumbers = 180;
constexpr double kMostAsMinutes = 3600;

}  // namespace

void Range::add(double value) {
  if (!std::isfinite(value)) return;
  if (is_empty()) {
    low = high = value;
  } else {
    low = std::min(low, value);
    high = std::max(high, value);
  }
}

void Range::add(const Range& other) {
  if (other.is_empty()) return;
  add(other.low);
  add(other.high);
}

Axis make_axis(Range range, double num_steps, double margin) {
  range = widened(range, margin);
  Axis axis{range.low, range.high, {}, {}};
  double step = round_step(range.high - range.low, num_steps);
  axis.ticks = ticks_of(axis, step);
  // One mark alone gives no scale.
  for (double more = 1.5; axis.ticks.size() < 2 && more < 8; more *= 1.5) {
    step = round_step(range.high - range.low, more * num_steps);
    axis.ticks = ticks_of(axis, step);
  }
  for (const double tick : axis.ticks) axis.tick_labels.push_back(number_text(tick, step));
  return axis;
}

std::string time_unit(const Axis& axis) {
  const double far = std::max(std::abs(axis.low), std::abs(axis.high));
  if (axis.high - axis.low <= kMostSecondsAsNumbers || far > 1e8) return "s";
  return far <= kMostAsMinutes ? "m:ss" : "h:mm:ss";
}

Axis make_time_axis(Range range, double num_steps, double margin) {
  Axis axis = make_axis(range, num_steps, margin);
  const std::string unit = time_unit(axis);
  if (unit == "s") return axis;
  constexpr std::array<double, 13> kSteps = {10,  20,   30,   60,   120,   300,  600,
                                             900, 1800, 3600, 7200, 14400, 21600};
  const double raw = (axis.high - axis.low) / std::max(1.0, num_steps);
  const auto found = std::find_if(kSteps.begin(), kSteps.end(), [raw](double step) { return step >= raw; });
  const double step = found != kSteps.end() ? *found : 86400 * std::ceil(raw / 86400);
  axis.ticks = ticks_of(axis, step);
  axis.tick_labels.clear();
  for (const double tick : axis.ticks) axis.tick_labels.push_back(clock_text(tick, unit == "h:mm:ss"));
  return axis;
}

}  // namespace limbic::plot
