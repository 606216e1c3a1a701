#include "limbic/signals/audio/audio_analysis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "limbic/signals/audio/deltas.h"
#include "limbic/signals/audio/log_mel.h"
#include "limbic/signals/audio/loudness.h"
#include "limbic/signals/audio/mfcc.h"
#include "limbic/signals/dsp/interval_functionals.h"
#include "limbic/signals/dsp/statistics.h"
#include "signals/dsp/python_judge.h"

namespace limbic::signals {
namespace {

std::vector<float> recording(int64_t size) {
  std::vector<float> out;
  for (const double v : wavy(size)) out.push_back(static_cast<float>(0.2 * std::fmod(v, 2.0)));
  return out;
}

std::vector<double> column_of(const Table& table, const std::string& name) {
  std::vector<double> out;
  const size_t c = table.column(name);
  for (size_t r = 0; r < table.num_rows(); ++r) out.push_back(table.at(r, c));
  return out;
}

/// Equal, with NaN equal to NaN.
void expect_same(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_TRUE(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) << i;
}

TEST(AudioAnalysis, RowsDoNotDependOnThePieces) {
  const auto x = recording(70001);
  const std::vector<Interval> intervals{{2.0, 3.0}, {0.5, 2.5}, {0, 100}};
  const auto whole = analyse_audio(x, 16000, {}, 0.5, intervals);
  ASSERT_EQ(whole.frames.num_rows(), 1u + (70001 - 400) / 160);
  for (const size_t piece : {size_t{1}, size_t{159}, size_t{16000}}) {
    AudioAnalysis analysis({}, 16000, 0.5, intervals);
    Table frames;
    size_t most_waiting = 0;
    for (size_t i = 0; i < x.size(); i += piece) {
      analysis.push(x.data() + i, static_cast<int64_t>(std::min(piece, x.size() - i)));
      if (i % 4000 < piece) {
        const Table part = analysis.take_frames();
        frames.start_s.insert(frames.start_s.end(), part.start_s.begin(), part.start_s.end());
        frames.values_RC.insert(frames.values_RC.end(), part.values_RC.begin(), part.values_RC.end());
        most_waiting = std::max(most_waiting, part.num_rows());
      }
    }
    analysis.finish();
    const Table part = analysis.take_frames();
    frames.start_s.insert(frames.start_s.end(), part.start_s.begin(), part.start_s.end());
    frames.values_RC.insert(frames.values_RC.end(), part.values_RC.begin(), part.values_RC.end());
    EXPECT_EQ(frames.start_s, whole.frames.start_s);
    expect_same(frames.values_RC, whole.frames.values_RC);
    expect_same(analysis.intervals().values_RC, whole.intervals.values_RC);
    EXPECT_LT(most_waiting, 200u);
  }
}

TEST(AudioAnalysis, ColumnsAreWhatTheirOwnClassesSay) {
  const auto x = recording(48000);
  const auto tables = analyse_audio(x, 16000);
  const Table& frames = tables.frames;
  MfccConfig m;
  m.mel.num_mels = 40;
  m.mel.sample_scale = SampleScale::kInt16;
  std::vector<float> mel;
  std::vector<float> mfcc;
  LogMel(m.mel).compute(x.data(), 48000, mel);
  Mfcc(m).compute(x.data(), 48000, mfcc);
  const auto delta = regression_deltas(mfcc, 13);
  const auto delta2 = regression_deltas(mfcc, 13, 2, 2);
  LoudnessMeter meter(16000);
  meter.push(x.data(), 48000);
  const size_t rows = frames.num_rows();
  ASSERT_EQ(rows, 298u);
  const auto mel_7 = column_of(frames, "log_mel_7");
  const auto mfcc_3 = column_of(frames, "mfcc_3");
  const auto delta_3 = column_of(frames, "mfcc_3_delta");
  const auto delta2_3 = column_of(frames, "mfcc_3_delta2");
  const auto level = column_of(frames, "level");
  const auto momentary = column_of(frames, "loudness_momentary");
  for (size_t t = 0; t < rows; ++t) {
    EXPECT_EQ(mel_7[t], static_cast<double>(mel[t * 40 + 7]));
    EXPECT_EQ(mfcc_3[t], static_cast<double>(mfcc[t * 13 + 3]));
    EXPECT_NEAR(delta_3[t], delta[t * 13 + 3], 1e-5);
    EXPECT_NEAR(delta2_3[t], delta2[t * 13 + 3], 1e-5);
    EXPECT_EQ(level[t], level_db(x.data() + t * 160, 400));
    const auto end = static_cast<int64_t>(t * 160 + 400);
    const double expected = meter.momentary_lufs(end / 1600 - 1);
    EXPECT_TRUE(momentary[t] == expected || (std::isnan(momentary[t]) && end / 1600 < 4)) << t;
  }
  EXPECT_DOUBLE_EQ(frames.start_s[100], 1.0);
  EXPECT_DOUBLE_EQ(frames.end_s[100], 1.025);
}

TEST(AudioAnalysis, IntervalsAreTheStatisticsOfTheirFrames) {
  const auto x = recording(64000);
  const auto tables = analyse_audio(x, 16000, {}, 10.0, {{11, 13}, {10, 14}, {50, 60}});
  const auto centroid = column_of(tables.frames, "spectral_centroid");
  std::vector<double> inside;
  for (size_t t = 0; t < centroid.size(); ++t) {
    const double middle = 0.5 * (tables.frames.start_s[t] + tables.frames.end_s[t]);
    if (middle >= 11 && middle < 13) inside.push_back(centroid[t]);
  }
  ASSERT_EQ(inside.size(), 200u);
  const auto value = [&](size_t row, const char* name) {
    return tables.intervals.at(row, tables.intervals.column(std::string("spectral_centroid") + name));
  };
  EXPECT_NEAR(value(0, "_mean"), mean(inside), 1e-8);
  EXPECT_NEAR(value(0, "_sd"), standard_deviation(inside), 1e-8);
  EXPECT_NEAR(value(0, "_p5"), percentile(inside, 5), 1e-3);  // kept as float
  EXPECT_NEAR(value(0, "_p50"), median(inside), 1e-3);
  EXPECT_NEAR(value(0, "_p95"), percentile(inside, 95), 1e-3);
  EXPECT_NEAR(value(0, "_range"), maximum(inside) - minimum(inside), 1e-9);
  EXPECT_NEAR(value(0, "_slope"), slope(inside, 100), 1e-7);
  LoudnessMeter meter(16000);
  meter.push(x.data(), 64000);
  EXPECT_EQ(tables.intervals.at(1, tables.intervals.column("loudness_integrated")), meter.integrated_lufs());
  EXPECT_EQ(tables.intervals.at(0, tables.intervals.column("loudness_integrated")),
            meter.integrated_lufs(10, 30));
  for (size_t c = 0; c < tables.intervals.num_columns(); ++c)
    EXPECT_TRUE(std::isnan(tables.intervals.at(2, c)));
  EXPECT_EQ(tables.intervals.start_s[2], 50);
}

TEST(AudioAnalysis, NamesAreUniqueAndColumnsDependOnTheConfigOnly) {
  const auto full = analyse_audio(recording(16000), 16000, {}, 0, {{0, 1}});
  std::set<std::string> names;
  for (const Column& c : full.intervals.columns) EXPECT_TRUE(names.insert(c.name).second) << c.name;
  const auto empty = analyse_audio({}, 16000, {}, 0, {{0, 1}});
  EXPECT_EQ(empty.frames.num_columns(), full.frames.num_columns());
  EXPECT_EQ(empty.frames.num_rows(), 0u);
  ASSERT_EQ(empty.intervals.num_rows(), 1u);
  EXPECT_EQ(empty.intervals.num_columns(), full.intervals.num_columns());
  for (const double v : empty.intervals.values_RC) EXPECT_TRUE(std::isnan(v));
  AudioAnalysisConfig only;
  only.log_mel = only.mfcc = only.deltas = only.shape = false;
  EXPECT_EQ(analyse_audio(recording(800), 16000, only).frames.num_columns(), 3u);
  only.loudness = false;
  only.mfcc = true;
  only.deltas = true;
  EXPECT_EQ(analyse_audio(recording(800), 16000, only).frames.num_columns(), 39u);
}

TEST(AudioAnalysis, BadInputIsDefined) {
  EXPECT_EQ(analyse_audio({0.5f}, 16000).frames.num_rows(), 0u);
  auto x = recording(16000);
  x[8000] = std::nanf("");
  const auto gap = analyse_audio(x, 16000).frames;
  const auto level = column_of(gap, "level");
  const auto mel = column_of(gap, "log_mel_0");
  for (size_t t = 0; t < level.size(); ++t) {
    const bool touches = t * 160 <= 8000 && 8000 < t * 160 + 400;
    EXPECT_EQ(std::isnan(level[t]), touches) << t;
    EXPECT_EQ(std::isnan(mel[t]), touches) << t;
  }
  const auto silent = analyse_audio(std::vector<float>(16000, 0.0f), 16000).frames;
  EXPECT_NEAR(column_of(silent, "level")[50], -120, 1e-9);
  EXPECT_TRUE(std::isnan(column_of(silent, "spectral_centroid")[50]));
  EXPECT_TRUE(std::isfinite(column_of(silent, "log_mel_0")[50]));
  std::vector<float> clipped;
  for (int i = 0; i < 16000; ++i) clipped.push_back(std::sin(0.1 * i) > 0 ? 1.0f : -1.0f);
  EXPECT_NEAR(column_of(analyse_audio(clipped, 16000).frames, "level")[50], 0, 1e-9);
}

TEST(AudioAnalysis, WrongUseIsNamed) {
  AudioAnalysisConfig c;
  c.hop_s = 0.05;
  EXPECT_EQ(test::error_of([&] { AudioAnalysis a(c, 16000); }, ErrorCode::kConfig),
            "audio_analysis.hop_s: must be in (0, window_s], got 0.050000");
  for (const int64_t rate : {int64_t{0}, int64_t{-1}, int64_t{10}})
    test::error_of([&] { AudioAnalysis a({}, rate); }, ErrorCode::kConfig);
  test::error_of([&] { AudioAnalysis a({}, 16000, std::nan("")); }, ErrorCode::kConfig);
  EXPECT_NE(test::error_of(
                [&] {
                  AudioAnalysis a({}, 16000, 0, {{2, 1}});
                },
                ErrorCode::kConfig)
                .find("from 2.0"),
            std::string::npos);
  AudioAnalysis over({}, 16000);
  test::error_of([&] { over.intervals(); }, ErrorCode::kInternal);
  over.finish();
  const float sample = 0;
  test::error_of([&] { over.push(&sample, 1); }, ErrorCode::kInternal);
}

TEST(IntervalFunctionals, LongIntervalsKeepABoundedNumberOfFrames) {
  IntervalFunctionals functionals({{"x", "Hz", "a ramp"}}, {{0, 1e9}});
  const size_t count = 393000;  // whole ramps, three times what is kept
  ASSERT_GT(count, 2 * IntervalFunctionals::kMostKept);
  for (size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i % 1000);
    functionals.add(static_cast<double>(i), static_cast<double>(i) + 1, &x);
  }
  const Table out = functionals.finish();
  EXPECT_NEAR(out.at(0, out.column("x_mean")), 499.5, 1e-6);
  EXPECT_NEAR(out.at(0, out.column("x_p5")), 49.95, 2);
  EXPECT_NEAR(out.at(0, out.column("x_p95")), 949.05, 2);
  EXPECT_EQ(out.at(0, out.column("x_range")), 999);
  EXPECT_EQ(out.columns[out.column("x_slope")].unit, "Hz/s");
}

}  // namespace
}  // namespace limbic::signals
