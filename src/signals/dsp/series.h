#pragma once
#include <cstddef>
#include <initializer_list>
#include <vector>

namespace limbic::signals {

/// Values of one measurement by frame. What follows gives 0 for an empty series, where statistics.h (whose
/// functions these are otherwise) says missing.
using Series = std::vector<double>;

double mean_of(const Series& values);
/// Standard deviation of the population.
double deviation_of(const Series& values);
double maximum_of(const Series& values);
/// Percentiles in [0, 100] with linear interpolation between ranks (numpy's default).
Series percentiles_of(const Series& values, std::initializer_list<double> percents);

/// values[first, last)
Series slice_of(const Series& values, size_t first, size_t last);
/// Values where `mask` is set, of frames in [first, last).
Series masked(const Series& values, const std::vector<bool>& mask, size_t first, size_t last);
Series masked(const Series& values, const std::vector<bool>& mask);
/// values[t + lag] - values[t]
Series differences(const Series& values, size_t lag);
Series magnitudes(Series values);
/// values[t + 2] - 2 values[t + 1] + values[t]
Series second_differences(const Series& values);
/// Polynomial c[0] + c[1] x + c[2] x^2 of least squares; zeros with fewer than three points.
struct Parabola {
  double slope = 0;      ///< c[1]
  double curvature = 0;  ///< c[2]
};
Parabola fit_parabola(const Series& x, const Series& y);

/// Part `part` of `num_parts` of [0, size): the first parts are one longer where it does not divide
/// (numpy.array_split).
struct Part {
  size_t first;
  size_t last;
};
Part part_of(size_t size, size_t num_parts, size_t part);

/// Coefficient `k` of the orthonormal DCT-II.
double cosine_coefficient(const Series& values, size_t k);

}  // namespace limbic::signals
