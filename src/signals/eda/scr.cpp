#include "limbic/signals/eda/scr.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "dsp/runs.h"
#include "eda/scr_absolute.h"
#include "eda/smoothing_windows.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/peaks.h"

namespace limbic::signals {
namespace {

using Pairs = std::vector<std::pair<int64_t, int64_t>>;  // onset and peak

std::vector<double> negated(std::vector<double> x) {
  for (double& v : x) v = -v;
  return x;
}

Pairs neurokit_pairs(const std::vector<double>& x, const ScrConfig& config, double& threshold) {
  const std::vector<Peak> peaks = find_peaks(x);
  const std::vector<Peak> troughs = find_peaks(negated(x));
  double largest = 0;
  for (const Peak& p : peaks) largest = std::max(largest, p.prominence);
  threshold = config.relative_min * largest;
  Pairs pairs;
  for (const Peak& p : peaks) {
    if (p.prominence < threshold) continue;
    const auto after = std::lower_bound(troughs.begin(), troughs.end(), p.index,
                                        [](const Peak& t, int64_t index) { return t.index < index; });
    // A rise that the recording (or a gap) cuts has no onset.
    if (after == troughs.begin()) continue;
    const int64_t onset = std::prev(after)->index;
    const bool is_cut =
        std::any_of(x.begin() + onset, x.begin() + p.index, [](double v) { return std::isnan(v); });
    if (!is_cut) pairs.emplace_back(onset, p.index);
  }
  return pairs;
}

Pairs kim_pairs(const std::vector<double>& x, double rate_hz, const ScrConfig& config, double& threshold) {
  struct Rise {
    int64_t first, last;
    double steepest;
  };
  std::vector<Rise> rises;
  const auto window = bartlett_window(static_cast<size_t>(std::max(1.0, rate_hz)));
  for_finite_runs(x, [&](size_t first, size_t last) {
    std::vector<double> slope;
    for (size_t i = first + 1; i < last; ++i) slope.push_back(x[i] - x[i - 1]);
    slope = convolve_held(slope, window);
    size_t begin = 0;
    for (size_t i = 1; i < slope.size(); ++i) {
      if (slope[i - 1] <= 0 && slope[i] > 0) begin = i;
      if (begin > 0 && slope[i - 1] > 0 && slope[i] <= 0) {
        const double steepest = *std::max_element(slope.begin() + static_cast<std::ptrdiff_t>(begin),
                                                  slope.begin() + static_cast<std::ptrdiff_t>(i));
        rises.push_back({static_cast<int64_t>(first + begin), static_cast<int64_t>(first + i), steepest});
        begin = 0;
      }
    }
  });
  double steepest = 0;
  for (const Rise& r : rises) steepest = std::max(steepest, r.steepest);
  threshold = config.relative_min * steepest;
  Pairs pairs;
  for (const Rise& r : rises) {
    if (!(r.steepest > threshold)) continue;
    // On the signal itself: where its smoothed slope crosses 0 it need not be highest.
    const auto peak = std::max_element(x.begin() + r.first, x.begin() + r.last + 1) - x.begin();
    if (peak > r.first) pairs.emplace_back(r.first, peak);
  }
  return pairs;
}

Pairs gamboa_pairs(const std::vector<double>& x) {
  Pairs pairs;
  for_finite_runs(x, [&](size_t first, size_t last) {
    int64_t trough = -1;
    for (size_t i = first + 1; i + 1 < last; ++i) {
      const auto index = static_cast<int64_t>(i);
      if (x[i] < x[i - 1] && x[i] <= x[i + 1]) trough = index;
      if (x[i] > x[i - 1] && x[i] >= x[i + 1] && trough >= 0) {
        pairs.emplace_back(trough, index);
        trough = -1;
      }
    }
  });
  return pairs;
}

std::vector<Scr> measured(const std::vector<double>& x, double rate_hz, const Pairs& pairs,
                          double recovery_share) {
  std::vector<Scr> out;
  for (size_t k = 0; k < pairs.size(); ++k) {
    Scr scr;
    scr.onset = pairs[k].first;
    scr.peak = pairs[k].second;
    scr.height = x[static_cast<size_t>(scr.peak)];
    scr.amplitude = scr.height - x[static_cast<size_t>(scr.onset)];
    scr.rise_s = static_cast<double>(scr.peak - scr.onset) / rate_hz;
    scr.recovery_s = scr.recovery63_s = std::nan("");
    const int64_t end = k + 1 < pairs.size() ? pairs[k + 1].second : static_cast<int64_t>(x.size());
    for (int64_t i = scr.peak + 1; i < end && !std::isnan(x[static_cast<size_t>(i)]); ++i) {
      const double lost = scr.height - x[static_cast<size_t>(i)];
      const double since = static_cast<double>(i - scr.peak) / rate_hz;
      if (scr.recovery < 0 && lost >= recovery_share * scr.amplitude) {
        scr.recovery = i;
        scr.recovery_s = since;
      }
      if (lost >= 0.63 * scr.amplitude) {
        scr.recovery63_s = since;
        break;
      }
    }
    out.push_back(scr);
  }
  return out;
}

}  // namespace

void ScrConfig::validate(config::Checks& checks) const {
  checks.expect(min_amplitude_microsiemens > 0 && std::isfinite(min_amplitude_microsiemens),
                "min_amplitude_microsiemens",
                "must be positive, got " + std::to_string(min_amplitude_microsiemens));
  checks.expect(false_share > 0 && false_share <= 1, "false_share",
                "must be in (0, 1], got " + std::to_string(false_share));
  checks.expect(max_rise_s > 0 && max_rise_s <= 60, "max_rise_s",
                "must be in (0, 60], got " + std::to_string(max_rise_s));
  checks.expect(relative_min > 0 && relative_min < 1, "relative_min",
                "must be in (0, 1), got " + std::to_string(relative_min));
  checks.expect(recovery_share > 0 && recovery_share < 1, "recovery_share",
                "must be in (0, 1), got " + std::to_string(recovery_share));
}

ScrResult find_scr(const std::vector<double>& x, double rate_hz, const ScrConfig& config) {
  config::ThrowingChecks checks("scr");
  config.validate(checks);
  require(std::isfinite(rate_hz) && rate_hz > 0, ErrorCode::kConfig,
          "find_scr: rate " + std::to_string(rate_hz) + " Hz; expected a positive number");
  std::vector<double> finite = x;
  for (double& v : finite) {
    if (!std::isfinite(v)) v = std::nan("");
  }
  ScrResult result;
  switch (config.rule) {
    case ScrRule::kAbsolute:
      result = find_absolute_scr(finite, rate_hz, config);
      break;
    case ScrRule::kNeurokit:
      result.responses =
          measured(finite, rate_hz, neurokit_pairs(finite, config, result.threshold), config.recovery_share);
      break;
    case ScrRule::kKim2004:
      result.responses = measured(finite, rate_hz, kim_pairs(finite, rate_hz, config, result.threshold),
                                  config.recovery_share);
      break;
    case ScrRule::kGamboa2008:
      result.responses = measured(finite, rate_hz, gamboa_pairs(finite), config.recovery_share);
      break;
  }
  result.rule = config.rule;
  return result;
}

}  // namespace limbic::signals
