#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::signals {

/// What is measured of every 10 ms of a voice. Frames are Kaldi's (25 ms every 10 ms, only whole ones); costs
/// and strengths are on the scale of the normalised autocorrelation, whose maximum is 1.
struct VoiceFramesConfig {
  int64_t sample_rate_hz = 16000;
  int64_t num_mels = 80;
  double f0_low_hz = 65.0;
  double f0_high_hz = 650.0;
  double octave_cost = 0.01;
  double voicing_threshold = 0.45;
  double silence_cost = 0.05;
  double jump_cost = 0.35;
  double switch_cost = 0.1;
  double trim_nats = 8.0;
  int64_t trim_keep_frames = 10;

  template <class Visitor>
  void visit(Visitor& v) {
    v("sample_rate_hz", sample_rate_hz, "rate of the waveform");
    v("num_mels", num_mels, "mel filters from 20 Hz to half the rate; at least 20");
    v("f0_low_hz", f0_low_hz, "lowest voice");
    v("f0_high_hz", f0_high_hz, "highest voice");
    v("octave_cost", octave_cost, "strength that a candidate loses per octave below f0_high_hz");
    v("voicing_threshold", voicing_threshold, "strength that a voiced frame must exceed");
    v("silence_cost", silence_cost, "rise of that threshold per factor 10 in power below the loudest frame");
    v("jump_cost", jump_cost, "cost of moving F0 by one octave between frames");
    v("switch_cost", switch_cost, "cost of a change between voiced and unvoiced");
    v("trim_nats", trim_nats,
      "silence at the ends: the smoothed log energy is so far below the loudest frame; 0 = keep everything");
    v("trim_keep_frames", trim_keep_frames, "frames of silence left at each end");
  }
  void validate(config::Checks& checks) const;
};

/// Measurements of num_frames frames of 10 ms, after trimming.
struct VoiceTrack {
  int64_t num_frames = 0;
  int64_t first_frame = 0;            ///< frames that were cut from the beginning
  std::vector<float> log_mel_TF;      ///< ln mel energy of int16-scaled samples, as Kaldi's fbank
  std::vector<double> f0_log2;        ///< log2 Hz; 0 = unvoiced, there is no F0
  std::vector<double> strength;       ///< highest periodicity of the frame, in [0, 1], also when unvoiced
  std::vector<double> log_energy;     ///< ln(1 + mean square of int16-scaled samples)
  std::vector<double> zero_crossing;  ///< fraction of neighbouring samples that differ in sign

  bool is_voiced(int64_t t) const { return f0_log2[static_cast<size_t>(t)] > 0; }
};

// Note [F0 track]
// Autocorrelation of 64 ms Hann windows divided by that of the window, peaks refined by a parabola, five
// candidates a frame and one path through them by dynamic programming with costs for octave jumps and voicing
// changes: P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
// ratio of a sampled sound", IFA Proceedings 17 (1993). Own: the strength of a candidate is that of the whole
// lag, and the voicing threshold rises with the logarithm of the frame's power below that of the loudest
// frame. Limit: sharp pulses above 400 Hz whose period lies between whole lags may be taken for a
// subharmonic.

/// Waveform to the frames of a voice: log-mel energies, F0, periodicity, energy, zero crossings. Const
/// methods are thread-safe: build one, share it.
class VoiceFrames {
 public:
  /// @throws Error(kConfig)
  explicit VoiceFrames(const VoiceFramesConfig& config);
  ~VoiceFrames();
  VoiceFrames(VoiceFrames&&) noexcept;
  VoiceFrames& operator=(VoiceFrames&&) noexcept;

  /// @param samples  finite, in [-1, 1], at sample_rate_hz
  /// @return no frames when the clip is shorter than 25 ms
  VoiceTrack compute(const float* samples, int64_t num_samples) const;

  const VoiceFramesConfig& config() const;
  double frame_rate_hz() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace limbic::signals
