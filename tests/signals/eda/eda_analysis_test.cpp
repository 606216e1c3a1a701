#include "limbic/signals/eda/eda_analysis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <string>

#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/eda/eda_simulator.h"
#include "limbic/signals/eda/eda_stream.h"
#include "signals/dsp/python_judge.h"
#include "signals/eda/e4_file.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

SimulatedEda simulated_ten_minutes(double rate_hz = 4) {
  EdaSimulatorConfig config;
  config.rate_hz = rate_hz;
  return simulate_eda(config);
}

TEST(EdaAnalysis, HasNeurokitsElevenColumnsAndTheFlaws) {
  const SimulatedEda eda = simulated_ten_minutes();
  const EdaAnalysis analysis({}, eda.eda);
  const Table frames = analysis.frames();
  EXPECT_EQ(frames.num_rows(), eda.eda.values.size());
  EXPECT_EQ(EdaAnalysis::neurokit_names().size(), 11u);
  for (size_t k = 0; k < 11; ++k) EXPECT_EQ(frames.column(EdaAnalysis::neurokit_names()[k].first), k);
  EXPECT_EQ(frames.num_columns(), 11u + 1u + kNumEdaFlaws);
  double peaks = 0, onsets = 0;
  for (size_t i = 0; i < frames.num_rows(); ++i) {
    onsets += frames.at(i, 4);
    peaks += frames.at(i, 5);
    EXPECT_EQ(std::isnan(frames.at(i, 7)), frames.at(i, 5) == 0) << i;
    EXPECT_EQ(frames.at(i, 0), eda.eda.values[i]);
  }
  EXPECT_EQ(peaks, static_cast<double>(analysis.events().events.size()));
  EXPECT_EQ(onsets, peaks);
  EXPECT_EQ(frames.at(5, 11), 1.0);
  ASSERT_EQ(analysis.notes().size(), 1u);
}

TEST(EdaAnalysis, ALossStaysALossInEveryColumn) {
  SimulatedEda eda = simulated_ten_minutes();
  for (size_t i = 400; i < 600; ++i) eda.eda.values[i] = kMissing;  // 50 s
  eda.eda.values[1000] = kMissing;                                  // one sample: bridged
  for (size_t i = 1500; i < 1520; ++i) eda.eda.values[i] = 0;       // off the skin
  const EdaAnalysis analysis({}, eda.eda);
  const Table frames = analysis.frames();
  for (size_t c = 1; c <= 3; ++c) {
    EXPECT_TRUE(std::isnan(frames.at(400, c)) && std::isnan(frames.at(599, c)));
    EXPECT_TRUE(std::isnan(frames.at(1000, c)));
    EXPECT_TRUE(std::isnan(frames.at(1510, c)));
    EXPECT_FALSE(std::isnan(frames.at(999, c)));
  }
  EXPECT_EQ(frames.at(1510, 11), 0.0);
  for (const SignalEvent& e : analysis.events().events) {
    EXPECT_FALSE(e.onset_s >= 100 && e.onset_s < 150) << e.onset_s;
  }
  const Table windows = analysis.intervals({{100, 150}, {200, 260}});
  EXPECT_EQ(windows.at(0, 0), 0.0);
  for (size_t c = 1; c < windows.num_columns(); ++c) EXPECT_TRUE(std::isnan(windows.at(0, c))) << c;
  EXPECT_FALSE(std::isnan(windows.at(1, windows.column("scr_count"))));
}

TEST(EdaAnalysis, IntervalsCountTheResponsesOfTheWindow) {
  EdaSimulatorConfig config;
  config.snr_db = 40;
  config.min_gap_s = 6;
  config.responses_per_min = 4;
  const SimulatedEda eda = simulate_eda(config);
  const EdaAnalysis analysis({}, eda.eda);
  const Table table = analysis.intervals({{0, 300}, {300, 600}});
  double total = 0;
  for (size_t row = 0; row < 2; ++row) {
    double planted = 0;
    for (const PlantedResponse& r : eda.responses) {
      planted += r.peak_s >= table.start_s[row] && r.peak_s < table.end_s[row] ? 1 : 0;
    }
    EXPECT_NEAR(table.at(row, table.column("scr_count")), planted, 1.0);
    EXPECT_NEAR(table.at(row, table.column("scr_rate")), planted / 5, 0.2);
    EXPECT_NEAR(table.at(row, table.column("scr_amplitude_sum")),
                table.at(row, table.column("scr_count")) * table.at(row, table.column("scr_amplitude_mean")),
                1e-9);
    EXPECT_NEAR(table.at(row, table.column("eda_tonic_mean")), 2.4, 0.8);
    EXPECT_GT(table.at(row, table.column("eda_sympathetic_power")), 0.0);
    total += table.at(row, table.column("scr_count"));
  }
  EXPECT_EQ(analysis.intervals().num_rows(), 1u);
  EXPECT_EQ(analysis.intervals().at(0, table.column("scr_count")), total);
  EXPECT_TRUE(std::isnan(analysis.intervals({{0, 60}}).at(0, table.column("eda_sympathetic_power"))));
  const Table outside = analysis.intervals({{-100, -50}, {700, 800}, {10, 10}});
  for (size_t row = 0; row < 3; ++row) EXPECT_TRUE(std::isnan(outside.at(row, 1)));
}

TEST(EdaAnalysis, AResponseToAStimulusIsTiedToIt) {
  std::vector<double> x;
  for (int i = 0; i < 1920; ++i) {
    const double t = i / 32.0 - 22.0;
    x.push_back(2 + 1e-4 * std::sin(i * i) +
                (t > 0 ? 0.4 / 0.3693 * (std::exp(-t / 2) - std::exp(-t / 0.7)) : 0));
  }
  const EdaAnalysis analysis({}, {32, 1000, x});
  const Table table = analysis.event_related({1020, 1040, 1058, 2000});
  EXPECT_EQ(table.at(0, table.column("eda_scr")), 1.0);
  EXPECT_NEAR(table.at(0, table.column("scr_latency")), 2.0, 0.4);
  EXPECT_NEAR(table.at(0, table.column("scr_peak_amplitude")), 0.4, 0.03);
  EXPECT_NEAR(table.at(0, table.column("scr_peak_time")), 3.13, 0.2);
  EXPECT_NEAR(table.at(0, table.column("eda_level")), 2.0, 0.01);
  EXPECT_GT(table.at(0, table.column("eda_peak_amplitude")), 0.2);
  EXPECT_EQ(table.at(1, table.column("eda_scr")), 0.0);
  EXPECT_TRUE(std::isnan(table.at(1, table.column("scr_latency"))));
  EXPECT_TRUE(std::isnan(table.at(2, table.column("eda_scr")))) << "most of its window is after the end";
  EXPECT_EQ(table.at(3, 0), 0.0);
}

TEST(EdaAnalysis, SympatheticPowerIsScipysOfASine) {
  // 0.1 Hz, amplitude 1, on a level: variance 0.5, all of it in the band.
  std::vector<double> x;
  for (int i = 0; i < 4800; ++i) x.push_back(3 + std::sin(2 * 3.14159265358979 * 0.1 * i / 8.0));
  const SympatheticPower power = sympathetic_power(x, 8);
  EXPECT_NEAR(power.power, 0.5, 0.01);
  EXPECT_GT(power.normalized, 0.98);
  Verdict verdict(
      judged("from scipy import signal as ss\n"
             "y = ss.sosfiltfilt(ss.butter(8, .01, 'high', fs=2, output='sos'), x[::4])\n"
             "f, p = ss.welch(y, 2, 'blackman', 128)\n"
             "b = np.r_[.045, f[(f > .045) & (f < .25)], .25]\n"
             "give([np.trapz(np.interp(b, f, p), b)])\n",
             x));
  if (verdict.is_absent()) GTEST_SKIP() << "python3 with scipy is absent";
  verdict.expect({power.power}, 1e-3, "power");
}

TEST(EdaAnalysis, BadInputIsDefinedOrAClearError) {
  for (const auto& values : {std::vector<double>{}, std::vector<double>{0.3}, std::vector<double>(500, 0.3),
                             std::vector<double>(500, kMissing), std::vector<double>(500, 0.0)}) {
    for (const EdaDecomposer method :
         {EdaDecomposer::kHighPass, EdaDecomposer::kMedian, EdaDecomposer::kCvxEda}) {
      EdaConfig config;
      config.decompose.method = method;
      const EdaAnalysis analysis(config, {4, -100, values});
      EXPECT_EQ(analysis.frames().num_rows(), values.size());
      EXPECT_TRUE(analysis.events().events.empty());
      EXPECT_EQ(analysis.intervals().num_rows(), 1u);
    }
  }
  for (const double rate_hz : {0.0, -1.0, std::nan("")}) {
    EXPECT_NE(test::error_of(
                  [&] {
                    EdaAnalysis({}, {rate_hz, 0, {1, 2, 3}});
                  },
                  ErrorCode::kData)
                  .find("sampling rate"),
              std::string::npos);
  }
  EdaConfig config;
  config.bridge_s = -1;
  EXPECT_NE(test::error_of(
                [&] {
                  EdaAnalysis(config, {4, 0, {1}});
                },
                ErrorCode::kConfig)
                .find("bridge_s"),
            std::string::npos);
}

TEST(EdaAnalysis, TakesTenHoursAtOnce) {
  EdaSimulatorConfig config;
  config.duration_s = 10 * 3600;
  const TimeSeries eda = simulate_eda(config).eda;
  const std::clock_t start = std::clock();
  const EdaAnalysis analysis({}, eda);
  EXPECT_EQ(analysis.frames().num_rows(), eda.values.size());
  EXPECT_GT(analysis.events().events.size(), 2500u);
  // Shown, not asserted: tools/bench measures it.
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  RecordProperty("times_real_time", std::to_string(config.duration_s / seconds));
}

TEST(EdaAnalysis, EveryPersonOfStressPredictGivesResponses) {
  LIMBIC_REQUIRE_DATA("stress_predict");
  for (const auto& entry : std::filesystem::directory_iterator(test::real_data() + "/stress_predict")) {
    if (!entry.is_directory()) continue;
    const TimeSeries eda = read_e4(entry.path().string() + "/EDA.csv");
    const EdaAnalysis analysis({}, eda);
    const Table table = analysis.intervals();
    const double rate = table.at(0, table.column("scr_rate"));
    EXPECT_TRUE(rate > 0.1 && rate < 25) << entry.path() << " " << rate;
    EXPECT_GT(table.at(0, table.column("eda_tonic_mean")), 0.05) << entry.path();
    const Table frames = analysis.frames();
    for (size_t i = 0; i < frames.num_rows(); ++i) {
      ASSERT_EQ(std::isnan(frames.at(i, 3)), frames.at(i, 11) == 0) << "missing exactly where bad";
    }
  }
}

void expect_same(const EdaBlock& a, const EdaBlock& b) {
  EXPECT_EQ(a.frames.start_s, b.frames.start_s);
  ASSERT_EQ(a.frames.values_RC.size(), b.frames.values_RC.size());
  for (size_t i = 0; i < a.frames.values_RC.size(); ++i) {
    const double x = a.frames.values_RC[i];
    const double y = b.frames.values_RC[i];
    ASSERT_TRUE(x == y || (std::isnan(x) && std::isnan(y))) << i;
  }
  ASSERT_EQ(a.events.events.size(), b.events.events.size());
  for (size_t k = 0; k < a.events.events.size(); ++k) {
    EXPECT_EQ(a.events.events[k].onset_s, b.events.events[k].onset_s);
    EXPECT_EQ(a.events.events[k].values[0], b.events.events[k].values[0]);
  }
}

TEST(EdaStream, GivesWhatTheWholeRecordingGivesInBlocksNoLaterThanItsDelay) {
  SimulatedEda eda = simulated_ten_minutes(8);
  eda.eda.t0_s = 1.7e9;
  for (size_t i = 900; i < 1000; ++i) eda.eda.values[i] = kMissing;
  for (const EdaDecomposer method : {EdaDecomposer::kHighPass, EdaDecomposer::kCvxEda}) {
    EdaStreamConfig config;
    config.analysis.decompose.method = method;
    const EdaBlock whole = analyse_in_blocks(config, eda.eda);
    ASSERT_EQ(whole.frames.num_rows(), eda.eda.values.size());
    EdaStream stream(config, 8, eda.eda.t0_s);
    EXPECT_DOUBLE_EQ(stream.delay_s(), 35.0);
    EdaBlock live;
    const auto delay = static_cast<size_t>(stream.delay_s() * 8);
    for (size_t i = 0, piece = 1; i < eda.eda.values.size(); i += piece, piece = 1 + (piece * 7) % 61) {
      piece = std::min(piece, eda.eda.values.size() - i);
      stream.push(eda.eda.values.data() + i, static_cast<int64_t>(piece), live);
      EXPECT_GT(live.frames.num_rows() + delay, i + piece) << "later than stated";
    }
    stream.finish(live);
    expect_same(live, whole);
  }
}

TEST(EdaStream, ComesNearTheAnalysisOfTheWholeRecording) {
  const SimulatedEda eda = simulated_ten_minutes();
  const EdaBlock blocks = analyse_in_blocks({}, eda.eda);
  const EdaAnalysis analysis({}, eda.eda);
  const Table whole = analysis.frames();
  double worst = 0;
  for (size_t i = 0; i < whole.num_rows(); ++i)
    worst = std::max(worst, std::abs(blocks.frames.at(i, 3) - whole.at(i, 3)));
  EXPECT_LT(worst, 0.02) << "microsiemens of phasic; responses are up to 1";
  std::vector<double> a, b;
  for (const auto& e : blocks.events.events) a.push_back(e.values[2]);
  for (const auto& e : analysis.events().events) b.push_back(e.values[2]);
  const DetectionScore score = score_detections(b, a, 0.5);
  EXPECT_GE(score.precision, 0.9);
  EXPECT_GE(score.recall, 0.9);
}

TEST(EdaStream, ErrorsAndShortStreams) {
  EdaStream stream({}, 4);
  EdaBlock out = EdaStream::empty_block();
  stream.finish(out);
  EXPECT_EQ(out.frames.num_rows(), 0u);
  const double x = 0.5;
  stream.push(&x, 1, out);
  stream.finish(out);
  EXPECT_EQ(out.frames.num_rows(), 1u);
  EXPECT_FALSE(test::error_of([] { EdaStream({}, 0); }, ErrorCode::kData).empty());
  EdaStreamConfig config;
  config.block_s = 0;
  EXPECT_NE(test::error_of([&] { EdaStream(config, 4); }, ErrorCode::kConfig).find("block_s"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::signals
