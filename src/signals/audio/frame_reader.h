#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/audio/log_mel.h"

namespace limbic::signals {

/// How frames are taken from a waveform; the fields are those of LogMelConfig.
struct FrameLayout {
  int64_t window_samples = 400;
  int64_t hop_samples = 160;
  int64_t fft_samples = 512;  ///< centred framings centre the window in it
  Framing framing = Framing::kSnipEdges;
  WindowShape window = WindowShape::kHannPeriodic;
  bool remove_dc = false;
  double preemphasis = 0;
  double scale = 1;
  double dither = 0;
  uint64_t dither_seed = 0;
};

/// FFT length that a config means: 0 is the next power of two from the window on.
int64_t fft_samples_of(int64_t fft_samples, int64_t window_samples);
/// Of a LogMelConfig or an StftConfig: what both say.
template <class Config>
FrameLayout shared_layout(const Config& c) {
  FrameLayout layout;
  layout.window_samples = c.window_samples;
  layout.hop_samples = c.hop_samples;
  layout.fft_samples = fft_samples_of(c.fft_samples, c.window_samples);
  layout.framing = c.framing;
  layout.window = c.window;
  layout.remove_dc = c.remove_dc;
  layout.preemphasis = c.preemphasis;
  layout.scale = c.sample_scale == SampleScale::kInt16 ? 32768.0 : 1.0;
  return layout;
}
FrameLayout frame_layout(const LogMelConfig& config);
/// The ranges that every framed transform asks for.
void check_frame_sizes(config::Checks& checks, int64_t sample_rate_hz, int64_t window_samples,
                       int64_t hop_samples, int64_t fft_samples);

/// Frames of a waveform in every framing, conditioned and windowed. Const methods are thread-safe.
class FrameReader {
 public:
  explicit FrameReader(const FrameLayout& layout);

  int64_t num_frames(int64_t num_samples) const;
  /// Sample at which frame 0 begins, relative to the first sample; frame t begins hop * t later.
  int64_t first_start() const;
  /// Sample at the middle of frame 0.
  double first_centre() const;
  /// Frame `t`, window_samples long, ready for the FFT.
  /// @param energy  if not null: sum of squares after dither and DC removal, before all else (Kaldi's
  /// raw_energy)
  void read(const float* samples, int64_t num_samples, int64_t t, double* frame,
            double* energy = nullptr) const;
  void read(const int16_t* samples, int64_t num_samples, int64_t t, double* frame,
            double* energy = nullptr) const;

  const std::vector<double>& window() const { return window_; }
  const FrameLayout& layout() const { return layout_; }

 private:
  template <class Sample>
  void gather(const Sample* samples, int64_t num_samples, int64_t t, double* frame) const;
  void condition(double* frame, double* energy) const;

  FrameLayout layout_;
  std::vector<double> window_;
};

}  // namespace limbic::signals
