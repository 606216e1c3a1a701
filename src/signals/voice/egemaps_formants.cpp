#include "voice/egemaps_formants.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <complex>
#include <utility>
#include "dsp/constants.h"

namespace limbic::signals {
namespace {

constexpr double kTarget_hz = 11000.0;
constexpr double kMinFormant_hz = 50.0;
constexpr double kMaxFormant_hz = 5450.0;

/// One number of each of four frames.
using Singles = float __attribute__((vector_size(16)));

Singles singles(Lanes x) {
  const Singles out = {static_cast<float>(x.low[0]), static_cast<float>(x.low[1]),
                       static_cast<float>(x.high[0]), static_cast<float>(x.high[1])};
  return out;
}

}  // namespace

// Note [Formants as openSMILE computes them]
// 1. The frame lies in the middle of its FFT; only the first 220 samples of the resampled FFT frame are used
//    and only the first 109 bins enter: up to 3.4 kHz at 8 and 16 kHz, 4.7 kHz at 44.1 kHz. This is why
//    formants of one voice differ by sample rate. Bin 0 counts twice.
// 2. The polynomial whose roots are taken is z^p - a1 z^(p-1) - ... - ap, while the prediction filter is
//    1 + a1 z^-1 + ... + ap z^-p. Bandwidths are therefore far wider than a vocal tract's.
// 3. Nothing above the last bin makes the correlations nearly singular, so the rounding of single precision
//    shows in the result (1 % in every 30th frame): precision and order of the sums are openSMILE's here.
// All are part of what "F1frequency" means in published eGeMAPS values. For formants proper see the Burg
// analysis of this room.
EgemapsFormants::EgemapsFormants(const EgemapsGrid& grid, int64_t sample_rate_hz)
    : scale_(static_cast<float>(grid.fft_samples / 2)) {
  num_samples_ = std::llround(kTarget_hz * static_cast<double>(grid.frame_samples) /
                              static_cast<double>(sample_rate_hz));
  num_harmonics_ = std::min(grid.fft_samples, num_samples_) / 2 - 1;
  const double period = static_cast<double>(grid.fft_samples) * static_cast<double>(num_samples_) /
                        static_cast<double>(grid.frame_samples);
  for (int64_t i = 0; i < num_samples_; ++i) {
    for (int64_t k = 1; k <= num_harmonics_; ++k) {
      const double angle = 2.0 * kPi * static_cast<double>(k * i) / period;
      waves_.push_back(static_cast<float>(std::cos(angle)));
      waves_.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

void EgemapsFormants::measure(const Lanes* real, const Lanes* imaginary, EgemapsFormantFrame* out) const {
  const auto n = static_cast<size_t>(num_samples_);
  const auto harmonics = static_cast<size_t>(num_harmonics_);
  std::vector<Singles> re(harmonics + 1);
  std::vector<Singles> im(harmonics + 1);
  for (size_t k = 0; k <= harmonics; ++k) {
    re[k] = singles(real[k]);
    im[k] = -singles(imaginary[k]);
  }
  std::vector<Singles> y(n);
  const float* wave = waves_.data();
  for (size_t i = 0; i < n; ++i) {
    Singles sum = re[0];
    for (size_t k = 1; k <= harmonics; ++k, wave += 2) {
      sum += wave[0] * re[k];
      sum += wave[1] * im[k];
    }
    y[i] = sum / scale_;
  }
  Singles correlation[kOrder + 1];
  for (size_t lag = 0; lag <= kOrder; ++lag) {
    Singles sum{};
    for (size_t i = lag; i < n; ++i) sum += y[i] * y[i - lag];
    correlation[lag] = sum;
  }
  for (int lane = 0; lane < static_cast<int>(kLanes); ++lane) {
    float one[kOrder + 1];
    for (size_t lag = 0; lag <= kOrder; ++lag) one[lag] = correlation[lag][lane];
    out[lane] = from_correlation(one);
  }
}

EgemapsFormantFrame EgemapsFormants::from_correlation(const float* correlation) {
  EgemapsFormantFrame out;
  if (!(correlation[0] > 0)) return out;
  float a[kOrder] = {};
  float error = correlation[0];
  for (int m = 1; m <= kOrder && error != 0; ++m) {  // Durbin's recursion
    float sum = correlation[m];
    for (int i = 1; i < m; ++i) sum += a[i - 1] * correlation[m - i];
    const float k = (-1.0f / error) * sum;
    float before[kOrder];
    std::copy(a, a + m - 1, before);
    for (int i = 1; i < m; ++i) a[i - 1] += k * before[m - i - 1];
    a[m - 1] = k;
    error *= 1.0f - k * k;
  }
  // Roots of z^p - a1 z^(p-1) - ... as eigenvalues of its companion matrix.
  using Companion = Eigen::Matrix<double, kOrder, kOrder>;
  Companion companion = Companion::Zero();
  for (int i = 0; i < kOrder; ++i) companion(0, i) = static_cast<double>(a[i]);
  for (int i = 1; i < kOrder; ++i) companion(i, i - 1) = 1.0;
  const Eigen::EigenSolver<Companion> solver(companion, false);
  if (solver.info() != Eigen::Success) return out;

  std::vector<std::pair<double, double>> found;  // frequency, bandwidth
  for (int i = 0; i < kOrder; ++i) {
    const std::complex<double> root = solver.eigenvalues()[i];
    if (root.imag() < 0) continue;
    const double frequency_hz = std::arg(root) * kTarget_hz / (2.0 * kPi);
    if (frequency_hz < kMinFormant_hz || frequency_hz > kMaxFormant_hz) continue;
    // A root outside the unit circle is mirrored into it.
    found.emplace_back(frequency_hz, std::abs(std::log(std::abs(root))) * kTarget_hz / kPi);
  }
  std::sort(found.begin(), found.end());
  for (size_t i = 0; i < std::min(found.size(), kEgemapsFormants); ++i) {
    out.frequency_hz[i] = static_cast<float>(found[i].first);
    out.bandwidth_hz[i] = static_cast<float>(found[i].second);
  }
  return out;
}

}  // namespace limbic::signals
