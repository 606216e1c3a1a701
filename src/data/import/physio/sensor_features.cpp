#include "import/physio/sensor_features.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "limbic/features/signal_analysis.h"

namespace limbic::data {

void add_sensor_features(const formats::SensorRecording& recording,
                         const std::vector<SensorFeatures>& sensors,
                         const std::vector<signals::Interval>& windows, std::vector<RawSample>& samples) {
  constexpr double kMinCoverage = 0.9;
  for (const SensorFeatures& sensor : sensors) {
    const auto analysis = features::analyse_sensors(sensor.kind, recording, {});
    const auto extent = analysis->extent();
    size_t row = 0;
    analysis->intervals(windows, [&](const signals::Table& table) {
      for (size_t r = 0; r < table.num_rows(); ++r, ++row) {
        const double covered_s =
            std::min(extent.end_s, table.end_s[r]) - std::max(extent.start_s, table.start_s[r]);
        if (covered_s < kMinCoverage * (table.end_s[r] - table.start_s[r])) continue;
        std::vector<double> values;
        for (size_t c = 0; c < table.num_columns(); ++c) values.push_back(table.at(r, c));
        samples[row].streams[sensor.stream] =
            series_stream(values, values.size(), 0.0, core::Timestamp::from_seconds(table.start_s[r]));
      }
    });
  }
}

void declare_sensor_features(const formats::SensorRecording& recording,
                             const std::vector<SensorFeatures>& sensors, const std::string& device,
                             DatasetInfo& info) {
  for (const SensorFeatures& sensor : sensors) {
    features::analyse_sensors(sensor.kind, recording, {})->intervals({}, [&](const signals::Table& table) {
      std::vector<std::string> columns;
      for (const auto& column : table.columns) columns.push_back(column.name);
      RawModality modality = series_modality(std::move(columns), 0.0);
      modality.may_be_missing = true;
      modality.device = device;
      info.modalities[sensor.stream] = std::move(modality);
    });
  }
}

}  // namespace limbic::data
