#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/core/rng.h"

namespace limbic::data {

enum class NoiseColour { kWhite, kPink, kEither };
constexpr auto enum_names(NoiseColour) {
  return std::array<std::pair<NoiseColour, const char*>, 3>{
      {{NoiseColour::kWhite, "white"}, {NoiseColour::kPink, "pink"}, {NoiseColour::kEither, "either"}}};
}

/// Random changes of waveforms, (S,) int16 or float32, before features: so features are computed anew for
/// every sample of every epoch and never cached. In this order: speed, shift, reverb, noise, background, band
/// limit, telephone, clip, gain. A signal-to-noise ratio is that of the mean powers over the whole clip; a
/// silent clip gets no noise. The result is float32 and may leave [-1, 1].
struct WaveAugment {
  static constexpr const char* kType = "wave";
  double speed = 0.0;  ///< Ko et al. 2015 use 0.1
  double shift_s = 0.0;
  double reverb = 0.0;
  double rt60_min_s = 0.2;
  double rt60_max_s = 0.8;
  double direct_db = 6.0;
  std::string rir_folder;
  double noise = 0.0;
  NoiseColour noise_colour = NoiseColour::kEither;
  double background = 0.0;
  std::string noise_folder;
  double snr_min_db = 5.0;
  double snr_max_db = 30.0;
  double band_limit = 0.0;
  double band_min_hz = 2000.0;
  double band_max_hz = 7000.0;
  double telephone = 0.0;
  double clip = 0.0;
  double clip_min = 0.2;
  double clip_max = 0.8;
  double gain_db = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("speed", speed, "speed (and pitch) in [1 - speed, 1 + speed], by resampling", config::in_range(0, 0.5));
    v("shift_s", shift_s, "moved by up to this many seconds each way; silence comes in",
      config::in_range(0, 60));
    v("reverb", reverb, "probability of a room", config::in_range(0, 1));
    v("rt60_min_s", rt60_min_s, "shortest time in which the room's sound decays by 60 dB",
      config::in_range(0.01, 10));
    v("rt60_max_s", rt60_max_s, "longest such time", config::in_range(0.01, 10));
    v("direct_db", direct_db, "energy of the direct sound over that of the room's",
      config::in_range(-20, 60));
    v("rir_folder", rir_folder, "folder of recorded impulse responses instead of synthetic ones");
    v("noise", noise, "probability of stationary noise", config::in_range(0, 1));
    v("noise_colour", noise_colour, "white (flat), pink (3 dB less an octave) or either");
    v("background", background, "probability of another sound in the background", config::in_range(0, 1));
    v("noise_folder", noise_folder, "folder of background sounds; empty = other training samples");
    v("snr_min_db", snr_min_db, "lowest signal-to-noise ratio of noise and background",
      config::in_range(-30, 100));
    v("snr_max_db", snr_max_db, "highest such ratio", config::in_range(-30, 100));
    v("band_limit", band_limit, "probability of a low-pass filter", config::in_range(0, 1));
    v("band_min_hz", band_min_hz, "lowest cutoff (-3 dB), drawn evenly by octave",
      config::half_open_below(0, 1e6));
    v("band_max_hz", band_max_hz, "highest cutoff", config::half_open_below(0, 1e6));
    v("telephone", telephone, "probability of a telephone line: 300 to 3400 Hz, 8-bit mu-law",
      config::in_range(0, 1));
    v("clip", clip, "probability of clipping", config::in_range(0, 1));
    v("clip_min", clip_min, "lowest clipping level, share of the peak", config::half_open_below(0, 1));
    v("clip_max", clip_max, "highest such level", config::half_open_below(0, 1));
    v("gain_db", gain_db, "gain of up to this much each way", config::in_range(0, 60));
  }
  void validate(config::Checks& checks) const;
};

/// Random changes of transcripts, (S,) uint8 UTF-8, before features. A word is what lies between white space.
/// At least one word stays.
struct TextAugment {
  static constexpr const char* kType = "text";
  double word_drop = 0.0;
  double word_mask = 0.0;
  std::string mask_token = "[MASK]";

  template <class Visitor>
  void visit(Visitor& v) {
    v("word_drop", word_drop, "probability that a word is left out", config::half_open(0, 1));
    v("word_mask", word_mask, "probability that a word that stays becomes mask_token",
      config::half_open(0, 1));
    v("mask_token", mask_token, "what a masked word becomes");
  }
};

// The parts of `wave`, on samples of any rate. Draws come from `rng` alone.

/// x at `speed` times the speed: sample n of the result is x at time n * speed, by a windowed sinc that cuts
/// what would alias. floor(S / speed) samples, at least one.
std::vector<float> at_speed(const std::vector<float>& x, double speed);
/// Unit-free noise of about unit variance.
std::vector<float> noise_of(NoiseColour colour, size_t num_samples, core::Rng& rng);
/// Adds `noise` so that the power of x over that of what is added is snr_db. Nothing when either is silent.
/// @param noise  as long as x
void add_at_snr(std::vector<float>& x, const std::vector<float>& noise, double snr_db);
/// 1 at sample 0, then Gaussian noise under exp(-ln(1000) t / rt60_s), whose energy is `direct_db` below that
/// of the 1; rt60_s long (Polack's model of late reverberation).
std::vector<float> synthetic_room(double rt60_s, double direct_db, double rate_hz, core::Rng& rng);
/// x convolved with `response`, as long as x.
std::vector<float> convolve(const std::vector<float>& x, const std::vector<float>& response);
/// Zero-phase Butterworth magnitude of order 6: 1 / sqrt(1 + (f / high_hz)^12), and the same from below when
/// low_hz > 0.
std::vector<float> band_passed(const std::vector<float>& x, double low_hz, double high_hz, double rate_hz);
/// Through 8-bit mu-law (mu = 255) and back; beyond [-1, 1] it clips.
float mu_law_8bit(float x);

}  // namespace limbic::data
