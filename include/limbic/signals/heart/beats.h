#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// Why a beat stands where it stands.
enum class BeatFlag {
  kNormal,
  kEctopic,    ///< was too early or too late; moved between its neighbours
  kInserted,   ///< was missed by the detector; placed between its neighbours
  kLongShort,  ///< its interval fits nothing; moved between its neighbours
  kRejected,   ///< its interval was refused (range, alone between gaps, Malik's rule) and is missing
  kPoor,       ///< lies in bad signal or does not look like the others: no interval begins or ends here
  kExtra,      ///< a false detection, taken out of the series
};

/// One heart beat. A run is a stretch of beats without a gap; its first beat has no interval.
struct Beat {
  double time_s = 0;
  double ibi_s = kMissing;  ///< from the beat before to this one; NaN where that one is not known
  BeatFlag flag = BeatFlag::kNormal;
  double quality = kMissing;  ///< correlation of its wave with the median wave around, in [-1, 1]
};

enum class HeartSource { kEcg, kBvp };

enum class BvpPolarity {
  kAuto,  ///< the steeper flank is the systolic rise
  kUp,    ///< systole points up
  kDown,  ///< systole points down
};
constexpr auto enum_names(BvpPolarity) {
  return std::array{std::pair{BvpPolarity::kAuto, "auto"}, std::pair{BvpPolarity::kUp, "up"},
                    std::pair{BvpPolarity::kDown, "down"}};
}

/// The instant of a pulse that is taken as the beat's time.
enum class BvpFiducial {
  kPeak,     ///< systolic peak, as Elgendi
  kUpslope,  ///< steepest rise before the peak: less moved by the wave's shape, closer to the ECG's intervals
};
constexpr auto enum_names(BvpFiducial) {
  return std::array{std::pair{BvpFiducial::kPeak, "peak"}, std::pair{BvpFiducial::kUpslope, "upslope"}};
}

/// How beats are found in a signal and which stretches of it are not trusted.
struct BeatConfig {
  double ecg_low_hz = 8;
  double ecg_high_hz = 20;
  double bvp_low_hz = 0.5;
  double bvp_high_hz = 8;
  BvpPolarity bvp_polarity = BvpPolarity::kAuto;
  BvpFiducial bvp_fiducial = BvpFiducial::kUpslope;
  double min_ibi_s = 0.3;
  double max_gap_s = 3;
  double flat_s = 1;
  double clipped_s = 0.04;
  double ecg_min_correlation = -1;
  double bvp_min_correlation = 0.8;
  double max_motion_g = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("ecg_low_hz", ecg_low_hz, "QRS band, lower edge (Elgendi et al. 2010)");
    v("ecg_high_hz", ecg_high_hz, "QRS band, upper edge");
    v("bvp_low_hz", bvp_low_hz, "pulse band, lower edge (Elgendi 2013)");
    v("bvp_high_hz", bvp_high_hz, "pulse band, upper edge; 0.45 of the rate when that is lower");
    v("bvp_polarity", bvp_polarity, "auto, up or down: where systole points");
    v("bvp_fiducial", bvp_fiducial, "peak or upslope: the instant of a pulse");
    v("min_ibi_s", min_ibi_s, "two detections closer than this are one beat");
    v("max_gap_s", max_gap_s, "beats further apart belong to different runs");
    v("flat_s", flat_s, "an unchanging signal for so long is a dead sensor");
    v("clipped_s", clipped_s,
      "so long (and three samples) at the extreme value, three times a block, is clipping");
    v("ecg_min_correlation", ecg_min_correlation, "ECG beats less like the median beat are poor; -1 = none");
    v("bvp_min_correlation", bvp_min_correlation, "pulses less like the median pulse are poor; -1 = none");
    v("max_motion_g", max_motion_g,
      "beats are poor where the moving RMS of the given motion exceeds this; 0 = off");
  }
  void validate(config::Checks& checks) const;
};

/// Beats as a detector or a device gives them, before artefact correction.
struct RawBeats {
  double start_s = 0;  ///< of the recording
  double end_s = 0;
  std::vector<Beat> beats;         ///< by time
  std::vector<SignalEvent> spans;  ///< "flat", "clipped" and "missing" stretches, no values
};

/// Finds beats in a signal that comes in pieces of any size; the result does not depend on the pieces. Works
/// in blocks of 300 s with 10 s of overlap at each side, so memory is that of one block, whatever the length.
///
/// ECG: Pan & Tompkins (1985) with a zero-phase band-pass, two running levels, search-back and the T-wave
/// rule; R peaks are placed on the 5-40 Hz signal between samples by a parabola. BVP: Elgendi et al. (2013,
/// PLoS ONE 8:e76585). NaN parts the signal.
class BeatFeed {
 public:
  /// @throws Error(kConfig), Error(kData) for a rate below 40 Hz (ECG) or 10 Hz (BVP) or a t0 that is no
  /// number
  BeatFeed(const BeatConfig& config, HeartSource source, double rate_hz, double t0_s);
  void push(const double* samples, size_t num_samples);
  /// All beats, once, after the last piece.
  RawBeats finish();

 private:
  void detect_block(int64_t end);

  BeatConfig config_;
  double rate_hz_;
  double t0_s_;
  HeartSource source_;
  int64_t block_samples_;
  int64_t overlap_samples_;
  int64_t num_pushed_ = 0;
  int64_t buffer_first_ = 0;  ///< absolute index of buffer_[0]
  int64_t block_ = 0;
  double polarity_votes_ = 0;
  std::vector<double> buffer_;
  RawBeats found_;
};

/// The same of a whole series.
RawBeats find_beats(const TimeSeries& signal, HeartSource source, const BeatConfig& config = {});

/// From a device's list of (time of the beat, interval before it), as Empatica's IBI.csv gives it. An
/// interval that does not begin where the one before ended (within 50 ms) begins a new run.
/// @throws Error(kData) unless times rise and both are finite; intervals that are not positive are refused
RawBeats beats_from_intervals(const std::vector<double>& end_s, const std::vector<double>& ibi_s);
/// From intervals alone, one after the other, the first beat at t0_s; NaN is a missing interval (one run
/// ends, the clock goes on by the median interval).
RawBeats beats_from_durations(const std::vector<double>& ibi_s, double t0_s = 0);

}  // namespace limbic::signals
