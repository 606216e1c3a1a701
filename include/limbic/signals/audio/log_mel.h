#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::signals {

/// Where frames lie on the signal.
enum class Framing {
  kSnipEdges,      ///< Kaldi: only frames that fit whole; frame t starts at t * hop
  kReflectEdges,   ///< Kaldi snip_edges=false: about samples / hop frames, the signal is mirrored at its ends
  kCenterZero,     ///< librosa center=True, pad_mode="constant": frame t is centred on sample t * hop
  kCenterReflect,  ///< torch.stft: the same, mirrored at the end samples, which are not repeated
};
constexpr auto enum_names(Framing) {
  return std::array{
      std::pair{Framing::kSnipEdges, "snip_edges"}, std::pair{Framing::kReflectEdges, "reflect_edges"},
      std::pair{Framing::kCenterZero, "center_zero"}, std::pair{Framing::kCenterReflect, "center_reflect"}};
}

enum class WindowShape {
  kPovey,         ///< Kaldi: (0.5 - 0.5 cos)^0.85, symmetric
  kHann,          ///< symmetric
  kHannPeriodic,  ///< librosa, torch.hann_window
  kHamming,       ///< symmetric, 0.54 - 0.46 cos
  kRectangular,
};
constexpr auto enum_names(WindowShape) {
  return std::array{std::pair{WindowShape::kPovey, "povey"}, std::pair{WindowShape::kHann, "hann"},
                    std::pair{WindowShape::kHannPeriodic, "hann_periodic"},
                    std::pair{WindowShape::kHamming, "hamming"},
                    std::pair{WindowShape::kRectangular, "rectangular"}};
}

enum class MelScale {
  kHtk,     ///< 1127 ln(1 + f / 700)
  kSlaney,  ///< linear below 1 kHz, logarithmic above
};
constexpr auto enum_names(MelScale) {
  return std::array{std::pair{MelScale::kHtk, "htk"}, std::pair{MelScale::kSlaney, "slaney"}};
}

/// The axis on which a filter's sides are straight lines.
enum class Triangles {
  kMel,  ///< Kaldi
  kHz,   ///< librosa, also with the HTK scale
};
constexpr auto enum_names(Triangles) {
  return std::array{std::pair{Triangles::kMel, "mel"}, std::pair{Triangles::kHz, "hz"}};
}

enum class MelNorm {
  kPeak,  ///< every triangle has height 1
  kArea,  ///< librosa norm="slaney": every triangle has area 1 over Hz
};
constexpr auto enum_names(MelNorm) {
  return std::array{std::pair{MelNorm::kPeak, "peak"}, std::pair{MelNorm::kArea, "area"}};
}

enum class MelLog {
  kNatural,  ///< ln(max(energy, floor))
  kDecibel,  ///< 10 log10(max(energy, floor)), as power_to_db with ref 1
  kNone,     ///< the energies themselves
};
constexpr auto enum_names(MelLog) {
  return std::array{std::pair{MelLog::kNatural, "natural"}, std::pair{MelLog::kDecibel, "decibel"},
                    std::pair{MelLog::kNone, "none"}};
}

/// What full scale is inside: Kaldi reads int16 values, most others samples in [-1, 1].
enum class SampleScale {
  kUnit,   ///< samples are used as they come, in [-1, 1]
  kInt16,  ///< samples in [-1, 1] are multiplied by 32768
};
constexpr auto enum_names(SampleScale) {
  return std::array{std::pair{SampleScale::kUnit, "unit"}, std::pair{SampleScale::kInt16, "int16"}};
}

/// Every choice between a waveform and its log-mel spectrogram. The defaults are Kaldi's (without dither)
/// with 80 filters at 16 kHz; librosa() gives the other convention. Lengths are in samples.
struct LogMelConfig {
  int64_t sample_rate_hz = 16000;
  int64_t window_samples = 400;
  int64_t hop_samples = 160;
  int64_t fft_samples = 0;
  int64_t num_mels = 80;
  double low_hz = 20.0;
  double high_hz = 0.0;
  Framing framing = Framing::kSnipEdges;
  WindowShape window = WindowShape::kPovey;
  bool remove_dc = true;
  double preemphasis = 0.97;
  MelScale mel_scale = MelScale::kHtk;
  Triangles triangles = Triangles::kMel;
  MelNorm mel_norm = MelNorm::kPeak;
  double power = 2.0;
  MelLog log = MelLog::kNatural;
  double floor = 1.1920928955078125e-07;
  std::optional<double> top_db;
  SampleScale sample_scale = SampleScale::kUnit;
  double dither = 0.0;
  uint64_t dither_seed = 0;

  /// librosa.power_to_db(librosa.feature.melspectrogram(...)) with its defaults at this rate: Slaney scale
  /// and area norm, periodic Hann, centred frames; top_db is left out because it looks at the whole clip.
  static LogMelConfig librosa(int64_t sample_rate_hz = 22050, int64_t fft_samples = 2048,
                              int64_t hop_samples = 512, int64_t num_mels = 128);

  template <class Visitor>
  void visit(Visitor& v) {
    v("sample_rate_hz", sample_rate_hz, "rate of the waveform");
    v("window_samples", window_samples, "length of a frame");
    v("hop_samples", hop_samples, "distance of frames");
    v("fft_samples", fft_samples, "FFT length, even, at least the window; 0 = the next power of two");
    v("num_mels", num_mels, "mel filters, F of the output");
    v("low_hz", low_hz, "lower edge of the first filter");
    v("high_hz", high_hz, "upper edge of the last filter; <= 0 counts down from Nyquist");
    v("framing", framing,
      "where frames lie: snip_edges and reflect_edges (Kaldi), center_zero (librosa), "
      "center_reflect (torch.stft)");
    v("window", window, "window function");
    v("remove_dc", remove_dc, "subtract each frame's mean");
    v("preemphasis", preemphasis, "x[i] - a x[i-1] within a frame, [0, 1); 0 = off");
    v("mel_scale", mel_scale, "mel formula");
    v("triangles", triangles, "axis on which filters are triangles: mel (Kaldi), hz (librosa)");
    v("mel_norm", mel_norm, "filter height 1 (peak) or area 1 (librosa's norm='slaney')");
    v("power", power, "exponent of the magnitude spectrum: 1 or 2");
    v("log", log, "natural, decibel or none");
    v("floor", floor, "energies below it are raised to it before the logarithm");
    v("top_db", top_db, "decibel only: raise values to the clip's maximum minus this");
    v("sample_scale", sample_scale, "unit: samples in [-1, 1]; int16: times 32768 as Kaldi reads them");
    v("dither", dither, "standard deviation of Gaussian noise added to scaled samples; 0 = off");
    v("dither_seed", dither_seed, "seed of the dither: the same clip gets the same noise");
  }
  void validate(config::Checks& checks) const;
};

/// Waveform to log-mel frames. Const methods are thread-safe: build one, share it.
class LogMel {
 public:
  /// @throws Error(kConfig) when the config is out of range
  explicit LogMel(const LogMelConfig& config);
  ~LogMel();
  LogMel(LogMel&&) noexcept;
  LogMel& operator=(LogMel&&) noexcept;

  /// Frames of a clip of `num_samples`; 0 when it is too short for one.
  int64_t num_frames(int64_t num_samples) const;
  /// @param samples  finite, in [-1, 1], at sample_rate_hz
  /// @param out_TF   resized to num_frames * num_mels, frame after frame
  void compute(const float* samples, int64_t num_samples, std::vector<float>& out_TF) const;
  /// The same into memory of the caller's, num_frames(num_samples) * num_mels floats.
  void compute(const float* samples, int64_t num_samples, float* out_TF) const;
  void compute(const int16_t* samples, int64_t num_samples, float* out_TF) const;

  const LogMelConfig& config() const;
  int64_t num_mels() const;
  double frame_rate_hz() const;
  /// Seconds from the first sample to the centre of frame 0.
  double first_frame_s() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

double hz_to_mel(double hz, MelScale scale);
double mel_to_hz(double mel, MelScale scale);
/// The filterbank of a config, num_mels rows of fft_samples / 2 + 1 weights.
std::vector<double> mel_filterbank(const LogMelConfig& config);

}  // namespace limbic::signals
