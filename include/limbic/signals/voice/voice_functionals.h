#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "limbic/signals/voice/voice_frames.h"

namespace limbic::signals {

/// Names of all groups of functionals, in the order of their values:
///   mfcc              mean and deviation of cepstra 1-19; mean and deviation of the change of 0-19 over 20
///   ms mfcc_tails        skewness of cepstra 0-19, percentiles 10 and 90 of 1-19 mel_mean          mean of
///   every mel band (depends on the level) mel_std           deviation of every mel band level log energy:
///   maximum, mean, percentiles (depends on the level) energy            log energy about its mean:
///   deviation, percentiles, change per frame; log duration f0                log2 F0: mean and percentiles
///   f0_relative       F0 about its mean: range, contour, movement
///   voicing           voiced fraction, lengths of voiced runs, periodicity, zero crossings
///   voiced_spectrum   mean cepstra 1-19 of voiced frames
///   tilt              energy below against above band 0.3 num_mels (about 1 kHz)
///   modulation        log power of band envelopes in octaves from 0.2 to 20 Hz
///   energy_shape      log energy in fifths of the clip
///   mfcc_shape        mean cepstra 0-5 in quarters of the clip
///   mfcc_shape_high   the same for 6-12
///   mfcc_spread       deviation of cepstra 0-7 in quarters
///   mfcc_voiced       cepstra in voiced frames: mean 1-12, deviation 0-12
///   segments          F0, voicing, periodicity and zero crossings in sixths of the clip
///   mfcc_trend        linear, quadratic and cubic trend of cepstra
///   correlation       correlations of cepstra 0-7, F0, periodicity, zero crossings in voiced frames
///   perturbation      second differences of F0 and energy, peaks of the energy
///   flux              spectral change from frame to frame
///   mfcc_contour      cosine transform over time of cepstra 0-7
///   f0_contour        cosine transform over time of F0
const std::vector<std::string>& voice_functional_groups();

struct VoiceFunctionalsConfig {
  VoiceFramesConfig frames;
  /// Empty: all but mel_mean, which says much about the recording and nothing else about the voice.
  std::vector<std::string> groups;

  template <class Visitor>
  void visit(Visitor& v) {
    v("frames", frames, "what is measured of every frame");
    v("groups", groups, "groups of functionals, see signals/voice/voice_functionals.h; empty = all but mel_mean");
  }
  void validate(config::Checks& checks) const;
};

/// Waveform of a clip to one vector that describes the voice in it, whatever the clip's duration. Const
/// methods are thread-safe: build one, share it.
class VoiceFunctionals {
 public:
  /// @throws Error(kConfig)
  explicit VoiceFunctionals(const VoiceFunctionalsConfig& config);
  ~VoiceFunctionals();
  VoiceFunctionals(VoiceFunctionals&&) noexcept;
  VoiceFunctionals& operator=(VoiceFunctionals&&) noexcept;

  /// One name a value: "mfcc3_mean", "f0_log2_p95_relative", "modulation_2.0-3.1hz_band1"...
  const std::vector<std::string>& names() const;
  int64_t num_values() const;
  /// @param samples  finite, in [-1, 1], at frames.sample_rate_hz
  /// @param out      resized to num_values(), every value finite; zeros when the clip is shorter than 25 ms.
  ///                 What cannot be said of a clip (F0 without voice) has a fixed neutral value.
  void compute(const float* samples, int64_t num_samples, std::vector<float>& out) const;
  /// The same from frames. @param track  of VoiceFrames with the same num_mels
  void compute(const VoiceTrack& track, std::vector<float>& out) const;

  const VoiceFrames& frames() const;
  const VoiceFunctionalsConfig& config() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace limbic::signals
