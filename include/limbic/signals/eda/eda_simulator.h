#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// Skin conductance with responses whose place and size are known: a drifting level plus bi-exponential
/// responses (the difference of two exponentials, Alexander 2005) plus white noise.
struct EdaSimulatorConfig {
  double rate_hz = 4.0;
  double duration_s = 600.0;
  double level_microsiemens = 2.0;
  double drift_microsiemens = 0.5;
  double responses_per_min = 5.0;
  double min_gap_s = 3.0;
  double min_amplitude_microsiemens = 0.1;
  double max_amplitude_microsiemens = 1.0;
  double rise_tau_s = 0.7;
  double decay_tau_s = 2.0;
  double snr_db = 20.0;
  int64_t seed = 1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("rate_hz", rate_hz, "sampling rate");
    v("duration_s", duration_s, "length");
    v("level_microsiemens", level_microsiemens, "mean of the tonic part");
    v("drift_microsiemens", drift_microsiemens, "amplitude of the tonic part's slow waves (300 and 90 s)");
    v("responses_per_min", responses_per_min, "responses planted");
    v("min_gap_s", min_gap_s, "onsets are at least so far apart and otherwise anywhere");
    v("min_amplitude_microsiemens", min_amplitude_microsiemens, "amplitudes are uniform from here");
    v("max_amplitude_microsiemens", max_amplitude_microsiemens, "to here");
    v("rise_tau_s", rise_tau_s, "fast time constant of a response");
    v("decay_tau_s", decay_tau_s, "slow time constant of a response");
    v("snr_db", snr_db, "variance of the responses' sum over that of the noise");
    v("seed", seed, "same seed, same recording");
  }
  void validate(config::Checks& checks) const;
};

struct PlantedResponse {
  double onset_s = 0;
  double peak_s = 0;     ///< of this response alone
  double amplitude = 0;  ///< microsiemens, of this response alone
};

struct SimulatedEda {
  TimeSeries eda;  ///< t0 0
  std::vector<double> tonic;
  std::vector<double> phasic;
  double noise_deviation = 0;
  std::vector<PlantedResponse> responses;  ///< by onset
};

/// @throws Error(kConfig) also when so many responses do not fit that far apart
SimulatedEda simulate_eda(const EdaSimulatorConfig& config);

struct DetectionScore {
  int64_t matched = 0;
  double precision = 0;  ///< NaN without detections
  double recall = 0;     ///< NaN without truth
};
/// One-to-one matches of two increasing lists of times within tolerance, as many as possible.
DetectionScore score_detections(const std::vector<double>& truth_s, const std::vector<double>& found_s,
                                double tolerance_s);

}  // namespace limbic::signals
