#include "limbic/data/simulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "limbic/core/atomic_file.h"
#include "limbic/data/importer.h"
#include "limbic/data/store.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"
#include "limbic/media/audio.h"
#include "limbic/media/video_reader.h"
#include "limbic/vision/face_detector.h"
#include "simulator/body.h"
#include "simulator/eda.h"
#include "simulator/face.h"
#include "simulator/latent.h"
#include "simulator/render.h"
#include "simulator/reports.h"
#include "simulator/voice.h"
#include "support/paths.h"

namespace limbic::data::sim {
namespace {

namespace fs = std::filesystem;

SimulatorConfig tiny_config() {
  SimulatorConfig config;
  config.subjects = 2;
  config.minutes = 4.0 / 60;
  config.window_s = 2;
  config.max_episode_windows = 1;
  config.transition_s = 0;
  return config;
}

/// One corpus for the tests that look at its files.
class SimulatedCorpus : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = std::make_unique<test::TempDir>();
    report_ = simulate_corpus(*dir_ / "corpus", tiny_config());
  }
  static void TearDownTestSuite() { dir_.reset(); }
  static std::string file(const std::string& name) { return *dir_ / ("corpus/" + name); }
  static inline std::unique_ptr<test::TempDir> dir_;
  static inline SimulationReport report_;
};

TEST_F(SimulatedCorpus, HasAFolderPerSessionAndSaysThatItIsSynthetic) {
  EXPECT_EQ(report_.num_sessions, 2);
  EXPECT_NEAR(report_.minutes, 8.0 / 60, 1e-9);
  EXPECT_EQ(report_.num_windows, 4);
  EXPECT_TRUE(fs::is_directory(file("sessions/sub001_ses01")));
  EXPECT_TRUE(fs::is_directory(file("sessions/sub002_ses01")));
  EXPECT_NE(core::read_file(file("README.md")).find("**synthetic**"), std::string::npos);
  const auto corpus = formats::read_json(file("corpus.json"));
  EXPECT_EQ(corpus["classes"].size(), 6u);
  EXPECT_EQ(corpus["config"]["window_s"], 2.0);
  // Nothing half made is left beside it.
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_->path()), fs::directory_iterator()), 1);
}

TEST_F(SimulatedCorpus, VideoAndSoundDecodeToTheirFullLength) {
  media::VideoReader reader(file("sessions/sub001_ses01/video.mp4"));
  media::VideoFrame frame;
  int64_t num_frames = 0;
  while (reader.next(frame)) {
    EXPECT_EQ(frame.width, 320);
    EXPECT_EQ(frame.height, 240);
    EXPECT_NEAR(frame.pts.seconds(), static_cast<double>(num_frames) / 25, 1e-4);
    ++num_frames;
  }
  EXPECT_EQ(num_frames, 100);
  const auto sound = media::read_audio(file("sessions/sub001_ses01/video.mp4"));
  EXPECT_NEAR(static_cast<double>(sound.samples.size()) / sound.sample_rate, 4.0, 0.1);
  double energy = 0;
  for (const float s : sound.samples) energy += static_cast<double>(s) * s;
  EXPECT_GT(std::sqrt(energy / static_cast<double>(sound.samples.size())), 0.03);
}

TEST_F(SimulatedCorpus, TablesHaveTheRatesAndRangesThatTheReadmeSays) {
  formats::CsvReader eda(file("sessions/sub001_ses01/eda.csv"));
  formats::CsvRow row;
  int64_t num_rows = 0;
  for (; eda.next(row); ++num_rows) {
    EXPECT_DOUBLE_EQ(row.real("t_s"), 0.25 * static_cast<double>(num_rows));
    EXPECT_GT(row.real("eda_us"), 0);
  }
  EXPECT_EQ(num_rows, 17);
  formats::CsvReader labels(file("sessions/sub001_ses01/labels.csv"));
  for (num_rows = 0; labels.next(row); ++num_rows) {
    EXPECT_DOUBLE_EQ(row.real("start_s"), 2.0 * static_cast<double>(num_rows));
    EXPECT_DOUBLE_EQ(row.real("end_s"), 2.0 * static_cast<double>(num_rows + 1));
    EXPECT_LE(std::abs(row.real("valence")), 1);
  }
  EXPECT_EQ(num_rows, 2);
  formats::CsvReader latent(file("sessions/sub002_ses01/latent.csv"));
  for (num_rows = 0; latent.next(row);) ++num_rows;
  EXPECT_EQ(num_rows, 41);
}

TEST_F(SimulatedCorpus, FacesAreFoundByHaarCascades) {
  std::unique_ptr<vision::FaceDetector> detector;
  try {
    detector = vision::build_face_detector();
  } catch (const Error& e) {
    GTEST_SKIP() << e.what();
  }
  int num_found = 0;
  int num_looked = 0;
  for (const char* session : {"sub001_ses01", "sub002_ses01"}) {
    media::VideoReader reader(file(std::string("sessions/") + session + "/video.mp4"));
    media::VideoFrame frame;
    while (reader.next(frame)) {
      if (frame.index % 8 != 0) continue;
      ++num_looked;
      vision::GrayView view;
      view.data = frame.gray();
      view.width = frame.width;
      view.height = frame.height;
      view.stride = frame.width;
      num_found += detector->detect(view).size() == 1 ? 1 : 0;
    }
  }
  EXPECT_EQ(num_looked, 26);
  EXPECT_GT(num_found, 0.95 * num_looked);
}

TEST_F(SimulatedCorpus, BecomesAStoreWithFeltAndShownEmotion) {
  try {
    vision::build_face_detector();
  } catch (const Error& e) {
    GTEST_SKIP() << e.what();
  }
  ImportOptions options;
  options.face_rate_hz = 2;
  const ImportReport imported = import_corpus("simulated", file(""), *dir_ / "store", options);
  EXPECT_EQ(imported.num_samples, report_.num_windows);
  EXPECT_TRUE(imported.quarantined.empty());
  const auto store = Store::open(*dir_ / "store");
  const auto& spaces = store->info().label_spaces;
  ASSERT_EQ(spaces.size(), 4u);
  EXPECT_EQ(spaces[0].classes,
            (std::vector<std::string>{"neutral", "happy", "sad", "angry", "afraid", "calm"}));
  EXPECT_EQ(spaces[1].task, "shown");
  EXPECT_EQ(spaces[2].classes, (std::vector<std::string>{"low", "high"}));
  for (const auto& sample : store->samples()) {
    EXPECT_EQ(sample.labels.at("masked"),
              sample.labels.at("emotion") == sample.labels.at("shown") ? "no" : "yes");
    EXPECT_EQ(sample.labels.at("arousal"), sample.values.at("arousal") >= 0.2 ? "high" : "low");
  }
  fs::remove_all(*dir_ / "store");
}

TEST(Simulator, IsTheSameAgainWhateverTheThreadsAndOtherwiseWithAnotherSeed) {
  test::TempDir dir;
  SimulatorConfig config = tiny_config();
  config.width = 96;
  config.height = 72;
  config.fps = 10;
  config.num_workers = 1;
  simulate_corpus(dir / "a", config);
  config.num_workers = 2;
  simulate_corpus(dir / "b", config);
  config.seed = 2;
  simulate_corpus(dir / "c", config);
  const auto read = [&](const std::string& name) { return core::read_file(dir / name); };
  int num_files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir / "a")) {
    if (!entry.is_regular_file()) continue;
    ++num_files;
    const std::string name = entry.path().lexically_relative(dir / "a").string();
    EXPECT_TRUE(read("a/" + name) == read("b/" + name)) << name;
    EXPECT_FALSE(read("a/" + name) == read("c/" + name)) << name;
  }
  EXPECT_EQ(num_files, 3 + 2 * 4);
  for (const char* name : {"video.mp4", "eda.csv", "latent.csv"})
    EXPECT_FALSE(read(std::string("a/sessions/sub001_ses01/") + name) ==
                 read(std::string("a/sessions/sub002_ses01/") + name));
}

TEST(Simulator, WritesReportsAndTracksAndTheirTruthWhenAskedFor) {
  test::TempDir dir;
  SimulatorConfig config = tiny_config();
  config.width = 96;
  config.height = 72;
  config.fps = 10;
  config.minutes = 0.2;
  simulate_corpus(dir / "plain", config);
  config.annotators = 2;
  config.annotator_coverage = 0.5;
  config.self_reports = 1;
  config.tracks = true;
  simulate_corpus(dir / "told", config);
  // What is said changes nothing of what is seen, heard and measured.
  for (const char* name : {"video.mp4", "eda.csv", "latent.csv"}) {
    const std::string file = std::string("/sessions/sub001_ses01/") + name;
    EXPECT_TRUE(core::read_file(dir / "plain" + file) == core::read_file(dir / "told" + file)) << name;
  }
  EXPECT_FALSE(fs::exists(dir / "plain/sessions/sub001_ses01/motion.csv"));
  const auto truth = formats::read_json(dir / "told/corpus.json").at("truth");
  EXPECT_EQ(truth.at("eda_latency_s"), 2.0);
  EXPECT_GT(truth.at("annotators").at("rater_2").at("planted"), 0.4);
  EXPECT_EQ(truth.at("self_report").at("emotion").at("planted"), 0.85);
  EXPECT_EQ(truth.at("self_report").at("arousal").at("num"), 12);
  try {
    vision::build_face_detector();
  } catch (const Error& e) {
    GTEST_SKIP() << e.what();
  }
  ImportOptions options;
  options.face_rate_hz = 1;
  import_corpus("simulated", dir / "told", dir / "store", options);
  const auto store = Store::open(dir / "store");
  EXPECT_EQ(store->label_space("rater_1").classes, store->label_space("emotion").classes);
  EXPECT_EQ(store->info().modalities.at("motion").columns.size(), 8u);
  int64_t num_rated = 0;
  double num_right = 0;
  for (const auto& sample : store->samples()) {
    EXPECT_EQ(sample.labels.count("self_report"), 1u);
    EXPECT_EQ(sample.values.count("self_arousal"), 1u);
    EXPECT_EQ(sample.streams.at("motion").num_frames, 20);
    const auto rated = sample.labels.find("rater_1");
    if (rated == sample.labels.end()) continue;
    ++num_rated;
    num_right += rated->second == sample.labels.at("shown") ? 1 : 0;
  }
  const auto& rater = truth.at("annotators").at("rater_1");
  EXPECT_EQ(rater.at("num"), num_rated);
  EXPECT_NEAR(rater.at("realised").get<double>(), num_right / static_cast<double>(num_rated), 1e-12);
}

TEST(SimulatedReports, AreAsReliableAsTheConfigSays) {
  SimulatorConfig config;
  config.minutes = 60;
  config.annotators = 3;
  config.self_reports = 0.5;
  config.sessions_per_subject = 1;
  const Latent latent = draw_latent(config, draw_temper(config, 0), 0, 0);
  const Reports reports = draw_reports(config, latent, 0, 0);
  const ReportTallies tallies = count_right(config, latent, reports);
  for (size_t a = 0; a < 3; ++a) {
    // About 850 windows: standard error below 0.015.
    EXPECT_NEAR(static_cast<double>(tallies.annotators[a].num_right) /
                    static_cast<double>(tallies.annotators[a].num_said),
                annotator_accuracy(config, static_cast<int64_t>(a)), 0.05);
  }
  EXPECT_NEAR(static_cast<double>(tallies.self_felt.num_said) / static_cast<double>(latent.windows.size()),
              0.5, 0.1);
  EXPECT_NEAR(
      static_cast<double>(tallies.self_felt.num_right) / static_cast<double>(tallies.self_felt.num_said),
      0.85, 0.06);
  EXPECT_GT(static_cast<double>(tallies.self_arousal.num_right) /
                static_cast<double>(tallies.self_arousal.num_said),
            0.8);
  // An episode has one report.
  for (size_t w = 1; w < latent.windows.size(); ++w) {
    if (&latent.episode_at(latent.windows[w].start_s) != &latent.episode_at(latent.windows[w - 1].start_s))
      continue;
    EXPECT_EQ(reports.self[w].arousal, reports.self[w - 1].arousal);
  }
}

TEST(SimulatedBody, FidgetsWithWhatIsFeltAndIsSeenInThePicture) {
  SimulatorConfig config;
  config.minutes = 20;
  config.body = 1;
  Temper temper;
  temper.masking = 1;
  const Latent latent = draw_latent(config, temper, 0, 0);
  std::vector<FacePose> poses(20 * 60 * 25);
  move_body(config, latent, 0, 0, poses);
  std::array<double, 2> motion{};
  std::array<double, 2> count{};
  for (size_t i = 1; i < poses.size(); ++i) {
    const size_t high = latent.felt_at(static_cast<double>(i) / 25).arousal > 0.2 ? 1 : 0;
    motion[high] += std::abs(static_cast<double>(poses[i].torso_lean - poses[i - 1].torso_lean));
    count[high] += 1;
  }
  EXPECT_GT(motion[1] / count[1], 1.5 * motion[0] / count[0]);

  FaceRenderer renderer(draw_looks(config, 0, 0), 160, 120, 0);
  const auto draw = [&](const FacePose& pose) {
    core::Rng grain(1);
    const uint8_t* rgb = renderer.draw(pose, grain);
    return std::vector<uint8_t>(rgb, rgb + 160 * 120 * 3);
  };
  FacePose lifted;
  lifted.shoulder_lift = 0.08f;
  const auto still = draw({});
  const auto moved = draw(lifted);
  int above = 0;
  int below = 0;
  for (size_t i = 0; i < still.size(); ++i) {
    if (std::abs(int{still[i]} - int{moved[i]}) > 20) ++(i < still.size() / 2 ? above : below);
  }
  EXPECT_EQ(above, 0);
  EXPECT_GT(below, 100);
  EXPECT_TRUE(draw({}) == still);
}

TEST(Simulator, LeavesWhatExistsAlone) {
  test::TempDir dir;
  core::write_file(dir / "corpus/notes.txt", "mine");
  const std::string text =
      test::error_of([&] { simulate_corpus(dir / "corpus", tiny_config()); }, ErrorCode::kStorage);
  EXPECT_NE(text.find("already exists"), std::string::npos) << text;
  EXPECT_EQ(core::read_file(dir / "corpus/notes.txt"), "mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator()), 1);
}

TEST(Simulator, RefusesConfigsThatMakeNoSense) {
  test::TempDir dir;
  SimulatorConfig none = tiny_config();
  none.subjects = 0;
  EXPECT_EQ(test::error_of([&] { simulate_corpus(dir / "x", none); }, ErrorCode::kConfig),
            "simulate.subjects: must be in [1, 9999], got 0");
  SimulatorConfig not_a_number = tiny_config();
  not_a_number.masking = std::nan("");
  test::error_of([&] { simulate_corpus(dir / "x", not_a_number); }, ErrorCode::kConfig);
  SimulatorConfig brief = tiny_config();
  brief.minutes = 0.01;
  EXPECT_EQ(test::error_of([&] { simulate_corpus(dir / "x", brief); }, ErrorCode::kConfig),
            "simulate.minutes: gives sessions of 0.6 s; they must hold a window of 2 s");
  EXPECT_FALSE(fs::exists(dir / "x"));
}

TEST(SimulatedLatent, DealsAllEmotionsEvenlyAndNeverOneTwiceInARow) {
  SimulatorConfig config;
  config.minutes = 60;
  const Latent latent = draw_latent(config, Temper{}, 0, 0);
  std::array<int, kNumEmotions> counts{};
  for (size_t i = 0; i < latent.episodes.size(); ++i) {
    ++counts[static_cast<size_t>(latent.episodes[i].felt)];
    if (i > 0) {
      EXPECT_NE(latent.episodes[i].felt, latent.episodes[i - 1].felt);
      EXPECT_EQ(latent.episodes[i].start_s, latent.episodes[i - 1].end_s);
    }
  }
  EXPECT_LE(*std::max_element(counts.begin(), counts.end()) - *std::min_element(counts.begin(), counts.end()),
            1);
  EXPECT_GT(latent.windows.size(), 60 * 60 / 4 * 0.9);
}

TEST(SimulatedLatent, HidesTheConfiguredShareOfEpisodes) {
  for (const double masking : {0.0, 0.25, 0.6}) {
    SimulatorConfig config;
    config.masking = masking;
    config.minutes = 1;
    double num_masked = 0;
    double num_episodes = 0;
    for (int64_t subject = 0; subject < 200; ++subject) {
      const Latent latent = draw_latent(config, draw_temper(config, subject), subject, 0);
      for (const auto& episode : latent.episodes) {
        num_masked += episode.is_masked() ? 1 : 0;
        num_episodes += 1;
      }
    }
    // About 1400 episodes: standard error below 0.014, the spread over subjects included.
    EXPECT_NEAR(num_masked / num_episodes, masking, masking == 0 ? 0 : 0.04);
  }
}

TEST(SimulatedLatent, MaskedEpisodesShowAnotherAffectThanIsFelt) {
  SimulatorConfig config;
  config.minutes = 60;
  Temper always;
  always.masking = 1;
  const Latent latent = draw_latent(config, always, 0, 0);
  double distance = 0;
  for (const auto& episode : latent.episodes) {
    ASSERT_TRUE(episode.is_masked());
    const double end_s = episode.end_s - 0.1;
    distance += std::hypot(latent.felt_at(end_s).valence - latent.shown_at(end_s).valence,
                           latent.felt_at(end_s).arousal - latent.shown_at(end_s).arousal);
  }
  EXPECT_GT(distance / static_cast<double>(latent.episodes.size()), 0.5);
}

/// Lag at which `weight_at` goes best with the arousal before it.
template <class WeightAt>
double best_arousal_lag_s(const Latent& latent, WeightAt weight_at) {
  double mean = 0;
  for (const auto& point : latent.felt) mean += point.arousal / static_cast<double>(latent.felt.size());
  double best = -1e9;
  double best_lag_s = -1;
  for (double lag_s = 0; lag_s <= 8; lag_s += 0.125) {
    double sum = 0;
    for (double t_s = 10; t_s < latent.duration_s; t_s += 0.25)
      sum += weight_at(t_s) * (latent.felt_at(t_s - lag_s).arousal - mean);
    if (sum > best) {
      best = sum;
      best_lag_s = lag_s;
    }
  }
  return best_lag_s;
}

TEST(SimulatedEda, RespondsToArousalAfterTheConfiguredLatency) {
  for (const double latency_s : {1.0, 3.0}) {
    SimulatorConfig config;
    config.minutes = 60;
    config.eda_latency_s = latency_s;
    const Latent latent = draw_latent(config, Temper{}, 0, 0);
    const EdaTrace trace = draw_eda(config, latent, 0, 0);
    ASSERT_EQ(trace.microsiemens.size(), 60u * 60 * 4 + 1);
    EXPECT_GT(*std::min_element(trace.microsiemens.begin(), trace.microsiemens.end()), 0);
    // Seen in the signal itself: where it rises, arousal was high so long before.
    const double lag_s = best_arousal_lag_s(latent, [&](double t_s) {
      const auto i = static_cast<size_t>(t_s * kEdaRateHz);
      return std::max(0.0, trace.microsiemens[i] - trace.microsiemens[i - 1]);
    });
    EXPECT_NEAR(lag_s, latency_s, 0.5);
  }
}

TEST(SimulatedEda, AResponsePeaksAboutASecondAfterItsOnsetWithHeightOne) {
  double highest = 0;
  double highest_at_s = 0;
  for (double t_s = -1; t_s < 20; t_s += 0.01) {
    const double height = scr_shape(t_s);
    EXPECT_EQ(height == 0, t_s <= 0);
    if (height > highest) {
      highest = height;
      highest_at_s = t_s;
    }
  }
  EXPECT_NEAR(highest, 1, 1e-4);
  EXPECT_NEAR(highest_at_s, 0.93, 0.02);
  EXPECT_NEAR(scr_shape(highest_at_s + 4) / scr_shape(highest_at_s), std::exp(-1), 0.05);
}

TEST(SimulatedVoice, IsLouderInAngerThanInSadnessAndMovesTheMouth) {
  SimulatorConfig config;
  config.minutes = 1;
  const Latent latent = draw_latent(config, Temper{}, 3, 0);
  const VoiceTrack voice = draw_voice(config, draw_voice_traits(config, 3), latent, 3, 0);
  ASSERT_EQ(voice.samples.size(), 60u * 16000);
  std::array<double, kNumEmotions> energy{};
  std::array<double, kNumEmotions> count{};
  for (size_t i = 0; i < voice.samples.size(); ++i) {
    ASSERT_LT(std::abs(voice.samples[i]), 1.0f);
    const auto felt = static_cast<size_t>(latent.episode_at(static_cast<double>(i) / 16000).felt);
    energy[felt] += static_cast<double>(voice.samples[i]) * voice.samples[i];
    count[felt] += 1;
  }
  EXPECT_GT(energy[3] / count[3], 2 * energy[2] / count[2]);

  const auto poses = draw_face(config, Temper{}, latent, voice, 3, 0);
  ASSERT_EQ(poses.size(), 1500u);
  double open = 0;
  double shut = 0;
  double num_open = 0;
  for (size_t i = 0; i < poses.size(); ++i) {
    const bool is_open = voice.jaw_open[2 * i] > 0.4f;
    (is_open ? open : shut) += static_cast<double>(poses[i].expression.jaw);
    num_open += is_open ? 1 : 0;
  }
  ASSERT_GT(num_open, 100);
  EXPECT_GT(open / num_open, 0.15 + shut / (1500 - num_open));
}

TEST(SimulatedFace, ShowsTheShownEmotionNotTheFeltOne) {
  SimulatorConfig config;
  config.minutes = 30;
  Temper temper;
  temper.masking = 0.5;
  const Latent latent = draw_latent(config, temper, 0, 0);
  VoiceTrack silence;
  silence.loudness = silence.jaw_open = silence.lip_round = {0.0f};
  const auto poses = draw_face(config, temper, latent, silence, 0, 0);
  double sad_behind_smile = 0;
  int num = 0;
  for (const auto& episode : latent.episodes) {
    if (episode.felt != 2 || episode.shown != 1) continue;
    sad_behind_smile +=
        static_cast<double>(poses[static_cast<size_t>((episode.end_s - 0.2) * 25)].expression.smile);
    ++num;
  }
  ASSERT_GT(num, 3);
  EXPECT_GT(sad_behind_smile / num, 0.4);
  for (const auto& pose : poses) {
    ASSERT_LE(std::abs(pose.yaw_rad), 0.2619f);
    ASSERT_LE(std::abs(pose.pitch_rad), 0.2619f);
    ASSERT_LE(std::abs(pose.roll_rad), 0.2619f);
  }
}

TEST(SimulatedFace, EveryEmotionLooksDifferent) {
  const SimulatorConfig config;
  FaceRenderer renderer(draw_looks(config, 0, 0), 160, 120, 0);
  std::vector<std::vector<uint8_t>> pictures;
  for (int emotion = 0; emotion < kNumEmotions; ++emotion) {
    FacePose pose;
    pose.expression = emotion_expression(emotion);
    core::Rng grain(1);
    const uint8_t* rgb = renderer.draw(pose, grain);
    pictures.emplace_back(rgb, rgb + 160 * 120 * 3);
  }
  FacePose again;
  core::Rng grain(1);
  const uint8_t* rgb = renderer.draw(again, grain);
  EXPECT_TRUE(std::equal(rgb, rgb + 160 * 120 * 3, pictures[0].begin()));
  for (size_t a = 0; a < pictures.size(); ++a) {
    for (size_t b = a + 1; b < pictures.size(); ++b) {
      int num_changed = 0;
      for (size_t i = 0; i < pictures[a].size(); ++i)
        num_changed += std::abs(int{pictures[a][i]} - int{pictures[b][i]}) > 20 ? 1 : 0;
      EXPECT_GT(num_changed, 60) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace limbic::data::sim
