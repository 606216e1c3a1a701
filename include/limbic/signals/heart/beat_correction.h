#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/heart/beats.h"

namespace limbic::signals {

enum class BeatCorrection {
  kLipponenTarvainen,  ///< Lipponen & Tarvainen (2019): beats are moved, added and taken out
  kMalik,              ///< intervals that differ by more than malik_ratio from the one before are missing
  kNone,               ///< only the range of intervals is checked
};
constexpr auto enum_names(BeatCorrection) {
  return std::array{std::pair{BeatCorrection::kLipponenTarvainen, "lipponen_tarvainen"},
                    std::pair{BeatCorrection::kMalik, "malik"}, std::pair{BeatCorrection::kNone, "none"}};
}

/// Rules that turn detected beats into normal-to-normal intervals.
struct CorrectionConfig {
  BeatCorrection method = BeatCorrection::kLipponenTarvainen;
  double min_ibi_s = 0.3;
  double max_ibi_s = 2;
  int64_t min_run_intervals = 3;
  double alpha = 5.2;
  int64_t threshold_beats = 91;
  int64_t median_beats = 11;
  double ectopic_slope = 0.13;
  double ectopic_offset = 0.17;
  double min_threshold_s = 0.02;
  int64_t max_passes = 10;
  double malik_ratio = 0.2;

  template <class Visitor>
  void visit(Visitor& v) {
    v("method", method, "lipponen_tarvainen, malik or none");
    v("min_ibi_s", min_ibi_s, "shorter intervals are missing after correction");
    v("max_ibi_s", max_ibi_s, "longer intervals are missing after correction");
    v("min_run_intervals", min_run_intervals, "fewer intervals in a row between gaps are missing");
    v("alpha", alpha, "thresholds are so many quartile deviations");
    v("threshold_beats", threshold_beats, "beats around that a threshold looks at, odd");
    v("median_beats", median_beats, "beats around whose median an interval is compared with, odd");
    v("ectopic_slope", ectopic_slope, "c1 of the paper");
    v("ectopic_offset", ectopic_offset, "c2 of the paper");
    v("min_threshold_s", min_threshold_s, "floor of both thresholds: no artefacts below the clock's grain");
    v("max_passes", max_passes, "passes, as long as the number of artefacts falls");
    v("malik_ratio", malik_ratio, "malik: allowed change from the interval before");
  }
  void validate(config::Checks& checks) const;
};

enum class IntervalClass { kNormal, kEctopic, kMissed, kExtra, kLongShort };

/// One pass of the classification of Lipponen & Tarvainen (2019, J Med Eng Technol 43:173-181) over
/// intervals; NaN = no interval (first of a run). kEctopic stands at the second interval of the pair that an
/// ectopic beat makes: the beat between the two is the ectopic one.
std::vector<IntervalClass> classify_intervals(const std::vector<double>& ibi_s,
                                              const CorrectionConfig& config);

struct ArtefactCounts {
  int64_t num_ectopic = 0;
  int64_t num_missed = 0;
  int64_t num_extra = 0;
  int64_t num_long_short = 0;
  int64_t num_rejected = 0;
};

struct CorrectedBeats {
  std::vector<Beat> beats;    ///< by time; ibi_s of what is left of runs
  std::vector<Beat> removed;  ///< kExtra
  ArtefactCounts counts;
};
/// @param beats  by time; poor ones (kPoor) part runs and stay
CorrectedBeats correct_beats(const std::vector<Beat>& beats, const CorrectionConfig& config);

}  // namespace limbic::signals
