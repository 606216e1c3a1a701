#include "limbic/stream/infer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/core/rng.h"
#include "limbic/formats/csv.h"
#include "limbic/media/audio.h"
#include "limbic/media/probe.h"
#include "limbic/media/video_reader.h"
#include "limbic/media/video_writer.h"
#include "limbic/model/bundle.h"
#include "limbic/stream/analysis.h"
#include "support/paths.h"
#include "support/untrained_bundle.h"

namespace limbic::stream {
namespace {

namespace fs = std::filesystem;
using core::Timestamp;

std::vector<double> column(const std::string& path, const std::string& name) {
  formats::CsvReader csv(path);
  formats::CsvRow row;
  std::vector<double> values;
  while (csv.next(row)) values.push_back(row.optional_real(name).value_or(NAN));
  return values;
}

/// Grey noise with a tone: no face in it. Frame times are uneven.
std::vector<Timestamp> write_faceless_clip(const std::string& path, int num_frames) {
  media::VideoWriterOptions options;
  options.width = 161;  // odd on purpose
  options.height = 120;
  options.audio_sample_rate = 16000;
  media::VideoWriter writer(path, options);
  core::Rng rng(4);
  std::vector<uint8_t> rgb(161 * 120 * 3);
  std::vector<Timestamp> times;
  Timestamp t{0};
  for (int i = 0; i < num_frames; ++i) {
    for (auto& value : rgb) value = static_cast<uint8_t>(100 + rng.below(40));
    writer.write_frame(t, rgb.data());
    times.push_back(t);
    t = t + Timestamp::from_seconds(i % 3 == 0 ? 0.05 : 0.04);
  }
  std::vector<float> tone(static_cast<size_t>(t.seconds() * 16000));
  for (size_t i = 0; i < tone.size(); ++i) tone[i] = 0.3f * std::sin(0.2f * static_cast<float>(i));
  writer.write_audio(tone.data(), static_cast<int64_t>(tone.size()));
  writer.finish();
  return times;
}

TEST(Infer, OneRowAFrameWithTrueTimesAndNoFacesWhereThereAreNone) {
  test::TempDir dir;
  const auto bundle = test::untrained_bundle(dir / "bundle", true, false);
  const auto times = write_faceless_clip(dir / "clip.mp4", 60);
  const auto outputs = infer_recording(dir / "clip.mp4", bundle, {}, dir / "out", true);
  const auto timestamps = column(dir / "out/frames.csv", "timestamp");
  ASSERT_EQ(timestamps.size(), times.size());
  for (size_t i = 0; i < times.size(); ++i) EXPECT_NEAR(timestamps[i], times[i].seconds(), 2e-5);
  for (const double success : column(dir / "out/frames.csv", "success")) EXPECT_EQ(success, 0.0);
  // No face and no ear: no emotion, and empty cells rather than zeros.
  for (const double p : column(dir / "out/frames.csv", "emotion_calm")) EXPECT_TRUE(std::isnan(p));
  EXPECT_EQ(outputs.summary->at("people").size(), 0u);
  EXPECT_FALSE(outputs.is_truncated);
  const auto info = media::probe(dir / "out/annotated.mp4");
  ASSERT_TRUE(info.video && info.audio);
  EXPECT_NEAR(info.duration.seconds(), times.back().seconds(), 0.3);
}

TEST(Infer, LabelsOfSeveralTasksDoNotContradictEachOtherWhenAsked) {
  test::TempDir dir;
  const std::vector<affect::LabelSpace> tasks{{"emotion", {"happy", "sad", "angry"}},
                                              {"sentiment", {"negative", "positive"}}};
  const auto bundle = test::untrained_bundle(dir / "bundle", false, true, 2.0, tasks);
  Analysis analysis;
  const std::map<std::string, std::vector<float>> p{{"emotion", {0.4f, 0.35f, 0.25f}},
                                                    {"sentiment", {0.7f, 0.3f}}};
  EXPECT_EQ(winning_classes(analysis, bundle.info, p),
            (std::map<std::string, size_t>{{"emotion", 0}, {"sentiment", 0}}));
  write_faceless_clip(dir / "clip.mp4", 60);
  InferenceConfig config;
  config.consistency.emplace();
  const auto outputs = infer_recording(dir / "clip.mp4", bundle, config, dir / "out", true);
  EXPECT_TRUE(outputs.summary->at("consistent_labels").get<bool>());
  analysis = analyse(dir / "clip.mp4", bundle, config);
  ASSERT_NE(analysis.constraints, nullptr);
  EXPECT_EQ(winning_classes(analysis, bundle.info, p),
            (std::map<std::string, size_t>{{"emotion", 1}, {"sentiment", 0}}));
  formats::CsvReader csv(dir / "out/frames.csv");
  formats::CsvRow row;
  int64_t num_labelled = 0;
  while (csv.next(row)) {
    const std::string emotion = row.text("emotion");
    if (emotion.empty()) continue;
    ++num_labelled;
    EXPECT_EQ(emotion == "happy", row.text("sentiment") == "positive");
  }
  EXPECT_GT(num_labelled, 0);
  const auto one_task = test::untrained_bundle(dir / "one", false, true, 2.0);
  EXPECT_NE(test::error_of([&] { analyse(dir / "clip.mp4", one_task, config); }, ErrorCode::kConfig)
                .find("can contradict each other"),
            std::string::npos);
}

TEST(Infer, ValuesLabelsAndValuesOverTimeHaveTheirColumns) {
  test::TempDir dir;
  using affect::TaskKind;
  const auto bundle =
      test::untrained_bundle(dir / "bundle", false, true, 2.0,
                             {{"affect", {"valence", "arousal"}, {TaskKind::kContinuous, {-1.0, 1.0}, 0.0}},
                              {"aus", {"au04", "au12"}, {TaskKind::kMultiLabel, {}, 0.0}},
                              {"trace", {"valence"}, {TaskKind::kContinuous, {}, 5.0}},
                              {"emotion", {"calm", "excited"}}});
  EXPECT_EQ(bundle.info.tasks[2].traits.rate_hz, 5.0);
  write_faceless_clip(dir / "clip.mp4", 60);
  const auto outputs = infer_recording(dir / "clip.mp4", bundle, {}, dir / "out", true);
  for (const char* name : {"affect_valence", "affect_arousal", "aus_au04", "trace_valence", "emotion_calm"}) {
    for (const double value : column(dir / "out/frames.csv", name)) EXPECT_TRUE(std::isfinite(value)) << name;
  }
  EXPECT_FALSE(formats::CsvReader(dir / "out/frames.csv").has_column("affect"));
  const auto& said = outputs.summary->at("recording");
  EXPECT_TRUE(said.at("affect").at("mean_value").at("arousal").is_number());
  EXPECT_TRUE(said.at("aus").at("mean_probability").at("au12").is_number());
  EXPECT_TRUE(said.at("emotion").contains("label"));
}

TEST(Infer, AModelWithEarsSpeaksForTheWholeRecordingWhenNobodyIsSeen) {
  test::TempDir dir;
  const auto bundle = test::untrained_bundle(dir / "bundle", true, true, 2.0);
  write_faceless_clip(dir / "clip.mp4", 80);
  const auto outputs = infer_recording(dir / "clip.mp4", bundle, {}, dir / "out", false);
  const auto p = column(dir / "out/frames.csv", "emotion_calm");
  const auto q = column(dir / "out/frames.csv", "emotion_excited");
  ASSERT_EQ(p.size(), 80u);
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i] + q[i], 1.0, 2e-4) << i;
  EXPECT_TRUE(outputs.summary->contains("recording"));
  EXPECT_FALSE(fs::exists(dir / "out/annotated.mp4"));
}

TEST(Infer, SoundAloneGivesARowAHop) {
  test::TempDir dir;
  const auto bundle = test::untrained_bundle(dir / "bundle", false, true);
  media::AudioBuffer tone{{}, 16000, std::vector<float>(5 * 16000)};
  for (size_t i = 0; i < tone.samples.size(); ++i)
    tone.samples[i] = 0.2f * std::sin(0.1f * static_cast<float>(i));
  media::write_wav(dir / "tone.wav", tone);
  infer_recording(dir / "tone.wav", bundle, {}, dir / "out", true);
  EXPECT_EQ(column(dir / "out/frames.csv", "timestamp").size(), 10u);
  for (const double p : column(dir / "out/frames.csv", "emotion_calm")) EXPECT_FALSE(std::isnan(p));
}

TEST(Infer, AModelThatOnlySeesRefusesSoundAlone) {
  test::TempDir dir;
  const auto bundle = test::untrained_bundle(dir / "bundle", true, false);
  media::write_wav(dir / "tone.wav", {{}, 16000, std::vector<float>(16000, 0.1f)});
  const auto text = test::error_of([&] { infer_recording(dir / "tone.wav", bundle, {}, dir / "out", true); },
                                   ErrorCode::kModel);
  EXPECT_NE(text.find("the model needs face"), std::string::npos) << text;
  EXPECT_FALSE(fs::exists(dir / "out/frames.csv"));
}

TEST(Infer, ATalkingHeadIsOnePersonInAlmostEveryFrame) {
  LIMBIC_REQUIRE_DATA("face_videos/lp_d12_talk_7s.mp4");
  test::TempDir dir;
  const auto bundle = test::untrained_bundle(dir / "bundle", true, false);
  const std::string clip = test::real_data() + "/face_videos/lp_d12_talk_7s.mp4";
  const auto outputs = infer_recording(clip, bundle, {}, dir / "out", false);
  const auto success = column(dir / "out/frames.csv", "success");
  EXPECT_EQ(success.size(), 183u);  // ffprobe -count_frames
  EXPECT_GT(std::count(success.begin(), success.end(), 1.0), 0.95 * 183);
  EXPECT_EQ(outputs.summary->at("people").size(), 1u);
}

TEST(Infer, AClipWithoutAnyFaceYieldsNone) {
  LIMBIC_REQUIRE_DATA("face_videos/pyfeat_no_face_4s.mp4");
  test::TempDir dir;
  const auto bundle = test::untrained_bundle(dir / "bundle", true, false);
  const auto outputs = infer_recording(test::real_data() + "/face_videos/pyfeat_no_face_4s.mp4", bundle, {},
                                       dir / "out", false);
  EXPECT_EQ(outputs.summary->at("num_frames_with_face"), 0);
}

TEST(Bundle, DamagedOrForeignFoldersAreModelErrors) {
  test::TempDir dir;
  EXPECT_NE(
      test::error_of([&] { model::load_bundle(dir.path()); }, ErrorCode::kModel).find("neither a bundle"),
      std::string::npos);
  test::untrained_bundle(dir / "bundle", true, false);
  fs::resize_file(dir / "bundle/model.safetensors", 100);
  test::error_of([&] { model::load_bundle(dir / "bundle"); }, ErrorCode::kModel);
  core::write_file(dir / "bundle/bundle.yaml", "name: [");
  test::error_of([&] { model::load_bundle(dir / "bundle"); }, ErrorCode::kModel);
}

}  // namespace
}  // namespace limbic::stream
