#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/features/signal_analysis.h"
#include "limbic/signals/dsp/resample.h"
#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/time_series.h"

namespace limbic::features {
namespace {

using signals::TimeSeries;

/// An analysis that is made at once and holds what it needs.
template <class Analysis>
class SensorAnalysis final : public SignalAnalysis {
 public:
  SensorAnalysis(Analysis analysis, signals::Interval extent, std::vector<std::string> notes)
      : analysis_(std::move(analysis)), extent_(extent), notes_(std::move(notes)) {}

  signals::Interval extent() const override { return extent_; }
  void frames(const TableSink& sink) override { sink(analysis_.frames()); }
  void intervals(const std::vector<signals::Interval>& windows, const TableSink& sink) override {
    sink(analysis_.intervals(windows));
  }
  signals::EventTable events() override { return analysis_.events(); }
  std::vector<std::string> notes() const override { return notes_; }

 private:
  Analysis analysis_;
  signals::Interval extent_;
  std::vector<std::string> notes_;
};

template <class Analysis>
std::unique_ptr<SignalAnalysis> whole(Analysis analysis, const signals::Interval& extent,
                                      std::vector<std::string> notes = {}) {
  return std::make_unique<SensorAnalysis<Analysis>>(std::move(analysis), extent, std::move(notes));
}

double offset_of(const formats::SensorStream& stream, const SignalConfig& config) {
  const auto& offsets = config.sensors.offset_s;
  if (const auto at = offsets.find(stream.name); at != offsets.end()) return at->second;
  if (const auto at = offsets.find(stream.modality); at != offsets.end()) return at->second;
  return 0;
}

/// Frames and grids are as long as the time that a stream spans, however few its samples are: one wrong time
/// must not take all memory.
void check_span(const formats::SensorStream& stream) {
  constexpr double kMostDays = 31;
  const double days = (stream.end_s() - stream.t0_s) / 86400;
  require(days <= kMostDays, ErrorCode::kData,
          fmt::format("stream '{}' spans {:.4g} days; expected at most {}; is a time or its rate wrong?",
                      stream.name, days, kMostDays));
}

/// A channel as an even series. An uneven one is resampled at its median rate; steps of more than three
/// median ones stay gaps.
TimeSeries series_of(const formats::SensorStream& stream, size_t channel, const SignalConfig& config) {
  check_span(stream);
  TimeSeries series;
  series.t0_s = stream.t0_s + offset_of(stream, config);
  series.values = stream.channel(channel);
  series.rate_hz = stream.rate_hz;
  if (stream.rate_hz > 0) return series;
  require(stream.time_s.size() >= 2, ErrorCode::kData,
          "stream '" + stream.name + "': fewer than two samples and no sampling rate; give sensors.rate_hz");
  std::vector<double> steps;
  for (size_t i = 1; i < stream.time_s.size(); ++i) steps.push_back(stream.time_s[i] - stream.time_s[i - 1]);
  const double step_s = signals::median(steps);
  require(step_s > 0, ErrorCode::kData, "stream '" + stream.name + "': half of its times are equal");
  // As a reader allows for the gaps of an even stream.
  const double num_steps = (stream.time_s.back() - stream.time_s.front()) / step_s;
  require(num_steps < 50 * static_cast<double>(steps.size()) + 1e7, ErrorCode::kData,
          fmt::format(
              "stream '{}': its times span {:.3g} of its usual steps of {:.3g} s, with {} samples; is a time "
              "wrong?",
              stream.name, num_steps, step_s, stream.time_s.size()));
  std::vector<double> at_s;
  for (double t = stream.time_s.front(); t <= stream.time_s.back() + 1e-9;
       t = stream.time_s.front() + step_s * static_cast<double>(at_s.size()))
    at_s.push_back(t);
  series.t0_s = stream.time_s.front() + offset_of(stream, config);
  series.rate_hz = 1 / step_s;
  series.values = signals::interpolate(stream.time_s, series.values, at_s, 3 * step_s);
  return series;
}

/// The first of `modalities` that the recording has.
const formats::SensorStream& need(const formats::SensorRecording& recording, const std::string& kind,
                                  const std::vector<std::string>& modalities) {
  for (const auto& modality : modalities) {
    if (recording.has(modality)) return recording.stream(modality);
  }
  std::vector<std::string> present;
  for (const auto& stream : recording.streams) present.push_back(stream.name + " (" + stream.modality + ")");
  throw Error(ErrorCode::kData,
              recording.source + ": no " + core::join(modalities, " or ") + " for " + kind +
                  " features; there are: " + (present.empty() ? "no streams" : core::join(present)) +
                  "; name the column with sensors.columns");
}

/// Three axes of one sensor. Anything else is no movement of a body.
signals::TriaxialSeries axes_of(const formats::SensorRecording& recording,
                                const formats::SensorStream& stream, const SignalConfig& config) {
  require(stream.channels.size() == 3, ErrorCode::kData,
          recording.source + ": stream '" + stream.name + "' has " + std::to_string(stream.channels.size()) +
              " channels; expected x, y, z; join columns by sensors.columns[].stream");
  TimeSeries x = series_of(stream, 0, config);
  return {x.rate_hz, x.t0_s, std::move(x.values), series_of(stream, 1, config).values,
          series_of(stream, 2, config).values};
}

std::optional<signals::TriaxialSeries> axes_if_any(const formats::SensorRecording& recording,
                                                   const std::string& modality, const SignalConfig& config) {
  if (!recording.has(modality)) return std::nullopt;
  const auto& stream = recording.stream(modality);
  if (stream.channels.size() != 3 || stream.num_samples() == 0) return std::nullopt;
  return axes_of(recording, stream, config);
}

signals::Interval extent_of(const TimeSeries& series) {
  return {series.t0_s, series.end_s()};
}

/// Responses, and the stretches that are not to be trusted.
class EdaSensors {
 public:
  explicit EdaSensors(signals::EdaAnalysis analysis) : analysis_(std::move(analysis)) {}

  signals::Table frames() const { return analysis_.frames(); }
  signals::Table intervals(const std::vector<signals::Interval>& windows) const {
    return analysis_.intervals(windows);
  }
  signals::EventTable events() const {
    signals::EventTable events = analysis_.events();
    for (signals::SignalEvent stretch : analysis_.quality().stretches.events) {
      stretch.values.assign(events.columns.size(), signals::kMissing);
      events.events.push_back(std::move(stretch));
    }
    std::stable_sort(events.events.begin(), events.events.end(),
                     [](const auto& a, const auto& b) { return a.onset_s < b.onset_s; });
    return events;
  }

 private:
  signals::EdaAnalysis analysis_;
};

/// Says so when most of a recording cannot be used: a wrong unit looks like a broken sensor.
std::string quality_note(const signals::EdaQuality& quality) {
  if (!(quality.good_share < 0.5)) return "";
  size_t worst = 0;
  for (size_t i = 0; i < signals::kNumEdaFlaws; ++i) {
    if (quality.flaw_share[i] > quality.flaw_share[worst]) worst = i;
  }
  return fmt::format(
      "skin conductance: only {:.0f} % of the samples are good, {:.0f} % are {}; if the values are not "
      "microsiemens, give "
      "sensors.columns[].scale and offset",
      100 * quality.good_share, 100 * quality.flaw_share[worst],
      enum_names(signals::EdaFlaw{})[worst].second);
}

std::unique_ptr<SignalAnalysis> analyse_eda(const formats::SensorRecording& recording,
                                            const SignalConfig& config) {
  const TimeSeries eda = series_of(need(recording, "eda", {"eda"}), 0, config);
  const auto axes = axes_if_any(recording, "acc", config);
  std::optional<signals::Acceleration> acceleration;
  if (axes) {
    acceleration = signals::Acceleration{{axes->rate_hz, axes->t0_s, axes->x},
                                         {axes->rate_hz, axes->t0_s, axes->y},
                                         {axes->rate_hz, axes->t0_s, axes->z}};
  }
  signals::EdaAnalysis analysis(config.eda, eda, acceleration ? &*acceleration : nullptr);
  auto notes = analysis.notes();
  if (const auto note = quality_note(analysis.quality()); !note.empty()) notes.push_back(note);
  return whole(EdaSensors(std::move(analysis)), extent_of(eda), std::move(notes));
}

/// Beats of an ECG, else of a pulse wave, else the device's own intervals; and the heart rate that the device
/// itself says, which is smoothed and has no gaps.
class HeartSensors {
 public:
  HeartSensors(const formats::SensorRecording& recording, const SignalConfig& config)
      : heart_(config.heart, beats_of(recording, config), nullptr) {
    if (recording.has("heart_rate")) device_bpm_ = series_of(recording.stream("heart_rate"), 0, config);
  }

  signals::Interval extent() const { return heart_.extent(); }
  signals::Table frames() const { return heart_.frames(); }
  signals::EventTable events() const { return heart_.events(); }
  signals::Table intervals(const std::vector<signals::Interval>& windows) const {
    const signals::Table of_beats = heart_.intervals(windows);
    const signals::Table of_device = device_intervals(windows);
    return signals::beside({&of_beats, &of_device});
  }

 private:
  signals::Table device_intervals(const std::vector<signals::Interval>& windows) const {
    signals::Table table;
    table.columns = {{"device_hr_mean_bpm", "bpm", "mean of the heart rate that the device says"},
                     {"device_hr_sd_bpm", "bpm", "its standard deviation"},
                     {"device_hr_slope_bpm_per_s", "bpm/s", "its slope (least squares)"},
                     {"device_hr_max_bpm", "bpm", "its maximum"}};
    for (const auto& window : windows) {
      const auto bpm = device_bpm_.rate_hz > 0
                           ? signals::slice(device_bpm_, window.start_s, window.end_s).values
                           : std::vector<double>{};
      table.add_row(window.start_s, window.end_s,
                    {signals::mean(bpm), signals::standard_deviation(bpm),
                     signals::slope(bpm, device_bpm_.rate_hz), signals::maximum(bpm)});
    }
    return table;
  }

  static signals::RawBeats beats_of(const formats::SensorRecording& recording, const SignalConfig& config) {
    const auto& stream = need(recording, "heart", {"ecg", "bvp", "ppg", "ibi"});
    if (stream.modality == "ibi") {
      require(stream.rate_hz == 0, ErrorCode::kData,
              recording.source + ": stream '" + stream.name + "': intervals between beats need a time each");
      check_span(stream);
      auto time_s = stream.time_s;
      for (double& t : time_s) t += offset_of(stream, config);
      return signals::beats_from_intervals(time_s, stream.channel(0));
    }
    const auto source = stream.modality == "ecg" ? signals::HeartSource::kEcg : signals::HeartSource::kBvp;
    return signals::find_beats(series_of(stream, 0, config), source, config.heart.beats);
  }

  signals::HeartAnalysis heart_;
  TimeSeries device_bpm_;
};

std::unique_ptr<SignalAnalysis> analyse_heart(const formats::SensorRecording& recording,
                                              const SignalConfig& config) {
  HeartSensors heart(recording, config);
  const auto extent = heart.extent();
  return whole(std::move(heart), extent);
}

std::unique_ptr<SignalAnalysis> analyse_temperature(const formats::SensorRecording& recording,
                                                    const SignalConfig& config) {
  const TimeSeries celsius = series_of(need(recording, "temperature", {"temperature"}), 0, config);
  return whole(signals::SkinTemperature(config.temperature, celsius), extent_of(celsius));
}

std::unique_ptr<SignalAnalysis> analyse_imu(const formats::SensorRecording& recording,
                                            const SignalConfig& config) {
  const auto acc = axes_of(recording, need(recording, "imu", {"acc"}), config);
  const auto gyro = axes_if_any(recording, "gyro", config);
  return whole(signals::ImuAnalysis(config.imu, acc, gyro ? &*gyro : nullptr), {acc.t0_s, acc.end_s()});
}

/// x and y of one eye, or of both as x, y, x, y.
signals::GazeSamples gaze_of(const formats::SensorRecording& recording, const SignalConfig& config) {
  const auto& stream = need(recording, "eye", {"gaze"});
  check_span(stream);
  const size_t num_channels = stream.channels.size();
  require(num_channels == 2 || num_channels == 4, ErrorCode::kData,
          recording.source + ": stream '" + stream.name + "' has " + std::to_string(num_channels) +
              " channels; expected x, y of the gaze (or of the left and the right eye); join columns by "
              "sensors.columns[].stream");
  std::vector<double> x = stream.channel(0);
  std::vector<double> y = stream.channel(1);
  if (num_channels == 4) {
    x = signals::average_eyes(x, stream.channel(2));
    y = signals::average_eyes(y, stream.channel(3));
  }
  std::vector<double> time_s(x.size());
  for (size_t i = 0; i < time_s.size(); ++i) time_s[i] = stream.time_of(i) + offset_of(stream, config);
  std::vector<double> pupil;
  if (recording.has("pupil")) {
    const auto& seen = recording.stream("pupil");
    std::vector<double> pupil_time_s(seen.num_samples());
    for (size_t i = 0; i < pupil_time_s.size(); ++i)
      pupil_time_s[i] = seen.time_of(i) + offset_of(seen, config);
    pupil = signals::interpolate(pupil_time_s, seen.channel(0), time_s);
  }
  const bool is_degrees = stream.unit == "deg" || stream.unit == "degrees";
  if (is_degrees || !config.screen) {
    require(is_degrees, ErrorCode::kConfig,
            recording.source + ": gaze in '" + stream.unit +
                "'; expected unit deg (sensors.columns[].unit), or a screen (width_px, height_px, width_m, "
                "height_m, "
                "distance_m) to turn pixels into degrees");
    return {std::move(time_s), std::move(x), std::move(y), std::move(pupil)};
  }
  return signals::gaze_of_pixels(std::move(time_s), x, y, std::move(pupil), *config.screen);
}

std::unique_ptr<SignalAnalysis> analyse_eye(const formats::SensorRecording& recording,
                                            const SignalConfig& config) {
  const auto gaze = gaze_of(recording, config);
  require(gaze.size() > 0, ErrorCode::kData, recording.source + ": no gaze samples");
  return whole(signals::EyeAnalysis(config.eye, gaze), {gaze.time_s.front(), gaze.time_s.back()});
}

}  // namespace

formats::SensorReadOptions SensorInputConfig::read_options() const {
  formats::SensorReadOptions options;
  for (const auto& c : columns)
    options.columns.push_back({c.column, c.modality, c.unit, c.scale, c.offset, c.stream, c.missing});
  options.rate_hz = rate_hz;
  options.time_column = time_column;
  return options;
}

std::unique_ptr<SignalAnalysis> analyse_sensors(const std::string& kind,
                                                const formats::SensorRecording& recording,
                                                const SignalConfig& config) {
  using Analyse = std::unique_ptr<SignalAnalysis> (*)(const formats::SensorRecording&, const SignalConfig&);
  static const std::map<std::string, Analyse> kAnalyses = {{"eda", analyse_eda},
                                                           {"heart", analyse_heart},
                                                           {"temperature", analyse_temperature},
                                                           {"imu", analyse_imu},
                                                           {"eye", analyse_eye}};
  const auto at = kAnalyses.find(signal_kind(kind).name);
  require(at != kAnalyses.end(), ErrorCode::kInternal, "analyse_sensors: '" + kind + "' is a kind of sound");
  try {
    return at->second(recording, config);
  } catch (const Error& error) {
    // Messages of this file name the recording already.
    if (std::string(error.what()).rfind(recording.source, 0) == 0) throw;
    throw error.in(recording.source);
  }
}

}  // namespace limbic::features
