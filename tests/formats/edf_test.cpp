#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limbic/formats/sensor_recording.h"
#include "sensor_files_for_tests.h"

namespace limbic::formats {
namespace {

using test_files::EdfFile;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;

SensorRecording read_bytes(const std::string& bytes, const SensorReadOptions& options = {},
                           const char* name = "a.edf") {
  test::TempDir dir;
  core::write_file(dir / name, bytes);
  return read_sensors(dir / name, options);
}

EdfFile two_signals() {
  EdfFile file;
  file.channels = {{"GSR", "uS", 0, 40, 4}, {"EKG", "mV", -5, 5, 32}};
  file.starts = {0, 1, 2};
  return file;
}

TEST(Edf, PlainFilesGivePhysicalValues) {
  const EdfFile file = two_signals();
  const SensorRecording recording = read_bytes(file.bytes());
  EXPECT_EQ(recording.format, "edf");
  EXPECT_EQ(recording.start_unix_s, 1241259630.0);  // date -u -d '2009-05-02 10:20:30' +%s
  const SensorStream& eda = recording.stream("eda");
  EXPECT_EQ(eda.rate_hz, 4);
  EXPECT_EQ(eda.unit, "uS");
  ASSERT_EQ(eda.num_samples(), 12u);
  const SensorStream& ecg = recording.stream("ecg");
  ASSERT_EQ(ecg.num_samples(), 96u);
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(eda.at(static_cast<size_t>(i), 0), file.physical(0, i), 1e-12);
  for (int i = 0; i < 96; ++i) EXPECT_NEAR(ecg.at(static_cast<size_t>(i), 0), file.physical(1, i), 1e-12);
}

TEST(Edf, BdfHas24BitsAndItsAnnotations) {
  EdfFile file = two_signals();
  file.is_bdf = true;
  file.kind = "BDF+C";
  using namespace std::string_literals;
  file.annotations = {
      "+0.5\x14"
      "begin\x14\0"s};
  const SensorRecording recording = read_bytes(file.bytes(), {}, "a.bdf");
  EXPECT_EQ(recording.format, "bdf+");
  for (int i = 0; i < 12; ++i)
    EXPECT_NEAR(recording.stream("eda").at(static_cast<size_t>(i), 0), file.physical(0, i), 1e-12);
  ASSERT_EQ(recording.markers.size(), 1u);
  EXPECT_EQ(recording.markers[0].label, "begin");
}

TEST(Edf, DiscontinuousRecordsKeepTheirGaps) {
  EdfFile file = two_signals();
  file.kind = "EDF+D";
  file.starts = {0.25, 1.25, 7.5};
  using namespace std::string_literals;
  file.annotations = {
      "+0.75\x15"
      "2.5\x14"
      "tone\x14"
      "beep\x14\0"s,
      "",
      "+8\x14"
      "end \xc3\xa9\x14\0"s};
  const SensorRecording recording = read_bytes(file.bytes());
  EXPECT_EQ(recording.origin_s, 0.25);
  EXPECT_EQ(recording.start_unix_s, 1241259630.25);
  const SensorStream& eda = recording.stream("eda");
  ASSERT_EQ(eda.num_samples(), 33u);  // 8.25 s at 4 Hz
  for (size_t i = 0; i < 33; ++i) EXPECT_EQ(std::isnan(eda.at(i, 0)), i >= 8 && i < 29) << i;
  EXPECT_NEAR(eda.at(29, 0), file.physical(0, 8), 1e-12);
  const auto gaps = find_gaps(recording.stream("ecg"));
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].start_s, 2);
  EXPECT_EQ(gaps[0].end_s, 7.25);
  ASSERT_EQ(recording.markers.size(), 3u);
  EXPECT_EQ(recording.markers[0].label, "tone");
  EXPECT_EQ(recording.markers[0].time_s, 0.5);
  EXPECT_EQ(recording.markers[0].duration_s, 2.5);
  EXPECT_EQ(recording.markers[1].label, "beep");
  EXPECT_EQ(recording.markers[2].label, "end \xc3\xa9");
  EXPECT_EQ(recording.markers[2].time_s, 7.75);
  // Reading a part gives that part, on the same clock.
  SensorReadOptions options;
  options.start_s = 7.25;
  options.streams = {"eda"};
  const SensorRecording part = read_bytes(file.bytes(), options);
  EXPECT_EQ(part.origin_s, 0.25);
  EXPECT_EQ(part.stream("eda").t0_s, 7.25);
  EXPECT_EQ(part.stream("eda").num_samples(), 4u);
  EXPECT_NEAR(part.stream("eda").at(0, 0), file.physical(0, 8), 1e-12);
}

TEST(Edf, AxesAreOneStream) {
  EdfFile file;
  file.channels = {{"ACC X", "g"}, {"ACC Y", "g"}, {"ACC Z", "g"}, {"Temp", "degC"}};
  file.starts = {0};
  const SensorRecording recording = read_bytes(file.bytes());
  ASSERT_EQ(recording.streams.size(), 2u);
  const SensorStream& acc = recording.stream("acc");
  EXPECT_EQ(acc.name, "ACC");
  EXPECT_THAT(acc.channels, ::testing::ElementsAre("x", "y", "z"));
  EXPECT_NEAR(acc.at(2, 1), file.physical(1, 2), 1e-12);
}

TEST(Edf, DamageIsSaidOrRefused) {
  const EdfFile file = two_signals();
  const std::string good = file.bytes();
  const SensorRecording cut = read_bytes(good.substr(0, good.size() - 10));
  EXPECT_EQ(cut.stream("eda").num_samples(), 8u);
  EXPECT_THAT(cut.notes, Contains(HasSubstr("promises 3 records, the file has 2")));
  EXPECT_EQ(read_bytes(file.bytes(-1)).stream("eda").num_samples(), 12u);
  EXPECT_EQ(read_bytes(good.substr(0, 768)).stream("eda").num_samples(), 0u);
  struct Case {
    size_t at;
    std::string text;
    const char* message;
  };
  const std::vector<Case> cases = {
      {184, "512     ", "byte 184: a header of 512 bytes; 2 signals need 768"},
      {236, "x       ", "byte 236: the number of data records is 'x'; expected a number"},
      {236, "1.5     ", "expected a whole number"},
      {244, "-1      ", "byte 244: data records of -1 s"},
      {244, "nan     ", "byte 244: the duration of a data record is 'nan'"},
      {244, "0       ", "a sampling rate of 0 Hz for 'GSR'"},
      {252, "0   ", "byte 252: 0 signals"},
      {252, "9999", "byte 252: 9999 signals"},
      {252, "4000", "header of 1024256 bytes for 4000 signals"},
      {256 + 120 * 2, "32767   ", "the minimum must be less"},
      {256 + 216 * 2, "0       ", "0 samples a record of signal 'GSR'"},
      {256 + 216 * 2, "99999999", "promises 3 records"},
  };
  for (const Case& c : cases) {
    std::string bad = good;
    bad.replace(c.at, c.text.size(), c.text);
    if (std::string(c.message) == "promises 3 records") {
      EXPECT_THAT(read_bytes(bad).notes, Contains(HasSubstr(c.message)));
      continue;
    }
    EXPECT_THAT(test::error_of([&] { read_bytes(bad); }, ErrorCode::kData), HasSubstr(c.message));
  }
  EXPECT_THAT(test::error_of([&] { read_bytes(good.substr(0, 200)); }, ErrorCode::kData),
              HasSubstr("at least 256"));
  EXPECT_THAT(test::error_of([&] { read_bytes("RIFF" + good); }, ErrorCode::kData),
              HasSubstr("EDF begins with"));
  EdfFile clock = two_signals();
  clock.kind = "EDF+D";
  clock.starts = {5, 3, 9};
  EXPECT_THAT(test::error_of([&] { read_bytes(clock.bytes()); }, ErrorCode::kData),
              HasSubstr("record 1 begins at 3 s, before record 0"));
  clock.starts = {0, 1, 1e12};
  EXPECT_THAT(test::error_of([&] { read_bytes(clock.bytes()); }, ErrorCode::kData), HasSubstr("read a part"));
  clock.starts = {0, 1, 2};
  using namespace std::string_literals;
  clock.annotations = {
      "+x\x14"
      "a\x14\0"s};
  EXPECT_THAT(test::error_of([&] { read_bytes(clock.bytes()); }, ErrorCode::kData),
              HasSubstr("its onset is not a number"));
  EdfFile undated = two_signals();
  undated.date = "xx.yy.zz";
  undated.recording = "";
  EXPECT_FALSE(read_bytes(undated.bytes()).start_unix_s.has_value());
}

TEST(Edf, RecordsThatGoBackByLessThanASampleOfAGivenRate) {
  EdfFile file = two_signals();
  file.kind = "EDF+D";
  for (auto& channel : file.channels) channel.num_samples = 1;
  file.starts.clear();
  for (int r = 0; r < 10; ++r) file.starts.push_back(-490.0 * r);
  SensorReadOptions options;
  options.rate_hz["*"] = 0.001;
  const SensorRecording recording = read_bytes(file.bytes(), options);
  EXPECT_EQ(recording.streams[0].num_samples(), 10u);
  EXPECT_NEAR(recording.streams[0].at(9, 0), file.physical(0, 9), 1e-9);
}

}  // namespace
}  // namespace limbic::formats
