#pragma once
#include <string>
#include <vector>

#include "import/pipeline.h"
#include "limbic/formats/sensor_recording.h"
#include "limbic/signals/table.h"

namespace limbic::data {

/// One analysis of a recording whose results are a stream of the store.
struct SensorFeatures {
  const char* stream;  ///< name in the store
  const char* kind;    ///< of `limbic features`: "eda", "heart", "temperature", "imu"
};

/// Gives sample i the features of window i, (1, F) a sensor; a sensor that recorded less than nine tenths of
/// a window has no stream there. @param windows  in order of time
void add_sensor_features(const formats::SensorRecording& recording,
                         const std::vector<SensorFeatures>& sensors,
                         const std::vector<signals::Interval>& windows, std::vector<RawSample>& samples);
/// Declares those streams; columns depend on the analysis alone, so any recording of these sensors tells
/// them.
void declare_sensor_features(const formats::SensorRecording& recording,
                             const std::vector<SensorFeatures>& sensors, const std::string& device,
                             DatasetInfo& info);

}  // namespace limbic::data
