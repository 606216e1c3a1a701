#include "limbic/signals/eye/gaze_events.h"

#include <algorithm>
#include <cmath>

#include "limbic/signals/table.h"

namespace limbic::signals {

const char* name_of(GazeClass gaze_class) {
  static constexpr const char* kNames[kNumGazeClasses] = {"none",    "fixation", "saccade", "pso",
                                                          "pursuit", "blink",    "loss"};
  return kNames[static_cast<size_t>(gaze_class)];
}

std::vector<GazeClass> labels_of(const std::vector<GazeEvent>& events, size_t num_samples) {
  std::vector<GazeClass> labels(num_samples, GazeClass::kNone);
  for (const GazeEvent& e : events) {
    for (size_t i = e.first; i < std::min(e.last, num_samples); ++i) labels[i] = e.gaze_class;
  }
  return labels;
}

std::vector<GazeEvent> events_of(const std::vector<GazeClass>& labels) {
  std::vector<GazeEvent> events;
  for (size_t i = 0; i < labels.size();) {
    size_t last = i + 1;
    while (last < labels.size() && labels[last] == labels[i]) ++last;
    if (labels[i] != GazeClass::kNone) events.push_back({labels[i], i, last});
    i = last;
  }
  return events;
}

GazeMeasures measure(const GazeEvent& event, const GazeSamples& gaze, const EyeVelocity& velocity,
                     double step_s) {
  GazeMeasures m;
  m.onset_s = gaze.time_s[event.first];
  m.duration_s = gaze.time_s[event.last - 1] - m.onset_s + step_s;
  size_t start = event.first;
  size_t end = event.last - 1;
  if (event.gaze_class == GazeClass::kSaccade) {
    if (start > 0 && gaze.has(start - 1)) --start;
    if (end + 1 < gaze.size() && gaze.has(end + 1)) ++end;
  }
  m.start_x_deg = gaze.x_deg[start];
  m.start_y_deg = gaze.y_deg[start];
  m.end_x_deg = gaze.x_deg[end];
  m.end_y_deg = gaze.y_deg[end];
  m.amplitude_deg = std::hypot(m.end_x_deg - m.start_x_deg, m.end_y_deg - m.start_y_deg);
  double sum = 0;
  double peak = kMissing;
  size_t num_speeds = 0;
  double box[4] = {kMissing, kMissing, kMissing, kMissing};
  for (size_t i = event.first; i < event.last; ++i) {
    // fmin and fmax pass over NaN.
    box[0] = std::fmin(box[0], gaze.x_deg[i]);
    box[1] = std::fmax(box[1], gaze.x_deg[i]);
    box[2] = std::fmin(box[2], gaze.y_deg[i]);
    box[3] = std::fmax(box[3], gaze.y_deg[i]);
    const double speed = velocity.speed_deg_s[i];
    if (std::isnan(speed)) continue;
    peak = std::fmax(peak, speed);
    sum += speed;
    ++num_speeds;
  }
  m.peak_velocity_deg_s = peak;
  m.mean_velocity_deg_s = num_speeds > 0 ? sum / static_cast<double>(num_speeds) : kMissing;
  m.dispersion_deg = box[1] - box[0] + box[3] - box[2];
  return m;
}

}  // namespace limbic::signals
