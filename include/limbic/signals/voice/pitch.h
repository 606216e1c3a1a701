#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::signals {

/// How F0 is found in a frame.
enum class PitchMethod {
  kAutocorrelation,   ///< of windowed frames, divided by the window's: Boersma (1993), Praat "To Pitch (ac)"
  kCrossCorrelation,  ///< of a frame and its shifted self, normalised: Praat "To Pitch (cc)"
  kSubharmonicSum,    ///< sum of compressed harmonics on a log scale: Hermes (1988)
};
constexpr auto enum_names(PitchMethod) {
  return std::array{std::pair{PitchMethod::kAutocorrelation, "ac"},
                    std::pair{PitchMethod::kCrossCorrelation, "cc"},
                    std::pair{PitchMethod::kSubharmonicSum, "shs"}};
}

/// Range and costs of F0. Strengths and costs are on the scale of the normalised correlation, whose maximum
/// is 1; costs are per 10 ms. The defaults are Praat 6.3's.
struct PitchConfig {
  PitchMethod method = PitchMethod::kAutocorrelation;
  double floor_hz = 75.0;
  double ceiling_hz = 600.0;
  double hop_s = 0.0;
  int64_t max_candidates = 15;
  bool very_accurate = false;
  double silence_threshold = 0.03;
  double voicing_threshold = 0.45;
  double octave_cost = 0.01;
  double octave_jump_cost = 0.35;
  double voiced_unvoiced_cost = 0.14;
  int64_t shs_harmonics = 15;
  double shs_compression = 0.84;
  double shs_max_hz = 1250.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("method", method, "ac, cc or shs");
    v("floor_hz", floor_hz,
      "lowest voice; sets the window: 3 periods (ac), 1 + 1 (cc), 2 and at least 40 ms (shs)");
    v("ceiling_hz", ceiling_hz, "highest voice; lowered to half the sample rate");
    v("hop_s", hop_s, "distance of frames; 0 = Praat's: 0.75 / floor (ac), 0.25 / floor (cc), 0.01 (shs)");
    v("max_candidates", max_candidates, "candidates a frame, the unvoiced one included");
    v("very_accurate", very_accurate, "ac: Gaussian window of twice the length; ac and cc: finer maxima");
    v("silence_threshold", silence_threshold,
      "frames below this fraction of the recording's peak lean to unvoiced");
    v("voicing_threshold", voicing_threshold, "strength of the unvoiced candidate");
    v("octave_cost", octave_cost, "strength lost per octave below the ceiling");
    v("octave_jump_cost", octave_jump_cost, "cost of moving F0 by an octave");
    v("voiced_unvoiced_cost", voiced_unvoiced_cost, "cost of a change between voiced and unvoiced");
    v("shs_harmonics", shs_harmonics, "shs: harmonics that are summed");
    v("shs_compression", shs_compression, "shs: weight of harmonic n is this to the n - 1, in (0, 1]");
    v("shs_max_hz", shs_max_hz, "shs: frequencies above do not count");
  }
  void validate(config::Checks& checks) const;
};

/// F0 of a recording, frame by frame.
struct PitchTrack {
  double first_s = 0;  ///< centre of frame 0
  double hop_s = 0;
  std::vector<double> f0_hz;      ///< T, NaN = unvoiced
  std::vector<double> strength;   ///< T, of the chosen candidate, of the best one when unvoiced; 0 = none
  std::vector<double> intensity;  ///< T, peak around the centre over the recording's, in [0, 1]

  size_t num_frames() const { return f0_hz.size(); }
  double time_of(size_t frame) const { return first_s + static_cast<double>(frame) * hop_s; }
  bool is_voiced(size_t frame) const { return f0_hz[frame] > 0; }
  /// Mean F0 of voiced frames; NaN without any.
  double mean_hz() const;
  /// F0 at a time, linear between voiced frames, constant for half a hop beyond the last; NaN elsewhere.
  double f0_at(double time_s) const;
};

// Note [Pitch as Praat's]
// Written from P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
// harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17 (1993) 97-110, Praat's manual ("Sound: To
// Pitch (ac)...", "(cc)..."), and D. J. Hermes, "Measurement of pitch by subharmonic summation", JASA 83
// (1988) 257-264. Whole windows only, centred in the recording; the path through the candidates is the global
// optimum. Candidates above the ceiling stand for "no voice in the range" and compete as unvoiced ones.

/// Waveform to F0. Const methods are thread-safe: build one, share it.
class Pitch {
 public:
  /// @throws Error(kConfig)
  Pitch(const PitchConfig& config, double rate_hz);
  ~Pitch();
  Pitch(Pitch&&) noexcept;
  Pitch& operator=(Pitch&&) noexcept;

  /// @param samples  finite, mono, any scale
  /// @return no frames when the recording is shorter than a window; @throws Error(kData) at a NaN sample
  PitchTrack compute(const float* samples, int64_t num_samples) const;

  const PitchConfig& config() const;
  double window_s() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace limbic::signals
