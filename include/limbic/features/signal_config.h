#pragma once
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/formats/sensor_recording.h"
#include "limbic/signals/audio/audio_analysis.h"
#include "limbic/signals/audio/energy_vad.h"
#include "limbic/signals/audio/voice_activity.h"
#include "limbic/signals/dsp/clock.h"
#include "limbic/signals/eda/eda_analysis.h"
#include "limbic/signals/eye/eye_analysis.h"
#include "limbic/signals/eye/gaze_geometry.h"
#include "limbic/signals/heart/heart_analysis.h"
#include "limbic/signals/heart/skin_temperature.h"
#include "limbic/signals/motion/imu_analysis.h"
#include "limbic/signals/voice/egemaps.h"
#include "limbic/signals/voice/voice_analysis.h"
#include "limbic/signals/voice/voice_stress.h"

namespace limbic::features {

/// One column of a sensor file as a channel; see formats::SensorColumn.
struct ColumnConfig {
  std::string column;
  std::string modality;
  std::string unit;
  double scale = 1.0;
  double offset = 0.0;
  std::string stream;
  std::optional<double> missing;

  template <class Visitor>
  void visit(Visitor& v) {
    v("column", column, "name in the file, or #3 for the third");
    v("modality", modality,
      "eda bvp ecg ppg ibi heart_rate temperature acc gyro gaze pupil ...; empty = guessed");
    v("unit", unit, "unit after scaling; empty = as the file says");
    v("scale", scale, "value = scale * stored + offset");
    v("offset", offset, "see scale");
    v("stream", stream, "columns of one name are the channels of one sensor, in this order");
    v("missing", missing, "the number stored where there is no value, such as 0 or -1");
  }
};

/// How a second recording of the same time is put on the clock of the first.
enum class Alignment {
  kUnix,      ///< both say when they started
  kActivity,  ///< cross-correlation of the two devices' acceleration
  kMarkers,   ///< events that both recorded
  kStart,     ///< both began at the same instant
};
constexpr auto enum_names(Alignment) {
  return std::array{std::pair{Alignment::kUnix, "unix"}, std::pair{Alignment::kActivity, "activity"},
                    std::pair{Alignment::kMarkers, "markers"}, std::pair{Alignment::kStart, "start"}};
}

struct AlignmentConfig {
  Alignment by = Alignment::kUnix;
  signals::ClockMatchConfig match;

  template <class Visitor>
  void visit(Visitor& v) {
    v("by", by, "unix, activity (acceleration of both), markers (events of both) or start");
    v("match", match, "activity and markers: what counts as a match");
  }
};

/// How sensor files are read when they do not say enough themselves.
struct SensorInputConfig {
  std::vector<ColumnConfig> columns;
  std::map<std::string, double> rate_hz;
  std::map<std::string, double> offset_s;
  std::string time_column;
  AlignmentConfig alignment;

  template <class Visitor>
  void visit(Visitor& v) {
    v("alignment", alignment, "further recordings (--also): how their clocks are found");
    v("columns", columns, "CSV, text, .mat, .npz: these columns and no others; empty = all, by their names");
    v("rate_hz", rate_hz, "stream or modality -> sampling rate in place of the file's; '*' = all others");
    v("offset_s", offset_s, "stream or modality -> seconds by which its clock is behind the others'");
    v("time_column", time_column, "column of times; empty = found by name; '-' = there is none");
  }
  formats::SensorReadOptions read_options() const;
};

/// Which detector finds speech.
enum class SpeechDetector {
  kAuto,    ///< Silero where its weights are, else by energy
  kSilero,  ///< tools/models get silero_vad
  kEnergy,
};
constexpr auto enum_names(SpeechDetector) {
  return std::array{std::pair{SpeechDetector::kAuto, "auto"}, std::pair{SpeechDetector::kSilero, "silero"},
                    std::pair{SpeechDetector::kEnergy, "energy"}};
}

/// Where somebody speaks.
struct SpeechConfig {
  SpeechDetector detector = SpeechDetector::kAuto;
  signals::SpeechSegmentConfig segments;
  signals::EnergyVadConfig energy;

  template <class Visitor>
  void visit(Visitor& v) {
    v("detector", detector, "auto (silero where its weights are, else energy), silero or energy");
    v("segments", segments, "probabilities to stretches of speech");
    v("energy", energy, "the detector by energy");
  }
};

/// Everything between a recording and its features, kind by kind.
struct SignalConfig {
  SensorInputConfig sensors;
  int64_t sound_rate_hz = 0;
  signals::AudioAnalysisConfig audio;
  signals::VoiceConfig voice;
  signals::VoiceStressConfig voice_stress;
  std::vector<std::vector<double>> baseline_s;
  signals::EgemapsConfig egemaps;
  SpeechConfig speech;
  signals::EdaConfig eda;
  signals::HeartConfig heart;
  signals::SkinTemperatureConfig temperature;
  signals::ImuConfig imu;
  signals::EyeConfig eye;
  std::optional<signals::ScreenGeometry> screen;

  template <class Visitor>
  void visit(Visitor& v) {
    v("sensors", sensors, "reading sensor files");
    v("sound_rate_hz", sound_rate_hz,
      "sounds are resampled to it first; 0 = their own rate, as Praat and openSMILE do, on which values "
      "depend",
      config::at_least(0));
    v("audio", audio, "spectrum, loudness and shape of any sound");
    v("voice", voice, "voice as Praat measures it");
    v("voice_stress", voice_stress, "change of the voice against the speaker's own baseline");
    v("baseline_s", baseline_s,
      "[[start, end], ...] of the speaker's baseline; [] = the first voice_stress.baseline_s");
    v("speech", speech, "where somebody speaks");
    v("egemaps", egemaps, "the eGeMAPSv02 set");
    v("eda", eda, "skin conductance");
    v("heart", heart, "beats and heart rate variability");
    v("temperature", temperature, "skin temperature");
    v("imu", imu, "movement, posture and gait");
    v("eye", eye, "gaze: fixations, saccades, blinks, pupil");
    v("screen", screen, "where gaze in pixels falls on; not needed for gaze in degrees");
  }
};

}  // namespace limbic::features
