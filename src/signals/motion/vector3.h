#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "limbic/signals/motion/gravity.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

struct Vector3 {
  double x, y, z;
};
inline Vector3 operator+(const Vector3& a, const Vector3& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
inline Vector3 operator-(const Vector3& a, const Vector3& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
inline Vector3 operator*(const Vector3& a, double s) {
  return {a.x * s, a.y * s, a.z * s};
}
inline double dot(const Vector3& a, const Vector3& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
inline Vector3 cross(const Vector3& a, const Vector3& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline double length(const Vector3& a) {
  return std::sqrt(dot(a, a));
}
inline bool is_finite(const Vector3& a) {
  return std::isfinite(a.x) && std::isfinite(a.y) && std::isfinite(a.z);
}
/// Angle between two directions, degrees; NaN when one has no length.
inline double angle_deg(const Vector3& a, const Vector3& b) {
  const double both = length(a) * length(b);
  if (!(both > 0)) return kMissing;
  // Of sine and cosine: exact for small angles too.
  return std::atan2(length(cross(a, b)), dot(a, b)) * (180 / 3.14159265358979323846);
}
inline Vector3 at(const TriaxialSeries& series, int64_t i) {
  const auto k = static_cast<size_t>(i);
  return {series.x[k], series.y[k], series.z[k]};
}

}  // namespace limbic::signals
