#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/formats/sensor_recording.h"
#include "limbic/signals/audio/audio_analysis.h"
#include "limbic/signals/eda/eda_analysis.h"
#include "limbic/signals/eye/eye_analysis.h"
#include "limbic/signals/eye/gaze_geometry.h"
#include "limbic/signals/heart/heart_analysis.h"
#include "limbic/signals/heart/skin_temperature.h"
#include "limbic/signals/motion/imu_analysis.h"
#include "limbic/signals/voice/egemaps.h"
#include "limbic/signals/voice/voice_analysis.h"

namespace limbic::features {

/// One column of a sensor file as a channel; see formats::SensorColumn.
struct ColumnConfig {
  std::string column;
  std::string modality;
  std::string unit;
  double scale = 1.0;
  double offset = 0.0;
  std::string stream;

  template <class Visitor>
  void visit(Visitor& v) {
    v("column", column, "name in the file, or #3 for the third");
    v("modality", modality,
      "eda bvp ecg ppg ibi heart_rate temperature acc gyro gaze pupil ...; empty = guessed");
    v("unit", unit, "unit after scaling; empty = as the file says");
    v("scale", scale, "value = scale * stored + offset");
    v("offset", offset, "see scale");
    v("stream", stream, "columns of one name are the channels of one sensor, in this order");
  }
};

/// How sensor files are read when they do not say enough themselves.
struct SensorInputConfig {
  std::vector<ColumnConfig> columns;
  std::map<std::string, double> rate_hz;
  std::map<std::string, double> offset_s;
  std::string time_column;

  template <class Visitor>
  void visit(Visitor& v) {
    v("columns", columns, "CSV, text, .mat, .npz: these columns and no others; empty = all, by their names");
    v("rate_hz", rate_hz, "stream or modality -> sampling rate in place of the file's; '*' = all others");
    v("offset_s", offset_s, "stream or modality -> seconds by which its clock is behind the others'");
    v("time_column", time_column, "column of times; empty = found by name; '-' = there is none");
  }
  formats::SensorReadOptions read_options() const;
};

/// Everything between a recording and its features, kind by kind.
struct SignalConfig {
  SensorInputConfig sensors;
  int64_t sound_rate_hz = 0;
  signals::AudioAnalysisConfig audio;
  signals::VoiceConfig voice;
  signals::EgemapsConfig egemaps;
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
