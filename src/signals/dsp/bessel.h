#pragma once

namespace limbic::signals {

/// Modified Bessel function of the first kind and order 0, for Kaiser windows; |x| up to some hundreds.
inline double bessel_i0(double x) {
  double term = 1;
  double sum = 1;
  for (int k = 1; term > 1e-18 * sum; ++k) {
    term *= (0.5 * x / k) * (0.5 * x / k);
    sum += term;
  }
  return sum;
}

}  // namespace limbic::signals
