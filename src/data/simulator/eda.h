#pragma once
#include <vector>

#include "simulator/latent.h"

namespace limbic::data::sim {

constexpr double kEdaRateHz = 4.0;

/// Skin conductance of a session: sample i at i / kEdaRateHz s.
struct EdaTrace {
  std::vector<double> microsiemens;  ///< with sensor noise, > 0
  std::vector<double> scr_onset_s;   ///< rising
  std::vector<double> scr_amplitude_microsiemens;
};
EdaTrace draw_eda(const SimulatorConfig& config, const Latent& latent, int64_t subject_idx,
                  int64_t session_idx);

/// A skin conductance response of height 1, `t_s` after its onset: the difference of two exponentials
/// (Bateman).
double scr_shape(double t_s);

}  // namespace limbic::data::sim
