#pragma once
#include <cmath>
#include <cstdint>

#include "limbic/core/rng.h"
#include "limbic/signals/eye/gaze_samples.h"
#include "limbic/signals/table.h"

namespace limbic::test {

/// Gaze whose events are known: rests, jumps, slow motion and holes, one after the other.
class GazeSimulation {
 public:
  explicit GazeSimulation(double rate_hz, double noise_deg = 0, uint64_t seed = 1)
      : rate_hz_(rate_hz), noise_deg_(noise_deg), rng_(seed) {}

  GazeSimulation& rest(double seconds) { return move(0, 0, seconds); }
  GazeSimulation& pursue(double x_deg_s, double y_deg_s, double seconds) {
    return move(x_deg_s * seconds, y_deg_s * seconds, seconds);
  }
  /// Minimum-jerk jump; its peak velocity is 1.875 times its mean velocity.
  GazeSimulation& jump(double dx_deg, double dy_deg, double seconds) {
    const size_t n = samples(seconds);
    for (size_t i = 1; i <= n; ++i) {
      const double u = static_cast<double>(i) / static_cast<double>(n);
      const double way = u * u * u * (10 - 15 * u + 6 * u * u);
      put(x_ + way * dx_deg, y_ + way * dy_deg);
    }
    x_ += dx_deg;
    y_ += dy_deg;
    return *this;
  }
  /// A damped oscillation around the present place.
  GazeSimulation& swing(double amplitude_deg, double hz, double seconds) {
    const size_t n = samples(seconds);
    for (size_t i = 1; i <= n; ++i) {
      const double t = static_cast<double>(i) / rate_hz_;
      put(x_ + amplitude_deg * std::exp(-4 * t / seconds) * std::sin(6.283185307179586 * hz * t), y_);
    }
    return *this;
  }
  GazeSimulation& lose(double seconds) {
    for (size_t i = 0; i < samples(seconds); ++i) put(signals::kMissing, signals::kMissing);
    return *this;
  }
  GazeSimulation& jump_at_once(double dx_deg, double dy_deg) {
    x_ += dx_deg;
    y_ += dy_deg;
    return *this;
  }

  size_t size() const { return gaze_.size(); }
  const signals::GazeSamples& gaze() const { return gaze_; }

 private:
  size_t samples(double seconds) const { return static_cast<size_t>(std::lround(seconds * rate_hz_)); }
  GazeSimulation& move(double dx_deg, double dy_deg, double seconds) {
    const size_t n = samples(seconds);
    for (size_t i = 1; i <= n; ++i) {
      const double u = static_cast<double>(i) / static_cast<double>(n);
      put(x_ + u * dx_deg, y_ + u * dy_deg);
    }
    x_ += dx_deg;
    y_ += dy_deg;
    return *this;
  }
  void put(double x, double y) {
    gaze_.time_s.push_back(static_cast<double>(gaze_.size()) / rate_hz_);
    gaze_.x_deg.push_back(x + noise_deg_ * rng_.normal());
    gaze_.y_deg.push_back(y + noise_deg_ * rng_.normal());
  }

  double rate_hz_;
  double noise_deg_;
  core::Rng rng_;
  double x_ = 0;
  double y_ = 0;
  signals::GazeSamples gaze_;
};

}  // namespace limbic::test
