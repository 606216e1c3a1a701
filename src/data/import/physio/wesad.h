#pragma once
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "limbic/formats/sensor_recording.h"
#include "limbic/signals/table.h"

// What both forms of WESAD share: S2.pkl, in which its authors synchronised the two devices, and the devices'
// own files.
namespace limbic::data::wesad_import {

inline constexpr double kChestRate_hz = 700.0;  ///< of the RespiBAN, and of the labels in S2.pkl
/// Labels 1 to 4; 0 is between the conditions, 5 to 7 "should be ignored" (readme of the corpus).
inline constexpr std::array<const char*, 4> kConditions = {"baseline", "stress", "amusement", "meditation"};

struct ConditionInterval {
  signals::Interval extent;
  size_t condition = 0;  ///< index in kConditions
};

struct Recordings {
  formats::SensorRecording wrist, chest;
  std::vector<ConditionInterval> conditions;      ///< by time
  std::map<std::string, std::string> attributes;  ///< of every sample
  std::string file;                               ///< that the samples name, relative to the corpus
};

/// The chest's skin conductance at 4 Hz, the rate of the wrist's: means of blocks. SCRs last seconds.
void average_blocks(formats::SensorStream& stream);

/// Whether the folder has a device's own file: S2_respiban.txt, S2_E4_Data.zip or S2_E4_Data/.
bool has_device_files(const std::string& source, const std::string& subject);
/// Both devices, each on its own clock, without conditions. @throws Error(kData)
Recordings read_devices(const std::string& source, const std::string& subject);
/// Both on the RespiBAN's clock, with the conditions of S2_quest.csv.
/// @throws Error(kData) also when the movement of the two does not tell how their clocks differ
Recordings read_raw_recordings(const std::string& source, const std::string& subject);

/// S2_respiban.txt with counts turned into units: ECG, EDA, EMG, TEMP, ACC (x, y, z), RESP at 700 Hz.
formats::SensorRecording read_respiban(const std::string& path);
/// Conditions of S2_quest.csv as S2.pkl labels them. @param recorded_s  no condition ends later
std::vector<ConditionInterval> read_schedule(const std::string& path, const std::string& subject,
                                             double recorded_s);

}  // namespace limbic::data::wesad_import
