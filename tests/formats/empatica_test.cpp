#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "limbic/formats/sensor_recording.h"
#include "sensor_files_for_tests.h"

namespace limbic::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void write_session(const std::string& folder, const std::vector<std::pair<std::string, std::string>>& files) {
  std::filesystem::create_directories(folder);
  for (const auto& [name, bytes] : files) core::write_file(folder + "/" + name, bytes);
}

void expect_session(const SensorRecording& recording) {
  EXPECT_EQ(recording.format, "empatica_e4");
  EXPECT_EQ(recording.start_unix_s, 1000.0);
  ASSERT_EQ(recording.streams.size(), 4u);
  const SensorStream& acc = recording.stream("acc");
  EXPECT_EQ(acc.num_samples(), 32u * 20);
  EXPECT_EQ(acc.unit, "g");
  EXPECT_THAT(acc.channels, ElementsAre("x", "y", "z"));
  EXPECT_EQ(acc.at(3, 0), 3.0 / 64);
  EXPECT_EQ(acc.at(3, 1), -3.0 / 64);
  EXPECT_EQ(acc.at(3, 2), 1.0);
  const SensorStream& eda = recording.stream("EDA");
  EXPECT_EQ(eda.t0_s, 0.5);
  EXPECT_EQ(eda.rate_hz, 4);
  EXPECT_EQ(eda.end_s(), 20.5);
  EXPECT_EQ(eda.time_of(2), 1.0);
  EXPECT_EQ(recording.stream("heart_rate").t0_s, 10);
  const SensorStream& ibi = recording.stream("ibi");
  EXPECT_EQ(ibi.rate_hz, 0);
  EXPECT_THAT(ibi.time_s, ElementsAre(3.5, 4.25, 9.0));
  EXPECT_THAT(ibi.values_SC, ElementsAre(0.75, 0.75, 0.8));
  const auto gaps = find_gaps(ibi);
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].start_s, 4.25);
  EXPECT_EQ(gaps[0].end_s, 9.0);
  ASSERT_EQ(recording.markers.size(), 2u);
  EXPECT_EQ(recording.markers[0].time_s, 2.25);
  EXPECT_EQ(recording.markers[1].time_s, 5);
  EXPECT_EQ(recording.end_s(), 30);
}

TEST(Empatica, FolderZipAndGzipGiveTheSameRecording) {
  test::TempDir dir;
  auto files = test_files::e4_session(20);
  write_session(dir / "plain", files);
  const SensorRecording plain = read_sensors(dir / "plain");
  expect_session(plain);
  EXPECT_THAT(plain.notes, IsEmpty());
  test_files::write_zip(dir / "session.zip", files);
  expect_session(read_sensors(dir / "session.zip"));
  auto nested = files;
  for (auto& [name, bytes] : nested) name = "1644226061_A01234/" + name;
  nested.push_back({"__MACOSX/._ACC.csv", "junk"});
  test_files::write_zip(dir / "nested.zip", nested);
  expect_session(read_sensors(dir / "nested.zip"));
  for (auto& [name, bytes] : files) {
    name += ".gz";
    bytes = test_files::gzipped(bytes);
  }
  files[4].first = "tags_S01.csv.gz";
  write_session(dir / "packed", files);
  expect_session(read_sensors(dir / "packed"));
}

TEST(Empatica, OneFileOfAFolderMayBeNamedByItself) {
  test::TempDir dir;
  write_session(dir / "s", {{"EDA.csv", "1644226061.0\n4.0\n0.1\n0.2\n0.3\n"},
                            {"TEMP.csv", "1644226060.0\n4.0\n31\n32\n"},
                            {"tags.csv", ""}});
  const SensorRecording eda = read_sensors(dir / "s/EDA.csv");
  ASSERT_EQ(eda.streams.size(), 1u);
  EXPECT_EQ(eda.stream("eda").values_SC, (std::vector<double>{0.1, 0.2, 0.3}));
  EXPECT_EQ(eda.stream("eda").t0_s, 0);
  EXPECT_EQ(eda.start_unix_s, 1644226061.0);
  // Another tool's file of that name has a header, and is what it is.
  write_session(dir / "other", {{"EDA.csv", "time,EDA\n0,1\n0.25,2\n0.5,3\n"}});
  EXPECT_EQ(read_sensors(dir / "other/EDA.csv").format, "csv");
}

TEST(Empatica, MissingSamplesEmptyFilesAndTornEnds) {
  test::TempDir dir;
  write_session(dir / "a", {{"EDA.csv", "1000\n4\n1\n\nnan\n4\n\n"},
                            {"TEMP.csv", "1000.0\n4.0\n33.5"},
                            {"HR.csv", "1010\r\n1\r\n"},
                            {"BVP.csv", ""},
                            {"ACC.csv", "1000, 1000, 1000\n32, 32, 32\n1,2,3\n4,5"},
                            {"IBI.csv", ""},
                            {"tags.csv", ""}});
  const SensorRecording recording = read_sensors(dir / "a");
  const auto& eda = recording.stream("eda").values_SC;
  ASSERT_EQ(eda.size(), 4u);
  EXPECT_EQ(eda[0], 1);
  EXPECT_TRUE(std::isnan(eda[1]) && std::isnan(eda[2]));
  EXPECT_EQ(eda[3], 4);
  const auto gaps = find_gaps(recording.stream("eda"));
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].start_s, 0.25);
  EXPECT_EQ(gaps[0].end_s, 0.75);
  EXPECT_THAT(recording.stream("temperature").values_SC, ElementsAre(33.5));
  EXPECT_EQ(recording.stream("HR").num_samples(), 0u);
  EXPECT_EQ(recording.stream("acc").num_samples(), 1u);
  EXPECT_FALSE(recording.has("bvp"));
  EXPECT_THAT(recording.markers, IsEmpty());
  EXPECT_THAT(recording.notes, ElementsAre(HasSubstr("ACC ends within line 4"), HasSubstr("BVP is empty"),
                                           HasSubstr("HR has a header and no samples")));
}

TEST(Empatica, OptionsSelectCutAndReplaceTheRate) {
  test::TempDir dir;
  write_session(dir / "a", test_files::e4_session(20));
  SensorReadOptions options;
  options.streams = {"eda", "acc"};
  options.start_s = 2;
  options.end_s = 5;
  const SensorRecording part = read_sensors(dir / "a", options);
  ASSERT_EQ(part.streams.size(), 2u);
  EXPECT_EQ(part.stream("acc").t0_s, 2);
  EXPECT_EQ(part.stream("acc").num_samples(), 96u);
  EXPECT_EQ(part.stream("eda").t0_s, 2);
  EXPECT_EQ(part.stream("eda").values_SC.front(), 0.25 * 6);
  EXPECT_EQ(part.stream("eda").num_samples(), 12u);
  EXPECT_EQ(part.markers.size(), 1u);
  options.streams = {"edda"};
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "a", options); }, ErrorCode::kConfig),
              HasSubstr("no stream 'edda'"));
  write_session(dir / "b", {{"EDA.csv", "1000\n0\n1\n2\n"}});
  SensorReadOptions rate;
  rate.rate_hz["eda"] = 8;
  EXPECT_EQ(read_sensors(dir / "b", rate).stream("eda").rate_hz, 8);
  rate.rate_hz["eda"] = -1;
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "b", rate); }, ErrorCode::kConfig),
              HasSubstr("must be positive"));
  SensorReadOptions cut;
  cut.start_s = 3;
  cut.end_s = 3;
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "a", cut); }, ErrorCode::kConfig),
              HasSubstr("not before"));
}

TEST(Empatica, RefusalsNameFileAndLine) {
  struct Case {
    const char* name;
    const char* bytes;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"EDA.csv", "1000\n0\n1\n", "EDA.csv:2: a sampling rate of 0 Hz for 'EDA'; it must be positive"},
      {"EDA.csv", "1000\n-4\n1\n", "EDA.csv:2: a sampling rate of -4 Hz"},
      {"EDA.csv", "1000\nnan\n1\n", "EDA.csv:2: a sampling rate of nan Hz"},
      {"EDA.csv", "1000\ninf\n1\n", "EDA.csv:2: 'inf' is no sampling rate"},
      {"EDA.csv", "1000\nfour\n", "EDA.csv:2: 'four' is no sampling rate"},
      {"EDA.csv", "1000", "EDA.csv:1: the file ends after the start time"},
      {"EDA.csv", "time\n4\n1\n", "EDA.csv:1: 'time' is no start time"},
      {"EDA.csv", "-5\n4\n1\n", "EDA.csv:1: a start of -5 s"},
      {"EDA.csv", "1e300\n4\n1\n", "EDA.csv:1: a start of 1e+300 s"},
      {"EDA.csv", "1000\n4\n1\nx\n2\n", "EDA.csv:4: 'x' is not a number"},
      {"EDA.csv", "1000\n4\n1,2\n", "EDA.csv:3: 2 numbers; EDA has 1 a line"},
      {"ACC.csv", "1000,1000,1000\n32,32,32\n1,2\n1,2,3\n", "ACC.csv:3: 2 numbers; ACC has 3 a line"},
      {"IBI.csv", "1000, IBI\n5,0.8\n4,0.8\n", "IBI.csv:3: offset 4 s comes after 5 s"},
      {"IBI.csv", "1000, IBI\n-5,0.8\n", "IBI.csv:2: an offset of -5 s"},
      {"IBI.csv", "1000, IBI\n5,0\n", "IBI.csv:2: an interval of 0 s"},
      {"IBI.csv", "1000, IBI\n5\n", "IBI.csv:2: expected `offset,interval`"},
  };
  for (const Case& c : cases) {
    test::TempDir dir;
    write_session(dir / "s", {{c.name, c.bytes}});
    EXPECT_THAT(test::error_of([&] { read_sensors(dir / "s"); }, ErrorCode::kData), HasSubstr(c.message));
  }
  test::TempDir dir;
  write_session(dir / "tags", {{"EDA.csv", "1000\n4\n1\n"}, {"tags.csv", "1001\n-3\n"}});
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "tags"); }, ErrorCode::kData),
              HasSubstr("tags.csv:2: a tag at -3 s"));
  using namespace std::string_literals;
  write_session(dir / "nul", {{"EDA.csv", "1000\n4\n1\0\n"s}});
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "nul"); }, ErrorCode::kData),
              HasSubstr("EDA.csv:3: a NUL byte"));
  write_session(dir / "mixed", {{"EDA.csv", "1000\n4\n1\n"}, {"HR.csv", "200000\n1\n60\n"}});
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "mixed"); }, ErrorCode::kData),
              HasSubstr("different sessions"));
  write_session(dir / "cut", {{"EDA.csv.gz", test_files::gzipped("1000\n4\n1\n2\n3\n").substr(0, 25)}});
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "cut"); }, ErrorCode::kData), HasSubstr("ends early"));
  write_session(dir / "none", {{"readme.txt", "x"}});
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "none"); }, ErrorCode::kData),
              HasSubstr("no sensor recording"));
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "absent"); }, ErrorCode::kData),
              HasSubstr("no such file"));
}

TEST(Empatica, ArchivesAreHarmless) {
  test::TempDir dir;
  // Names that climb are only names; nothing is written.
  test_files::write_zip(dir / "climb.zip", {{"../../EDA.csv", "1000\n4\n1\n2\n"}});
  EXPECT_EQ(read_sensors(dir / "climb.zip").stream("eda").num_samples(), 2u);
  EXPECT_FALSE(std::filesystem::exists(dir / "EDA.csv"));
  test_files::write_zip(dir / "two.zip", {{"a/EDA.csv", "1000\n4\n1\n"}, {"b/EDA.csv", "1000\n4\n1\n"}});
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "two.zip"); }, ErrorCode::kData),
              HasSubstr("two recordings"));
  // 64 MB of zeros in 64 kB.
  test_files::write_zip(dir / "bomb.zip", {{"EDA.csv", "1000\n4\n" + std::string(64 << 20, '0')}});
  SensorReadOptions options;
  options.max_bytes = 1 << 20;
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "bomb.zip", options); }, ErrorCode::kData),
              HasSubstr("unpacks to more than 1048576 bytes"));
  core::write_file(dir / "not.zip", "PK\x03\x04 and no more");
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "not.zip"); }, ErrorCode::kData),
              HasSubstr("not a zip archive"));
  test_files::write_zip(dir / "other.zip", {{"a.txt", "hello"}});
  EXPECT_THAT(test::error_of([&] { read_sensors(dir / "other.zip"); }, ErrorCode::kData),
              HasSubstr("without EDA.csv"));
}

TEST(Empatica, AllOfStressPredictLoads) {
  LIMBIC_REQUIRE_DATA("stress_predict");
  const auto people = find_recordings(test::real_data() + "/stress_predict");
  ASSERT_EQ(people.size(), 25u);
  // python's csv module counts rows and sums values of every file.
  const auto judged = test_files::python(R"(
import csv, glob, gzip, os, sys
for folder in sorted(glob.glob(sys.argv[1] + '/S*')):
    for name in ['ACC', 'BVP', 'EDA', 'TEMP', 'HR', 'IBI', 'tags']:
        for path, opened in ((folder + '/' + name + '.csv', open), (folder + '/' + name + '.csv.gz', gzip.open)):
            if not os.path.exists(path): continue
            rows = [r for r in csv.reader(opened(path, 'rt')) if r]
            skip = {'IBI': 1, 'tags': 0}.get(name, 2)
            values = [float(r[-1]) for r in rows[skip:]]
            print(os.path.basename(folder), name, len(values), repr(sum(values)), float(rows[0][0]) if rows else 0)
)",
                                         "'" + test::real_data() + "/stress_predict'");
  std::map<std::string, SensorRecording> recordings;
  for (const std::string& folder : people) {
    const SensorRecording recording = read_sensors(folder);
    EXPECT_TRUE(recording.has("eda") && recording.has("acc") && recording.has("temperature") &&
                recording.has("heart_rate"))
        << folder;
    EXPECT_GT(recording.end_s(), 2400) << folder;
    // Two people pressed the button before the first sample or after the last.
    const bool has_stray_tags =
        folder.find("S17") != std::string::npos || folder.find("S18") != std::string::npos;
    EXPECT_EQ(recording.notes.size(), has_stray_tags ? 1u : 0u) << folder;
    recordings.emplace(std::filesystem::path(folder).filename().string(), recording);
  }
  EXPECT_EQ(recordings.at("S01").stream("eda").num_samples(), 13032u);  // wc -l EDA.csv, less 2
  EXPECT_EQ(recordings.at("S01").markers.size(), 10u);
  EXPECT_EQ(recordings.at("S02").stream("bvp").num_samples(), 228173u);
  if (!judged) GTEST_SKIP() << "no python3 to count rows";
  std::istringstream lines(*judged);
  std::string person, name;
  size_t count = 0;
  double sum = 0, start = 0;
  int num_judged = 0;
  while (lines >> person >> name >> count >> sum >> start) {
    const SensorRecording& recording = recordings.at(person);
    ++num_judged;
    if (name == "tags") {
      EXPECT_EQ(recording.markers.size(), count) << person;
      double total = 0;
      for (const auto& marker : recording.markers) total += marker.time_s + *recording.start_unix_s;
      EXPECT_NEAR(total, sum, 1e-3) << person;
      continue;
    }
    const SensorStream& stream = recording.stream(name);
    EXPECT_EQ(stream.num_samples(), count) << person << " " << name;
    double total = 0;
    for (const double v : stream.channel(stream.channels.size() - 1)) total += v;
    EXPECT_NEAR(total, sum / (name == "ACC" ? 64 : 1), 1e-9 * std::abs(sum) + 1e-6) << person << " " << name;
    EXPECT_NEAR(stream.t0_s + *recording.start_unix_s, start, 1e-6) << person << " " << name;
  }
  EXPECT_EQ(num_judged, 25 * 6 + 3);
}

TEST(Empatica, FlirtSampleWithEmptyTagsLoads) {
  LIMBIC_REQUIRE_DATA("physio_samples/flirt_e4");
  const SensorRecording recording = read_sensors(test::real_data() + "/physio_samples/flirt_e4");
  EXPECT_EQ(recording.streams.size(), 6u);
  EXPECT_THAT(recording.markers, IsEmpty());
  EXPECT_EQ(recording.start_unix_s, 1560279825.0);
  EXPECT_EQ(recording.stream("ibi").num_samples(), 4999u);
  EXPECT_EQ(recording.stream("acc").at(0, 0), -61.0 / 64);
}

}  // namespace
}  // namespace limbic::formats
