#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "formats/sensor_files_for_tests.h"
#include "import/corpus_files.h"
#include "import/physio/wesad.h"
#include "import/pickle_files.h"
#include "limbic/core/atomic_file.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::imported_twice;
using testing::write_text;
namespace pickle = testing::pickle;

std::string wesad_error(const std::string& source, const std::string& out) {
  return test::error_of([&] { import_corpus("wesad", source, out); }, ErrorCode::kData);
}

/// 200 s: 10 s nothing, 65 s baseline, 65 s stress, 60 s of label 5.
std::string wesad_subject(const std::string& name, double bad_label = 0) {
  const auto wave = [](double rate_hz, const auto& value) {
    std::vector<double> out;
    for (int i = 0; i < 200 * rate_hz; ++i) out.push_back(value(i / rate_hz));
    return pickle::array<double>({static_cast<int32_t>(out.size()), 1}, "f8", out);
  };
  const auto eda = [](double t) { return 2 + 0.002 * t + 0.3 * std::exp(-std::fmod(t, 15.0)); };
  const auto pulse = [](double t) { return std::exp(-50 * std::pow(std::fmod(t, 0.8) - 0.3, 2)); };
  const auto r_peaks = [](double t) { return std::exp(-5000 * std::pow(std::fmod(t, 0.8) - 0.3, 2)); };
  std::vector<double> acc;
  for (int i = 0; i < 200 * 32; ++i) {
    acc.insert(acc.end(), {3 * std::sin(i * 0.1), 0.0, 64.0});
  }
  std::vector<int32_t> labels;
  for (int i = 0; i < 200 * 700; ++i) labels.push_back(i < 7000 ? 0 : i < 52500 ? 1 : i < 98000 ? 2 : 5);
  if (bad_label > 0) labels[100] = static_cast<int32_t>(bad_label);
  const std::string wrist =
      pickle::dict({{"ACC", pickle::array<double>({static_cast<int32_t>(acc.size() / 3), 3}, "f8", acc)},
                    {"BVP", wave(64, pulse)},
                    {"EDA", wave(4, eda)},
                    {"TEMP", wave(4, [](double t) { return 33 + 0.001 * t; })}});
  const std::string chest = pickle::dict({{"ECG", wave(700, r_peaks)}, {"EDA", wave(700, eda)}});
  return pickle::file(
      pickle::dict({{"signal", pickle::dict({{"wrist", wrist}, {"chest", chest}})},
                    {"label", pickle::array<int32_t>({static_cast<int32_t>(labels.size())}, "i4", labels)},
                    {"subject", pickle::str(name)}}));
}

TEST(WesadImport, WindowsLieWhollyInOneCondition) {
  const test::TempDir dir;
  write_text(dir / "w/S2/S2.pkl", wesad_subject("S2"));
  const auto store = imported_twice("wesad", dir / "w", dir / "s");
  ASSERT_EQ(store->size(), 2);
  EXPECT_EQ(store->samples()[0].labels.at("condition"), "baseline");
  EXPECT_EQ(store->samples()[0].t0.seconds(), 10);
  EXPECT_EQ(store->samples()[1].labels.at("condition"), "stress");
  EXPECT_EQ(store->samples()[1].labels.at("stress"), "stress");
  EXPECT_EQ(store->samples()[1].t0.seconds(), 75);
  EXPECT_EQ(store->samples()[1].subject, "S2");
  const auto value = [&](const std::string& stream, const std::string& column) {
    const auto& columns = store->info().modalities.at(stream).columns;
    const auto at = std::find(columns.begin(), columns.end(), column);
    EXPECT_NE(at, columns.end()) << stream << " has " << ::testing::PrintToString(columns);
    if (at == columns.end()) return std::nan("");
    return store->read(1, stream)[0][at - columns.begin()].item<double>();
  };
  // 0.8 s between beats on both devices; 2 microsiemens on both after 75 s.
  EXPECT_NEAR(value("heart", "hr_mean_bpm"), 75, 1);
  EXPECT_NEAR(value("chest_heart", "hr_mean_bpm"), 75, 0.5);
  EXPECT_NEAR(value("eda", "eda_tonic_mean"), value("chest_eda", "eda_tonic_mean"), 0.05);
  EXPECT_NEAR(value("eda", "eda_tonic_mean"), 2.22, 0.1);
  EXPECT_EQ(store->samples()[1].streams.count("imu"), 1u);
  EXPECT_EQ(store->samples()[1].streams.count("temperature"), 1u);
}

TEST(WesadImport, WrongFilesAreRefusedByPath) {
  const test::TempDir dir;
  EXPECT_THAT(wesad_error(dir.path(), dir / "s"), HasSubstr("no S2/S2.pkl, S3/S3.pkl ... here"));
  write_text(dir / "w/S2/S2.pkl", wesad_subject("S3"));
  EXPECT_THAT(wesad_error(dir / "w", dir / "s"), HasSubstr("S2.pkl: subject: 'S3' in the folder of S2"));
  write_text(dir / "w/S2/S2.pkl", wesad_subject("S2", 9));
  EXPECT_THAT(wesad_error(dir / "w", dir / "s"), HasSubstr("label 9 at 0.143 s; expected 0 to 7"));
  write_text(dir / "w/S2/S2.pkl",
             pickle::file(pickle::dict(
                 {{"signal", pickle::dict({{"wrist", pickle::dict({})}, {"chest", pickle::dict({})}})},
                  {"subject", pickle::str("S2")}})));
  EXPECT_THAT(wesad_error(dir / "w", dir / "s"), HasSubstr("S2.pkl: signal.wrist: no key 'EDA'"));
}

const std::string kRespibanHeader =
    "# OpenSignals Text File Format\n"
    "# {\"00:11:22:33:44:55\": {\"sensor\": [\"ECG\", \"EDA\", \"EMG\", \"TEMP\", \"XYZ\", \"XYZ\", \"XYZ\", "
    "\"RESPIRATION\"], \"device name\": \"RespiBan\", \"column\": [\"nSeq\", \"DI\", \"CH1\", \"CH2\", "
    "\"CH3\", \"CH4\", \"CH5\", \"CH6\", \"CH7\", \"CH8\"], \"time\": \"9:12:3.0\", \"date\": "
    "\"2017-3-4\", \"sampling rate\": 700, \"label\": [\"CH1\", \"CH2\", \"CH3\", \"CH4\", \"CH5\", "
    "\"CH6\", \"CH7\", \"CH8\"], \"resolution\": [16, 16, 16, 16, 16, 16, 16, 16]}}\n"
    "# EndOfHeader\n";

/// A wearer: bursts of movement in g, which no two seeds share and which does not repeat itself.
class Movement {
 public:
  explicit Movement(uint64_t seed) {
    core::Rng rng(seed);
    for (double t = 5; t < 400; t += 3 + 12 * rng.uniform()) {
      Burst burst{t, 0.5 + 1.5 * rng.uniform(), {}};
      for (Wave& wave : burst.waves) wave = {0.5 + 5 * rng.uniform(), 2 * M_PI * rng.uniform()};
      bursts_.push_back(burst);
    }
  }
  double at(double t) const {
    double sum = 0;
    for (const Burst& burst : bursts_) {
      const double away = (t - burst.middle_s) / burst.width_s;
      if (std::abs(away) > 5) continue;
      for (const Wave& wave : burst.waves)
        sum += 0.15 * std::exp(-0.5 * away * away) * std::sin(2 * M_PI * wave.rate_hz * t + wave.phase_rad);
    }
    return sum;
  }

 private:
  struct Wave {
    double rate_hz, phase_rad;
  };
  struct Burst {
    double middle_s, width_s;
    std::array<Wave, 5> waves;
  };
  std::vector<Burst> bursts_;
};

constexpr double kWristOffset_s = 37.3;
/// On the RespiBAN's clock; the slope shows whose clock a window was cut by.
double skin_conductance(double t) {
  return 2 + 0.02 * t;
}
double beat(double t, double sharpness) {
  return std::exp(-sharpness * std::pow(std::fmod(t, 0.8) - 0.3, 2));
}

void write_respiban(const std::string& path, double seconds) {
  const Movement movement(1);
  core::Rng rng(3);
  std::string text = kRespibanHeader;
  const auto count = [](double x) { return std::lround(x); };
  for (int i = 0; i < 700 * seconds; ++i) {
    const double t = i / 700.0;
    const auto axis = [&](double g) { return count(28000 + 5000 * (g + 1 + 0.005 * rng.normal())); };
    text +=
        fmt::format("{}\t0\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t\n", i, count((beat(t, 5000) / 3 + 0.5) * 65536),
                    count(skin_conductance(t) * 0.12 / 3 * 65536), 32768, 25000, axis(0.1), axis(0.05),
                    axis(1 + movement.at(t)), 32768);
  }
  write_text(path, text);
}

/// What a wrist records whose clock starts at kWristOffset_s of the chest's and runs slow by `drift`.
std::vector<std::pair<std::string, std::string>> wrist_files(double seconds, uint64_t seed, double drift) {
  const Movement movement(seed);
  core::Rng rng(4);
  const auto file = [&](double rate_hz, const auto& value) {
    std::string text = fmt::format("1490000000.000000\n{:.6f}\n", rate_hz);
    for (int i = 0; i < rate_hz * seconds; ++i)
      text += fmt::format("{:.6f}\n", value(kWristOffset_s + (1 + drift) * i / rate_hz));
    return text;
  };
  std::string acc =
      "1490000000.000000, 1490000000.000000, 1490000000.000000\n32.000000, 32.000000, 32.000000\n";
  for (int i = 0; i < 32 * seconds; ++i) {
    const double g = 1 + 1.5 * movement.at(kWristOffset_s + (1 + drift) * i / 32.0);
    acc += fmt::format("{},{},{}\n", std::lround(64 * g), std::lround(3 + rng.normal()), 5);
  }
  return {{"ACC.csv", acc},
          {"BVP.csv", file(64, [](double t) { return beat(t, 50); })},
          {"EDA.csv", file(4, skin_conductance)},
          {"TEMP.csv", file(4, [](double t) { return 33 + 0.001 * t; })},
          {"tags.csv", ""}};
}

/// Windows of 20 s: one a condition, from 40, 85, 140 and 195 s.
const std::string kSchedule =
    "# Subj;S2;;;;;\n"
    "# ORDER;Base;TSST;Medi 1;sRead;Fun;\n"
    "# START;0.3;1.15;2.1;3;3.05;\n"
    "# END;1.15;2.1;3.0;3.04;3.58;\n"
    ";;;;;;\n# PANAS;1;1;3;1;;\n";

void write_raw_subject(const std::string& folder, uint64_t wrist_seed = 1, double drift = 0) {
  write_respiban(folder + "/S2_respiban.txt", 350);
  write_text(folder + "/S2_quest.csv", kSchedule);
  formats::test_files::write_zip(folder + "/S2_E4_Data.zip", wrist_files(310, wrist_seed, drift));
}

ImportOptions short_windows() {
  ImportOptions options;
  options.window_s = options.step_s = 20;
  return options;
}

TEST(WesadImport, DevicesFilesAreAlignedByMovementAndGiveThePicklesInfo) {
  const test::TempDir dir;
  write_raw_subject(dir / "w/S2");
  const auto store = imported_twice("wesad", dir / "w", dir / "s", short_windows());
  ASSERT_EQ(store->size(), 4);
  const std::vector<std::pair<std::string, double>> expected = {
      {"baseline", 40}, {"stress", 85}, {"meditation", 140}, {"amusement", 195}};
  const auto value = [&](int64_t i, const std::string& stream, const std::string& column) {
    const auto& columns = store->info().modalities.at(stream).columns;
    const auto at = std::find(columns.begin(), columns.end(), column) - columns.begin();
    return store->read(i, stream)[0][at].item<double>();
  };
  for (int64_t i = 0; i < 4; ++i) {
    const Sample sample = store->samples()[i];
    const auto& [condition, start_s] = expected[static_cast<size_t>(i)];
    EXPECT_EQ(sample.labels.at("condition"), condition);
    EXPECT_EQ(sample.labels.at("stress"), condition == "stress" ? "stress" : "non-stress");
    EXPECT_EQ(sample.t0.seconds(), start_s);
    EXPECT_EQ(sample.source_path, "S2/S2_respiban.txt");
    EXPECT_NEAR(std::stod(sample.attributes.at("wrist_clock_offset_s")), kWristOffset_s, 0.05);
    EXPECT_NEAR(std::stod(sample.attributes.at("wrist_clock_drift")), 0, 1e-4);
    EXPECT_GT(std::stod(sample.attributes.at("wrist_clock_confidence")), 0.3);
    EXPECT_EQ(sample.streams.size(), 6u);
    // A wrist that is 1 s off would be 0.02 microsiemens off.
    EXPECT_NEAR(value(i, "eda", "eda_tonic_mean"), value(i, "chest_eda", "eda_tonic_mean"), 0.01);
    EXPECT_NEAR(value(i, "chest_heart", "hr_mean_bpm"), 75, 0.5);
    EXPECT_NEAR(value(i, "heart", "hr_mean_bpm"), 75, 1);
  }
  write_text(dir / "p/S3/S3.pkl", wesad_subject("S3"));
  const auto pickled = imported_twice("wesad", dir / "p", dir / "t", short_windows());
  EXPECT_EQ(core::read_file(dir / "s/dataset.yaml"), core::read_file(dir / "t/dataset.yaml"));
}

TEST(WesadImport, PickleWinsOverTheDevicesFiles) {
  const test::TempDir dir;
  write_text(dir / "w/S2/S2.pkl", wesad_subject("S2"));
  write_text(dir / "w/S2/S2_respiban.txt", "damaged");
  write_text(dir / "w/S2/S2_E4_Data.zip", "damaged");
  const auto store = imported_twice("wesad", dir / "w", dir / "s");
  ASSERT_EQ(store->size(), 2);
  EXPECT_EQ(store->samples()[0].source_path, "S2/S2.pkl");
  EXPECT_TRUE(store->samples()[0].attributes.empty());
}

TEST(WesadImport, DriftOfTheWristIsFound) {
  const test::TempDir dir;
  write_raw_subject(dir / "w/S2", 1, 2e-4);
  const auto recordings = wesad_import::read_raw_recordings(dir / "w", "S2");
  const double drift = std::stod(recordings.attributes.at("wrist_clock_drift"));
  EXPECT_NEAR(drift, 2e-4, 5e-5);
  EXPECT_NEAR(recordings.wrist.stream("bvp").t0_s, kWristOffset_s, 0.05);
  // The wrist's 310 s last 62 ms longer on the chest's clock.
  EXPECT_NEAR(recordings.wrist.stream("bvp").end_s(), kWristOffset_s + 310 * (1 + 2e-4), 0.05);
  EXPECT_NEAR(recordings.wrist.stream("bvp").rate_hz, 64 / (1 + drift), 1e-3);
}

TEST(WesadImport, DevicesThatShareNoMovementAreRefusedByName) {
  const test::TempDir dir;
  write_raw_subject(dir / "w/S2", 2);
  EXPECT_THAT(wesad_error(dir / "w", dir / "s"),
              AllOf(HasSubstr("S2: "), HasSubstr("S2_E4_Data.zip"), HasSubstr("S2_respiban.txt"),
                    HasSubstr("share no movement"), HasSubstr("S2.pkl")));
  std::filesystem::remove(dir / "w/S2/S2_E4_Data.zip");
  EXPECT_THAT(wesad_error(dir / "w", dir / "s"), HasSubstr("S2_E4_Data.zip: missing"));
  write_text(dir / "w/S2/S2_E4_Data/EDA.csv", "1490000000.0\n4.0\n1\n1\n");
  EXPECT_THAT(wesad_error(dir / "w", dir / "s"), HasSubstr("S2_E4_Data: no BVP.csv"));
}

std::vector<wesad_import::ConditionInterval> schedule_of(const std::string& text) {
  const test::TempDir dir;
  write_text(dir / "S2_quest.csv", text);
  return wesad_import::read_schedule(dir / "S2_quest.csv", "S2", 7000);
}

TEST(WesadSchedule, TimesAreMinutesAndSecondsWithoutTheirLastZero) {
  const auto intervals = schedule_of(
      "# Subj;S2;;\n# ORDER;Base;Medi 2;TSST;fRead;;\n# START;7.08;100.15;39.55;1.0;;\n"
      "# END;26.32;110;50.3;2;;\n# DIM;5;2;;\n");
  ASSERT_EQ(intervals.size(), 3u);
  const std::vector<std::array<double, 3>> expected = {
      {0, 7 * 60 + 8, 26 * 60 + 32}, {1, 39 * 60 + 55, 50 * 60 + 30}, {3, 100 * 60 + 15, 110 * 60}};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(static_cast<double>(intervals[i].condition), expected[i][0]);
    EXPECT_EQ(intervals[i].extent.start_s, expected[i][1] + 10);  // S2.pkl labels 10 s less at either end
    EXPECT_EQ(intervals[i].extent.end_s, expected[i][2] - 10);
  }
}

TEST(WesadSchedule, DamageIsNamedByFileAndLine) {
  struct Case {
    std::string text, message;
  };
  const std::string order = "# Subj;S2\n# ORDER;Base;TSST\n";
  const std::vector<Case> cases = {
      {order + "# START;1;5\n# END;2.60;6\n", "S2_quest.csv:4: '2.60' is no time; expected minutes.seconds"},
      {order + "# START;1;x\n# END;2;6\n", "S2_quest.csv:3: 'x' is no time"},
      {order + "# START;1;-5\n# END;2;6\n", "S2_quest.csv:3: '-5' is no time"},
      {order + "# START;1;5.123\n# END;2;6\n", "S2_quest.csv:3: '5.123' is no time"},
      {order + "# START;1;;5\n# END;2;6\n", "S2_quest.csv:3: 3 times of 2 conditions"},
      {order + "# START;1;5\n# END;2\n", "S2_quest.csv:4: 1 times of 2 conditions"},
      {order + "# START;3;5\n# END;2;6\n", "S2_quest.csv:4: 'Base' ends at 2, before it starts at 3"},
      {order + "# START;1;5\n# END;5.1;6\n", "S2_quest.csv:3: a condition starts at 300 s, before"},
      {order + "# START;1;5\n# END;2;120\n", "S2_quest.csv:4: 'TSST' ends at 7200 s; the RespiBAN recorded"},
      {order + "# START;1;5\n# START;1;5\n# END;2;6\n", "S2_quest.csv:4: a second line '# START'"},
      {order + "# START;1;5\n", "S2_quest.csv: no line '# END'"},
      {"# ORDER;Base;Rest\n# START;1;5\n# END;2;6\n",
       "S2_quest.csv:1: condition 'Rest'; expected Base, TSST"},
      {"# ORDER;;\n# START;;\n# END;;\n", "S2_quest.csv:1: no conditions"},
      {"# Subj;S3\n", "S2_quest.csv:1: not of S2"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(test::error_of([&] { schedule_of(c.text); }, ErrorCode::kData), HasSubstr(c.message))
        << c.text;
}

formats::SensorRecording respiban_of(const std::string& text) {
  const test::TempDir dir;
  write_text(dir / "S2_respiban.txt", text);
  return wesad_import::read_respiban(dir / "S2_respiban.txt");
}

TEST(Respiban, CountsBecomeUnitsByTheReadmesFormulas) {
  const auto recording = respiban_of(kRespibanHeader +
                                     "0\t0\t32768\t6554\t49152\t20000\t28000\t33000\t38000\t0\t\n"
                                     "1\t0\t49152\t0\t16384\t32768\t33000\t33000\t33000\t49152\t\n"
                                     "2\t0\t0\t65535\t32768\t65535\t33000\t33000\t33000\t32768\t\n");
  const auto expect = [&](const char* stream, const std::vector<double>& values) {
    ASSERT_EQ(recording.stream(stream).values_SC.size(), values.size());
    EXPECT_EQ(recording.stream(stream).rate_hz, 700);
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(recording.stream(stream).values_SC[i], values[i], 1e-4) << stream << " " << i;
  };
  expect("ecg", {0, 0.75, -1.5});
  expect("eda", {2.50015, 0, 24.99962});
  expect("emg", {0.75, -0.75, 0});
  expect("acc", {-1, 0, 1, 0, 0, 0, 0, 0, 0});
  expect("respiration", {-50, 25, 0});
  // The readme's formula in Python.
  EXPECT_NEAR(recording.stream("temperature").values_SC[0], 44.86752707592916, 1e-9);
  EXPECT_NEAR(recording.stream("temperature").values_SC[1], 24.99954054447869, 1e-9);
  EXPECT_TRUE(std::isnan(recording.stream("temperature").values_SC[2]));
}

TEST(Respiban, TheHeaderTellsTheOrderOfSensorsAndIsChecked) {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = kRespibanHeader + "0\t0\t1\t2\t3\t4\t5\t6\t7\t8\t\n";
    return text.replace(text.find(from), from.size(), to);
  };
  const auto moved = respiban_of(with("\"ECG\", \"EDA\"", "\"EDA\", \"ECG\""));
  EXPECT_NEAR(moved.stream("ecg").values_SC[0], 2 * 3 / 65536.0 - 1.5, 1e-12);
  const auto refused = [](const std::string& text) {
    return test::error_of([&] { respiban_of(text); }, ErrorCode::kData);
  };
  EXPECT_THAT(refused(with("OpenSignals", "Other")),
              HasSubstr("S2_respiban.txt:1: not a file of OpenSignals"));
  EXPECT_THAT(refused(with("{", "")), HasSubstr("S2_respiban.txt:2"));
  EXPECT_THAT(refused(with("rate\": 700", "rate\": 1000")), HasSubstr(":2: expected a sampling rate of 700"));
  EXPECT_THAT(refused(with("[16, ", "[8, ")), HasSubstr(":2: expected a resolution of 16 bit"));
  EXPECT_THAT(refused(with("\"ECG\"", "\"EEG\"")), HasSubstr(":2: expected 8 sensors: ECG"));
}

TEST(WesadMutants, DamagedFilesAreReadOrRefused) {
  // Thousands of small files: in memory where there is such a place.
  const std::string root = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "";
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before != nullptr ? before : "";
  if (!root.empty()) setenv("TMPDIR", root.c_str(), 1);
  const test::TempDir dir;
  before != nullptr ? setenv("TMPDIR", kept.c_str(), 1) : unsetenv("TMPDIR");
  core::Rng rng(11);
  std::string respiban = kRespibanHeader;
  for (int i = 0; i < 20; ++i) respiban += fmt::format("{}\t0\t1\t2\t3\t4\t5\t6\t7\t8\t\n", i);
  const auto mutated = [&](std::string bytes) {
    for (uint64_t k = 1 + rng.below(3); k > 0 && !bytes.empty(); --k) {
      const size_t at = rng.below(bytes.size());
      switch (rng.below(4)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
          break;
        case 1:
          bytes.erase(at, 1 + rng.below(8));
          break;
        case 2:
          bytes.insert(at, bytes.substr(rng.below(bytes.size()), rng.below(32)));
          break;
        default:
          if (rng.below(4) == 0) bytes.resize(at);
          break;
      }
    }
    return bytes;
  };
  int num_read = 0, num_refused = 0;
  const auto count = [&](const auto& read) {
    try {
      read();
      ++num_read;
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::kInternal) << e.what();
      ++num_refused;
    }
  };
  for (int i = 0; i < 2000; ++i) {
    write_text(dir / "S2_quest.csv", mutated(kSchedule));
    count([&] {
      const auto intervals = wesad_import::read_schedule(dir / "S2_quest.csv", "S2", 1e9);
      for (const auto& interval : intervals) EXPECT_LE(interval.extent.start_s, interval.extent.end_s);
    });
    write_text(dir / "S2_respiban.txt", mutated(respiban));
    count([&] {
      const auto recording = wesad_import::read_respiban(dir / "S2_respiban.txt");
      EXPECT_EQ(recording.stream("acc").channels.size(), 3u);
    });
  }
  EXPECT_GT(num_read, 100);
  EXPECT_GT(num_refused, 1000);
}

}  // namespace
}  // namespace limbic::data
