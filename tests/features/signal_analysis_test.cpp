#include "limbic/features/signal_analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/features/signal_figure.h"
#include "limbic/features/table_writer.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/npy.h"
#include "limbic/media/audio.h"
#include "support/paths.h"

namespace limbic::features {
namespace {

using ::testing::HasSubstr;

constexpr double kTurn = 6.283185307179586;

/// Recordings of every kind, made by formula.
class SignalAnalysisTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new test::TempDir();
    media::AudioBuffer voice;
    voice.sample_rate = 16000;
    double phase = 0;
    for (int i = 0; i < 16000 * 6; ++i) {
      const double t = i / 16000.0;
      phase += kTurn * (140 + 20 * std::sin(kTurn * t)) / 16000;
      double x = 0;
      for (int h = 1; h <= 12; ++h) x += std::sin(h * phase) / h;
      voice.samples.push_back(static_cast<float>(std::fmod(t, 2.0) < 1.5 ? 0.1 * x : 0.0));
    }
    media::write_wav(*dir_ / "voice.wav", voice);

    core::Rng rng(5);
    std::ofstream sensors(*dir_ / "sensors.csv");
    sensors << "time,EDA,ECG,TEMP,ACC_x,ACC_y,ACC_z\n";
    for (int i = 0; i < 100 * 130; ++i) {
      const double t = i / 100.0;
      const double since = std::fmod(t, 20.0);
      const double scr = since > 5 ? 0.5 * (std::exp(-(since - 5) / 2) - std::exp(-(since - 5) / 0.7)) : 0;
      const double beat = std::fmod(t, 0.8);
      sensors << t << ',' << 2 + 0.002 * t + scr << ','
              << std::exp(-std::pow((beat - 0.4) / 0.012, 2)) + 0.01 * rng.normal() << ','
              << 33 + 0.1 * std::sin(t / 60) << ',' << 0.2 * std::sin(kTurn * 1.9 * t) << ",0.01,"
              << 1 + 0.01 * rng.normal() << '\n';
    }
    std::ofstream gaze(*dir_ / "gaze.csv");
    gaze << "time,gaze_x,gaze_y\n";
    for (int i = 0; i < 250 * 20; ++i) {
      const double t = i / 250.0;
      gaze << t << ',' << 5 * std::floor(std::fmod(t, 2.0)) + 0.02 * rng.normal() << ','
           << 0.02 * rng.normal() << '\n';
    }
  }
  static void TearDownTestSuite() {
    delete dir_;
    dir_ = nullptr;
  }

  static SignalConfig config() {
    return config::load_text<SignalConfig>(R"(sensors:
  columns:
    - {column: EDA, modality: eda, unit: microsiemens}
    - {column: ECG, modality: ecg}
    - {column: TEMP, modality: temperature, unit: degC}
    - {column: ACC_x, modality: acc, unit: g, stream: acc}
    - {column: ACC_y, modality: acc, unit: g, stream: acc}
    - {column: ACC_z, modality: acc, unit: g, stream: acc}
)",
                                           "test");
  }
  static SignalConfig gaze_config() {
    return config::load_text<SignalConfig>(R"(sensors:
  columns:
    - {column: gaze_x, modality: gaze, unit: deg, stream: gaze}
    - {column: gaze_y, modality: gaze, unit: deg, stream: gaze}
)",
                                           "test");
  }
  static std::unique_ptr<SignalAnalysis> open(const std::string& kind) {
    if (kind == "eye") return open_signal(kind, *dir_ / "gaze.csv", gaze_config());
    const bool is_sound = signal_kind(kind).is_sound;
    return open_signal(kind, *dir_ / (is_sound ? "voice.wav" : "sensors.csv"), config());
  }
  /// Everything that a sink gets, as one table.
  template <class Run>
  static signals::Table collect(Run&& run) {
    signals::Table all;
    run([&all](const signals::Table& rows) {
      if (all.columns.empty()) all.columns = rows.columns;
      ASSERT_EQ(all.columns.size(), rows.columns.size());
      for (size_t r = 0; r < rows.num_rows(); ++r) {
        const auto row = rows.values_RC.begin() + static_cast<int64_t>(r * rows.num_columns());
        all.add_row(rows.start_s[r], rows.end_s[r], {row, row + static_cast<int64_t>(rows.num_columns())});
      }
    });
    return all;
  }
  static double value(const signals::Table& table, const std::string& column, size_t row = 0) {
    return table.at(row, table.column(column));
  }

  static test::TempDir* dir_;
};
test::TempDir* SignalAnalysisTest::dir_ = nullptr;

TEST_F(SignalAnalysisTest, EveryKindGivesRowsWindowsAndAFigure) {
  for (const auto& kind : signal_kinds()) {
    SCOPED_TRACE(kind.name);
    const auto analysis = open(kind.name);
    SignalFigure figure(kind);
    const auto frames = collect([&](const TableSink& sink) { analysis->frames(sink); });
    EXPECT_GT(frames.num_rows(), 20u);
    EXPECT_TRUE(std::is_sorted(frames.start_s.begin(), frames.start_s.end()));
    std::set<std::string> names;
    for (const auto& column : frames.columns) EXPECT_TRUE(names.insert(column.name).second) << column.name;
    figure.add(frames);
    figure.write(*dir_ / (kind.name + ".svg"), "x", analysis->events());
    figure.write(*dir_ / (kind.name + ".png"), "x", analysis->events());

    const auto windows = windows_of(analysis->extent(), 3, 1.5);
    ASSERT_GT(windows.size(), 1u);
    const auto rows = collect([&](const TableSink& sink) { analysis->intervals(windows, sink); });
    ASSERT_EQ(rows.num_rows(), windows.size());
    EXPECT_DOUBLE_EQ(rows.start_s[1], windows[1].start_s);
    const auto whole =
        collect([&](const TableSink& sink) { analysis->intervals({analysis->extent()}, sink); });
    EXPECT_EQ(whole.num_rows(), 1u);
    EXPECT_EQ(whole.columns.size(), rows.columns.size());
  }
}

TEST_F(SignalAnalysisTest, ValuesAreThoseOfTheSignals) {
  const auto of = [&](const std::string& kind) {
    const auto analysis = open(kind);
    return collect([&](const TableSink& sink) { analysis->intervals({analysis->extent()}, sink); });
  };
  const auto voice = of("voice");
  EXPECT_NEAR(value(voice, "f0_mean_hz_praat_ac"), 140, 5);
  EXPECT_NEAR(value(voice, "F0semitoneFrom27.5Hz_sma3nz_percentile50.0"), 12 * std::log2(140 / 27.5), 1);
  EXPECT_EQ(of("egemaps").num_columns(), 88u);
  EXPECT_EQ(value(of("eda"), "scr_count"), 7);  // at 5, 25 ... 125 s
  EXPECT_NEAR(value(of("heart"), "hr_mean_bpm"), 75, 0.2);
  const auto events = open("imu")->events();
  EXPECT_GT(events.events.size(), 50u);  // steps at 1.9 Hz
}

TEST_F(SignalAnalysisTest, FramesOfASoundDoNotDependOnItsPieces) {
  // An hour-long file is read in pieces; a window of the file is what the file itself would be.
  const auto analysis = open("egemaps");
  const auto all = collect([&](const TableSink& sink) { analysis->intervals({{0, 6}}, sink); });
  const auto padded = collect([&](const TableSink& sink) {
    analysis->intervals({{-1, 0.5}, {0, 6}, {2, 9}}, sink);
  });
  for (size_t c = 0; c < all.num_columns(); ++c)
    EXPECT_EQ(all.at(0, c), padded.at(1, c)) << all.columns[c].name;
}

TEST_F(SignalAnalysisTest, TablesAreWrittenAsCsvAndNpzWithTheirMeaning) {
  signals::Table table;
  table.columns = {{"f0", "Hz", "pitch"}, {"level", "dB", "how loud"}};
  table.add_row(0, 1, {100.5, signals::kMissing});
  table.add_row(1, 2, {101, -20});
  for (const char* name : {"t.csv", "t.npz"}) {
    auto writer = TableWriter::create(*dir_ / name, {table.columns}, {{"Kind", "voice"}});
    writer->add(table);
    writer->finish();
  }
  EXPECT_EQ(core::read_file(*dir_ / "t.csv"), "start_s,end_s,f0,level\n0,1,100.5,\n1,2,101,-20\n");
  const auto arrays = formats::read_npz(*dir_ / "t.npz");
  EXPECT_EQ(arrays.at("f0").values, (std::vector<double>{100.5, 101}));
  EXPECT_TRUE(std::isnan(arrays.at("level").values[0]));
  EXPECT_EQ(arrays.at("end_s").values, (std::vector<double>{1, 2}));
  const std::string sidecar = core::read_file(*dir_ / "t.json");
  EXPECT_THAT(sidecar, HasSubstr("\"Units\": \"Hz\""));
  EXPECT_THAT(
      test::error_of([&] { TableWriter::create(*dir_ / "t.xlsx", {table.columns}, {}); }, ErrorCode::kConfig),
      HasSubstr("expected a name ending in .csv or .npz"));
}

TEST_F(SignalAnalysisTest, WindowsFitWholeOrAreTheExtent) {
  EXPECT_EQ(windows_of({10, 20}, 3, 2).size(), 4u);
  EXPECT_DOUBLE_EQ(windows_of({10, 20}, 3, 2).back().end_s, 19);
  EXPECT_EQ(windows_of({0, 0.3 * 10}, 0.3, 0.3).size(), 10u);
  const auto shorter = windows_of({1, 2}, 60, 60);
  ASSERT_EQ(shorter.size(), 1u);
  EXPECT_DOUBLE_EQ(shorter[0].end_s, 2);
  EXPECT_THAT(test::error_of([] { windows_of({0, 1}, 0, 1); }, ErrorCode::kConfig), HasSubstr("positive"));
}

TEST_F(SignalAnalysisTest, OneWrongTimeOrATinyStepDoesNotTakeAllMemory) {
  const auto refused = [](const std::string& kind, const std::string& column, double last_s, double step_s) {
    formats::SensorRecording recording;
    recording.source = "r.csv";
    auto& stream = recording.streams.emplace_back();
    stream.name = column;
    stream.modality = column;
    stream.channels = {column};
    for (int i = 0; i < 100; ++i) stream.time_s.push_back(step_s * (i + 0.2 * (i % 2)));
    stream.time_s.push_back(last_s);
    stream.values_SC.assign(stream.time_s.size(), 0.8);
    return test::error_of([&] { analyse_sensors(kind, recording, {}); }, ErrorCode::kData);
  };
  EXPECT_THAT(refused("eda", "eda", 1e12, 0.25), HasSubstr("spans 1.157e+07 days; expected at most 31"));
  EXPECT_THAT(refused("heart", "ibi", 1e10, 0.8), HasSubstr("expected at most 31"));
  EXPECT_THAT(refused("eda", "eda", 1e6, 0.001), HasSubstr("usual steps of 0.0012"));
  EXPECT_THAT(test::error_of(
                  [] {
                    windows_of({0, 60}, 1, 1e-300);
                  },
                  ErrorCode::kConfig),
              HasSubstr("at most 10 million"));
}

TEST_F(SignalAnalysisTest, SaysWhatIsNotThere) {
  EXPECT_THAT(test::error_of([] { signal_kind("vioce"); }, ErrorCode::kConfig),
              HasSubstr("did you mean 'voice'?"));
  EXPECT_THAT(
      test::error_of([&] { open_signal("heart", *dir_ / "gaze.csv", gaze_config()); }, ErrorCode::kData),
      HasSubstr("gaze.csv: no ecg or bvp or ppg or ibi for heart features; there are: gaze (gaze)"));
  EXPECT_THAT(
      test::error_of([&] { open_signal("voice", *dir_ / "sensors.csv", config()); }, ErrorCode::kData),
      HasSubstr("sensors.csv"));
  SignalConfig pixels = gaze_config();
  pixels.sensors.columns[0].unit = pixels.sensors.columns[1].unit = "px";
  EXPECT_THAT(test::error_of([&] { open_signal("eye", *dir_ / "gaze.csv", pixels); }, ErrorCode::kConfig),
              HasSubstr("or a screen"));
}

TEST_F(SignalAnalysisTest, TheFilesCodeForNoValueIsMissing) {
  SignalConfig coded = gaze_config();
  coded.sensors.columns[0].missing = 0.0;
  std::ofstream lost(*dir_ / "lost.csv");
  lost << "time,gaze_x,gaze_y\n";
  for (int i = 0; i < 1000; ++i) lost << i / 250.0 << (i >= 400 && i < 500 ? ",0,0\n" : ",3.5,0.1\n");
  lost.close();
  const auto analysis = open_signal("eye", *dir_ / "lost.csv", coded);
  const auto rows = collect([&](const TableSink& sink) { analysis->intervals({analysis->extent()}, sink); });
  EXPECT_NEAR(value(rows, "valid_share"), 0.9, 0.001);
}

TEST_F(SignalAnalysisTest, VoiceStressIsAgainstTheBaselineThatIsGiven) {
  SignalConfig with_baseline;
  with_baseline.baseline_s = {{0, 4}};
  const auto stress_of = [&](const SignalConfig& signal_config, double window_s) {
    const auto analysis = open_signal("voice", *dir_ / "voice.wav", signal_config);
    return collect([&](const TableSink& sink) {
      analysis->intervals(windows_of(analysis->extent(), window_s, 1), sink);
    });
  };
  const auto rows = stress_of(with_baseline, 1);
  EXPECT_GT(value(rows, "num_components", 5), 2);
  EXPECT_TRUE(std::isfinite(value(rows, "voice_stress_index", 5)));
  // Nothing lies within the first seconds by itself: not known, and no error.
  SignalConfig short_default;
  short_default.voice_stress.baseline_s = 0.5;
  EXPECT_TRUE(std::isnan(value(stress_of(short_default, 1), "voice_stress_index")));
  with_baseline.baseline_s = {{100, 104}};
  EXPECT_THAT(test::error_of([&] { stress_of(with_baseline, 1); }, ErrorCode::kData), HasSubstr("baseline"));
  with_baseline.baseline_s = {{4, 1}};
  EXPECT_THAT(test::error_of([&] { stress_of(with_baseline, 1); }, ErrorCode::kConfig),
              HasSubstr("[start, end]"));
}

TEST_F(SignalAnalysisTest, SileroIsAskedForByNameOrNotAtAll) {
  SignalConfig silero;
  silero.speech.detector = SpeechDetector::kSilero;
  const char* before = std::getenv("LIMBIC_MODELS");
  const std::string kept = before != nullptr ? before : "";
  setenv("LIMBIC_MODELS", (*dir_ / "no_models").c_str(), 1);
  EXPECT_THAT(test::error_of([&] { open_signal("speech", *dir_ / "voice.wav", silero); }, ErrorCode::kModel),
              HasSubstr("tools/models get silero_vad"));
  const auto by_energy = open_signal("speech", *dir_ / "voice.wav", {});
  ASSERT_EQ(by_energy->notes().size(), 1u);
  EXPECT_THAT(by_energy->notes()[0], HasSubstr("by its energy"));
  EXPECT_GE(by_energy->events().events.size(), 3u);
  before != nullptr ? setenv("LIMBIC_MODELS", kept.c_str(), 1) : unsetenv("LIMBIC_MODELS");
}

formats::SensorRecording device(const std::string& name, double starts_s, double unix_s) {
  formats::SensorRecording recording;
  recording.source = name;
  recording.start_unix_s = unix_s;
  formats::SensorStream acc;
  acc.name = "ACC";
  acc.modality = "acc";
  acc.channels = {"x", "y", "z"};
  acc.rate_hz = 32;
  for (int i = 0; i < 32 * 200; ++i) {
    const double t = starts_s + i / 32.0;                              // on the world's clock
    core::Rng moment(7, static_cast<uint64_t>(std::llround(t * 32)));  // the same shake at the same time
    const double shake = std::fmod(t, 11.0) < 4 ? moment.normal() : 0.02 * moment.normal();
    acc.values_SC.insert(acc.values_SC.end(), {0.1 * shake, 0.01, 1 + 0.2 * shake});
  }
  recording.streams.push_back(acc);
  recording.markers.push_back({1.0, 0, "press"});
  return recording;
}

TEST(MergeRecordings, ClocksAreTakenFromUnixTimesOrFoundByMovement) {
  // Both devices shake together; the second was switched on 7.25 s later, and its unix clock is 3 s fast.
  const auto wrist = device("wrist", 0, 1000);
  const auto chest = device("chest", 7.25, 1010.25);
  AlignmentConfig alignment;
  EXPECT_NEAR(merge_recordings({wrist, chest}, alignment).streams[1].t0_s, 10.25, 1e-9);
  alignment.by = Alignment::kActivity;
  const auto merged = merge_recordings({wrist, chest}, alignment);
  EXPECT_NEAR(merged.streams[1].t0_s, 7.25, 0.02);
  EXPECT_EQ(merged.streams[1].name, "ACC_2");
  ASSERT_EQ(merged.markers.size(), 2u);
  EXPECT_NEAR(merged.markers[1].time_s, 8.25, 0.02);
  auto still = chest;
  std::fill(still.streams[0].values_SC.begin(), still.streams[0].values_SC.end(), 0.5);
  EXPECT_THAT(test::error_of(
                  [&] {
                    merge_recordings({wrist, still}, alignment);
                  },
                  ErrorCode::kData),
              HasSubstr("chest: its clock does not match that of wrist"));
  auto no_clock = chest;
  no_clock.start_unix_s.reset();
  EXPECT_THAT(test::error_of(
                  [&] {
                    merge_recordings({wrist, no_clock}, {});
                  },
                  ErrorCode::kData),
              HasSubstr("does not say when it started"));
}

TEST_F(SignalAnalysisTest, OffsetsMoveAStreamOnTheCommonClock) {
  SignalConfig moved = config();
  moved.sensors.offset_s = {{"eda", 12.5}};
  EXPECT_NEAR(open_signal("eda", *dir_ / "sensors.csv", moved)->extent().start_s, 12.5, 1e-9);
  EXPECT_NEAR(open_signal("temperature", *dir_ / "sensors.csv", moved)->extent().start_s, 0, 1e-9);
}

}  // namespace
}  // namespace limbic::features
