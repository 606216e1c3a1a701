#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "limbic/features/signal_config.h"
#include "limbic/formats/sensor_recording.h"
#include "limbic/signals/table.h"

namespace limbic::features {

/// Takes rows as they are made. Every table that it is given has the same columns.
using TableSink = std::function<void(const signals::Table&)>;

/// One recording as one kind of analysis sees it. Rows come in pieces, so that memory stays bounded however
/// long a sound is; sensor recordings are held whole.
class SignalAnalysis {
 public:
  virtual ~SignalAnalysis() = default;

  /// What the recording covers, seconds on its own clock.
  virtual signals::Interval extent() const = 0;
  /// One row a frame or sample.
  virtual void frames(const TableSink& sink) = 0;
  /// One row a window, in order of the windows, which must not begin earlier than the one before.
  virtual void intervals(const std::vector<signals::Interval>& windows, const TableSink& sink) = 0;
  virtual signals::EventTable events() = 0;
  /// What had to be decided, repaired or left out, a sentence each.
  virtual std::vector<std::string> notes() const { return {}; }
};

/// One panel of a figure: columns of frames() as lines, labels of events() as shaded stretches or lines.
struct PlotPanel {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::string> events;
};

/// A kind of `limbic features KIND INPUT`.
struct SignalKind {
  std::string name;
  std::string doc;
  bool is_sound = false;          ///< the input is audio or video; otherwise a sensor file
  std::vector<PlotPanel> panels;  ///< of its figure
};
const std::vector<SignalKind>& signal_kinds();
/// @throws Error(kConfig) with the nearest name
const SignalKind& signal_kind(const std::string& name);

/// Puts further recordings on the clock of the first: their streams and markers, times moved by what
/// `alignment` finds. Streams of a name that is taken get a suffix.
/// @throws Error(kData) when the clocks cannot be matched, with the reason
formats::SensorRecording merge_recordings(std::vector<formats::SensorRecording> recordings,
                                          const AlignmentConfig& alignment);

/// Opens a recording: sound of any audio or video file, or a sensor file that formats/sensor_recording.h
/// reads.
/// @throws Error(kData) naming the file, Error(kConfig)
/// @param also  sensor kinds: further files of the same time, see merge_recordings
std::unique_ptr<SignalAnalysis> open_signal(const std::string& kind, const std::string& path,
                                            const SignalConfig& config,
                                            const std::vector<std::string>& also = {});
/// The same of sensors that are read already; only kinds that are not sound.
std::unique_ptr<SignalAnalysis> analyse_sensors(const std::string& kind,
                                                const formats::SensorRecording& recording,
                                                const SignalConfig& config);

/// Windows of window_s every step_s that fit whole into `extent`; the extent itself when it is shorter.
/// @throws Error(kConfig) unless both are positive
std::vector<signals::Interval> windows_of(const signals::Interval& extent, double window_s, double step_s);

}  // namespace limbic::features
