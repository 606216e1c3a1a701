#include "xdf_clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "byte_source.h"
#include "limbic/core/error.h"
#include "sensor_parts.h"
#include "sensor_text.h"

namespace limbic::formats::detail {
namespace {

struct ClockLine {
  double intercept = 0;
  double slope = 0;
};

/// Least squares of y over x with weights, about the weighted mean of x.
ClockLine weighted_line(const std::vector<double>& x, const std::vector<double>& y,
                        const std::vector<double>& weight) {
  double sum = 0, mean_x = 0, mean_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sum += weight[i];
    mean_x += weight[i] * x[i];
    mean_y += weight[i] * y[i];
  }
  mean_x /= sum;
  mean_y /= sum;
  double xx = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += weight[i] * (x[i] - mean_x) * (x[i] - mean_x);
    xy += weight[i] * (x[i] - mean_x) * (y[i] - mean_y);
  }
  const double slope = xx > 0 ? xy / xx : 0;
  return {mean_y - slope * mean_x, slope};
}

/// Huber loss by reweighting; x is counted from its first value to keep digits.
ClockLine huber_line(const std::vector<double>& x, const std::vector<double>& y, double delta) {
  std::vector<double> weight(x.size(), 1.0);
  ClockLine line = weighted_line(x, y, weight);
  for (int pass = 0; pass < 200; ++pass) {
    for (size_t i = 0; i < x.size(); ++i) {
      const double residual = std::abs(y[i] - line.intercept - line.slope * x[i]);
      weight[i] = residual <= delta ? 1 : delta / residual;
    }
    const ClockLine next = weighted_line(x, y, weight);
    const double change =
        std::abs(next.intercept - line.intercept) + std::abs(next.slope - line.slope) * x.back();
    line = next;
    if (change < 1e-9) break;
  }
  return line;
}

/// Whether the step to sample i is more than jitter.
bool is_jump(const std::vector<double>& time_s, size_t i, double rate_hz) {
  return std::abs(time_s[i] - time_s[i - 1]) > std::max(1.0, 2.5 / rate_hz);
}

/// Whether time stands still or jumps between samples i - 1 and i for good. A burst of late packets also
/// steps, but what follows catches up; after a drop-out the samples stay late.
/// @param window  samples on each side that tell the two apart
bool is_break(const std::vector<double>& time_s, size_t i, double rate_hz, size_t window) {
  const double step = time_s[i] - time_s[i - 1];
  if (step < 0) return true;
  std::vector<double> before, after;
  for (size_t k = i - std::min(i, window); k < i; ++k)
    before.push_back(time_s[k] - static_cast<double>(k) / rate_hz);
  for (size_t k = i; k < std::min(time_s.size(), i + window); ++k)
    after.push_back(time_s[k] - static_cast<double>(k) / rate_hz);
  return median_of(after) - median_of(before) > 0.5 * step;
}

}  // namespace

std::vector<size_t> synchronise(std::vector<double>& time_s, const std::vector<XdfOffset>& offsets) {
  std::vector<size_t> begins;
  if (offsets.empty() || time_s.empty()) return begins;
  // Runs of offsets between restarts: the clock goes back, or the offset jumps by more than a second.
  std::vector<std::pair<size_t, size_t>> runs;
  size_t begin = 0;
  for (size_t i = 1; i <= offsets.size(); ++i) {
    const bool is_reset = i < offsets.size() && (offsets[i].time_s < offsets[i - 1].time_s - 1 ||
                                                 std::abs(offsets[i].offset_s - offsets[i - 1].offset_s) > 1);
    if (i == offsets.size() || is_reset) {
      runs.emplace_back(begin, i);
      begin = i;
    }
  }
  size_t first = 0;
  for (size_t r = 0; r < runs.size(); ++r) {
    const auto [from, to] = runs[r];
    std::vector<double> x, y;
    for (size_t i = from; i < to; ++i) {
      x.push_back(offsets[i].time_s - offsets[from].time_s);
      y.push_back(offsets[i].offset_s);
    }
    const ClockLine line = huber_line(x, y, 1e-4);
    size_t last = time_s.size();
    if (r + 1 < runs.size()) {
      // Up to the first stamp that is nearer to the next run than to the end of this one.
      const double end = offsets[to - 1].time_s;
      const double next = offsets[to].time_s;
      last = first;
      while (last < time_s.size() && std::abs(time_s[last] - end) < std::abs(time_s[last] - next)) ++last;
    }
    for (size_t i = first; i < last; ++i)
      time_s[i] += line.intercept + line.slope * (time_s[i] - offsets[from].time_s);
    if (first > 0 && first < last) begins.push_back(first);
    first = last;
  }
  return begins;
}

void straighten(SensorStream& stream, std::vector<double> time_s, double nominal_hz,
                std::vector<size_t> breaks, const SensorReadOptions& options,
                std::vector<std::string>& notes) {
  const size_t n = time_s.size();
  const size_t num_channels = stream.channels.size();
  std::vector<size_t> jumps;
  for (size_t i = 1; i < n; ++i) {
    if (is_jump(time_s, i, nominal_hz)) jumps.push_back(i);
  }
  // Five seconds; less where every sample jumps because the header's rate is wrong: that took hours.
  const double affordable = 2e7 / static_cast<double>(std::max<size_t>(1, jumps.size()));
  const auto window = static_cast<size_t>(std::max(64.0, std::min({5 * nominal_hz, 1e5, affordable})));
  for (const size_t i : jumps) {
    if (is_break(time_s, i, nominal_hz, window)) breaks.push_back(i);
  }
  breaks.push_back(0);
  breaks.push_back(n);
  std::sort(breaks.begin(), breaks.end());
  breaks.erase(std::unique(breaks.begin(), breaks.end()), breaks.end());

  struct Part {
    size_t first, last;
    double start_s = 0, period_s = 0;
  };
  std::vector<Part> parts;
  double sum_steps = 0, sum_s = 0;
  for (size_t b = 0; b + 1 < breaks.size(); ++b) {
    Part part{breaks[b], breaks[b + 1]};
    std::vector<double> k(part.last - part.first), y(k.size());
    for (size_t i = 0; i < k.size(); ++i) {
      k[i] = static_cast<double>(i);
      y[i] = time_s[part.first + i] - time_s[part.first];
    }
    const ClockLine line = weighted_line(k, y, std::vector<double>(k.size(), 1.0));
    part.start_s = time_s[part.first] + line.intercept;
    part.period_s = line.slope;
    if (k.size() > 1 && line.slope > 0) {
      sum_steps += k.back();
      sum_s += line.slope * k.back();
    }
    parts.push_back(part);
  }
  double rate = sum_s > 0 ? sum_steps / sum_s : nominal_hz;
  if (!std::isfinite(rate)) rate = nominal_hz;
  if (std::abs(1 / rate - 1 / nominal_hz) * static_cast<double>(n) < 0.1 / rate) rate = nominal_hz;
  if (const auto given = given_rate(options, stream.name, stream.modality))
    rate = rate_of(options, stream.name, stream.modality, given, "XDF");
  if (std::abs(rate / nominal_hz - 1) > 0.01) {
    notes.push_back(fmt::format("{}: {:.4g} Hz by its time stamps, {:g} Hz by its header", shown(stream.name),
                                rate, nominal_hz));
  }

  // One grid for all parts, if they fit.
  bool is_regular = true;
  std::vector<size_t> places;
  double until = 0;
  for (const Part& part : parts) {
    const auto count = static_cast<double>(part.last - part.first);
    const double bend = part.period_s > 0 ? std::abs(part.period_s * rate - 1) * count / 2 : 0;
    // The middle of a part lies right; its ends then share the error.
    const double middle = part.start_s + (count - 1) / 2 * (part.period_s > 0 ? part.period_s : 1 / rate);
    double place = std::round((middle - parts[0].start_s) * rate - (count - 1) / 2);
    if (places.empty()) place = 0;
    if (place < until && place > until - 2) place = until;
    is_regular = is_regular && bend <= 0.5 && place >= until && place < 1e12;
    if (!is_regular) break;
    places.push_back(static_cast<size_t>(place));
    until = place + count;
  }
  is_regular = is_regular && is_gap_affordable(static_cast<int64_t>(until), static_cast<int64_t>(n));
  if (is_regular) {
    stream.rate_hz = rate;
    stream.t0_s = parts[0].start_s;
    if (parts.size() > 1) {
      if (until * static_cast<double>(num_channels) * 8 > static_cast<double>(options.max_bytes)) {
        throw Error(ErrorCode::kData,
                    fmt::format("XDF: stream {} with its drop-outs needs {:.0f} samples of {} "
                                "channels; read fewer streams",
                                shown(stream.name), until, num_channels));
      }
      std::vector<double> spread(static_cast<size_t>(until) * num_channels,
                                 std::numeric_limits<double>::quiet_NaN());
      for (size_t p = 0; p < parts.size(); ++p) {
        std::copy(stream.values_SC.begin() + static_cast<int64_t>(parts[p].first * num_channels),
                  stream.values_SC.begin() + static_cast<int64_t>(parts[p].last * num_channels),
                  spread.begin() + static_cast<int64_t>(places[p] * num_channels));
      }
      stream.values_SC = std::move(spread);
      notes.push_back(
          fmt::format("{}: {} drop-outs; they are missing values", shown(stream.name), parts.size() - 1));
    }
    return;
  }
  for (const Part& part : parts) {
    for (size_t i = part.first; i < part.last && part.period_s > 0; ++i)
      time_s[i] = part.start_s + part.period_s * static_cast<double>(i - part.first);
  }
  notes.push_back(
      fmt::format("{}: its rate changes at a drop-out; every sample keeps its own time", shown(stream.name)));
  stream.rate_hz = 0;
  stream.time_s = std::move(time_s);
}

}  // namespace limbic::formats::detail
