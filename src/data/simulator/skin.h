#pragma once
#include <algorithm>
#include <cmath>

#include "simulator/render.h"

namespace limbic::data::sim {

struct Vec3 {
  float x = 0;
  float y = 0;
  float z = 0;
};
inline Vec3 operator-(const Vec3& a, const Vec3& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
inline Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline Vec3 normalized(const Vec3& a) {
  const float k = 1 / std::sqrt(a.x * a.x + a.y * a.y + a.z * a.z + 1e-20f);
  return {k * a.x, k * a.y, k * a.z};
}
inline Vec3 weighted(const Vec3& a, float wa, const Vec3& b, float wb, const Vec3& c, float wc) {
  return {wa * a.x + wb * b.x + wc * c.x, wa * a.y + wb * b.y + wc * c.y, wa * a.z + wb * b.z + wc * c.z};
}

inline Rgb scaled(const Rgb& a, float k) {
  return {k * a.r, k * a.g, k * a.b};
}
inline Rgb added(const Rgb& a, const Rgb& b, float k) {
  return {a.r + k * b.r, a.g + k * b.g, a.b + k * b.b};
}
inline Rgb blended(const Rgb& a, const Rgb& b, float share_of_b) {
  return added(scaled(a, 1 - share_of_b), b, share_of_b);
}

/// 0 below `from`, 1 above `to`, cubic in between; `from` > `to` falls.
inline float smooth_step(float from, float to, float x) {
  const float t = std::clamp((x - from) / (to - from), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}
/// An edge at 0 that is `softness` wide.
inline float ramp(float x, float softness) {
  return std::clamp(x / softness + 0.5f, 0.0f, 1.0f);
}
/// 1 at the origin, smoothly 0 from radius 1 on.
inline float hump(float x, float y) {
  const float t = std::max(0.0f, 1 - x * x - y * y);
  return t * t;
}

/// What light falls on.
struct Surface {
  Rgb colour;  ///< 0 to 255
  float gloss = 0;
};

/// Share of hair at a point of the resting head, 0 to 1.
float hair_share(const Looks& looks, const Vec3& rest);

/// Paints the face of one picture: brows, eyes, lips and folds as functions of the resting head's x and y.
class FacePaint {
 public:
  FacePaint(const Looks& looks, const FacePose& pose);
  Surface at(const Vec3& rest) const;
  Surface hair(const Vec3& rest, float light) const;

 private:
  void paint_brow(float ax, float y, Rgb& colour) const;
  void paint_eye(float x, float y, Surface& s) const;
  void paint_mouth(float x, float y, Surface& s) const;

  const Looks& looks_;
  Expression e_;
  float gaze_x_, gaze_y_;
  float lid_;  ///< 0 closed, 1 at rest, more when raised
  float smile_up_, smile_down_;
  float mouth_half_, corner_, gap_top_, gap_bottom_, lip_scale_;
};

}  // namespace limbic::data::sim
