#pragma once
#include <vector>

namespace limbic::signals {

// Note [Telling close responses apart]
// Where noise is large (4 Hz, 20 dB), deconvolution blurs responses 1 to 2 s apart into one. A sum of
// canonical responses (0.7 s, 2 s) on a cubic spline, fitted to overlapping windows of 28 s, keeps them
// apart. A response that begins between two samples is exactly a non-negative combination of two that begin
// on them. Non-negative matching pursuit proposes onsets; then, as long as one can be left out or merged with
// its neighbour at little loss, it is. "Little" is 4 deviations of the noise, plus a share of what is near,
// because nobody's responses are the canonical ones. That share is measured on the recording itself, as what
// the fit leaves unexplained. Where it is large the model is not this recording's, and nothing is returned.

struct JointResponse {
  double onset = 0;  ///< in samples
  double amplitude = 0;
};

/// Linear in the length; for rates of 1 to 20 Hz (tables grow with the square of the rate). The misfit is
/// measured once, on at most 16 windows of all stretches: a recording of another shape costs no more than
/// that.
/// @param runs   stretches without missing values
/// @param noise  deviation of a sample's noise, > 0
/// @return of each run, by onset; empty where the model does not fit
std::vector<std::vector<JointResponse>> fit_responses(const std::vector<std::vector<double>>& runs,
                                                      double rate_hz, double noise);

}  // namespace limbic::signals
