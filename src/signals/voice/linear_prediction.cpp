#include "voice/linear_prediction.h"

#include <Eigen/Eigenvalues>
#include <cmath>

namespace limbic::signals {

std::vector<double> burg(std::vector<double>& forward, size_t order) {
  const size_t n = forward.size();
  std::vector<double> a(order, 0.0);
  std::vector<double> previous(order, 0.0);
  std::vector<double> backward = forward;
  for (size_t m = 0; m < order && m + 1 < n; ++m) {
    // forward[i] and backward[i - 1] are the errors of predicting sample i and i - 1 - m from those between.
    double product[2] = {0, 0};
    double energy[2] = {0, 0};
    size_t i = m + 1;
    for (; i + 1 < n; i += 2) {
      for (size_t j = 0; j < 2; ++j) {
        const double f = forward[i + j];
        const double b = backward[i + j - 1];
        product[j] += f * b;
        energy[j] += f * f + b * b;
      }
    }
    if (i < n) {
      product[0] += forward[i] * backward[i - 1];
      energy[0] += forward[i] * forward[i] + backward[i - 1] * backward[i - 1];
    }
    const double total = energy[0] + energy[1];
    if (!(total > 0)) break;
    const double reflection = 2.0 * (product[0] + product[1]) / total;
    a[m] = reflection;
    for (size_t k = 0; k < m; ++k) a[k] = previous[k] - reflection * previous[m - 1 - k];
    previous = a;
    for (size_t k = n; k-- > m + 1;) {
      const double f = forward[k];
      const double b = backward[k - 1];
      forward[k] = f - reflection * b;
      backward[k] = b - reflection * f;
    }
  }
  return a;
}

std::vector<std::complex<double>> poles_of(const std::vector<double>& a) {
  const auto p = static_cast<Eigen::Index>(a.size());
  Eigen::MatrixXd companion = Eigen::MatrixXd::Zero(p, p);
  for (Eigen::Index k = 0; k < p; ++k) {
    companion(0, k) = a[static_cast<size_t>(k)];
    if (k > 0) companion(k, k - 1) = 1.0;
  }
  const Eigen::VectorXcd roots = companion.eigenvalues();
  std::vector<std::complex<double>> poles;
  for (Eigen::Index k = 0; k < p; ++k) {
    // One Newton step takes off what the eigenvalues lose to rounding.
    std::complex<double> z = roots[k];
    std::complex<double> value = 1.0;
    std::complex<double> slope = 0.0;
    for (double coefficient : a) {
      slope = slope * z + value;
      value = value * z - coefficient;
    }
    if (std::abs(slope) > 1e-12) {
      const std::complex<double> step = value / slope;
      if (std::abs(step) < 1e-3) z -= step;
    }
    poles.push_back(z);
  }
  return poles;
}

}  // namespace limbic::signals
