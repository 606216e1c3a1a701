#include "simulator/body.h"

#include <algorithm>
#include <cmath>

namespace limbic::data::sim {
namespace {

constexpr double kTwoPi = 6.283185307179586;
constexpr double kPostureTau_s = 1.2;
constexpr double kFidgetTau_s = 0.25;
constexpr double kSwayTau_s = 4.0;

/// 0 at rest, 1 at the highest arousal.
double drive(double arousal) {
  return std::clamp((arousal + 1) / 2, 0.0, 1.0);
}

}  // namespace

void move_body(const SimulatorConfig& config, const Latent& latent, int64_t subject_idx, int64_t session_idx,
               std::vector<FacePose>& poses) {
  if (config.body <= 0) return;
  core::Rng person = rng_for(config, subject_idx, -1, Draws::kBody);
  const double restlessness = std::exp(person.normal(0, 0.25));
  core::Rng rng = rng_for(config, subject_idx, session_idx, Draws::kBody);
  const double fps = config.fps;
  const double fidget_keep = std::exp(-1 / (kFidgetTau_s * fps));
  const double sway_keep = std::exp(-1 / (kSwayTau_s * fps));
  double phase = rng.uniform();
  double fidget = 0;
  double sway = rng.normal();
  double posture = 0;
  for (size_t i = 0; i < poses.size(); ++i) {
    const double t_s = static_cast<double>(i) / fps;
    const double felt = drive(latent.felt_at(t_s).arousal);
    const double shown = drive(latent.shown_at(t_s).arousal);
    const double moved_by = config.body_leakage * felt + (1 - config.body_leakage) * shown;
    phase += (0.18 + 0.22 * felt) / fps;
    const double breath = (0.012 + 0.018 * felt) * std::sin(kTwoPi * phase);
    const int face = latent.episode_at(t_s).shown;
    const double wish = face == 2 ? -0.07 : face == 4 ? 0.06 : face == 3 ? 0.03 : 0.0;
    posture += (1 - std::exp(-1 / (kPostureTau_s * fps))) * (wish - posture);
    fidget = fidget_keep * fidget + std::sqrt(1 - fidget_keep * fidget_keep) * rng.normal();
    sway = sway_keep * sway + std::sqrt(1 - sway_keep * sway_keep) * rng.normal();
    const double restless = restlessness * moved_by * moved_by;
    poses[i].shoulder_lift = static_cast<float>(config.body * (breath + posture + 0.02 * restless * fidget));
    poses[i].torso_lean = static_cast<float>(config.body * (0.03 * sway + 0.09 * restless * fidget));
  }
}

}  // namespace limbic::data::sim
