#include "simulator/eda.h"

#include <algorithm>
#include <cmath>

namespace limbic::data::sim {
namespace {

constexpr double kEdaRise_s = 0.35;
constexpr double kEdaRecovery_s = 4.0;
constexpr int kStepsPerSample = 10;
constexpr double kEdaStep_s = 1 / (kEdaRateHz * kStepsPerSample);
constexpr double kScrRest_s = 0.8;  ///< sweat glands need so long before they fire again
constexpr double kLowestMicrosiemens = 0.05;

/// 0 at rest, 1 at the highest arousal.
double activation(double arousal) {
  return std::clamp((arousal + 1) / 2, 0.0, 1.0);
}

/// The factor that makes the highest point of a response 1.
double scr_unit() {
  const double peak_s =
      std::log(kEdaRecovery_s / kEdaRise_s) * kEdaRise_s * kEdaRecovery_s / (kEdaRecovery_s - kEdaRise_s);
  return 1 / (std::exp(-peak_s / kEdaRecovery_s) - std::exp(-peak_s / kEdaRise_s));
}

}  // namespace

double scr_shape(double t_s) {
  return t_s <= 0 ? 0 : scr_unit() * (std::exp(-t_s / kEdaRecovery_s) - std::exp(-t_s / kEdaRise_s));
}

EdaTrace draw_eda(const SimulatorConfig& config, const Latent& latent, int64_t subject_idx,
                  int64_t session_idx) {
  core::Rng person = rng_for(config, subject_idx, -1, Draws::kEda);
  const double level = std::exp(person.normal(std::log(4.0), 0.4));
  const double lability = std::exp(person.normal(0, 0.2));
  core::Rng rng = rng_for(config, subject_idx, session_idx, Draws::kEda);

  EdaTrace trace;
  const auto num_samples = static_cast<size_t>(std::floor(latent.duration_s * kEdaRateHz)) + 1;
  const auto arousal_behind = [&](double t_s) { return latent.felt_at(t_s - config.eda_latency_s).arousal; };

  // The two exponentials of all responses together are two leaky sums.
  double slow = 0;
  double fast = 0;
  const double slow_keep = std::exp(-kEdaStep_s / kEdaRecovery_s);
  const double fast_keep = std::exp(-kEdaStep_s / kEdaRise_s);
  const double unit = scr_unit();
  double tone = activation(arousal_behind(0));
  double drift = 0;
  double last_onset_s = -kScrRest_s;
  trace.microsiemens.reserve(num_samples);
  for (size_t step = 0; trace.microsiemens.size() < num_samples; ++step) {
    const double t_s = static_cast<double>(step) * kEdaStep_s;
    const double active = activation(arousal_behind(t_s));
    const double rate_hz = 0.02 + 0.6 * active * active * lability;
    if (rng.chance(rate_hz * kEdaStep_s) && t_s - last_onset_s >= kScrRest_s) {
      const double amplitude = (0.08 + 0.7 * active * active) * std::exp(rng.normal(0, 0.3)) * level / 4;
      slow += amplitude * unit;
      fast += amplitude * unit;
      last_onset_s = t_s;
      trace.scr_onset_s.push_back(t_s);
      trace.scr_amplitude_microsiemens.push_back(amplitude);
    }
    if (step % kStepsPerSample == 0) {
      const double tonic = level * (0.8 + 0.4 * tone) * std::exp(drift);
      const double value = tonic + slow - fast + rng.normal(0, config.eda_noise_microsiemens);
      trace.microsiemens.push_back(std::max(kLowestMicrosiemens, value));
    }
    slow *= slow_keep;
    fast *= fast_keep;
    tone += (active - tone) * kEdaStep_s / 15.0;
    drift += -drift * kEdaStep_s / 120.0 + rng.normal(0, 0.008 * std::sqrt(kEdaStep_s));
  }
  return trace;
}

}  // namespace limbic::data::sim
