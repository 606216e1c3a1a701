#pragma once
#include <cstdint>

namespace limbic::signals {

/// Value between samples y[0, n) at position x by sin(x) / x under a raised cosine that ends `depth` samples
/// away (Praat manual, "Vector value interpolation"). The reach shrinks at the ends of y; outside, the end
/// value.
double sinc_value(const double* y, int64_t n, double x, int64_t depth);

struct Peak {
  double position = 0;
  double value = 0;
};
/// Highest point of the interpolated curve within one sample of the local maximum y[i], 0 < i < n - 1.
Peak sinc_peak(const double* y, int64_t n, int64_t i, int64_t depth);

/// Offset of a parabola's vertex from its middle of three equally spaced points, in [-0.5, 0.5] when the
/// middle is the highest; 0 when they lie on a line.
inline double vertex_offset(double left, double middle, double right) {
  const double bend = 2.0 * middle - left - right;
  return bend == 0 ? 0 : 0.5 * (right - left) / bend;
}

}  // namespace limbic::signals
