#pragma once
#include <vector>

namespace limbic::objectives {

/// Losses of one window of training, by head.
struct BlendingLosses {
  std::vector<double> train;
  std::vector<double> held_out;
};

/// Gradient-Blending's weights from two successive windows: G / O^2, scaled to sum 1, with G = how much the
/// held-out loss fell (at least 0) and O = how much the gap between held-out and training loss grew (its size
/// at least 1e-3). Where nothing generalised, `before`.
std::vector<double> blending_weights(const BlendingLosses& first, const BlendingLosses& second,
                                     const std::vector<double>& before);

}  // namespace limbic::objectives
