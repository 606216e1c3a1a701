#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "limbic/core/rng.h"
#include "limbic/formats/sensor_recording.h"
#include "sensor_files_for_tests.h"

namespace limbic::formats {
namespace {

using test_files::XdfFile;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr double kDeduced = std::numeric_limits<double>::quiet_NaN();

SensorRecording read_xdf_bytes(const std::string& bytes, const SensorReadOptions& options = {}) {
  test::TempDir dir;
  core::write_file(dir / "a.xdf", bytes);
  return read_sensors(dir / "a.xdf", options);
}

/// A stream of one channel that counts its samples, `rate` Hz, sent in chunks of 8.
void add_counter(XdfFile& file, uint32_t id, const std::vector<double>& times) {
  for (size_t i = 0; i < times.size(); i += 8) {
    std::vector<double> stamps(times.begin() + static_cast<int64_t>(i),
                               times.begin() + static_cast<int64_t>(std::min(times.size(), i + 8)));
    std::vector<float> values;
    for (size_t k = 0; k < stamps.size(); ++k) values.push_back(static_cast<float>(i + k));
    file.samples(id, stamps, values);
  }
}

TEST(Xdf, StreamsMarkersLabelsAndDeducedStamps) {
  XdfFile file;
  file.chunk(1, "<?xml version=\"1.0\"?><info><version>1.0</version></info>");
  file.header(
      7, "wrist &amp; arm", "GSR", 2, 4, "float32",
      "<desc><!-- <label>no</label> --><channels><channel><label>left</label><unit>uS</unit></channel>"
      "<channel><label>right</label><unit>uS</unit></channel></channels></desc>");
  file.header(9, "keys", "Markers", 1, 0, "string");
  file.samples(7, {100.0, kDeduced, kDeduced, 100.75}, {1, 2, 3, 4, 5, 6, 7, 8});
  file.text(9, 100.6, "go");
  file.boundary();
  file.text(9, 99.5, "ready");
  const SensorRecording recording = read_xdf_bytes(file.bytes());
  EXPECT_EQ(recording.format, "xdf");
  EXPECT_EQ(recording.origin_s, 100);
  const SensorStream& eda = recording.stream("eda");
  EXPECT_EQ(eda.name, "wrist & arm");
  EXPECT_THAT(eda.channels, ::testing::ElementsAre("left", "right"));
  EXPECT_EQ(eda.unit, "uS");
  EXPECT_EQ(eda.rate_hz, 4);
  EXPECT_THAT(eda.values_SC, ::testing::ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  ASSERT_EQ(recording.markers.size(), 2u);
  EXPECT_EQ(recording.markers[0].label, "ready");
  EXPECT_EQ(recording.markers[0].time_s, -0.5);
  EXPECT_NEAR(recording.markers[1].time_s, 0.6, 1e-12);
}

TEST(Xdf, ClocksAreSynchronisedThroughOutliers) {
  // The sender's clock is 1000 s behind and 50 ppm slow; one measurement in ten waited 80 ms in the network.
  XdfFile file;
  file.header(1, "ECG", "ECG", 1, 100, "float32");
  core::Rng rng(1);
  std::vector<double> times;
  for (int i = 0; i < 6000; ++i) times.push_back(i / 100.0 / (1 + 5e-5) + 50 + rng.normal(0, 0.001));
  add_counter(file, 1, times);
  for (int i = 0; i < 30; ++i) {
    const double sender = 50 + 2 * i;
    file.offset(1, sender, 1000 + 5e-5 * (sender - 50) + rng.normal(0, 2e-5) + (i % 10 == 3 ? 0.08 : 0));
  }
  const SensorRecording recording = read_xdf_bytes(file.bytes());
  const SensorStream& ecg = recording.stream("ecg");
  EXPECT_NEAR(recording.origin_s, 1050, 5e-4);
  EXPECT_NEAR(ecg.rate_hz, 100, 1e-3);
  EXPECT_EQ(ecg.num_samples(), 6000u);
  EXPECT_NEAR(ecg.time_of(5999) - 59.99, 0, 5e-4);
}

TEST(Xdf, DropOutsBecomeMissingAndBurstsDoNot) {
  XdfFile file;
  file.header(1, "slow", "EDA", 1, 4, "float32");
  file.header(2, "bursts", "PPG", 1, 4, "float32");
  std::vector<double> slow, bursts;
  for (int i = 0; i < 400; ++i) slow.push_back((i < 200 ? 0 : 30) + i / 4.0);
  // Packets of 12 samples, stamped when they came.
  for (int i = 0; i < 400; ++i) bursts.push_back(i / 12 * 3.0 + 0.001 * (i % 12));
  add_counter(file, 1, slow);
  add_counter(file, 2, bursts);
  const SensorRecording recording = read_xdf_bytes(file.bytes());
  const SensorStream& eda = recording.stream("eda");
  ASSERT_EQ(eda.num_samples(), 520u);
  const auto gaps = find_gaps(eda);
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_NEAR(gaps[0].end_s - gaps[0].start_s, 30, 1e-9);
  EXPECT_EQ(eda.at(320, 0), 200);
  EXPECT_THAT(recording.notes, Contains(HasSubstr("'slow': 1 drop-outs")));
  const SensorStream& ppg = recording.stream("ppg");
  EXPECT_EQ(ppg.num_samples(), 400u);
  EXPECT_NEAR(ppg.rate_hz, 4, 0.1);
}

TEST(Xdf, DamageCostsNoMoreThanTheChunksAroundIt) {
  XdfFile file;
  file.header(1, "c", "EDA", 1, 4, "float32");
  std::vector<double> first, second;
  for (int i = 0; i < 40; ++i) first.push_back(i / 4.0);
  for (int i = 0; i < 40; ++i) second.push_back(20 + i / 4.0);
  add_counter(file, 1, first);
  const size_t at = file.bytes().size();
  add_counter(file, 1, {10});
  file.boundary();
  add_counter(file, 1, second);
  std::string bad = file.bytes();
  bad[at] = '\x55';
  const SensorRecording recording = read_xdf_bytes(bad);
  EXPECT_THAT(recording.notes,
              Contains(HasSubstr("damaged (a length that is not of 1, 4 or 8 bytes); read on at byte")));
  EXPECT_EQ(recording.stream("eda").num_samples(), 120u);  // 40, 40 missing, 40
  EXPECT_EQ(find_gaps(recording.stream("eda")).size(), 1u);
  const SensorRecording cut = read_xdf_bytes(file.bytes().substr(0, at + 9));
  EXPECT_EQ(cut.stream("eda").num_samples(), 40u);
  EXPECT_THAT(cut.notes, Contains(HasSubstr("it would end after the file")));
  EXPECT_THAT(test::error_of([&] { read_xdf_bytes("XDF:"); }, ErrorCode::kData),
              HasSubstr("no stream header"));
  XdfFile format;
  format.header(1, "c", "EDA", 1, 4, "float16");
  EXPECT_THAT(test::error_of([&] { read_xdf_bytes(format.bytes()); }, ErrorCode::kData),
              HasSubstr("channel_format 'float16'"));
  XdfFile channels;
  channels.header(1, "c", "EDA", 0, 4, "float32");
  EXPECT_THAT(test::error_of([&] { read_xdf_bytes(channels.bytes()); }, ErrorCode::kData),
              HasSubstr("channel_count 0"));
  XdfFile rate;
  rate.header(1, "c", "EDA", 1, -4, "float32");
  EXPECT_THAT(test::error_of([&] { read_xdf_bytes(rate.bytes()); }, ErrorCode::kData),
              HasSubstr("nominal_srate"));
  // A chunk that claims 2^63 samples.
  XdfFile huge;
  huge.header(1, "c", "EDA", 1, 4, "float32");
  add_counter(huge, 1, {1, 2, 3});
  std::string claim;
  test_files::append<uint32_t>(claim, 1);
  claim += '\x08';
  test_files::append<uint64_t>(claim, UINT64_C(1) << 63);
  huge.chunk(3, claim);
  EXPECT_EQ(read_xdf_bytes(huge.bytes()).stream("eda").num_samples(), 3u);
}

TEST(Xdf, LyingHeadersCostNeitherMemoryNorTime) {
  // Four samples of 2000 channels, then nothing for 9 million.
  test_files::XdfFile gap;
  gap.header(1, "wide", "EEG", 2000, 100, "float32");
  const std::vector<float> ones(2 * 2000, 1);
  gap.samples(1, {0, 0.01}, ones);
  gap.samples(1, {90'000, 90'000.01}, ones);
  EXPECT_THAT(test::error_of([&] { read_xdf_bytes(gap.bytes()); }, ErrorCode::kData),
              HasSubstr("read fewer streams"));
  // 20 kHz in the header, a sample every two seconds in the file.
  test_files::XdfFile slow;
  slow.header(1, "slow", "EDA", 1, 20'000, "float32");
  for (int i = 0; i < 400; ++i) {
    std::vector<double> times(100);
    for (size_t k = 0; k < times.size(); ++k) times[k] = 2.0 * (100 * i + static_cast<double>(k));
    slow.samples(1, times, std::vector<float>(100, 1));
  }
  const auto begin = std::chrono::steady_clock::now();
  const SensorRecording recording = read_xdf_bytes(slow.bytes());
  EXPECT_NEAR(recording.stream("eda").time_of(100), 200, 1e-6);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), 30);
}

// github.com/xdf-modules/example-files @ 76a6be7, 1.2 MB, not in the corpora: XDF_EXAMPLES names a copy. The
// numbers are what pyxdf (load_xdf, defaults) gives.
TEST(Xdf, ExampleFilesEqualPyxdf) {
  const char* folder = std::getenv("XDF_EXAMPLES");
  if (folder == nullptr) GTEST_SKIP() << "set XDF_EXAMPLES to a copy of xdf-modules/example-files";
  const std::string path = folder;
  const SensorRecording resets = read_sensors(path + "/clock_resets.xdf");
  const SensorStream& eeg = resets.stream("BioSemi");
  ASSERT_EQ(eeg.num_samples(), 27815u);
  EXPECT_NEAR(resets.origin_s, 810.029791762, 1e-6);
  EXPECT_NEAR(eeg.time_of(27814) + resets.origin_s, 1383.184265954, 1e-6);
  EXPECT_NEAR(eeg.time_of(27813) + resets.origin_s, 1383.173475393, 1e-6);
  ASSERT_EQ(resets.markers.size(), 175u);
  EXPECT_NEAR(resets.markers[0].time_s + resets.origin_s, 812.927904206, 1e-6);
  EXPECT_NEAR(resets.markers[174].time_s + resets.origin_s, 1380.819450722, 1e-6);
  EXPECT_NEAR(eeg.at(0, 7), 0.861, 5e-4);  // the README's table
  const SensorRecording empty = read_sensors(path + "/empty_streams.xdf");
  ASSERT_EQ(empty.streams.size(), 1u);
  EXPECT_NEAR(empty.streams[0].time_of(9) + empty.origin_s, 91734.213918091, 1e-5);
  const SensorRecording minimal = read_sensors(path + "/minimal.xdf");
  EXPECT_EQ(minimal.stream("SendDataC").at(0, 2), 238);
  EXPECT_EQ(minimal.stream("SendDataC").num_samples(), 9u);
  EXPECT_NEAR(minimal.origin_s, 5.0, 1e-9);
  EXPECT_EQ(minimal.markers[2].label, "World");
}

}  // namespace
}  // namespace limbic::formats
