#pragma once
#include <complex>
#include <vector>

namespace limbic::signals {

/// Burg's linear prediction x[n] ~ sum_k a[k] x[n - 1 - k] of `order` coefficients.
/// @param forward  the frame, overwritten
/// @return all zero for a frame without energy
std::vector<double> burg(std::vector<double>& forward, size_t order);

/// Roots of z^p - a[0] z^(p-1) - ... - a[p-1]: the poles of the filter.
std::vector<std::complex<double>> poles_of(const std::vector<double>& a);

}  // namespace limbic::signals
