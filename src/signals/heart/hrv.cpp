#include "limbic/signals/heart/hrv.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "heart/nn_intervals.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

constexpr double kBinMs = 1000.0 / 128;  // Task Force: 7.8125 ms

/// Counts of intervals in bins of 1/128 s.
struct NnHistogram {
  std::vector<double> count;
  size_t mode = 0;

  explicit NnHistogram(const std::vector<double>& nn_ms) {
    const double lowest = std::floor(minimum(nn_ms) / kBinMs);
    count.assign(static_cast<size_t>(std::floor(maximum(nn_ms) / kBinMs) - lowest) + 1, 0.0);
    for (const double nn : nn_ms) ++count[static_cast<size_t>(std::floor(nn / kBinMs) - lowest)];
    mode = static_cast<size_t>(std::max_element(count.begin(), count.end()) - count.begin());
  }

  /// Bins between the feet of the triangle through the mode that fits the counts best (least squares). The
  /// feet lie on bins, at most one outside.
  double triangle_bins() const {
    const auto size = static_cast<ptrdiff_t>(count.size());
    const auto top = static_cast<ptrdiff_t>(mode);
    const double height = count[mode];
    // The two flanks share only the mode, where both are exact: each is fitted for itself.
    const auto best_foot = [&](ptrdiff_t step) {
      const ptrdiff_t end = step < 0 ? -1 : size;
      ptrdiff_t best = top + step;
      double least = std::numeric_limits<double>::infinity();
      for (ptrdiff_t foot = top + step; foot != end + step; foot += step) {
        double error = 0;
        for (ptrdiff_t i = top + step; i != end; i += step) {
          const double side = 1 - static_cast<double>(i - top) / static_cast<double>(foot - top);
          const double miss = count[static_cast<size_t>(i)] - height * std::max(0.0, side);
          error += miss * miss;
        }
        if (error < least) {
          least = error;
          best = foot;
        }
      }
      return best;
    };
    return static_cast<double>(best_foot(1) - best_foot(-1));
  }
};

/// Root of the mean over pairs of successive intervals, and the like.
struct Differences {
  std::vector<double> ms;
  explicit Differences(const std::vector<Beat>& beats) {
    for (size_t i = 1; i < beats.size(); ++i) {
      const double d = 1000 * (beats[i].ibi_s - beats[i - 1].ibi_s);
      if (std::isfinite(d)) ms.push_back(d);
    }
  }
  double percent_above(double limit_ms) const {
    // Intervals in whole milliseconds have differences of just the limit: rounding must not lift them over
    // it.
    constexpr double kRounding = 1e-6;
    const auto above =
        std::count_if(ms.begin(), ms.end(), [&](double d) { return std::abs(d) > limit_ms + kRounding; });
    return 100 * static_cast<double>(above) / static_cast<double>(ms.size());
  }
};

}  // namespace

void HrvConfig::validate(config::Checks& checks) const {
  checks.expect(min_intervals >= 2, "min_intervals", "must be at least 2");
  checks.expect(min_histogram_intervals >= 1, "min_histogram_intervals", "must be positive");
  checks.expect(resample_hz >= 1 && resample_hz <= 100, "resample_hz", "must be in [1, 100]");
  checks.expect(segment_s >= 30 && segment_s <= 3600, "segment_s", "must be in [30, 3600]");
  checks.expect(vlf_low_hz >= 0 && vlf_low_hz < lf_low_hz && lf_low_hz < hf_low_hz && hf_low_hz < hf_high_hz,
                "hf_high_hz", "the edges of VLF, LF and HF must rise");
  checks.expect(hf_high_hz < 0.5 * resample_hz, "hf_high_hz", "must be below half of resample_hz");
  checks.expect(min_vlf_s >= 0 && min_lf_s >= 0 && min_hf_s >= 0, "min_hf_s", "minima must not be negative");
  checks.expect(welch_min_coverage >= 0 && welch_min_coverage <= 1, "welch_min_coverage",
                "must be in [0, 1]");
  checks.expect(lomb_min_coverage >= 0 && lomb_min_coverage <= 1, "lomb_min_coverage", "must be in [0, 1]");
  checks.expect(entropy_tolerance > 0 && std::isfinite(entropy_tolerance), "entropy_tolerance",
                "must be positive");
  checks.expect(min_entropy_intervals >= 4, "min_entropy_intervals", "must be at least 4");
}

HrvTime hrv_time(const std::vector<Beat>& beats, const HrvConfig& config) {
  HrvTime out;
  double* const fields[] = {&out.mean_nn_ms,    &out.median_nn_ms, &out.min_nn_ms, &out.max_nn_ms,
                            &out.sdnn_ms,       &out.rmssd_ms,     &out.sdsd_ms,   &out.cvnn,
                            &out.cvsd,          &out.mad_nn_ms,    &out.iqr_nn_ms, &out.pnn50_percent,
                            &out.pnn20_percent, &out.hti,          &out.tinn_ms};
  for (double* field : fields) *field = kMissing;
  const auto nn_ms = nn_intervals(beats).ms;
  const Differences differences(beats);
  const auto has = [](const std::vector<double>& x, int64_t least) {
    return static_cast<int64_t>(x.size()) >= least;
  };
  if (has(nn_ms, config.min_intervals)) {
    out.mean_nn_ms = mean(nn_ms);
    out.median_nn_ms = median(nn_ms);
    out.min_nn_ms = minimum(nn_ms);
    out.max_nn_ms = maximum(nn_ms);
    out.sdnn_ms = sample_deviation(nn_ms);
    out.cvnn = out.sdnn_ms / out.mean_nn_ms;
    out.mad_nn_ms = 1.482602218505602 * median_deviation(nn_ms);
    out.iqr_nn_ms = percentile(nn_ms, 75) - percentile(nn_ms, 25);
  }
  if (has(differences.ms, config.min_intervals)) {
    out.rmssd_ms = root_mean_square(differences.ms);
    out.sdsd_ms = sample_deviation(differences.ms);
    out.cvsd = out.rmssd_ms / mean(nn_ms);
    out.pnn50_percent = differences.percent_above(50);
    out.pnn20_percent = differences.percent_above(20);
  }
  if (has(nn_ms, config.min_histogram_intervals)) {
    const NnHistogram histogram(nn_ms);
    out.hti = static_cast<double>(nn_ms.size()) / histogram.count[histogram.mode];
    out.tinn_ms = kBinMs * histogram.triangle_bins();
  }
  return out;
}

HrvNonlinear hrv_nonlinear(const std::vector<Beat>& beats, const HrvConfig& config) {
  HrvNonlinear out{kMissing, kMissing, kMissing, kMissing};
  const HrvTime time = hrv_time(beats, config);
  const double short_term = 0.5 * time.sdsd_ms * time.sdsd_ms;
  out.sd1_ms = std::sqrt(short_term);
  // Rounding, or pairs from other parts of the window than the intervals, can make it negative: no long axis.
  const double long_term = 2 * time.sdnn_ms * time.sdnn_ms - short_term;
  if (long_term > 0) {
    out.sd2_ms = std::sqrt(long_term);
    out.sd1_sd2 = out.sd1_ms / out.sd2_ms;
  }
  const auto nn_ms = nn_intervals(beats).ms;
  if (static_cast<int64_t>(nn_ms.size()) >= config.min_entropy_intervals && time.sdnn_ms > 0) {
    std::vector<double> series;
    for (const auto& beat : beats) series.push_back(1000 * beat.ibi_s);
    out.sample_entropy = sample_entropy(series, 2, config.entropy_tolerance * time.sdnn_ms);
  }
  return out;
}

double sample_entropy(const std::vector<double>& x, int64_t m, double tolerance) {
  require(m >= 1 && tolerance >= 0, ErrorCode::kConfig,
          "sample_entropy: m must be positive, tolerance not negative");
  const auto length = static_cast<size_t>(m) + 1;
  // Starts of templates with m + 1 known values, by their first value: matches lie close together.
  std::vector<size_t> start;
  size_t known = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    known = std::isfinite(x[i]) ? known + 1 : 0;
    if (known >= length) start.push_back(i + 1 - length);
  }
  std::sort(start.begin(), start.end(), [&](size_t a, size_t b) { return x[a] < x[b]; });
  int64_t num_short = 0;
  int64_t num_long = 0;
  for (size_t a = 0; a < start.size(); ++a) {
    for (size_t b = a + 1; b < start.size() && x[start[b]] - x[start[a]] <= tolerance; ++b) {
      size_t k = 1;
      while (k < length && std::abs(x[start[a] + k] - x[start[b] + k]) <= tolerance) ++k;
      num_short += k + 1 >= length ? 1 : 0;
      num_long += k == length ? 1 : 0;
    }
  }
  if (num_short == 0 || num_long == 0) return kMissing;
  return std::log(static_cast<double>(num_short) / static_cast<double>(num_long));
}

}  // namespace limbic::signals
