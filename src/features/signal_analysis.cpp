#include "limbic/features/signal_analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "sound_analysis.h"

namespace limbic::features {

const std::vector<SignalKind>& signal_kinds() {
  static const std::vector<SignalKind> kKinds = {
      {"audio",
       "any sound: log-mel, MFCC with deltas, spectral shape, loudness (EBU R128)",
       true,
       {{"Loudness", {"loudness_momentary", "loudness_short_term"}, {}},
        {"Spectral centroid", {"spectral_centroid"}, {}},
        {"Spectral flux", {"spectral_flux"}, {}}}},
      {"voice",
       "voice as Praat measures it (F0, jitter, shimmer, HNR, formants, speech timing) and the 88 of "
       "eGeMAPSv02",
       true,
       {{"F0", {"f0_hz_praat_ac"}, {"pause"}},
        {"Intensity", {"intensity_db_praat"}, {"voiced"}},
        {"Formants", {"f1_hz_burg", "f2_hz_burg", "f3_hz_burg"}, {}},
        {"Harmonics-to-noise ratio", {"hnr_db_praat_ac"}, {}}}},
      {"egemaps",
       "eGeMAPSv02 alone, under its published names: 88 functionals, or with --frame its 25 descriptors",
       true,
       {{"F0", {"F0semitoneFrom27.5Hz_sma3nz"}, {}},
        {"Loudness", {"Loudness_sma3"}, {}},
        {"Spectral flux", {"spectralFlux_sma3"}, {}}}},
      {"speech",
       "where somebody speaks: Silero VAD, or by energy where its weights are not installed",
       true,
       {{"Probability of speech", {"speech_probability"}, {"speech"}}}},
      {"eda",
       "skin conductance: quality, tonic and phasic part, skin conductance responses",
       false,
       {{"Skin conductance", {"eda_raw", "eda_tonic"}, {"scr", "disconnected", "clipped", "flat", "jump"}},
        {"Phasic part", {"eda_phasic"}, {}}}},
      {"eye",
       "gaze: fixations, saccades, pursuits, blinks, pupil",
       false,
       {{"Gaze", {"x_deg", "y_deg"}, {"saccade", "blink"}}, {"Velocity", {"velocity_deg_s"}, {}}}},
      {"heart",
       "beats from ECG, pulse wave or intervals; heart rate variability",
       false,
       {{"Heart rate", {"hr_bpm"}, {"flat", "clipped", "motion"}},
        {"Interval between beats", {"ibi_s"}, {}}}},
      {"temperature",
       "skin temperature and its slope",
       false,
       {{"Skin temperature", {"skin_temperature_c"}, {"off_skin", "contact_change"}},
        {"Slope", {"slope_c_per_min"}, {}}}},
      {"imu",
       "movement: activity, posture, steps and walking",
       false,
       {{"Dynamic acceleration", {"dynamic_g"}, {"walking"}},
        {"Posture", {"pitch_deg", "roll_deg"}, {"posture_change"}}}},
  };
  return kKinds;
}

const SignalKind& signal_kind(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& kind : signal_kinds()) {
    if (kind.name == name) return kind;
    names.push_back(kind.name);
  }
  throw Error(ErrorCode::kConfig, "no kind of features '" + name + "'" + core::did_you_mean(name, names) +
                                      "; kinds: " + core::join(names));
}

std::unique_ptr<SignalAnalysis> open_signal(const std::string& kind, const std::string& path,
                                            const SignalConfig& config,
                                            const std::vector<std::string>& also) {
  if (signal_kind(kind).is_sound) {
    require(also.empty(), ErrorCode::kConfig, "a sound is one file: --also is for sensor kinds");
    return open_sound(kind, path, config);
  }
  std::vector<formats::SensorRecording> recordings;
  recordings.push_back(formats::read_sensors(path, config.sensors.read_options()));
  for (const auto& other : also)
    recordings.push_back(formats::read_sensors(other, config.sensors.read_options()));
  return analyse_sensors(kind, merge_recordings(std::move(recordings), config.sensors.alignment), config);
}

std::vector<signals::Interval> windows_of(const signals::Interval& extent, double window_s, double step_s) {
  require(std::isfinite(window_s) && window_s > 0 && std::isfinite(step_s) && step_s > 0, ErrorCode::kConfig,
          "windows: length and step must be positive seconds");
  const double length_s = extent.end_s - extent.start_s;
  if (length_s < window_s) return {extent};
  // A microsecond of slack: lengths are sums of sample times.
  const double num_steps = std::floor((length_s - window_s + 1e-6) / step_s);
  require(num_steps < 1e7, ErrorCode::kConfig,
          fmt::format("windows: a step of {:g} s gives {:.3g} windows in {:g} s; at most 10 million", step_s,
                      num_steps, length_s));
  const auto num_windows = static_cast<int64_t>(num_steps) + 1;
  std::vector<signals::Interval> windows;
  for (int64_t i = 0; i < num_windows; ++i) {
    const double start_s = extent.start_s + static_cast<double>(i) * step_s;
    windows.push_back({start_s, start_s + window_s});
  }
  return windows;
}

}  // namespace limbic::features
