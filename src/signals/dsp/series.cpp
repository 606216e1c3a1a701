#include "series.h"

#include <algorithm>
#include <cmath>

#include "dsp/constants.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {

double mean_of(const Series& values) {
  return values.empty() ? 0 : mean(values);
}

double deviation_of(const Series& values) {
  return values.empty() ? 0 : standard_deviation(values);
}

double maximum_of(const Series& values) {
  return values.empty() ? 0 : maximum(values);
}

Series percentiles_of(const Series& values, std::initializer_list<double> percents) {
  return values.empty() ? Series(percents.size(), 0.0) : percentiles(values, percents);
}

Series slice_of(const Series& values, size_t first, size_t last) {
  return {values.begin() + static_cast<std::ptrdiff_t>(first),
          values.begin() + static_cast<std::ptrdiff_t>(last)};
}

Series masked(const Series& values, const std::vector<bool>& mask, size_t first, size_t last) {
  Series out;
  for (size_t t = first; t < last; ++t) {
    if (mask[t]) out.push_back(values[t]);
  }
  return out;
}

Series masked(const Series& values, const std::vector<bool>& mask) {
  return masked(values, mask, 0, values.size());
}

Series differences(const Series& values, size_t lag) {
  Series out;
  for (size_t t = lag; t < values.size(); ++t) out.push_back(values[t] - values[t - lag]);
  return out;
}

Series magnitudes(Series values) {
  for (double& v : values) v = std::abs(v);
  return values;
}

Series second_differences(const Series& values) {
  Series out;
  for (size_t t = 2; t < values.size(); ++t) out.push_back(values[t] - 2.0 * values[t - 1] + values[t - 2]);
  return out;
}

Parabola fit_parabola(const Series& x, const Series& y) {
  if (x.size() < 3) return {};
  // Projection on polynomials that are orthogonal over these x: 1, u = x - mean, u^2 - a u - b.
  const double centre = mean_of(x);
  double s2 = 0;
  double s3 = 0;
  double uy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double u = x[i] - centre;
    s2 += u * u;
    s3 += u * u * u;
    uy += u * y[i];
  }
  if (s2 <= 0) return {};
  const double a = s3 / s2;
  const double b = s2 / static_cast<double>(x.size());
  double qq = 0;
  double qy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double u = x[i] - centre;
    const double q = u * u - a * u - b;
    qq += q * q;
    qy += q * y[i];
  }
  if (qq <= 0) return {uy / s2, 0};
  const double curvature = qy / qq;
  return {uy / s2 - curvature * a - 2.0 * curvature * centre, curvature};
}

Part part_of(size_t size, size_t num_parts, size_t part) {
  const size_t shortest = size / num_parts;
  const size_t num_longer = size % num_parts;
  const size_t first = part * shortest + std::min(part, num_longer);
  return {first, first + shortest + (part < num_longer ? 1 : 0)};
}

double cosine_coefficient(const Series& values, size_t k) {
  const auto size = static_cast<double>(values.size());
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i)
    sum += values[i] *
           std::cos(kPi * (2.0 * static_cast<double>(i) + 1.0) * static_cast<double>(k) / (2.0 * size));
  return values.empty() ? 0 : sum * std::sqrt((k == 0 ? 1.0 : 2.0) / size);
}

}  // namespace limbic::signals
