#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace limbic::signals {

/// Course of features over frames, T x F in and out. HTK's regression (Young et al., The HTK Book, 5.9):
/// sum_k k (x[t + k] - x[t - k]) / (2 sum_k k^2) for k = 1 ... half_window, the ends repeated; `order` times.
/// Kaldi's add-deltas and torchaudio's compute_deltas are the same for order 1.
std::vector<float> regression_deltas(const std::vector<float>& x_TF, int64_t num_features,
                                     int64_t half_window = 2, int64_t order = 1);

/// What lies beyond the ends for a Savitzky-Golay derivative (scipy's modes).
enum class DeltaEdges {
  kInterp,    ///< nothing: the polynomial of the last whole window goes on
  kNearest,   ///< the end values
  kMirror,    ///< the signal mirrored, its ends not repeated
  kConstant,  ///< zeros
  kWrap,      ///< the other end
};
constexpr auto enum_names(DeltaEdges) {
  return std::array{std::pair{DeltaEdges::kInterp, "interp"}, std::pair{DeltaEdges::kNearest, "nearest"},
                    std::pair{DeltaEdges::kMirror, "mirror"}, std::pair{DeltaEdges::kConstant, "constant"},
                    std::pair{DeltaEdges::kWrap, "wrap"}};
}
/// librosa.feature.delta: the order-th derivative of a polynomial of that order over `width` frames (odd, >
/// order). Fewer frames than the width are fitted by one polynomial (librosa refuses them).
std::vector<float> polynomial_deltas(const std::vector<float>& x_TF, int64_t num_features, int64_t width = 9,
                                     int64_t order = 1, DeltaEdges edges = DeltaEdges::kInterp);

}  // namespace limbic::signals
