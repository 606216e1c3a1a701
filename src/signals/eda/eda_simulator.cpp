#include "limbic/signals/eda/eda_simulator.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

/// The first response begins after, the last well before the end: truth at the very edge is nobody's to find.
constexpr double kFirstOnset_s = 3.0;
constexpr double kLastOnset_s = 8.0;

}  // namespace

void EdaSimulatorConfig::validate(config::Checks& checks) const {
  checks.expect(rate_hz > 0 && std::isfinite(rate_hz), "rate_hz", "must be positive");
  checks.expect(duration_s > kFirstOnset_s + kLastOnset_s && duration_s * rate_hz < 1e9, "duration_s",
                "must be more than 11 s and less than 10^9 samples");
  checks.expect(std::isfinite(level_microsiemens), "level_microsiemens", "must be a number");
  checks.expect(std::isfinite(drift_microsiemens), "drift_microsiemens", "must be a number");
  checks.expect(responses_per_min >= 0 && std::isfinite(responses_per_min), "responses_per_min",
                "must not be negative");
  checks.expect(min_gap_s >= 0 && std::isfinite(min_gap_s), "min_gap_s", "must not be negative");
  checks.expect(min_amplitude_microsiemens > 0, "min_amplitude_microsiemens", "must be positive");
  checks.expect(max_amplitude_microsiemens >= min_amplitude_microsiemens, "max_amplitude_microsiemens",
                "must not be below the minimum");
  checks.expect(rise_tau_s > 0, "rise_tau_s", "must be positive");
  checks.expect(decay_tau_s > rise_tau_s, "decay_tau_s", "must be above rise_tau_s");
  checks.expect(std::isfinite(snr_db), "snr_db", "must be a number");
}

SimulatedEda simulate_eda(const EdaSimulatorConfig& config) {
  config::ThrowingChecks checks("eda_simulator");
  config.validate(checks);
  const auto size = static_cast<size_t>(std::llround(config.duration_s * config.rate_hz));
  const auto count = static_cast<size_t>(std::llround(config.duration_s / 60.0 * config.responses_per_min));
  const double fast = config.rise_tau_s;
  const double slow = config.decay_tau_s;
  const double peak_s = std::log(slow / fast) * slow * fast / (slow - fast);
  const double summit = std::exp(-peak_s / slow) - std::exp(-peak_s / fast);

  SimulatedEda out;
  core::Rng rng(static_cast<uint64_t>(config.seed));
  const double room_s = config.duration_s - kFirstOnset_s - kLastOnset_s -
                        config.min_gap_s * (static_cast<double>(count) - 1.0);
  require(count == 0 || room_s >= 0, ErrorCode::kConfig,
          "eda_simulator: " + std::to_string(count) + " responses do not fit " +
              std::to_string(config.min_gap_s) + " s apart; lower responses_per_min or min_gap_s");
  std::vector<double> onset(count);
  for (double& s : onset) s = rng.uniform(0.0, room_s);
  std::sort(onset.begin(), onset.end());
  for (size_t k = 0; k < count; ++k) {
    PlantedResponse response;
    response.onset_s = kFirstOnset_s + onset[k] + config.min_gap_s * static_cast<double>(k);
    response.peak_s = response.onset_s + peak_s;
    response.amplitude = rng.uniform(config.min_amplitude_microsiemens, config.max_amplitude_microsiemens);
    out.responses.push_back(response);
  }
  const double phase1 = rng.uniform(0.0, 6.283185307179586);
  const double phase2 = rng.uniform(0.0, 6.283185307179586);

  out.eda.rate_hz = config.rate_hz;
  out.tonic.resize(size);
  out.phasic.assign(size, 0.0);
  // The two exponentials of all responses so far, decayed from sample to sample.
  double decaying = 0;
  double rising = 0;
  const double keep_slow = std::exp(-1.0 / (config.rate_hz * slow));
  const double keep_fast = std::exp(-1.0 / (config.rate_hz * fast));
  size_t next = 0;
  for (size_t t = 0; t < size; ++t) {
    const double at_s = static_cast<double>(t) / config.rate_hz;
    decaying *= keep_slow;
    rising *= keep_fast;
    for (; next < count && out.responses[next].onset_s <= at_s; ++next) {
      const double since = at_s - out.responses[next].onset_s;
      decaying += out.responses[next].amplitude / summit * std::exp(-since / slow);
      rising += out.responses[next].amplitude / summit * std::exp(-since / fast);
    }
    out.phasic[t] = decaying - rising;
    out.tonic[t] = config.level_microsiemens +
                   config.drift_microsiemens * (std::sin(6.283185307179586 * at_s / 300.0 + phase1) +
                                                0.3 * std::sin(6.283185307179586 * at_s / 90.0 + phase2));
  }
  out.noise_deviation =
      count > 0 ? standard_deviation(out.phasic) * std::pow(10.0, -config.snr_db / 20.0) : 0.0;
  for (size_t t = 0; t < size; ++t) {
    out.eda.values.push_back(out.tonic[t] + out.phasic[t] + out.noise_deviation * rng.normal());
  }
  return out;
}

DetectionScore score_detections(const std::vector<double>& truth_s, const std::vector<double>& found_s,
                                double tolerance_s) {
  // Both increase: taking the earliest possible partner never costs a match.
  DetectionScore score;
  size_t next = 0;
  for (const double truth : truth_s) {
    while (next < found_s.size() && found_s[next] < truth - tolerance_s) ++next;
    if (next < found_s.size() && found_s[next] <= truth + tolerance_s) {
      ++score.matched;
      ++next;
    }
  }
  const auto matched = static_cast<double>(score.matched);
  score.precision = matched / static_cast<double>(found_s.size());
  score.recall = matched / static_cast<double>(truth_s.size());
  return score;
}

}  // namespace limbic::signals
