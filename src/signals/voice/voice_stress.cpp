#include "limbic/signals/voice/voice_stress.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

struct StressMeasure {
  const char* name;
  const char* column;  ///< of VoiceAnalysis::intervals()
  double VoiceStressConfig::*weight;
  double least_deviation;  ///< a baseline that does not vary has no scale: at least so much
};

constexpr std::array kStressMeasures{
    StressMeasure{"f0_mean", "f0_mean_hz_praat_ac", &VoiceStressConfig::f0_mean, 1.0},
    StressMeasure{"f0_sd", "f0_sd_hz_praat_ac", &VoiceStressConfig::f0_sd, 0.5},
    StressMeasure{"jitter_local", "jitter_local_praat", &VoiceStressConfig::jitter_local, 0.0005},
    StressMeasure{"shimmer_db", "shimmer_local_db_praat", &VoiceStressConfig::shimmer_db, 0.02},
    StressMeasure{"hnr", "hnr_db_praat_ac", &VoiceStressConfig::hnr, 0.2},
    StressMeasure{"intensity", "intensity_mean_db_praat", &VoiceStressConfig::intensity, 0.5},
    StressMeasure{"speech_rate", "speech_rate_hz", &VoiceStressConfig::speech_rate, 0.1},
    StressMeasure{"voiced_segment", "voiced_segment_mean_s", &VoiceStressConfig::voiced_segment, 0.01},
    StressMeasure{"f1", "f1_voiced_mean_hz_burg", &VoiceStressConfig::f1, 5.0},
};

double middle_of(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  const size_t n = x.size();
  return 0.5 * (x[(n - 1) / 2] + x[n / 2]);
}

}  // namespace

void VoiceStressConfig::validate(config::Checks& checks) const {
  const auto got = [](double value) { return ", got " + std::to_string(value); };
  checks.expect(baseline_s > 0 && std::isfinite(baseline_s), "baseline_s",
                "must be positive" + got(baseline_s));
  checks.expect(min_baseline_windows >= 2, "min_baseline_windows",
                "must be at least 2, got " + std::to_string(min_baseline_windows));
  checks.expect(max_z > 0 && max_z <= 100, "max_z", "must be in (0, 100]" + got(max_z));
  double total = 0;
  for (const StressMeasure& m : kStressMeasures) {
    const double weight = this->*m.weight;
    checks.expect(std::abs(weight) <= 100, m.name, "must be in [-100, 100]" + got(weight));
    total += std::abs(weight);
  }
  checks.expect(total > 0, "", "at least one weight must not be 0");
}

Table voice_stress(const Table& windows, const std::vector<Interval>& baseline,
                   const VoiceStressConfig& config) {
  config::ThrowingChecks checks("voice_stress");
  config.validate(checks);
  Table out;
  out.columns.push_back({"voice_stress_index", "1", "weighted mean of z against the speaker's own baseline"});
  out.columns.push_back({"num_components", "1", "measures that the index is made of"});
  for (const StressMeasure& m : kStressMeasures) {
    out.columns.push_back({std::string("z_") + m.name, "1",
                           std::string("deviations of ") + m.column + " from the baseline, clipped"});
  }
  const size_t rows = windows.num_rows();
  if (rows == 0) return out;

  std::vector<char> is_baseline(rows, 0);
  size_t num_baseline = 0;
  for (size_t r = 0; r < rows; ++r) {
    bool inside = baseline.empty() && windows.end_s[r] <= windows.start_s.front() + config.baseline_s;
    for (const Interval& b : baseline)
      inside = inside || (windows.start_s[r] >= b.start_s && windows.end_s[r] <= b.end_s);
    is_baseline[r] = inside ? 1 : 0;
    num_baseline += inside ? 1 : 0;
  }
  require(num_baseline > 0, ErrorCode::kData,
          "voice_stress: no window lies in the baseline; expected at least " +
              std::to_string(config.min_baseline_windows) + "; use shorter windows or a longer baseline");

  std::vector<std::array<double, kStressMeasures.size()>> z(rows);
  for (size_t k = 0; k < kStressMeasures.size(); ++k) {
    const StressMeasure& m = kStressMeasures[k];
    const size_t column = windows.column(m.column);
    std::vector<double> values;
    for (size_t r = 0; r < rows; ++r) {
      if (is_baseline[r] != 0 && std::isfinite(windows.at(r, column)))
        values.push_back(windows.at(r, column));
    }
    const bool is_known = static_cast<int64_t>(values.size()) >= config.min_baseline_windows;
    double centre = kMissing;
    double scale = kMissing;
    if (is_known) {
      centre = middle_of(values);
      for (double& v : values) v = std::abs(v - centre);
      constexpr double kToDeviation = 1.4826;  // of a normal distribution
      scale = std::max(kToDeviation * middle_of(values), m.least_deviation);
    }
    for (size_t r = 0; r < rows; ++r) {
      const double value = windows.at(r, column);
      z[r][k] = is_known && std::isfinite(value)
                    ? std::clamp((value - centre) / scale, -config.max_z, config.max_z)
                    : kMissing;
    }
  }
  for (size_t r = 0; r < rows; ++r) {
    double sum = 0;
    double total = 0;
    double count = 0;
    std::vector<double> row{kMissing, 0};
    for (size_t k = 0; k < kStressMeasures.size(); ++k) {
      const double weight = config.*kStressMeasures[k].weight;
      row.push_back(z[r][k]);
      if (weight == 0 || std::isnan(z[r][k])) continue;
      sum += weight * z[r][k];
      total += std::abs(weight);
      count += 1;
    }
    if (count > 0) row[0] = sum / total;
    row[1] = count;
    out.add_row(windows.start_s[r], windows.end_s[r], row);
  }
  return out;
}

}  // namespace limbic::signals
