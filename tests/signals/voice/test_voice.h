#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

namespace limbic::signals {

/// A voice made of a falling and wobbling train of pulses through two resonances with a little noise, between
/// silences, on the grid of int16: the same in any language (golden numbers were made from it).
inline std::vector<float> made_voice(int64_t rate_hz, double duration_s = 2.0) {
  constexpr double kPi = 3.14159265358979323846;
  std::vector<float> x;
  const auto rate = static_cast<double>(rate_hz);
  uint32_t state = 1;
  double phase = 0;
  double level = 1;
  double wobble = 0;
  double y[2][2] = {{0, 0}, {0, 0}};
  const auto noise = [&state] {
    state = state * 1664525u + 1013904223u;
    return static_cast<double>(state >> 16) / 65536.0 - 0.5;
  };
  const double resonance_hz[2] = {650, 1700};
  const double bandwidth_hz[2] = {80, 120};
  for (int64_t n = 0; n < static_cast<int64_t>(duration_s * rate); ++n) {
    const double t = static_cast<double>(n) / rate;
    const double within = std::fmod(t, 1.0);
    const bool is_on = within > 0.2 && within < 0.85;
    phase += (140.0 - 30.0 * within + wobble) / rate;
    double drive = 0.002 * noise();
    if (phase >= 1) {
      phase -= 1;
      level = 1.0 + 0.2 * noise();
      wobble = 4.0 * noise();
      if (is_on) drive += level;
    }
    for (int k = 0; k < 2; ++k) {
      const double r = std::exp(-kPi * bandwidth_hz[k] / rate);
      const double out =
          drive + 2.0 * r * std::cos(2.0 * kPi * resonance_hz[k] / rate) * y[k][0] - r * r * y[k][1];
      y[k][1] = y[k][0];
      y[k][0] = out;
      drive = out * (1.0 - r);
    }
    x.push_back(static_cast<float>(std::round(3.0 * drive * 32768.0) / 32768.0));
  }
  return x;
}

inline std::vector<float> white_noise(int64_t num_samples, double amplitude) {
  std::vector<float> x;
  uint32_t state = 99;
  for (int64_t i = 0; i < num_samples; ++i) {
    state = state * 1664525u + 1013904223u;
    x.push_back(static_cast<float>(amplitude * (static_cast<double>(state >> 16) / 32768.0 - 1.0)));
  }
  return x;
}

inline std::vector<float> sine(double hz, double duration_s, int64_t rate_hz, double amplitude = 0.5) {
  std::vector<float> x;
  for (int64_t i = 0; i < static_cast<int64_t>(duration_s * static_cast<double>(rate_hz)); ++i) {
    x.push_back(
        static_cast<float>(amplitude * std::sin(2.0 * 3.14159265358979323846 * hz * static_cast<double>(i) /
                                                static_cast<double>(rate_hz))));
  }
  return x;
}

}  // namespace limbic::signals
