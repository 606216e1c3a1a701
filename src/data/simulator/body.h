#pragma once
#include <vector>

#include "simulator/face.h"

namespace limbic::data::sim {

/// Gives the poses a body: breath lifts the shoulders, faster and deeper with felt arousal; the torso sways
/// and fidgets with felt arousal as far as it leaks (`body_leakage`), else with the shown one; shoulders drop
/// in shown sadness and rise in shown fear. All of it times `config.body`; nothing at 0.
void move_body(const SimulatorConfig& config, const Latent& latent, int64_t subject_idx, int64_t session_idx,
               std::vector<FacePose>& poses);

}  // namespace limbic::data::sim
