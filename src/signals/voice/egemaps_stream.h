#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limbic/signals/voice/egemaps.h"
#include "voice/egemaps_formants.h"
#include "voice/egemaps_functionals.h"
#include "voice/egemaps_harmonics.h"
#include "voice/egemaps_jitter.h"
#include "voice/egemaps_shs.h"
#include "voice/egemaps_spectral.h"
#include "voice/egemaps_viterbi.h"

namespace limbic::signals {

/// What is computed once for a rate.
struct Egemaps::Tables {
  EgemapsConfig config;
  int64_t hop_samples;
  EgemapsGrid pitch_grid;
  EgemapsGrid spectral_grid;
  RealFft pitch_fft;
  RealFft spectral_fft;
  std::vector<double> gauss;
  std::vector<double> hamming;
  EgemapsShs shs;
  EgemapsHarmonics harmonics;
  EgemapsSpectral spectral;
  EgemapsFormants formants;

  explicit Tables(const EgemapsConfig& c);
};

/// The smoothed contours of a recording, reduced to what the 88 functionals need.
class EgemapsSummary {
 public:
  void add_spectral(const SpectralFrame& frame, float energy);
  void add_voice(const VoiceFrame& voice, const SpectralFrame& spectral);
  /// What add_voice() gets from now on was not decided before the end: see Note [The last frames].
  void begin_end();
  void finish();
  std::vector<double> functionals() const;

 private:
  static constexpr size_t kUnvoicedColumns = 5;
  using UnvoicedFrame = std::array<float, kUnvoicedColumns>;
  using VoicedSpectrum = std::array<float, kEgemapsSpectral - 1>;

  template <size_t N>
  static void add_non_zero(std::array<RunningMoments, N>& moments, const std::array<float, N>& row);
  void put_spectral(const SpectralFrame& row);

  ThreeFrameMean<kEgemapsSpectral> spectral_mean_{false};
  ThreeFrameMean<kEgemapsVoice> voice_mean_{true};
  ThreeFrameMean<1> f0_mean_{true};
  ThreeFrameMean<kEgemapsSpectral - 1> voiced_mean_{true};
  ThreeFrameMean<kUnvoicedColumns> unvoiced_mean_{true};
  std::vector<float> loudness_;
  std::vector<float> f0_;
  std::array<RunningMoments, kEgemapsSpectral> spectral_;
  std::array<RunningMoments, kEgemapsVoice> voice_;
  std::array<RunningMoments, kEgemapsSpectral - 1> voiced_;
  std::array<RunningMoments, kUnvoicedColumns> unvoiced_;
  RunningMoments energy_;
  /// Note [The last frames]: frames that may still be added at the end, none = not at the end.
  std::optional<int64_t> frames_left_;
};

struct EgemapsStream::State {
  std::shared_ptr<const Egemaps::Tables> tables;
  WavePiece wave;
  int64_t num_pushed = 0;
  bool finished = false;

  explicit State(std::shared_ptr<const Egemaps::Tables> t);
  void push(const float* samples, int64_t num_samples);
  void finish();
  Table take_frames();

  EgemapsSummary summary;

 private:
  /// A frame whose F0 is not decided.
  struct Waiting {
    std::vector<float> magnitude;
    float level = 0;  ///< RMS of the windowed frame
    EgemapsFormantFrame formants;
    SpectralFrame spectral{};
  };
  static constexpr int64_t kRing = kViterbiLag + static_cast<int64_t>(kLanes);
  Waiting& waiting(int64_t frame) { return ring[static_cast<size_t>(frame % kRing)]; }

  void analyse(int64_t num_frames, bool with_pitch);
  void settle(const std::vector<float>& f0_hz);
  VoiceFrame voice_of(float f0_hz, int64_t frame);
  void put_voice_row(const VoiceFrame& row);
  void trim();

  std::vector<Waiting> ring;
  int64_t next_frame = 0;    ///< first that was not analysed
  int64_t next_settled = 0;  ///< first whose F0 is not decided
  std::vector<double> previous_magnitude;
  EgemapsViterbi viterbi;
  EgemapsJitter jitter;
  ThreeFrameMean<kEgemapsSpectral> spectral_mean{false};
  ThreeFrameMean<kEgemapsVoice> voice_mean{true};
  std::deque<SpectralFrame> spectral_rows;  ///< smoothed, waiting for their voice columns
  Table rows;
  int64_t num_rows = 0;
};

}  // namespace limbic::signals
