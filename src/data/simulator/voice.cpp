#include "simulator/voice.h"

#include <algorithm>
#include <cmath>

namespace limbic::data::sim {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kControl_s = 0.005;  ///< parameters change in steps of this
constexpr int kNumFormants = 4;

struct Vowel {
  std::array<double, kNumFormants> formant_hz;
  double open;
  double round;
};

/// Average adult formants of the five cardinal vowels and schwa.
constexpr std::array<Vowel, 6> kVowels{{
    {{760, 1250, 2550, 3500}, 1.0, 0.1},   // a
    {{500, 1850, 2550, 3500}, 0.6, 0.0},   // e
    {{310, 2250, 2950, 3600}, 0.35, 0.0},  // i
    {{480, 880, 2500, 3400}, 0.6, 0.7},    // o
    {{330, 850, 2350, 3350}, 0.35, 1.0},   // u
    {{550, 1450, 2500, 3500}, 0.5, 0.2},   // schwa
}};

/// What the vocal tract does at one control step.
struct Articulation {
  double level = 0;     ///< of the voiced source, 0 to 1
  double friction = 0;  ///< of the consonants' noise
  double accent = 0;    ///< of the syllable, for F0
  double fall = 0;      ///< declination within the phrase, 0 to 1
  std::array<double, kNumFormants> formant_hz = kVowels[5].formant_hz;
  double open = 0;
  double round = 0;
};

double raised_cosine(double x) {
  return x <= 0 || x >= 1 ? 0 : 0.5 - 0.5 * std::cos(2 * kPi * x);
}

/// What the voice carries of felt and shown emotion.
AffectPoint voiced_at(const SimulatorConfig& config, const Latent& latent, double t_s) {
  AffectPoint point = latent.felt_at(t_s);
  const Episode& episode = latent.episode_at(t_s);
  if (!episode.is_masked()) return point;
  const AffectPoint& mask = emotion_kinds()[static_cast<size_t>(episode.shown)].point;
  point.valence += config.voice_masking * (mask.valence - point.valence);
  point.arousal += config.voice_masking * (mask.arousal - point.arousal);
  point.dominance += config.voice_masking * (mask.dominance - point.dominance);
  return point;
}

/// Phrases of syllables with pauses between.
std::vector<Articulation> plan_speech(const SimulatorConfig& config, const VoiceTraits& traits,
                                      const Latent& latent, core::Rng& rng) {
  const auto num_steps = static_cast<size_t>(std::ceil(latent.duration_s / kControl_s)) + 2;
  std::vector<Articulation> plan(num_steps);
  double t_s = rng.uniform(0.1, 0.4);
  while (t_s < latent.duration_s) {
    const int64_t num_syllables = 4 + rng.below(8);
    for (int64_t s = 0; s < num_syllables && t_s < latent.duration_s; ++s) {
      const AffectPoint mood = voiced_at(config, latent, t_s);
      const double length_s = rng.uniform(0.8, 1.25) / (traits.syllables_hz * (1 + 0.35 * mood.arousal));
      const bool has_onset = rng.chance(0.7);
      const bool is_fricative = has_onset && rng.chance(0.4);
      const Vowel& vowel = kVowels[static_cast<size_t>(rng.below(kVowels.size()))];
      const double accent = rng.normal();
      const double stress = rng.uniform(0.75, 1.0);
      const auto first = static_cast<size_t>(t_s / kControl_s);
      const auto end = std::min(num_steps, static_cast<size_t>((t_s + length_s) / kControl_s));
      for (size_t i = first; i < end; ++i) {
        const double x = (static_cast<double>(i - first) + 0.5) / std::max(1.0, length_s / kControl_s);
        Articulation& now = plan[i];
        const double vowel_x = has_onset ? (x - 0.2) / 0.8 : x;
        now.level = stress * std::sqrt(std::max(0.0, std::sin(kPi * std::clamp(vowel_x, 0.0, 1.0))));
        if (is_fricative) now.friction = 0.5 * raised_cosine(x / 0.35);
        now.accent = accent * raised_cosine(0.1 + 0.8 * x);
        now.fall = (static_cast<double>(s) + x) / static_cast<double>(num_syllables);
        now.formant_hz = vowel.formant_hz;
        now.open = vowel.open * now.level;
        now.round = vowel.round * now.level;
      }
      t_s += length_s;
    }
    const double arousal = voiced_at(config, latent, t_s).arousal;
    t_s += rng.uniform(0.25, 0.7) * (1 - 0.4 * arousal);
  }
  // The tongue glides: 40 ms time constant, forth and back (no delay).
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t i = 1; i < num_steps; ++i) {
      Articulation& now = pass == 0 ? plan[i] : plan[num_steps - 1 - i];
      const Articulation& before = pass == 0 ? plan[i - 1] : plan[num_steps - i];
      for (size_t k = 0; k < kNumFormants; ++k)
        now.formant_hz[k] += 0.88 * (before.formant_hz[k] - now.formant_hz[k]);
      now.open += 0.88 * (before.open - now.open);
      now.round += 0.88 * (before.round - now.round);
      now.accent += 0.8 * (before.accent - now.accent);
    }
  }
  return plan;
}

/// Second-order resonance with gain 1 at 0 Hz (Klatt 1980).
struct Resonator {
  double a = 1;
  double b = 0;
  double c = 0;
  double y1 = 0;
  double y2 = 0;
  void tune(double frequency_hz, double bandwidth_hz, double rate_hz) {
    const double r = std::exp(-kPi * bandwidth_hz / rate_hz);
    c = -r * r;
    b = 2 * r * std::cos(2 * kPi * frequency_hz / rate_hz);
    a = 1 - b - c;
  }
  double step(double x) {
    const double y = a * x + b * y1 + c * y2;
    y2 = y1;
    y1 = y;
    return y;
  }
};

}  // namespace

VoiceTraits draw_voice_traits(const SimulatorConfig& config, int64_t subject_idx) {
  core::Rng rng = rng_for(config, subject_idx, -1, Draws::kVoice);
  VoiceTraits traits;
  const bool is_high = rng.chance(0.5);
  traits.f0_hz = (is_high ? 200 : 115) * std::exp(rng.normal(0, 0.08));
  traits.tract = (is_high ? 1.14 : 1.0) * std::exp(rng.normal(0, 0.03));
  traits.syllables_hz = rng.uniform(3.7, 4.7);
  traits.breath = rng.uniform(0.01, 0.04);
  return traits;
}

VoiceTrack draw_voice(const SimulatorConfig& config, const VoiceTraits& traits, const Latent& latent,
                      int64_t subject_idx, int64_t session_idx) {
  core::Rng rng = rng_for(config, subject_idx, session_idx, Draws::kVoice);
  const std::vector<Articulation> plan = plan_speech(config, traits, latent, rng);
  const auto rate_hz = static_cast<double>(config.audio_rate_hz);
  VoiceTrack track;
  const auto num_samples = static_cast<size_t>(std::llround(latent.duration_s * rate_hz));
  track.samples.resize(num_samples);

  std::array<Resonator, kNumFormants> formants;
  Resonator hiss;
  double phase = 1;
  double period_jitter = 1;
  double period_shimmer = 1;
  double tilted = 0;
  double last_flow = 0;
  size_t last_step = plan.size();
  double f0_hz = 0;
  double tilt_keep = 0;
  double gain = 0;
  double breath = 0;
  AffectPoint mood;
  const auto jitter_of = [&] { return 0.004 + 0.03 * std::max(0.0, mood.arousal - mood.dominance) / 2; };
  for (size_t i = 0; i < num_samples; ++i) {
    const double t_s = static_cast<double>(i) / rate_hz;
    const size_t step = std::min(plan.size() - 1, static_cast<size_t>(t_s / kControl_s));
    const Articulation& now = plan[step];
    if (step != last_step) {
      last_step = step;
      mood = voiced_at(config, latent, t_s);
      const double range = 2.0 * (1 + 0.5 * mood.arousal + 0.4 * mood.valence);
      const double fear = std::max(0.0, mood.arousal) * std::max(0.0, -mood.dominance);
      const double semitones = 5.0 * mood.arousal + 0.8 * mood.valence + 4.0 * fear +
                               range * (0.7 * now.accent + 0.8 - 1.6 * now.fall);
      f0_hz = traits.f0_hz * std::exp2(semitones / 12);
      // Effort flattens the spectrum of the source: a first-order low-pass from about 0.9 kHz (slack) to 6
      // kHz.
      const double effort = 0.6 * mood.arousal + 0.4 * std::max(0.0, mood.dominance) * mood.arousal;
      tilt_keep = std::exp(-2 * kPi * 1800 * std::exp2(2.2 * effort) / rate_hz);
      gain = std::pow(10.0, (7.0 * mood.arousal - 2.5 * fear) / 20);
      breath = traits.breath * (1 + 2 * std::max(0.0, -mood.arousal) + 2 * fear);
      // A smile shortens the vocal tract.
      const double shift = traits.tract * (1 + 0.05 * mood.valence);
      for (size_t k = 0; k < kNumFormants; ++k) {
        const double centre = std::min(now.formant_hz[k] * shift, 0.46 * rate_hz);
        formants[k].tune(centre, 50 + 0.05 * centre, rate_hz);
      }
      hiss.tune(std::min(4500.0, 0.45 * rate_hz), 1500, rate_hz);
    }
    phase += f0_hz * period_jitter / rate_hz;
    if (phase >= 1) {
      phase -= std::floor(phase);
      period_jitter = 1 + jitter_of() * rng.normal();
      period_shimmer = 1 + 2 * jitter_of() * rng.normal();
    }
    // Rosenberg's pulse: opens over 40 % of the period, closes over 16 %.
    double flow = 0;
    if (phase < 0.4) {
      flow = 0.5 - 0.5 * std::cos(kPi * phase / 0.4);
    } else if (phase < 0.56) {
      flow = std::cos(0.5 * kPi * (phase - 0.4) / 0.16);
    }
    const double noise = rng.normal();
    const double source =
        (flow - last_flow) * rate_hz / 4000 * period_shimmer + breath * noise * (0.3 + flow);
    last_flow = flow;
    tilted = tilt_keep * tilted + (1 - tilt_keep) * source * now.level;
    double y = tilted;
    for (auto& formant : formants) y = formant.step(y);
    y += 0.02 * hiss.step(noise * now.friction);
    track.samples[i] = static_cast<float>(y * gain);
  }

  // Full scale is set once per session, not per emotion: loudness is a cue.
  double energy = 0;
  for (const float s : track.samples) energy += static_cast<double>(s) * s;
  const double rms = std::sqrt(energy / std::max<double>(1, static_cast<double>(num_samples)));
  const double scale = rms > 0 ? 0.09 / rms : 0;
  const double room = 0.09 * std::pow(10.0, -config.voice_snr_db / 20);
  double rumble = 0;
  for (auto& s : track.samples) {
    rumble = 0.7 * rumble + 0.714 * rng.normal();
    s = static_cast<float>(0.97 * std::tanh(scale * s + room * rumble));
  }

  const auto num_points = static_cast<size_t>(std::ceil(latent.duration_s * kLatentRateHz)) + 1;
  for (size_t i = 0; i < num_points; ++i) {
    const double t_s = static_cast<double>(i) / kLatentRateHz;
    const Articulation& now = plan[std::min(plan.size() - 1, static_cast<size_t>(t_s / kControl_s))];
    track.loudness.push_back(static_cast<float>(now.level));
    track.jaw_open.push_back(static_cast<float>(now.open));
    track.lip_round.push_back(static_cast<float>(now.round));
  }
  return track;
}

}  // namespace limbic::data::sim
