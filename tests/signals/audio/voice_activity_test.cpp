#include "limbic/signals/audio/voice_activity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "support/paths.h"

namespace limbic::signals {
namespace {

/// Probabilities at 10 ms: 0.9 inside the given frames, 0.1 elsewhere.
std::vector<double> speech_at(int64_t num_frames, const std::vector<std::pair<int64_t, int64_t>>& spans) {
  std::vector<double> p(static_cast<size_t>(num_frames), 0.1);
  for (const auto& [first, end] : spans) std::fill(p.begin() + first, p.begin() + end, 0.9);
  return p;
}

void expect_segments(const std::vector<Interval>& have, const std::vector<Interval>& want) {
  ASSERT_EQ(have.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(have[i].start_s, want[i].start_s, 1e-9) << i;
    EXPECT_NEAR(have[i].end_s, want[i].end_s, 1e-9) << i;
  }
}

std::vector<Interval> segments_of(const std::vector<double>& p, const SpeechSegmentConfig& config = {}) {
  return speech_segments(p, 0.01, 0, static_cast<double>(p.size()) * 0.01, config);
}

TEST(SpeechSegments, LongEnoughSpeechIsPaddedAndShortSpeechIsDropped) {
  expect_segments(segments_of(speech_at(300, {{100, 150}, {200, 226}})), {{0.97, 1.53}, {1.97, 2.29}});
  // 250 ms is not longer than 250 ms.
  expect_segments(segments_of(speech_at(300, {{100, 125}})), {});
}

TEST(SpeechSegments, ShortSilenceDoesNotEndSpeech) {
  // A silent run of 10 frames lasts 90 ms when its last frame is judged, one of 11 frames 100 ms.
  expect_segments(segments_of(speech_at(400, {{100, 150}, {160, 210}})), {{0.97, 2.13}});
  expect_segments(segments_of(speech_at(400, {{100, 150}, {161, 211}})), {{0.97, 1.53}, {1.58, 2.14}});
}

TEST(SpeechSegments, ProbabilitiesBetweenTheThresholdsKeepWhatIsGoingOn) {
  auto p = speech_at(300, {{100, 150}});
  std::fill(p.begin() + 150, p.begin() + 200, 0.4);  // below 0.5, not below 0.35
  std::fill(p.begin() + 220, p.begin() + 260, 0.4);  // no speech to keep
  expect_segments(segments_of(p), {{0.97, 2.03}});
  SpeechSegmentConfig narrow;
  narrow.negative_threshold = 0.5;
  expect_segments(segments_of(p, narrow), {{0.97, 1.53}});
  EXPECT_DOUBLE_EQ(SpeechSegmentConfig{}.end_threshold(), 0.35);
}

TEST(SpeechSegments, NeighboursShareAGapThatIsShorterThanTwoPaddings) {
  SpeechSegmentConfig config;
  config.padding_s = 0.2;
  config.min_silence_s = 0.05;
  expect_segments(segments_of(speech_at(400, {{100, 150}, {170, 220}}), config), {{0.8, 1.6}, {1.6, 2.4}});
}

TEST(SpeechSegments, EndsOfTheRecordingCutPaddingAndCloseSpeech) {
  expect_segments(segments_of(speech_at(100, {{0, 40}, {60, 100}})), {{0, 0.43}, {0.57, 1.0}});
  expect_segments(segments_of(speech_at(100, {{1, 97}})), {{0, 1.0}});
  expect_segments(segments_of({}), {});
  const std::vector<double> missing(100, kMissing);
  expect_segments(segments_of(missing), {});
  expect_segments(segments_of({0.9}), {});
}

TEST(SpeechSegments, PiecesGiveWhatTheWholeGivesAndSoonEnough) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform;
  for (int round = 0; round < 50; ++round) {
    std::vector<double> p;
    double level = 0.1;
    for (int i = 0; i < 2000; ++i) {
      if (uniform(random) < 0.04) level = uniform(random);
      p.push_back(uniform(random) < 0.02 ? kMissing : level);
    }
    SpeechSegmentConfig config;
    config.padding_s = 0.1 * uniform(random);
    config.min_silence_s = 0.3 * uniform(random);
    const auto whole = speech_segments(p, 0.01, -3, 17, config);
    SpeechSegmenter segmenter(config, 0.01, -3);
    std::vector<Interval> pieces;
    for (size_t i = 0; i < p.size(); ++i) {
      segmenter.accept(&p[i], 1, pieces);
      // What has been given out is over by now, but for its padding.
      if (!pieces.empty()) {
        EXPECT_LE(pieces.back().end_s, -3 + 0.01 * static_cast<double>(i + 1) + config.padding_s);
      }
    }
    segmenter.finish(17, pieces);
    expect_segments(pieces, whole);
    for (size_t i = 1; i < whole.size(); ++i) EXPECT_LE(whole[i - 1].end_s, whole[i].start_s + 1e-12);
  }
}

TEST(SpeechSegments, BadConfigsAreRefused) {
  const auto error_with = [](const SpeechSegmentConfig& config, double frame_s) {
    return test::error_of([&] { SpeechSegmenter(config, frame_s); }, ErrorCode::kConfig);
  };
  SpeechSegmentConfig config;
  config.threshold = 1.5;
  EXPECT_EQ(error_with(config, 0.01), "speech_segments.threshold: must be in (0, 1), got 1.500000");
  config = {};
  config.negative_threshold = 0.6;
  EXPECT_EQ(error_with(config, 0.01), "speech_segments.negative_threshold: must be in [0, threshold]");
  config = {};
  config.padding_s = kMissing;
  EXPECT_NE(error_with(config, 0.01).find("padding_s"), std::string::npos);
  EXPECT_NE(error_with({}, 0).find("frame_s must be finite and positive"), std::string::npos);
}

TEST(VoiceActivity, TablesSayWhatTheSegmentsAre) {
  const VoiceActivity activity(speech_at(1000, {{100, 200}, {300, 350}}), 0.01, 5, 15);
  expect_segments(activity.segments(), {{5.97, 7.03}, {7.97, 8.53}});

  const Table frames = activity.frames();
  ASSERT_EQ(frames.num_rows(), 1000u);
  EXPECT_EQ(frames.at(96, 1), 0);
  EXPECT_EQ(frames.at(97, 1), 1);
  EXPECT_EQ(frames.at(202, 1), 1);
  EXPECT_EQ(frames.at(203, 1), 0);
  EXPECT_NEAR(frames.start_s[97], 5.97, 1e-9);

  const Table table = activity.intervals({{5, 15}, {6, 7}, {10, 12}, {100, 110}, {14, 20}});
  EXPECT_NEAR(table.at(0, table.column("speech_fraction")), (1.06 + 0.56) / 10, 1e-9);
  EXPECT_EQ(table.at(0, table.column("speech_num_segments")), 2);
  EXPECT_NEAR(table.at(0, table.column("speech_segment_mean")), (1.06 + 0.56) / 2, 1e-9);
  EXPECT_NEAR(table.at(0, table.column("speech_segment_max")), 1.06, 1e-9);
  EXPECT_NEAR(table.at(0, table.column("speech_pause_mean")), 0.94, 1e-9);
  EXPECT_NEAR(table.at(1, table.column("speech_fraction")), 1, 1e-9);
  EXPECT_EQ(table.at(1, table.column("speech_num_segments")), 0);
  EXPECT_EQ(table.at(2, table.column("speech_fraction")), 0);
  EXPECT_TRUE(std::isnan(table.at(2, table.column("speech_segment_mean"))));
  EXPECT_TRUE(std::isnan(table.at(3, table.column("speech_fraction"))));  // outside the recording
  EXPECT_EQ(table.at(4, table.column("speech_fraction")), 0);

  const EventTable events = activity.events();
  ASSERT_EQ(events.events.size(), 2u);
  EXPECT_EQ(events.events[0].label, "speech");
  EXPECT_NEAR(events.events[0].duration_s, 1.06, 1e-9);
  EXPECT_NEAR(events.events[0].values[0], (100 * 0.9 + 6 * 0.1) / 106, 1e-9);
  EXPECT_NE(test::error_of([] { VoiceActivity({}, 0.01, 5, 4); }, ErrorCode::kData).find("before it begins"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::signals
