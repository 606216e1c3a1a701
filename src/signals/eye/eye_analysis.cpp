#include "limbic/signals/eye/eye_analysis.h"

#include <algorithm>
#include <string>

#include "limbic/config/checks.h"
#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

/// From here on a saccade has enough samples to have a course.
constexpr double kFastHz = 99;
constexpr double kSlowestHz = 9.9;
constexpr double kFastestHz = 2020;

std::vector<GazeEvent> classify(EyeMethod method, const EyeConfig& config, const ClassifiedGaze& data) {
  switch (method) {
    case EyeMethod::kIvt:
      return classify_ivt(data.gaze, data.velocity, config.ivt);
    case EyeMethod::kIdt:
      return classify_idt(data.gaze, config.idt);
    case EyeMethod::kEngbert:
      return classify_engbert(data.gaze, data.velocity, config.engbert);
    case EyeMethod::kCamera:
      return classify_camera(data.gaze, config.camera);
    case EyeMethod::kAuto:
    case EyeMethod::kAdaptive:
      break;
  }
  return classify_adaptive(data.gaze, data.velocity, config.adaptive);
}

template <class Part>
void check_part(const Part& part, const char* name) {
  config::ThrowingChecks checks(name);
  part.validate(checks);
}

}  // namespace

EyeAnalysis::EyeAnalysis(const EyeConfig& config, const GazeSamples& gaze)
    : config_(config), method_(config.method), x_deg_(gaze.x_deg), y_deg_(gaze.y_deg) {
  check_part(config_.velocity, "eye.velocity");
  check_part(config_.loss, "eye.loss");
  check_part(config_.adaptive, "eye.adaptive");
  check_part(config_.camera, "eye.camera");
  check_part(config_.ivt, "eye.ivt");
  check_part(config_.idt, "eye.idt");
  check_part(config_.engbert, "eye.engbert");
  check_part(config_.features, "eye.features");
  check_gaze(gaze);
  const double rate_hz = sampling_rate_hz(gaze);
  require(gaze.size() < 2 || (rate_hz >= kSlowestHz && rate_hz <= kFastestHz), ErrorCode::kData,
          "gaze: " + std::to_string(rate_hz) + " Hz; expected 10 to 2000; are the times in seconds?");
  if (method_ == EyeMethod::kAuto) {
    method_ = rate_hz < kFastHz ? EyeMethod::kCamera : EyeMethod::kAdaptive;
  }
  // A single sample has no duration, so nothing can be said to last.
  const std::vector<GazeLoss> losses =
      gaze.size() < 2 ? std::vector<GazeLoss>{} : find_losses(gaze, config_.loss);
  data_.gaze = without_losses(gaze, losses);
  data_.velocity = eye_velocity(data_.gaze, config_.velocity);
  data_.step_s = gaze.size() > 1 ? 1.0 / rate_hz : kMissing;
  data_.events = classify(method_, config_, data_);
  for (const GazeLoss& loss : losses) {
    data_.events.push_back(
        {loss.is_blink ? GazeClass::kBlink : GazeClass::kLoss, loss.samples.first, loss.samples.last});
  }
  std::sort(data_.events.begin(), data_.events.end(),
            [](const GazeEvent& a, const GazeEvent& b) { return a.first < b.first; });
}

Table EyeAnalysis::frames() const {
  Table table;
  table.columns = {{"x_deg", "deg", "to the right of the middle of the screen"},
                   {"y_deg", "deg", "below it"},
                   {"velocity_deg_s", "deg/s", "speed of the eye"},
                   {"class", "1",
                    "0 none, 1 fixation, 2 saccade, 3 post-saccadic oscillation, 4 pursuit, 5 blink, 6 loss"},
                   {"pupil", "1", "in the unit of the recording, outliers removed, short gaps filled"}};
  const std::vector<GazeClass> labels = labels_of(data_.events, data_.gaze.size());
  const std::vector<double> pupil = clean_pupil(data_.gaze, config_.features);
  for (size_t i = 0; i < labels.size(); ++i) {
    const double time_s = data_.gaze.time_s[i];
    table.add_row(time_s, time_s,
                  {x_deg_[i], y_deg_[i], data_.velocity.speed_deg_s[i],
                   static_cast<double>(static_cast<int>(labels[i])), pupil.empty() ? kMissing : pupil[i]});
  }
  return table;
}

Table EyeAnalysis::intervals(const std::vector<Interval>& windows) const {
  Table table;
  table.columns = EyeFeatures::columns();
  const EyeFeatures features(data_, config_.features);
  for (const Interval& window : windows) {
    table.add_row(window.start_s, window.end_s, features.window(window));
  }
  return table;
}

EventTable EyeAnalysis::events() const {
  EventTable table;
  table.columns = {{"start_x_deg", "deg", ""},
                   {"start_y_deg", "deg", ""},
                   {"end_x_deg", "deg", ""},
                   {"end_y_deg", "deg", ""},
                   {"amplitude_deg", "deg", "from start to end"},
                   {"peak_velocity_deg_s", "deg/s", ""},
                   {"mean_velocity_deg_s", "deg/s", ""},
                   {"dispersion_deg", "deg", "(max - min) of x plus of y"},
                   {"min_resolvable_ms", "ms", "2 / rate: shorter events cannot be told from noise"}};
  for (const GazeEvent& event : data_.events) {
    const GazeMeasures m = measure(event, data_.gaze, data_.velocity, data_.step_s);
    table.events.push_back(
        {m.onset_s,
         m.duration_s,
         name_of(event.gaze_class),
         {m.start_x_deg, m.start_y_deg, m.end_x_deg, m.end_y_deg, m.amplitude_deg, m.peak_velocity_deg_s,
          m.mean_velocity_deg_s, m.dispersion_deg, min_resolvable_ms()}});
  }
  return table;
}

}  // namespace limbic::signals
