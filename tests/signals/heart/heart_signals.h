#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "limbic/signals/heart/beats.h"
#include "support/paths.h"

namespace limbic::signals::test {

constexpr double kPi = 3.14159265358979323846;

/// Uniform noise in [-0.5, 0.5) of a linear congruential generator: the same numbers in any language.
class Noise {
 public:
  explicit Noise(uint32_t seed = 12345) : state_(seed) {}
  double next() {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<double>(state_ >> 16) / 65536.0 - 0.5;
  }

 private:
  uint32_t state_;
};

/// Intervals in s, whole milliseconds, about 0.8 s, breathing at 0.25 Hz and waves at 0.1 Hz.
inline std::vector<double> breathing_intervals(int64_t count, double noise_s = 0.03) {
  Noise noise;
  std::vector<double> out;
  double t = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double n = noise.next();
    const double ibi =
        0.8 + 0.04 * std::sin(2 * kPi * 0.25 * t) + 0.03 * std::sin(2 * kPi * 0.1 * t) + noise_s * n;
    out.push_back(std::floor(ibi * 1000 + 0.5) / 1000);
    t += out.back();
  }
  return out;
}

/// Times of beats from first_s on.
inline std::vector<double> beat_times(const std::vector<double>& intervals, double first_s = 0.7) {
  std::vector<double> out{first_s};
  for (const double ibi : intervals) out.push_back(out.back() + ibi);
  return out;
}

struct Bump {
  double at_s, width_s, height;
};
/// Sum of Gaussian bumps around every time, plus noise and a slow wander.
inline TimeSeries bumps_at(const std::vector<double>& times, const std::vector<Bump>& bumps, double rate_hz,
                           double noise, double wander) {
  TimeSeries out{rate_hz, 0, {}};
  out.values.resize(static_cast<size_t>((times.back() + 1) * rate_hz));
  Noise random(99);
  for (size_t i = 0; i < out.values.size(); ++i) {
    const double t = static_cast<double>(i) / rate_hz;
    out.values[i] = wander * std::sin(2 * kPi * 0.2 * t) + noise * random.next();
  }
  for (const double time : times) {
    for (const auto& bump : bumps) {
      const double centre = time + bump.at_s;
      const auto first = std::max<int64_t>(0, static_cast<int64_t>((centre - 5 * bump.width_s) * rate_hz));
      const auto last = std::min(static_cast<int64_t>(out.values.size()),
                                 static_cast<int64_t>((centre + 5 * bump.width_s) * rate_hz) + 1);
      for (int64_t i = first; i < last; ++i) {
        const double z = (static_cast<double>(i) / rate_hz - centre) / bump.width_s;
        out.values[static_cast<size_t>(i)] += bump.height * std::exp(-0.5 * z * z);
      }
    }
  }
  return out;
}
/// P, QRS and T waves; R peaks of 1 at the times.
inline TimeSeries ecg_at(const std::vector<double>& times, double rate_hz, double noise = 0.1,
                         double wander = 0.3) {
  return bumps_at(
      times,
      {{-0.17, 0.022, 0.12}, {-0.028, 0.009, -0.12}, {0, 0.011, 1}, {0.028, 0.01, -0.2}, {0.25, 0.04, 0.3}},
      rate_hz, noise, wander);
}
/// Pulses with a fast rise, a slow fall and a dicrotic wave; systolic peaks near the times.
inline TimeSeries bvp_at(const std::vector<double>& times, double rate_hz, double noise = 5,
                         double wander = 20) {
  return bumps_at(times, {{0, 0.06, 100}, {0.12, 0.09, 45}, {0.3, 0.08, 30}}, rate_hz, noise, wander);
}

struct Agreement {
  double sensitivity = 0, predictivity = 0, median_offset_s = 0, worst_s = 0;
};
/// Of detections with true times (both rising), after taking out the median offset.
inline Agreement agreement(const std::vector<double>& truth, const std::vector<double>& found,
                           double tolerance_s) {
  const auto nearest = [&](double t) {
    const auto it = std::lower_bound(found.begin(), found.end(), t);
    if (it == found.end()) return found.back();
    if (it == found.begin()) return *it;
    return t - *(it - 1) < *it - t ? *(it - 1) : *it;
  };
  if (found.empty()) return {};
  std::vector<double> offsets;
  for (const double t : truth) offsets.push_back(nearest(t) - t);
  std::nth_element(offsets.begin(), offsets.begin() + static_cast<ptrdiff_t>(offsets.size() / 2),
                   offsets.end());
  Agreement out;
  out.median_offset_s = offsets[offsets.size() / 2];
  double hits = 0;
  for (const double t : truth) {
    const double miss = std::abs(nearest(t + out.median_offset_s) - t - out.median_offset_s);
    if (miss > tolerance_s) continue;
    ++hits;
    out.worst_s = std::max(out.worst_s, miss);
  }
  out.sensitivity = hits / static_cast<double>(truth.size());
  out.predictivity = hits / static_cast<double>(found.size());
  return out;
}

inline std::vector<double> times_of(const std::vector<Beat>& beats) {
  std::vector<double> out;
  for (const auto& beat : beats) out.push_back(beat.time_s);
  return out;
}

/// What a command prints.
inline std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string out;
  char buffer[65536];
  for (size_t n; pipe && (n = fread(buffer, 1, sizeof buffer, pipe.get())) > 0;) out.append(buffer, n);
  return out;
}

/// Numbers of a text table (also .gz), row after row; lines that do not begin with a number are left out.
inline std::vector<std::vector<double>> number_table(const std::string& path) {
  const bool is_packed = path.size() > 3 && path.substr(path.size() - 3) == ".gz";
  std::istringstream text(output_of((is_packed ? "zcat '" : "cat '") + path + "'"));
  std::vector<std::vector<double>> out;
  for (std::string line; std::getline(text, line);) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream cells(line);
    std::vector<double> row;
    for (double v; cells >> v;) row.push_back(v);
    if (!row.empty()) out.push_back(row);
  }
  return out;
}
inline std::vector<double> column_of(const std::vector<std::vector<double>>& table, size_t column,
                                     size_t skip = 0) {
  std::vector<double> out;
  for (size_t i = skip; i < table.size(); ++i) {
    if (column < table[i].size()) out.push_back(table[i][column]);
  }
  return out;
}

}  // namespace limbic::signals::test
