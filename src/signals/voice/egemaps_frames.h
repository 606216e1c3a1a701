#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace limbic::signals {

constexpr double kEgemapsHop_s = 0.010;
constexpr double kEgemapsPitchFrame_s = 0.060;
constexpr double kEgemapsSpectralFrame_s = 0.020;

/// openSMILE's "no harmonic here" in columns that are levels relative to F0, dB.
constexpr float kEgemapsNoLevel = -201.0f;

/// One kind of frame at a rate: its samples, its FFT and the frequencies of the bins. The frequencies follow
/// openSMILE: from the nominal duration, although the frame is rounded to whole samples.
struct EgemapsGrid {
  int64_t frame_samples = 0;
  int64_t fft_samples = 0;  ///< next power of two
  int64_t num_bins = 0;
  double bin_hz = 0;

  EgemapsGrid(double frame_s, int64_t sample_rate_hz);
  double hz(int64_t bin) const { return bin_hz * static_cast<double>(bin); }
};
int64_t egemaps_hop_samples(int64_t sample_rate_hz);

/// Columns 0-9 of the 25: what the 20 ms frame says.
constexpr size_t kEgemapsSpectral = 10;
enum SpectralColumn : size_t { kLoudness, kAlphaRatio, kHammarberg, kSlopeLow, kSlopeMid, kFlux, kMfcc };
using SpectralFrame = std::array<float, kEgemapsSpectral>;

/// Columns 10-24 of the 25: F0 and what hangs on it, and the formants.
constexpr size_t kEgemapsVoice = 15;
enum VoiceColumn : size_t { kF0, kJitter, kShimmer, kHnr, kH1H2, kH1A3, kFormants };
using VoiceFrame = std::array<float, kEgemapsVoice>;

constexpr size_t kEgemapsFormants = 3;
struct EgemapsFormantFrame {
  std::array<float, kEgemapsFormants> frequency_hz{};  ///< 0 = there is none
  std::array<float, kEgemapsFormants> bandwidth_hz{};
};

}  // namespace limbic::signals
