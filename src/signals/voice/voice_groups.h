#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dsp/fft.h"
#include "dsp/series.h"
#include "limbic/signals/voice/voice_frames.h"

namespace limbic::signals {

inline constexpr size_t kNumCepstra = 20;

/// A track by measurement instead of by frame, with what several groups use.
struct VoiceColumns {
  size_t num_frames = 0;
  std::vector<Series> mel;      ///< num_mels
  std::vector<Series> cepstra;  ///< kNumCepstra, orthonormal DCT of the mel frames
  Series f0;                    ///< log2 Hz, 0 where unvoiced
  Series strength;
  Series energy;
  Series crossing;
  std::vector<bool> voiced;  ///< has an F0
  size_t num_voiced = 0;
  std::vector<bool> core;  ///< voiced; in clips with hardly any voice the louder half, never empty
  Series f0_filled;        ///< F0 with a neutral value where unvoiced

  /// @param track    at least one frame
  /// @param cosines  kNumCepstra rows of num_mels
  VoiceColumns(const VoiceTrack& track, size_t num_mels, const std::vector<Series>& cosines);
};

/// Takes values in order, and their names when somebody wants them.
class FunctionalSink {
 public:
  FunctionalSink(std::vector<float>& values, std::vector<std::string>* names)
      : values_(values), names_(names) {}

  /// @param name_parts  texts and integers, joined
  template <class... Parts>
  void put(double value, const Parts&... name_parts) {
    // Neutral where a clip leaves the range of a float.
    const auto narrow = static_cast<float>(value);
    values_.push_back(std::isfinite(narrow) ? narrow : 0.0f);
    if (names_ != nullptr) names_->push_back((text(name_parts) + ...));
  }

 private:
  static std::string text(const std::string& part) { return part; }
  static std::string text(size_t part) { return std::to_string(part); }

  std::vector<float>& values_;
  std::vector<std::string>* names_;
};

/// One group of functionals: a name and what it makes of a clip.
struct FunctionalGroup {
  const char* name;
  void (*put)(const VoiceColumns& clip, const RealFft& modulation_fft, FunctionalSink& sink);
};
inline constexpr size_t kNumFunctionalGroups = 24;
inline constexpr int64_t kModulationFrames = 512;
const std::array<FunctionalGroup, kNumFunctionalGroups>& functional_groups();

}  // namespace limbic::signals
