#include "limbic/features/feature_extractor.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <thread>
#include <vector>

#include "limbic/config/config.h"
#include "support/paths.h"

namespace limbic::features {
namespace {

/// A gliding tone in noise.
std::vector<float> tone(int64_t num_samples, double amplitude = 0.5) {
  std::vector<float> x;
  uint32_t state = 7;
  for (int64_t i = 0; i < num_samples; ++i) {
    state = state * 1664525u + 1013904223u;
    const auto n = static_cast<double>(i);
    const double noise = static_cast<double>(state >> 16) / 65536.0 - 0.5;
    x.push_back(static_cast<float>(amplitude * (0.8 * std::sin(0.2 * n + 1e-5 * n * n) + 0.2 * noise)));
  }
  return x;
}

core::Timestamp at_s(double seconds) {
  return core::Timestamp::from_seconds(seconds);
}

TEST(LogMelStream, LiesOnTheClockByTheCentresOfItsFrames) {
  const auto x = tone(16000);
  const auto stream = log_mel_stream(x.data(), 16000, at_s(3.0), LogMelFeature());
  EXPECT_EQ(stream.values.sizes(), (std::vector<int64_t>{98, 80}));
  EXPECT_EQ(stream.t0, at_s(3.0125));
  EXPECT_DOUBLE_EQ(stream.rate_hz, 100.0);
  EXPECT_TRUE(stream.valid_T.all().item<bool>());
}

TEST(LogMelStream, OfAClipShorterThanAFrameIsEmpty) {
  const auto x = tone(100);
  const auto stream = log_mel_stream(x.data(), 100, at_s(0), LogMelFeature());
  EXPECT_EQ(stream.values.sizes(), (std::vector<int64_t>{0, 80}));
  EXPECT_EQ(stream.valid_T.sizes(), (std::vector<int64_t>{0}));
}

TEST(LogMelStream, NormalisesEachBandOfTheClip) {
  const auto x = tone(16000);
  LogMelFeature feature;
  const auto raw = log_mel_stream(x.data(), 16000, at_s(0), feature).values;
  feature.normalise = Normalise::kMean;
  const auto centered = log_mel_stream(x.data(), 16000, at_s(0), feature).values;
  EXPECT_TRUE(at::allclose(centered, raw - raw.mean(0, true), 1e-5, 1e-4));
  feature.normalise = Normalise::kMeanVariance;
  const auto scaled = log_mel_stream(x.data(), 16000, at_s(0), feature).values;
  EXPECT_TRUE(at::allclose(scaled, (raw - raw.mean(0, true)) / raw.std(0, false, true), 1e-4, 1e-4));
}

TEST(LogMelStream, LoudnessOfTheRecordingGoesAwayWithTheMean) {
  const auto loud = tone(16000, 0.5);
  const auto quiet = tone(16000, 0.05);
  LogMelFeature feature;
  feature.mel.floor = 1e-20;
  feature.normalise = Normalise::kMean;
  const auto a = log_mel_stream(loud.data(), 16000, at_s(0), feature).values;
  const auto b = log_mel_stream(quiet.data(), 16000, at_s(0), feature).values;
  EXPECT_LT((a - b).abs().max().item<float>(), 1e-2);
}

TEST(LogMelStream, TrimsSilenceAndKeepsTheClock) {
  std::vector<float> x(16000, 0.0f);
  const auto speech = tone(8000);
  x.insert(x.end(), speech.begin(), speech.end());
  x.resize(x.size() + 12000, 1e-5f);
  LogMelFeature feature;
  feature.trim.enabled = true;
  const auto range = trim_silence(x.data(), static_cast<int64_t>(x.size()), 16000, feature.trim);
  EXPECT_EQ(range.first, 16000 - 800);
  EXPECT_EQ(range.last, 24000 + 800);
  const auto trimmed = log_mel_stream(x.data(), static_cast<int64_t>(x.size()), at_s(1.0), feature);
  EXPECT_EQ(trimmed.t0, at_s(1.0 + 0.95 + 0.0125));
  feature.trim.enabled = false;
  const auto whole = log_mel_stream(x.data(), static_cast<int64_t>(x.size()), at_s(1.0), feature);
  EXPECT_TRUE(at::equal(trimmed.values, whole.values.slice(0, 95, 95 + trimmed.values.size(0))));
}

TEST(LogMelStream, SilenceThroughoutIsNotTrimmed) {
  const std::vector<float> x(8000, 0.0f);
  const auto range = trim_silence(x.data(), 8000, 16000, TrimConfig());
  EXPECT_EQ(range.first, 0);
  EXPECT_EQ(range.last, 8000);
  EXPECT_EQ(trim_silence(x.data(), 0, 16000, TrimConfig()).last, 0);
}

TEST(LogMelStream, RefusesSamplesThatAreNotNumbers) {
  auto x = tone(16000);
  x[8000] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(
      test::error_of([&] { log_mel_stream(x.data(), 16000, at_s(0), LogMelFeature()); }, ErrorCode::kData),
      "audio: sample 8000 (0.500000 s) is not a finite number; expected samples in [-1, 1]");
}

TEST(LogMelStream, OfRealSpeechLosesOnlyTheSilenceAroundIt) {
  LIMBIC_REQUIRE_DATA("ravdess_speech16k");
  if (std::system("ffmpeg -version >/dev/null 2>&1") != 0) GTEST_SKIP() << "the ffmpeg program is absent";
  const test::TempDir dir;
  const std::string clip = test::real_data() + "/ravdess_speech16k/Actor_01/03-01-05-02-01-01-01.flac";
  const std::string pcm = dir / "x.s16";
  ASSERT_EQ(std::system(("ffmpeg -nostdin -v error -i " + clip + " -f s16le -ac 1 " + pcm).c_str()), 0);
  const std::string bytes = core::read_file(pcm);
  const auto* samples = reinterpret_cast<const int16_t*>(bytes.data());
  const auto num_samples = static_cast<int64_t>(bytes.size() / sizeof(int16_t));
  LogMelFeature feature;
  const auto whole = log_mel_stream(samples, num_samples, at_s(0), feature);
  ASSERT_TRUE(at::isfinite(whole.values).all().item<bool>());
  feature.trim.enabled = true;
  const auto trimmed = log_mel_stream(samples, num_samples, at_s(0), feature);
  // Angry and loud, about 1 s of silence before and after some 2 s of speech.
  EXPECT_GT(trimmed.t0.seconds(), 0.3);
  EXPECT_LT(trimmed.values.size(0), whole.values.size(0) - 60);
  EXPECT_GT(trimmed.values.size(0), 100);
  EXPECT_GT(trimmed.values.mean().item<float>(), whole.values.mean().item<float>());
}

FeatureConfig three_modalities() {
  FeatureConfig config;
  LogMelFeature audio;
  audio.mel.num_mels = 40;
  audio.normalise = Normalise::kMeanVariance;
  config["audio"] = audio;
  FaceCropFeature face;
  face.size = 24;
  config["face"] = face;
  config["eda"] = ValuesFeature{Normalise::kMeanVariance};
  return config;
}

TEST(FeatureExtractor, AStoredWaveGivesWhatItsSamplesGive) {
  const FeatureExtractor extractor(three_modalities());
  const auto x = tone(16000);
  affect::Stream raw;
  raw.t0 = at_s(2.0);
  raw.rate_hz = 16000;
  raw.values = (at::tensor(x) * 32768).to(at::kShort);
  const auto from_store = extractor.extract("audio", raw);
  const auto from_samples =
      extractor.extract_audio("audio", raw.values.data_ptr<int16_t>(), 16000, at_s(2.0));
  EXPECT_EQ(from_store.modality, "audio");
  EXPECT_EQ(from_store.t0, from_samples.t0);
  EXPECT_TRUE(at::equal(from_store.values, from_samples.values));
  raw.values = raw.values.to(at::kFloat) / 32768;
  EXPECT_TRUE(at::equal(extractor.extract("audio", raw).values, from_store.values));
}

TEST(Values, AreScaledByTheSubjectAndMissingOnesBecomeItsMean) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  affect::Stream first, second;
  first.values = at::tensor({1.0f, 10.0f, 3.0f, nan}).reshape({2, 2});
  second.values = at::tensor({5.0f, 30.0f, 99.0f, 99.0f}).reshape({2, 2});
  second.valid_T = at::tensor({1, 0}).to(at::kBool);
  const SubjectScale scale = subject_scale({first, second});
  EXPECT_DOUBLE_EQ(scale.mean_F[0], 3.0);
  EXPECT_DOUBLE_EQ(scale.deviation_F[0], std::sqrt(8.0 / 3));
  EXPECT_DOUBLE_EQ(scale.mean_F[1], 20.0);
  EXPECT_DOUBLE_EQ(scale.deviation_F[1], 10.0);

  ValuesFeature feature;
  feature.normalise = Normalise::kSubject;
  EXPECT_THAT(test::error_of([&] { values_stream(first, feature, &scale); }, ErrorCode::kData),
              ::testing::HasSubstr("frame 1 is marked valid but is not finite"));
  feature.missing = MissingValue::kMean;
  const auto x = values_stream(first, feature, &scale).values;
  EXPECT_NEAR(x[0][0].item<double>(), -2 / std::sqrt(8.0 / 3), 1e-6);
  EXPECT_NEAR(x[0][1].item<double>(), -1, 1e-6);
  EXPECT_EQ(x[1][0].item<double>(), 0);
  EXPECT_EQ(x[1][1].item<double>(), 0);
  feature.clip = 0.5;
  EXPECT_EQ(values_stream(first, feature, &scale).values[0][1].item<double>(), -0.5);
  EXPECT_EQ(values_stream(second, feature, &scale).values[1][0].item<double>(), 0);  // not valid
  feature.missing = MissingValue::kKeep;
  const auto kept = values_stream(first, feature, &scale).values;
  EXPECT_TRUE(at::equal(kept.isnan(), first.values.isnan()));
  EXPECT_EQ(kept[0][1].item<double>(), -0.5);
  EXPECT_THAT(test::error_of([&] { values_stream(first, feature); }, ErrorCode::kInternal),
              ::testing::HasSubstr("subject's statistics"));
}

TEST(FeatureExtractor, DropOutsOfAWaveBecomeInvalidFrames) {
  const FeatureExtractor extractor(three_modalities());
  affect::Stream raw;
  raw.rate_hz = 16000;
  raw.values = at::tensor(tone(16000));
  raw.valid_T = at::ones({16000}, at::kBool);
  raw.valid_T.slice(0, 4000, 8000).fill_(false);
  const auto stream = extractor.extract("audio", raw);
  // Centres at 200 + 160 t lie in [4000, 8000) for t from 24 to 48.
  EXPECT_EQ((~stream.valid_T).sum().item<int64_t>(), 25);
  EXPECT_FALSE(stream.valid_T[24].item<bool>());
  EXPECT_FALSE(stream.valid_T[48].item<bool>());
  EXPECT_EQ(stream.values[30].abs().max().item<float>(), 0.0f);
}

TEST(FeatureExtractor, FacesTakeTheModelsSizeAndKeepTheirMask) {
  const FeatureExtractor extractor(three_modalities());
  affect::Stream raw;
  raw.rate_hz = 25;
  raw.values = at::randint(0, 256, {4, 3, 48, 48}, at::kByte);
  raw.valid_T = at::tensor({1, 0, 1, 1}).to(at::kBool);
  const auto stream = extractor.extract("face", raw);
  EXPECT_EQ(stream.values.sizes(), (std::vector<int64_t>{4, 1, 24, 24}));
  EXPECT_TRUE(at::equal(stream.values, vision::resize_crops(raw.values, 24, 1)));
  EXPECT_TRUE(at::equal(stream.valid_T, raw.valid_T));
  EXPECT_DOUBLE_EQ(stream.rate_hz, 25);
}

TEST(FeatureExtractor, ValuesAreScaledOverValidFramesOnly) {
  const FeatureExtractor extractor(three_modalities());
  affect::Stream raw;
  raw.rate_hz = 4;
  raw.values = at::tensor({1.0f, 3.0f, std::numeric_limits<float>::quiet_NaN(), 5.0f}).reshape({4, 1});
  raw.valid_T = at::tensor({1, 1, 0, 1}).to(at::kBool);
  const auto stream = extractor.extract("eda", raw);
  const float deviation = std::sqrt(8.0f / 3.0f);
  EXPECT_TRUE(at::allclose(stream.values.flatten(), at::tensor({-2 / deviation, 0.0f, 0.0f, 2 / deviation})));
  EXPECT_TRUE(std::isnan(raw.values[2][0].item<float>()));  // the raw stream stays as it was

  raw.valid_T = at::Tensor();
  EXPECT_EQ(test::error_of([&] { extractor.extract("eda", raw); }, ErrorCode::kData),
            "eda: values: frame 2 is marked valid but is not finite; expected false in valid_T, or `missing: "
            "mean`");
}

TEST(FeatureExtractor, KnowsTheShapeOfItsFrames) {
  const FeatureExtractor extractor(three_modalities());
  EXPECT_EQ(extractor.frame_shape("audio"), (FrameShape{40}));
  EXPECT_EQ(extractor.frame_shape("face"), (FrameShape{1, 24, 24}));
  EXPECT_EQ(extractor.frame_shape("eda"), FrameShape{});
  EXPECT_EQ(extractor.modalities(), (std::vector<std::string>{"audio", "eda", "face"}));
}

TEST(FeatureExtractor, IsSharedByThreads) {
  const FeatureExtractor extractor(three_modalities());
  const auto x = tone(16000);
  const auto expected = extractor.extract_audio("audio", x.data(), 16000, at_s(0)).values;
  std::vector<at::Tensor> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] { result = extractor.extract_audio("audio", x.data(), 16000, at_s(0)).values; });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_TRUE(at::equal(result, expected));
}

TEST(FeatureExtractor, SaysWhatDoesNotFit) {
  const FeatureExtractor extractor(three_modalities());
  affect::Stream raw;
  raw.rate_hz = 44100;
  raw.values = at::zeros({44100}, at::kShort);
  EXPECT_EQ(test::error_of([&] { extractor.extract("audio", raw); }, ErrorCode::kData),
            "audio: waveform at 44100.000000 Hz; expected mel.sample_rate_hz = 16000");
  EXPECT_EQ(test::error_of([&] { extractor.extract("audoi", raw); }, ErrorCode::kConfig),
            "features: nothing configured for modality 'audoi'; configured: audio, eda, face; did you mean "
            "'audio'?");
  EXPECT_EQ(test::error_of([&] { extractor.extract("face", raw); }, ErrorCode::kData),
            "face: face crops: expected a (T, C, H, W) uint8 tensor with 1 or 3 channels");
  FeatureConfig config = three_modalities();
  std::get<LogMelFeature>(config["audio"]).mel.preemphasis = 1.5;
  EXPECT_EQ(test::error_of([&] { FeatureExtractor bad(config); }, ErrorCode::kConfig),
            "features.audio.mel.preemphasis: must be in [0, 1), got 1.5");
}

FeatureConfig voice_only() {
  FeatureConfig config;
  config["voice"] = VoiceFunctionalsFeature();
  return config;
}

TEST(VoiceFunctionalsFeature, MakesOneFrameOfAWaveform) {
  const FeatureExtractor extractor(voice_only());
  EXPECT_EQ(extractor.frame_shape("voice"), (FrameShape{687}));
  EXPECT_TRUE(takes_waveform(extractor.config().at("voice")));
  affect::Stream raw;
  raw.t0 = at_s(2.0);
  raw.rate_hz = 16000;
  raw.values = (at::tensor(tone(32000)) * 32768).to(at::kShort);
  const auto from_store = extractor.extract("voice", raw);
  EXPECT_EQ(from_store.modality, "voice");
  EXPECT_EQ(from_store.values.sizes(), (std::vector<int64_t>{1, 687}));
  EXPECT_TRUE(from_store.valid_T.all().item<bool>());
  EXPECT_EQ(from_store.t0, at_s(2.0));
  EXPECT_EQ(from_store.rate_hz, 0.0);
  const auto from_samples =
      extractor.extract_audio("voice", raw.values.data_ptr<int16_t>(), 32000, at_s(2.0));
  EXPECT_TRUE(at::equal(from_samples.values, from_store.values));
  raw.values = (raw.values.to(at::kFloat) / 32768).unsqueeze(1);
  EXPECT_TRUE(at::equal(extractor.extract("voice", raw).values, from_store.values));
}

TEST(VoiceFunctionalsFeature, OfAClipThatIsTooShortOrDroppedOutIsNotValid) {
  const FeatureExtractor extractor(voice_only());
  const auto x = tone(16000);
  EXPECT_FALSE(extractor.extract_audio("voice", x.data(), 399, at_s(0)).valid_T.any().item<bool>());
  EXPECT_EQ(extractor.extract_audio("voice", x.data(), 0, at_s(0)).values.abs().sum().item<float>(), 0.0f);
  affect::Stream raw;
  raw.rate_hz = 16000;
  raw.values = at::tensor(x);
  raw.valid_T = at::zeros({16000}, at::kBool);
  EXPECT_FALSE(extractor.extract("voice", raw).valid_T.any().item<bool>());
  // What dropped out counts as silence, whatever the samples hold.
  raw.valid_T.slice(0, 8000).fill_(true);
  raw.values.slice(0, 0, 8000).fill_(std::numeric_limits<float>::quiet_NaN());
  const auto half = extractor.extract("voice", raw);
  EXPECT_TRUE(half.valid_T.all().item<bool>());
  EXPECT_TRUE(at::isfinite(half.values).all().item<bool>());
}

TEST(VoiceFunctionalsFeature, SaysWhatDoesNotFit) {
  const FeatureExtractor extractor(voice_only());
  affect::Stream raw;
  raw.rate_hz = 8000;
  raw.values = at::zeros({8000}, at::kShort);
  EXPECT_EQ(test::error_of([&] { extractor.extract("voice", raw); }, ErrorCode::kData),
            "voice: waveform at 8000.000000 Hz; expected functionals.frames.sample_rate_hz = 16000");
  auto x = tone(16000);
  x[8000] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(
      test::error_of([&] { extractor.extract_audio("voice", x.data(), 16000, at_s(0)); }, ErrorCode::kData),
      "audio: sample 8000 (0.500000 s) is not a finite number; expected samples in [-1, 1]");
  FeatureConfig config = voice_only();
  std::get<VoiceFunctionalsFeature>(config["voice"]).functionals.frames.num_mels = 4;
  EXPECT_EQ(test::error_of([&] { FeatureExtractor bad(config); }, ErrorCode::kConfig),
            "features.voice.functionals.frames.num_mels: must be in [20, 1024], got 4");
}

/// FeatureConfig is a map; config reads structs, as a recipe and a bundle have it.
struct Recipe {
  FeatureConfig features;
  template <class Visitor>
  void visit(Visitor& v) {
    v("features", features, "what is made of each modality");
  }
};

TEST(FeatureConfig, SurvivesDumpAndLoad) {
  Recipe recipe{three_modalities()};
  std::get<LogMelFeature>(recipe.features["audio"]).mel = signals::LogMelConfig::librosa(16000, 512, 160, 64);
  std::get<LogMelFeature>(recipe.features["audio"]).mel.top_db = 80;
  std::get<FaceCropFeature>(recipe.features["face"]).framing.align = vision::FaceAlign::kWhole;
  const std::string text = config::dump(recipe);
  const auto loaded = config::load_text<Recipe>(text, "bundle.yaml");
  EXPECT_EQ(config::dump(loaded), text);
  const auto& mel = std::get<LogMelFeature>(loaded.features.at("audio")).mel;
  EXPECT_EQ(mel.mel_norm, signals::MelNorm::kArea);
  EXPECT_EQ(mel.top_db, 80.0);
  EXPECT_EQ(std::get<FaceCropFeature>(loaded.features.at("face")).framing.align, vision::FaceAlign::kWhole);
}

TEST(FeatureConfig, ReadsVoiceFunctionals) {
  const auto recipe = config::load_text<Recipe>(
      "features:\n  audio: {type: voice_functionals, functionals: {groups: [mfcc, f0]}}\n", "recipe.yaml");
  const FeatureExtractor extractor(recipe.features);
  EXPECT_EQ(extractor.frame_shape("audio"), (FrameShape{78 + 6}));
  EXPECT_EQ(config::dump(config::load_text<Recipe>(config::dump(recipe), "again.yaml")),
            config::dump(recipe));
  EXPECT_THAT(
      test::error_of(
          [] {
            config::load_text<Recipe>(
                "features:\n  audio:\n    type: voice_functionals\n    functionals:\n      groups: [pitch]\n",
                "recipe.yaml");
          },
          ErrorCode::kConfig),
      ::testing::HasSubstr("no group 'pitch'; groups: mfcc"));
}

TEST(FeatureConfig, MistakesAreReportedAtTheirLine) {
  const std::string error = test::error_of(
      [] {
        config::load_text<Recipe>("features:\n  audio:\n    type: log_mel\n    mel:\n      num_mels: 0\n",
                                  "recipe.yaml");
      },
      ErrorCode::kConfig);
  EXPECT_THAT(error, ::testing::AllOf(
                         ::testing::HasSubstr("recipe.yaml:5"),
                         ::testing::HasSubstr("features.audio.mel.num_mels: must be in [1, 4096], got 0")));
}

TEST(WaveformFeature, GivesTheSamplesInFramesAndTheirTime) {
  FeatureConfig config;
  WaveformFeature feature;
  feature.frame_samples = 4;
  config["voice"] = feature;
  const FeatureExtractor extractor(config);
  EXPECT_TRUE(takes_waveform(config["voice"]));
  EXPECT_EQ(extractor.frame_shape("voice"), FrameShape{4});
  affect::Stream raw;
  raw.values = at::arange(10, at::kShort) * 1000;
  raw.valid_T = at::ones({10}, at::kBool);
  raw.valid_T[5] = false;
  raw.rate_hz = 16000;
  raw.t0 = at_s(2.0);
  const auto stream = extractor.extract("voice", raw);
  ASSERT_EQ(stream.values.sizes(), (at::IntArrayRef{2, 4}));  // two samples are left over
  EXPECT_DOUBLE_EQ(stream.rate_hz, 4000.0);
  EXPECT_EQ(stream.t0, raw.t0);
  EXPECT_FLOAT_EQ(stream.values[0][3].item<float>(), 3000.0f / 32768.0f);
  EXPECT_TRUE(stream.valid_T[0].item<bool>());
  EXPECT_FALSE(stream.valid_T[1].item<bool>());
  EXPECT_EQ(stream.values[1].abs().sum().item<float>(), 0.0f);
  raw.rate_hz = 8000;
  EXPECT_NE(test::error_of([&] { extractor.extract("voice", raw); }, ErrorCode::kData)
                .find("expected sample_rate_hz"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::features
