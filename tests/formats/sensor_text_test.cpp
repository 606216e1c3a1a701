#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "limbic/formats/sensor_recording.h"
#include "sensor_files_for_tests.h"

namespace limbic::formats {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SensorRecording read_text(const std::string& text, const SensorReadOptions& options = {},
                          const std::string& name = "a.csv") {
  test::TempDir dir;
  core::write_file(dir / name, text);
  return read_sensors(dir / name, options);
}

TEST(SensorCsv, TimeColumnsInTheirUnits) {
  const SensorRecording seconds = read_text("time,EDA\n10.0,1\n10.25,2\n10.5,3\n10.75,4\n");
  EXPECT_EQ(seconds.origin_s, 10);
  EXPECT_FALSE(seconds.start_unix_s.has_value());
  EXPECT_EQ(seconds.stream("eda").rate_hz, 4);
  EXPECT_EQ(seconds.stream("eda").t0_s, 0);
  const SensorRecording unix_ms =
      read_text("timestamp\tgsr\n1644226061000\t1\n1644226061500\t2\n1644226062000\t3\n");
  EXPECT_EQ(unix_ms.start_unix_s, 1644226061.0);
  EXPECT_EQ(unix_ms.stream("eda").rate_hz, 2);
  const SensorRecording dates = read_text(
      "time;HR\n2024-05-01T12:00:00.5+02:00;60,5\n2024-05-01T12:00:01.5+02:00;61\n2024-05-01T12:00:02.5+02:"
      "00;62\n");
  EXPECT_EQ(dates.start_unix_s, 1714557600.5);
  EXPECT_EQ(dates.stream("heart_rate").at(0, 0), 60.5);
  SensorReadOptions ms;
  ms.time_column = "#1";
  ms.time_unit = TimeUnit::kMilliseconds;
  EXPECT_EQ(read_text("0 5\n4 6\n8 7\n12 8\n", ms).streams[0].rate_hz, 250);
}

TEST(SensorCsv, LeftOutRowsAreMissingAndUnevenOnesIrregular) {
  const SensorRecording holes = read_text("time,x\n0,1\n0.1,2\n0.2,3\n0.5,4\n0.6,5\n");
  const SensorStream& x = holes.stream("x");
  EXPECT_NEAR(x.rate_hz, 10, 1e-9);
  ASSERT_EQ(x.num_samples(), 7u);
  EXPECT_TRUE(std::isnan(x.at(3, 0)) && std::isnan(x.at(4, 0)));
  EXPECT_EQ(x.at(5, 0), 4);
  EXPECT_THAT(holes.notes, Contains(HasSubstr("2 rows are left out")));
  const SensorRecording uneven = read_text("time,x\n0,1\n0.1,2\n0.27,3\n0.3,4\n0.3,5\n");
  EXPECT_EQ(uneven.stream("x").rate_hz, 0);
  EXPECT_THAT(uneven.stream("x").time_s, ElementsAre(0, 0.1, 0.27, 0.3, 0.3));
  // 256 Hz with times in milliseconds.
  std::string rounded = "time,x\n";
  for (int i = 0; i < 2560; ++i) rounded += fmt::format("{:.3f},{}\n", i / 256.0, i);
  EXPECT_NEAR(read_text(rounded).stream("x").rate_hz, 256, 1e-6);
  // A hole of a century is no reason to allocate one.
  EXPECT_EQ(read_text("time,x\n0,1\n0.001,2\n0.002,3\n1e9,4\n").stream("x").rate_hz, 0);
}

TEST(SensorCsv, ColumnMapNamesScalesAndGroups) {
  SensorReadOptions options;
  options.rate_hz["*"] = 50;
  options.columns = {{"a", "acc", "g", 0.5, 1, "wrist"},
                     {"c", "acc", "", 0.5, 0, "wrist"},
                     {"#2", "eda", "microsiemens", 2, 0, ""}};
  const SensorRecording recording = read_text("a,b,c,d\n1,2,3,x\n4,,6,y\n", options);
  ASSERT_EQ(recording.streams.size(), 2u);
  EXPECT_THAT(recording.stream("wrist").values_SC, ElementsAre(1.5, 1.5, 3, 3));
  EXPECT_THAT(recording.stream("wrist").channels, ElementsAre("a", "c"));
  EXPECT_EQ(recording.stream("eda").at(0, 0), 4);
  EXPECT_TRUE(std::isnan(recording.stream("eda").at(1, 0)));
  EXPECT_THAT(recording.notes, Contains(HasSubstr("column 'd' holds text")));
  options.columns = {{"aa", "", "", 1, 0, ""}};
  EXPECT_THAT(test::error_of([&] { read_text("aaa,b\n1,2\n", options); }, ErrorCode::kConfig),
              HasSubstr("no column 'aa'; did you mean 'aaa'?"));
  options.columns = {{"b", "", "", 0, 0, ""}};
  EXPECT_THAT(test::error_of([&] { read_text("a,b\n1,2\n", options); }, ErrorCode::kConfig),
              HasSubstr("scale not 0"));
}

TEST(SensorCsv, TimesAndRatesThatAreNoneAreRefused) {
  // Their difference is no number.
  const auto refused = [](const std::string& text, const SensorReadOptions& options = {}) {
    return test::error_of([&] { read_text(text, options); }, ErrorCode::kData);
  };
  EXPECT_THAT(refused("time,x\n-1e308,1\n1e308,2\n1e308,3\n"), HasSubstr("starts at -1e+308 s"));
  EXPECT_THAT(refused("time,x\n0,1\n1,2\n1.2,3\n1e300,3\n"), HasSubstr("a sample at 1e+300 s"));
  SensorReadOptions slow;
  slow.rate_hz["*"] = 1e-300;
  EXPECT_THAT(refused("x\n1\n2\n", slow), HasSubstr("a rate of 1e-300 Hz"));
}

TEST(SensorCsv, GapsTakeNoMoreMemoryThanIsAllowed) {
  // 4 rows; with the gap 9 million samples in each of 200 columns.
  std::string text = "time";
  for (int c = 0; c < 200; ++c) text += fmt::format(",x{}", c);
  for (const char* time : {"0", "1", "2", "9000000"}) {
    text += fmt::format("\n{}", time);
    for (int c = 0; c < 200; ++c) text += ",1";
  }
  SensorReadOptions options;
  options.max_bytes = 100 << 20;
  EXPECT_THAT(test::error_of([&] { read_text(text + "\n", options); }, ErrorCode::kData),
              HasSubstr("read fewer columns"));
}

TEST(SensorCsv, ColumnsOfTextAreReadInOnePass) {
  std::string text = "time,x,label\n";
  for (int i = 0; i < 300'000; ++i) text += fmt::format("{},1,rest\n", i);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(read_text(text).stream("x").num_samples(), 300'000u);
  // 45 billion steps when every row looks at all before it.
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), 20);
}

TEST(SensorCsv, AxesAreOneStream) {
  SensorReadOptions options;
  options.rate_hz["*"] = 100;
  const SensorRecording recording =
      read_text("acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n1,2,3,4,5,6\n", options);
  ASSERT_EQ(recording.streams.size(), 2u);
  EXPECT_EQ(recording.streams[0].name, "acc");
  EXPECT_THAT(recording.stream("gyro").values_SC, ElementsAre(4, 5, 6));
}

TEST(SensorCsv, RefusalsNameTheLine) {
  struct Case {
    const char* text;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"EDA\n1\n2\n", "no sampling rate and no time column for 'EDA'"},
      {"time,EDA\n1,1\n0.5,2\n2,3\n", "a.csv:3: column 'time': time 0.5 comes after 1"},
      {"time,EDA\n1,1\nx,2\n2,3\n", "a.csv:3: column 'time': 'x' is no time"},
      {"time,EDA\n1,1\n,2\n2,3\n", "a.csv:3: column 'time': '' is no time"},
      {"time,EDA\n1,1\n2,oops\n3,3\n", "a.csv:3: column 'EDA': 'oops' is not a number"},
      {"time,EDA\n1,1\n2\n3,3\n", "a.csv:3: 1 fields; expected 2"},
      {"time,EDA\n", "a header and no samples"},
      {"# Sampling Rate (Hz):= 0\n# Labels:= EDA\n1\n2\n", "a sampling rate of 0 Hz"},
      {"# Sampling Rate (Hz):= fast\n1\n", "a.csv:1: the sampling rate is 'fast'"},
      {"# OpenSignals Text File Format\n# {\"x\": \n# EndOfHeader\n1\n", "a.csv:2:1: not JSON"},
      {"# only comments\n", "no samples"},
      {"\xff\xfe"
       "E\0D\0A\0",
       "UTF-16"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(test::error_of([&] { read_text(c.text); }, ErrorCode::kData), HasSubstr(c.message)) << c.text;
  EXPECT_THAT(test::error_of([&] { read_text(""); }, ErrorCode::kData), HasSubstr("empty"));
  EXPECT_THAT(test::error_of([&] { read_text(std::string("ab\0c", 4)); }, ErrorCode::kData),
              HasSubstr("unknown kind"));
  const SensorRecording torn = read_text("time,EDA\n1,1\n2,2\n3,3\n4,");
  EXPECT_EQ(torn.stream("eda").num_samples(), 4u);  // an empty field is a missing value
  const SensorRecording torn_row = read_text("time,EDA\n1,1\n2,2\n3,3\n4");
  EXPECT_EQ(torn_row.stream("eda").num_samples(), 3u);
  EXPECT_THAT(torn_row.notes, Contains(HasSubstr("ends within line 5")));
  const SensorRecording negative = read_text("time,EDA\n-3,1\n-2,2\n-1,3\n");
  EXPECT_EQ(negative.origin_s, -3);
  EXPECT_EQ(read_text("time,EDA\n5,1\n").stream("eda").num_samples(), 1u);
}

TEST(SensorText, OpenSignalsHeader) {
  const std::string text =
      "# OpenSignals Text File Format\n"
      "# {\"00:07:80:3B:46:61\": {\"sensor\": [\"EDA\", \"RAW\"], \"device name\": \"x\", \"column\": "
      "[\"nSeq\", \"DI\", \"CH1\", "
      "\"CH2\"], \"label\": [\"CH1\", \"CH2\"], \"sampling rate\": 1000, \"resolution\": [16, 16], \"date\": "
      "\"2017-03-14\", "
      "\"time\": \"17:20:54.250\"}}\n"
      "# EndOfHeader\n"
      "0\t1\t31000\t500\t\n1\t1\t31010\t501\t\n2\t1\t31020\t502\t\n";
  const SensorRecording recording = read_text(text, {}, "a.txt");
  EXPECT_EQ(recording.format, "opensignals");
  ASSERT_EQ(recording.streams.size(), 2u);
  EXPECT_EQ(recording.stream("eda").rate_hz, 1000);
  EXPECT_EQ(recording.stream("eda").unit, "counts");
  EXPECT_THAT(recording.stream("eda").values_SC, ElementsAre(31000, 31010, 31020));
  EXPECT_THAT(recording.stream("CH2").values_SC, ElementsAre(500, 501, 502));
  EXPECT_EQ(recording.start_unix_s, 1489512054.25);  // date -u -d '2017-03-14 17:20:54' +%s
}

TEST(SensorText, RealBiosppyAndNeurokitSamples) {
  LIMBIC_REQUIRE_DATA("physio_samples");
  const std::string folder = test::real_data() + "/physio_samples";
  const SensorRecording eda = read_sensors(folder + "/biosppy/eda.txt");
  EXPECT_EQ(eda.stream("eda").rate_hz, 1000);
  EXPECT_EQ(eda.stream("eda").num_samples(), 150000u);
  EXPECT_EQ(eda.stream("eda").at(0, 0), 2669);
  const SensorRecording acc = read_sensors(folder + "/biosppy/acc.txt");
  EXPECT_EQ(acc.stream("acc").channels.size(), 3u);
  EXPECT_EQ(acc.stream("acc").at(0, 1), -0.88965);
  const SensorRecording rri = read_sensors(folder + "/biosppy/rri.txt");
  EXPECT_EQ(rri.stream("ibi").rate_hz, 0);
  EXPECT_EQ(rri.stream("ibi").at(0, 0), 0.6015625);
  EXPECT_EQ(rri.stream("ibi").time_of(1), 0.6015625 + 0.59375);
  const SensorRecording events = read_sensors(folder + "/neurokit/bio_eventrelated_100hz.csv");
  EXPECT_EQ(events.streams.size(), 4u);
  EXPECT_EQ(events.stream("photosensor").rate_hz, 100);
  EXPECT_THAT(events.notes, Contains(HasSubstr("100 Hz is taken from the file's name")));
}

TEST(Bids, RunIsOneRecordingWithInheritedMetadata) {
  test::TempDir dir;
  const std::string folder = dir / "sub-01/func";
  std::filesystem::create_directories(folder);
  core::write_file(dir / "dataset_description.json", "{}");
  core::write_file(
      dir / "task-rest_physio.json",
      R"({"SamplingFrequency": 1, "StartTime": -2.5, "Columns": ["cardiac", "respiratory", "trigger"]})");
  core::write_file(folder + "/sub-01_task-rest_physio.json",
                   R"({"SamplingFrequency": 50.0, "cardiac": {"Units": "mV"}})");
  core::write_file(folder + "/sub-01_task-rest_physio.tsv.gz",
                   test_files::gzipped("1\t2\t0\n3\tn/a\t1\n5\t6\t0\n"));
  core::write_file(folder + "/sub-01_task-rest_recording-wrist_physio.json",
                   R"({"SamplingFrequency": 4, "StartTime": 0, "Columns": ["EDA"]})");
  core::write_file(folder + "/sub-01_task-rest_recording-wrist_physio.tsv.gz",
                   test_files::gzipped("0.5\n0.6\n"));
  core::write_file(folder + "/sub-01_task-rest_events.tsv",
                   "onset\tduration\ttrial_type\n1.5\t2\tface\n4\tn/a\thouse\n");
  core::write_file(folder + "/sub-01_task-other_events.tsv", "onset\tduration\n1\t2\n");
  const SensorRecording recording = read_sensors(folder + "/sub-01_task-rest_physio.tsv.gz");
  EXPECT_EQ(recording.format, "bids");
  EXPECT_EQ(recording.origin_s, -2.5);
  ASSERT_EQ(recording.streams.size(), 4u);
  EXPECT_EQ(recording.stream("cardiac").rate_hz, 50);
  EXPECT_EQ(recording.stream("cardiac").unit, "mV");
  EXPECT_TRUE(std::isnan(recording.stream("respiration").at(1, 0)));
  EXPECT_EQ(recording.stream("eda").t0_s, 2.5);
  ASSERT_EQ(recording.markers.size(), 2u);
  EXPECT_EQ(recording.markers[0].label, "face");
  EXPECT_EQ(recording.markers[0].time_s, 4);
  EXPECT_EQ(recording.markers[0].duration_s, 2);
  EXPECT_EQ(find_recordings(folder).size(), 1u);

  const auto refused = [&](const std::string& sidecar, const std::string& rows) {
    test::TempDir bad;
    core::write_file(bad / "dataset_description.json", "{}");
    if (!sidecar.empty()) core::write_file(bad / "s_physio.json", sidecar);
    core::write_file(bad / "s_physio.tsv", rows);
    return test::error_of([&] { read_sensors(bad / "s_physio.tsv"); }, ErrorCode::kData);
  };
  EXPECT_THAT(refused("", "1\n"), HasSubstr("no s_physio.json beside it"));
  EXPECT_THAT(refused(R"({"SamplingFrequency": 0, "Columns": ["a"]})", "1\n"),
              HasSubstr("a sampling rate of 0 Hz"));
  EXPECT_THAT(refused(R"({"SamplingFrequency": "4", "Columns": ["a"]})", "1\n"),
              HasSubstr("SamplingFrequency is not a number"));
  EXPECT_THAT(refused(R"({"SamplingFrequency": 4})", "1\n"), HasSubstr("Columns is missing"));
  EXPECT_THAT(
      refused(R"({"SamplingFrequency": 4, "Columns": ["a"]})", "a\n1\n"),
      HasSubstr("s_physio.tsv:1: column 'a': 'a' is not a number; a BIDS physio table has no header row"));
  EXPECT_THAT(refused(R"({"SamplingFrequency": 4, "Columns": ["a"]})", "1\t2\n1\t2\n"),
              HasSubstr("2 fields; its .json names 1 columns"));
}

TEST(Bids, StartsThatAreNoTimesAreRefused) {
  test::TempDir dir;
  for (const auto& [recording, start] : {std::pair{"a", "-1e308"}, std::pair{"b", "1e308"}}) {
    const std::string name = dir / (std::string("sub-01_recording-") + recording + "_physio");
    core::write_file(
        name + ".json",
        fmt::format(R"({{"SamplingFrequency": 10, "StartTime": {}, "Columns": ["cardiac"]}})", start));
    core::write_file(name + ".tsv", "1\n2\n");
  }
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "sub-01_recording-a_physio.tsv"); }, ErrorCode::kData),
              HasSubstr("starts at -1e+308 s"));
}

TEST(SensorText, ModalitiesAreGuessedFromNames) {
  const std::vector<std::pair<const char*, const char*>> cases = {{"EDA", "eda"},
                                                                  {"GSR1", "eda"},
                                                                  {"ecgLead2", "ecg"},
                                                                  {"EKG", "ecg"},
                                                                  {"PPG_green", "ppg"},
                                                                  {"RRI", "ibi"},
                                                                  {"HR", "heart_rate"},
                                                                  {"skinTemp", "temperature"},
                                                                  {"ACC X", "acc"},
                                                                  {"RSP", "respiration"},
                                                                  {"EMG zyg", "emg"},
                                                                  {"pupil_left", "pupil"},
                                                                  {"Photosensor", "photosensor"},
                                                                  {"error", "other"},
                                                                  {"chrome", "other"},
                                                                  {"", "other"}};
  for (const auto& [name, modality] : cases) EXPECT_EQ(guess_modality(name), modality) << name;
  EXPECT_EQ(guess_modality("signal 3", "uS"), "eda");
}

}  // namespace
}  // namespace limbic::formats
