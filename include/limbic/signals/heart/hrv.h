#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/heart/beats.h"

namespace limbic::signals {

/// Bands and minimal lengths of heart-rate variability. What is computed from less than its minimum is
/// missing.
struct HrvConfig {
  int64_t min_intervals = 5;
  int64_t min_histogram_intervals = 200;
  double resample_hz = 4;
  double segment_s = 300;
  double vlf_low_hz = 0.0033;
  double lf_low_hz = 0.04;
  double hf_low_hz = 0.15;
  double hf_high_hz = 0.4;
  double min_vlf_s = 300;
  double min_lf_s = 120;
  double min_hf_s = 60;
  double welch_min_coverage = 0.8;
  double lomb_min_coverage = 0.5;
  double entropy_tolerance = 0.2;
  int64_t min_entropy_intervals = 100;

  template <class Visitor>
  void visit(Visitor& v) {
    v("min_intervals", min_intervals, "intervals (and pairs of them) that time measures need");
    v("min_histogram_intervals", min_histogram_intervals, "intervals that HTI and TINN need");
    v("resample_hz", resample_hz, "rate of the cubic-resampled NN series for Welch's method");
    v("segment_s", segment_s,
      "spectra of longer windows are means over half-overlapping segments of this length");
    v("vlf_low_hz", vlf_low_hz, "VLF is [vlf_low, lf_low)");
    v("lf_low_hz", lf_low_hz, "LF is [lf_low, hf_low)");
    v("hf_low_hz", hf_low_hz, "HF is [hf_low, hf_high)");
    v("hf_high_hz", hf_high_hz, "upper edge of HF");
    v("min_vlf_s", min_vlf_s, "shortest window for VLF and total power (2 s less will do, here and below)");
    v("min_lf_s", min_lf_s, "shortest window for LF, LF/HF and normalised units");
    v("min_hf_s", min_hf_s, "shortest window for HF");
    v("welch_min_coverage", welch_min_coverage,
      "part of the window that intervals must cover for Welch's spectrum");
    v("lomb_min_coverage", lomb_min_coverage, "the same for Lomb-Scargle's");
    v("entropy_tolerance", entropy_tolerance, "r of sample entropy, in sample deviations of NN");
    v("min_entropy_intervals", min_entropy_intervals, "intervals that sample entropy needs");
  }
  void validate(config::Checks& checks) const;
};

/// Task Force (1996, Circulation 93:1043) unless said. ms; NaN = missing.
struct HrvTime {
  double mean_nn_ms, median_nn_ms, min_nn_ms, max_nn_ms;
  double sdnn_ms;     ///< n - 1
  double rmssd_ms;    ///< of successive intervals within runs
  double sdsd_ms;     ///< n - 1
  double cvnn, cvsd;  ///< SDNN and RMSSD over mean NN
  double mad_nn_ms;   ///< 1.4826 times the median deviation
  double iqr_nn_ms;
  double pnn50_percent, pnn20_percent;  ///< of successive pairs
  double hti;                           ///< intervals over the highest bin of 1/128 s
  double tinn_ms;                       ///< base of the least-squares triangle of that histogram
};
HrvTime hrv_time(const std::vector<Beat>& beats, const HrvConfig& config);

/// Power in ms^2.
struct HrvSpectrum {
  double vlf_ms2, lf_ms2, hf_ms2;
  double total_ms2;  ///< from vlf_low to hf_high
  double lf_hf;
  double lf_nu, hf_nu;  ///< percent of LF + HF
  double hf_peak_hz;    ///< highest inner maximum within HF; near the breathing rate when breathing rules
};
/// NN on an even grid by a natural cubic spline, then welch() with Hann segments.
/// @param window_s  length of the window that the beats come from, for the minima
HrvSpectrum hrv_welch(const std::vector<Beat>& beats, double window_s, const HrvConfig& config);
/// Lomb-Scargle of the intervals at the times of their ends: nothing is invented in gaps.
HrvSpectrum hrv_lomb(const std::vector<Beat>& beats, double window_s, const HrvConfig& config);

struct HrvNonlinear {
  double sd1_ms, sd2_ms, sd1_sd2;  ///< Brennan (2001): from SDSD and SDNN
  double sample_entropy;           ///< Richman & Moorman (2000), m = 2
};
HrvNonlinear hrv_nonlinear(const std::vector<Beat>& beats, const HrvConfig& config);

/// Sample entropy of any series: -ln(A / B) with Chebyshev distance at most tolerance. NaN splits the series:
/// templates lie within runs. NaN when nothing matches. Sorted search: 45,000 beats (10 hours)
/// take about 1 s.
double sample_entropy(const std::vector<double>& x, int64_t m, double tolerance);

}  // namespace limbic::signals
