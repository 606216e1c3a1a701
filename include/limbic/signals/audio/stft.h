#pragma once
#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

#include "limbic/signals/audio/log_mel.h"

namespace limbic::signals {

/// Short-time Fourier transform. The defaults are librosa.stft's framing with 25 ms windows at 16 kHz.
struct StftConfig {
  int64_t sample_rate_hz = 16000;
  int64_t window_samples = 400;
  int64_t hop_samples = 160;
  int64_t fft_samples = 0;
  Framing framing = Framing::kCenterZero;
  WindowShape window = WindowShape::kHannPeriodic;
  bool remove_dc = false;
  double preemphasis = 0.0;
  SampleScale sample_scale = SampleScale::kUnit;

  /// librosa.stft with its defaults (since 0.10: zeros around the clip).
  static StftConfig librosa(int64_t sample_rate_hz = 22050, int64_t fft_samples = 2048,
                            int64_t hop_samples = 512);
  /// torch.stft(center=True) with a Hann window: as librosa's, mirrored at the ends.
  static StftConfig torch(int64_t sample_rate_hz, int64_t fft_samples, int64_t hop_samples);
  /// Kaldi's compute-spectrogram: whole frames, povey window, DC removal, pre-emphasis.
  static StftConfig kaldi(int64_t sample_rate_hz = 16000);

  template <class Visitor>
  void visit(Visitor& v) {
    v("sample_rate_hz", sample_rate_hz, "rate of the waveform");
    v("window_samples", window_samples, "length of a frame");
    v("hop_samples", hop_samples, "distance of frames");
    v("fft_samples", fft_samples, "FFT length, even, at least the window; 0 = the next power of two");
    v("framing", framing, "snip_edges, reflect_edges (Kaldi), center_zero (librosa), center_reflect (torch)");
    v("window", window, "window function");
    v("remove_dc", remove_dc, "subtract each frame's mean");
    v("preemphasis", preemphasis, "x[i] - a x[i-1] within a frame, [0, 1); 0 = off");
    v("sample_scale", sample_scale, "unit: samples in [-1, 1]; int16: times 32768 as Kaldi reads them");
  }
  void validate(config::Checks& checks) const;
};

/// Waveform to spectra of frames. T frames of K = fft_samples / 2 + 1 bins, frame after frame. In centred
/// framings the window lies in the middle of the FFT's buffer, so phases are librosa's and torch's. Const
/// methods are thread-safe.
class Stft {
 public:
  /// @throws Error(kConfig) when the config is out of range
  explicit Stft(const StftConfig& config);
  ~Stft();
  Stft(Stft&&) noexcept;
  Stft& operator=(Stft&&) noexcept;

  /// @param samples  finite, in [-1, 1]; out_TK is resized
  void compute(const float* samples, int64_t num_samples, std::vector<std::complex<float>>& out_TK) const;
  void magnitude(const float* samples, int64_t num_samples, std::vector<float>& out_TK) const;
  void power(const float* samples, int64_t num_samples, std::vector<float>& out_TK) const;
  /// Least-squares inverse (Griffin and Lim 1984): frames are overlapped under the window and divided by the
  /// summed squares of the windows, as torch.istft and librosa.istft. What no window covers is 0.
  /// @param spectrum_TK  num_frames(num_samples) * num_bins()
  /// @throws Error(kConfig) with remove_dc or preemphasis, which cannot be undone; Error(kData) for another
  /// size
  std::vector<float> inverse(const std::vector<std::complex<float>>& spectrum_TK, int64_t num_samples) const;

  int64_t num_frames(int64_t num_samples) const;
  int64_t num_bins() const;
  double bin_hz() const;
  /// Seconds from the first sample to the centre of frame 0.
  double first_frame_s() const;
  const StftConfig& config() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace limbic::signals
