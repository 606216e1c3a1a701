#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "dsp/bessel.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/clock.h"
#include "limbic/signals/table.h"

namespace limbic::signals {
namespace {

constexpr double kZeroCrossings = 12;  ///< of the sinc, each side
constexpr double kPassBand = 0.9;      ///< where the cutoff lies, of the lower Nyquist frequency
constexpr double kKaiserBeta = 8;
constexpr int64_t kMaxGridSamples = int64_t{1} << 32;

/// Kaiser-windowed sinc over |x| in [0, kZeroCrossings], tabulated; linear between entries (error below
/// 1e-6).
class SincKernel {
 public:
  SincKernel() : table_(static_cast<size_t>(kZeroCrossings * kPerCrossing) + 2) {
    for (size_t i = 0; i < table_.size(); ++i) {
      const double x = static_cast<double>(i) / kPerCrossing;
      const double edge = x / kZeroCrossings;
      const double window =
          edge >= 1 ? 0 : bessel_i0(kKaiserBeta * std::sqrt(1 - edge * edge)) / bessel_i0(kKaiserBeta);
      table_[i] = window * (x == 0 ? 1 : std::sin(M_PI * x) / (M_PI * x));
    }
  }
  double operator()(double x) const {
    const double at = std::abs(x) * kPerCrossing;
    const auto i = static_cast<size_t>(at);
    if (i + 1 >= table_.size()) return 0;
    return table_[i] + (at - static_cast<double>(i)) * (table_[i + 1] - table_[i]);
  }

 private:
  static constexpr double kPerCrossing = 1024;
  std::vector<double> table_;
};

void check_grid(const ClockGrid& grid) {
  require(std::isfinite(grid.rate_hz) && grid.rate_hz > 0 && std::isfinite(grid.t0_s), ErrorCode::kConfig,
          "clock: the grid's rate must be positive and its start finite");
  require(grid.num_samples >= 0 && grid.num_samples <= kMaxGridSamples, ErrorCode::kConfig,
          "clock: a grid of too many samples");
}

/// A time of the reference on other's clock: the inverse of ClockMatch::to_reference.
double to_other(const ClockMatch& match, double reference_s) {
  return match.pivot_s + (reference_s - match.pivot_s - match.offset_s) / (1 + match.drift);
}

}  // namespace

TimeSeries activity_of(const std::vector<double>& acc_SC, double rate_hz, double t0_s) {
  require(acc_SC.size() % 3 == 0, ErrorCode::kData, "acceleration: expected rows of x, y and z");
  TimeSeries out{rate_hz, t0_s, std::vector<double>(acc_SC.size() / 3)};
  check_series(out, "acceleration");
  const auto n = static_cast<int64_t>(out.values.size());
  std::vector<double> norm(out.values.size());
  for (size_t i = 0; i < norm.size(); ++i)
    norm[i] = std::hypot(acc_SC[3 * i], acc_SC[3 * i + 1], acc_SC[3 * i + 2]);
  const auto half = std::max<int64_t>(1, std::lround(rate_hz));
  double sum = 0;
  int64_t count = 0;
  const auto change = [&](int64_t at, int sign) {
    if (at < 0 || at >= n || !std::isfinite(norm[static_cast<size_t>(at)])) return;
    sum += sign * norm[static_cast<size_t>(at)];
    count += sign;
  };
  for (int64_t i = 0; i < std::min(half, n); ++i) change(i, 1);
  for (int64_t i = 0; i < n; ++i) {
    change(i + half, 1);
    change(i - half - 1, -1);
    const double value = norm[static_cast<size_t>(i)];
    out.values[static_cast<size_t>(i)] =
        std::isfinite(value) && count > 0 ? std::abs(value - sum / static_cast<double>(count)) : kMissing;
  }
  return out;
}

ClockGrid grid_over(const std::vector<TimeSeries>& series, double rate_hz, bool is_shared_only) {
  require(std::isfinite(rate_hz) && rate_hz > 0, ErrorCode::kConfig,
          fmt::format("clock: a grid of {} Hz; the rate must be positive", rate_hz));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double first = is_shared_only ? -kInfinity : kInfinity;
  double last = is_shared_only ? kInfinity : -kInfinity;
  for (const TimeSeries& one : series) {
    check_series(one, "series");
    if (one.values.empty() && !is_shared_only) continue;
    first = is_shared_only ? std::max(first, one.t0_s) : std::min(first, one.t0_s);
    last = is_shared_only ? std::min(last, one.end_s()) : std::max(last, one.end_s());
  }
  if (!(first < last) || !std::isfinite(first) || !std::isfinite(last))
    return {rate_hz, std::isfinite(first) ? first : 0, 0};
  const double count = std::ceil((last - first) * rate_hz - 1e-6);
  require(count <= static_cast<double>(kMaxGridSamples), ErrorCode::kData,
          fmt::format("clock: {:.3g} samples from {} s to {} s; are the series of one recording?", count,
                      first, last));
  return {rate_hz, first, static_cast<int64_t>(count)};
}

TimeSeries on_grid(const TimeSeries& series, const ClockGrid& grid, const ClockMatch& match) {
  check_series(series, "series");
  check_grid(grid);
  static const SincKernel kernel;
  TimeSeries out{grid.rate_hz, grid.t0_s,
                 std::vector<double>(static_cast<size_t>(grid.num_samples), kMissing)};
  const auto n = static_cast<int64_t>(series.values.size());
  // Zero crossings of the kernel a sample: 1 when nothing is cut off, less when the grid is coarser.
  const double out_rate = grid.rate_hz * (1 + match.drift);
  const double band =
      std::min(1.0, out_rate / series.rate_hz) * (out_rate < series.rate_hz ? kPassBand : 1.0);
  const auto reach = static_cast<int64_t>(std::ceil(kZeroCrossings / band));
  for (int64_t i = 0; i < grid.num_samples; ++i) {
    const double time = grid.t0_s + static_cast<double>(i) / grid.rate_hz;
    const double place = (to_other(match, time) - series.t0_s) * series.rate_hz;
    if (!(place > -1e-6 && place < static_cast<double>(n - 1) + 1e-6)) continue;
    const auto before = static_cast<int64_t>(std::floor(place + 1e-6));
    const double fraction = place - static_cast<double>(before);
    double& value = out.values[static_cast<size_t>(i)];
    const double here = series.values[static_cast<size_t>(before)];
    if (std::abs(fraction) < 2e-6 && band == 1) {
      value = here;
      continue;
    }
    const bool is_between = fraction >= 2e-6;
    if (!std::isfinite(here) ||
        (is_between && !std::isfinite(series.values[static_cast<size_t>(before + 1)])))
      continue;
    double sum = 0, weights = 0;
    for (int64_t k = std::max<int64_t>(0, before - reach); k <= std::min(n - 1, before + reach + 1); ++k) {
      const double x = series.values[static_cast<size_t>(k)];
      if (!std::isfinite(x)) continue;
      const double weight = kernel((place - static_cast<double>(k)) * band);
      sum += weight * x;
      weights += weight;
    }
    // Beside a gap half of the kernel is left, never less than the sample itself.
    value = weights > 0.1 ? sum / weights : here;
  }
  return out;
}

TimeSeries on_grid(const std::vector<double>& time_s, const std::vector<double>& values,
                   const ClockGrid& grid, double max_gap_s, const ClockMatch& match) {
  check_grid(grid);
  require(time_s.size() == values.size(), ErrorCode::kInternal, "clock: as many times as values");
  require(max_gap_s > 0, ErrorCode::kConfig, "clock: max_gap_s must be positive");
  require(std::is_sorted(time_s.begin(), time_s.end()), ErrorCode::kData,
          "clock: times go back; sort the samples");
  TimeSeries out{grid.rate_hz, grid.t0_s,
                 std::vector<double>(static_cast<size_t>(grid.num_samples), kMissing)};
  size_t next = 0;
  for (int64_t i = 0; i < grid.num_samples; ++i) {
    const double time = to_other(match, grid.t0_s + static_cast<double>(i) / grid.rate_hz);
    while (next < time_s.size() && time_s[next] < time) ++next;
    double& value = out.values[static_cast<size_t>(i)];
    if (next < time_s.size() && time_s[next] == time) {
      value = values[next];
    } else if (next > 0 && next < time_s.size() && time_s[next] - time_s[next - 1] <= max_gap_s) {
      const double share = (time - time_s[next - 1]) / (time_s[next] - time_s[next - 1]);
      value = values[next - 1] + share * (values[next] - values[next - 1]);
    }
  }
  return out;
}

}  // namespace limbic::signals
