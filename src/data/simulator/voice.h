#pragma once
#include <vector>

#include "simulator/latent.h"

namespace limbic::data::sim {

/// How a subject sounds.
struct VoiceTraits {
  double f0_hz = 150;
  double tract = 1;         ///< factor on the formants: > 1 is a shorter vocal tract
  double syllables_hz = 4;  ///< at rest
  double breath = 0.02;     ///< noise in the source
};
VoiceTraits draw_voice_traits(const SimulatorConfig& config, int64_t subject_idx);

/// Speech-like sound of a session, without words.
struct VoiceTrack {
  std::vector<float> samples;    ///< at config.audio_rate_hz, in (-1, 1)
  std::vector<float> loudness;   ///< at kLatentRateHz: 0 pause ... 1 full vowel
  std::vector<float> jaw_open;   ///< at kLatentRateHz: 0 closed ... 1 an open "a"
  std::vector<float> lip_round;  ///< at kLatentRateHz: 0 ... 1 "u"
};
VoiceTrack draw_voice(const SimulatorConfig& config, const VoiceTraits& traits, const Latent& latent,
                      int64_t subject_idx, int64_t session_idx);

}  // namespace limbic::data::sim
