#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "limbic/config/config.h"
#include "limbic/data/augment_raw.h"
#include "limbic/data/augmenter.h"
#include "limbic/media/audio.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using Sound = std::vector<float>;

constexpr double kRateHz = 16000;

Sound sine(double hz, size_t num_samples, double amplitude = 0.5) {
  Sound x(num_samples);
  for (size_t i = 0; i < num_samples; ++i)
    x[i] = static_cast<float>(amplitude * std::sin(2 * M_PI * hz * static_cast<double>(i) / kRateHz));
  return x;
}

double power(const Sound& x, size_t begin = 0, size_t end = SIZE_MAX) {
  double sum = 0;
  end = std::min(end, x.size());
  for (size_t i = begin; i < end; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum / static_cast<double>(end - begin);
}

affect::Stream wave_stream(const Sound& x) {
  affect::Stream stream;
  stream.modality = "audio";
  stream.rate_hz = kRateHz;
  stream.values = at::empty({static_cast<int64_t>(x.size())}, at::kShort);
  for (size_t i = 0; i < x.size(); ++i)
    stream.values.data_ptr<int16_t>()[i] = static_cast<int16_t>(std::lround(x[i] * 32000));
  stream.valid_T = at::ones({static_cast<int64_t>(x.size())}, at::kBool);
  return stream;
}

Sound samples_of_stream(const affect::Stream& stream) {
  const auto values = stream.values.to(at::kFloat).contiguous();
  Sound x(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
  if (stream.values.scalar_type() == at::kShort) {
    for (auto& v : x) v /= 32768.0f;
  }
  return x;
}

Sound changed(const WaveAugment& config, const Sound& x, uint64_t seed) {
  const Augmenter augmenter(config, "augment.audio", 16000);
  core::Rng rng(seed);
  return samples_of_stream(augmenter.before_features(wave_stream(x), rng));
}

/// Power of x in [low, high) Hz.
double band_energy(const Sound& x, double low_hz, double high_hz) {
  const auto values =
      at::from_blob(const_cast<float*>(x.data()), {static_cast<int64_t>(x.size())}, at::kFloat);
  const auto bins = at::fft_rfft(values.to(at::kDouble)).abs().square();
  const double bin_hz = kRateHz / static_cast<double>(x.size());
  return bins.slice(0, static_cast<int64_t>(low_hz / bin_hz), static_cast<int64_t>(high_hz / bin_hz))
      .sum()
      .item<double>();
}

TEST(WaveParts, ASineAtAnotherSpeedIsASineOfAnotherPitch) {
  for (const double speed : {0.8, 0.93, 1.1, 1.5}) {
    const auto out = at_speed(sine(440, 16000), speed);
    ASSERT_EQ(out.size(), static_cast<size_t>(16000 / speed));
    const auto expected = sine(440 * speed, out.size());
    double worst = 0;
    for (size_t i = 50; i + 50 < out.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(out[i] - expected[i])));
    EXPECT_LT(worst, 1e-3) << speed;
  }
  EXPECT_EQ(at_speed(sine(440, 100), 1.0), sine(440, 100));
}

TEST(WaveParts, WhatWouldAliasIsGone) {
  // 7 kHz at 1.5 times the speed would come back at 5.5 kHz.
  const auto out = at_speed(sine(7000, 16000), 1.5);
  EXPECT_LT(power(out, 100, out.size() - 100), 1e-3 * power(sine(7000, 16000)));
}

TEST(WaveParts, NoiseIsAddedAtExactlyTheAskedRatio) {
  const auto x = sine(300, 8000);
  for (const double snr_db : {-5.0, 0.0, 12.5, 40.0}) {
    core::Rng rng(7);
    auto noisy = x;
    add_at_snr(noisy, noise_of(NoiseColour::kPink, x.size(), rng), snr_db);
    Sound added(x.size());
    for (size_t i = 0; i < x.size(); ++i) added[i] = noisy[i] - x[i];
    EXPECT_NEAR(10 * std::log10(power(x) / power(added)), snr_db, 0.01);
  }
  Sound silence(100, 0.0f);
  add_at_snr(silence, Sound(100, 1.0f), 10);
  EXPECT_EQ(silence, Sound(100, 0.0f));
}

TEST(WaveParts, PinkNoiseHasEqualPowerPerOctaveAndWhiteNoiseTwiceAsMuch) {
  core::Rng rng(3);
  const auto white = noise_of(NoiseColour::kWhite, 1 << 17, rng);
  const auto pink = noise_of(NoiseColour::kPink, 1 << 17, rng);
  EXPECT_NEAR(power(white), 1, 0.02);
  EXPECT_NEAR(power(pink), 1, 1e-3);
  for (const double low_hz : {250.0, 1000.0, 2000.0}) {
    const double more = 2 * low_hz;
    EXPECT_NEAR(band_energy(white, more, 2 * more) / band_energy(white, low_hz, more), 2, 0.12);
    EXPECT_NEAR(band_energy(pink, more, 2 * more) / band_energy(pink, low_hz, more), 1, 0.08);
  }
}

TEST(WaveParts, ASyntheticRoomDecaysBy60dBInItsTime) {
  for (const double rt60_s : {0.2, 0.5, 1.2}) {
    core::Rng rng(11);
    const auto room = synthetic_room(rt60_s, 3, kRateHz, rng);
    EXPECT_EQ(room[0], 1.0f);
    double tail = 0;
    for (size_t i = 1; i < room.size(); ++i)
      tail += static_cast<double>(room[i]) * static_cast<double>(room[i]);
    EXPECT_NEAR(10 * std::log10(1 / tail), 3, 1e-3);
    // Schroeder's backward integral; a line from -5 to -25 dB (ISO 3382: T20), times three. What lies beyond
    // the end of the response is a millionth of the energy.
    std::vector<double> left(room.size() + 1, 0.0);
    for (size_t i = room.size(); i-- > 1;)
      left[i] = left[i + 1 > room.size() ? room.size() : i + 1] +
                static_cast<double>(room[i]) * static_cast<double>(room[i]);
    const auto time_at = [&](double db) {
      size_t i = 1;
      while (10 * std::log10(left[i] / left[1]) > db) ++i;
      return static_cast<double>(i) / kRateHz;
    };
    EXPECT_NEAR(3 * (time_at(-25) - time_at(-5)), rt60_s, 0.08 * rt60_s);
  }
}

TEST(WaveParts, ConvolutionEqualsTheSum) {
  core::Rng rng(2);
  Sound x(300), h(70);
  for (auto& v : x) v = static_cast<float>(rng.normal());
  for (auto& v : h) v = static_cast<float>(rng.normal());
  const auto y = convolve(x, h);
  ASSERT_EQ(y.size(), x.size());
  for (size_t n = 0; n < x.size(); ++n) {
    double sum = 0;
    for (size_t k = 0; k < h.size() && k <= n; ++k)
      sum += static_cast<double>(h[k]) * static_cast<double>(x[n - k]);
    EXPECT_NEAR(y[n], sum, 1e-4);
  }
  EXPECT_EQ(convolve(x, {1.0f}).size(), x.size());
  h.resize(1000, 0.5f);  // a room longer than the clip
  EXPECT_EQ(convolve(x, h).size(), x.size());
}

TEST(WaveParts, TheBandFilterHasButterworthsMagnitude) {
  for (const double hz : {200.0, 300.0, 1000.0, 3400.0, 4500.0}) {
    const auto y = band_passed(sine(hz, 32000), 300, 3400, kRateHz);
    const double expected = 1 / std::sqrt((1 + std::pow(hz / 3400, 12)) * (1 + std::pow(300 / hz, 12)));
    EXPECT_NEAR(std::sqrt(power(y, 8000, 24000) / 0.125), expected, 2e-3) << hz;
  }
  const auto low = band_passed(sine(100, 32000), 0, 2000, kRateHz);
  EXPECT_NEAR(power(low, 8000, 24000), 0.125, 1e-4);
}

TEST(WaveParts, MuLawHas255LevelsThatMapToThemselves) {
  std::set<float> levels;
  float before = -1.0f;
  for (int i = -20000; i <= 20000; ++i) {
    const float x = static_cast<float>(i) / 20000;
    const float y = mu_law_8bit(x);
    EXPECT_GE(y, before);
    before = y;
    EXPECT_NEAR(mu_law_8bit(y), y, 1e-6);
    // Half a step of the compressed scale: (1 + 255 |x|) ln(256) / 255 / 254.
    EXPECT_LE(std::abs(y - x), 1.03 * (1 + 255 * std::abs(x)) * std::log(256.0) / 255 / 254 + 1e-6);
    levels.insert(y);
  }
  EXPECT_EQ(levels.size(), 255u);
  EXPECT_EQ(mu_law_8bit(0), 0.0f);
  EXPECT_FLOAT_EQ(mu_law_8bit(5), 1.0f);
}

TEST(WaveAugment, AllOffIsTheIdentity) {
  const auto x = sine(440, 1600);
  const auto stream = wave_stream(x);
  const auto out = changed(WaveAugment{}, x, 1);
  EXPECT_EQ(out, samples_of_stream(stream));
}

TEST(WaveAugment, TheSameSeedGivesTheSameSoundAndEveryChangeCanBeSwitchedOffAlone) {
  const auto x = sine(440, 8000);
  WaveAugment config;
  config.speed = 0.1;
  config.reverb = 1;
  config.noise = 1;
  config.gain_db = 6;
  config.clip = 1;
  EXPECT_EQ(changed(config, x, 4), changed(config, x, 4));
  EXPECT_NE(changed(config, x, 4), changed(config, x, 5));
  const auto length = changed(config, x, 4).size();
  config.reverb = config.noise = config.clip = config.gain_db = 0;
  EXPECT_EQ(changed(config, x, 4).size(), length);  // the speed's draw did not move
}

TEST(WaveAugment, DrawsHaveTheirRangesAndFrequencies) {
  const auto x = sine(440, 1000);
  WaveAugment config;
  config.speed = 0.2;
  size_t shortest = SIZE_MAX, longest = 0;
  double mean_speed = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const size_t length = changed(config, x, seed).size();
    shortest = std::min(shortest, length);
    longest = std::max(longest, length);
    mean_speed += 1000.0 / static_cast<double>(length) / 400;
  }
  EXPECT_GE(shortest, 833u);
  EXPECT_LT(shortest, 845u);
  EXPECT_LE(longest, 1250u);
  EXPECT_GT(longest, 1230u);
  EXPECT_NEAR(mean_speed, 1, 0.02);
  config = {};
  config.noise = 0.3;
  config.snr_min_db = 0;
  config.snr_max_db = 20;
  const auto clean = changed(WaveAugment{}, x, 0);
  int num_noisy = 0;
  double mean_snr = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    auto noisy = changed(config, x, seed);
    for (size_t i = 0; i < noisy.size(); ++i) noisy[i] -= clean[i];
    if (power(noisy) == 0) continue;
    ++num_noisy;
    const double snr = 10 * std::log10(power(clean) / power(noisy));
    EXPECT_GT(snr, -0.05);
    EXPECT_LT(snr, 20.05);
    mean_snr += snr;
  }
  EXPECT_NEAR(num_noisy, 120, 28);  // three standard deviations
  EXPECT_NEAR(mean_snr / num_noisy, 10, 1.8);
}

TEST(WaveAugment, ClippingGainAndShiftDoWhatTheySay) {
  const auto x = sine(440, 4000);
  WaveAugment config;
  config.clip = 1;
  config.clip_min = config.clip_max = 0.25;
  const auto clipped = changed(config, x, 1);
  const auto clean = changed(WaveAugment{}, x, 1);
  const float peak = *std::max_element(clean.begin(), clean.end());
  EXPECT_NEAR(*std::max_element(clipped.begin(), clipped.end()), 0.25 * peak, 1e-4);
  config = {};
  config.gain_db = 12;
  double lowest = 100, highest = -100;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const double db = 10 * std::log10(power(changed(config, x, seed)) / power(clean));
    lowest = std::min(lowest, db);
    highest = std::max(highest, db);
  }
  EXPECT_GE(lowest, -12.001);
  EXPECT_LE(highest, 12.001);
  EXPECT_LT(lowest, -11);
  EXPECT_GT(highest, 11);
  config = {};
  config.shift_s = 0.05;
  int num_later = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto moved = changed(config, x, seed);
    ASSERT_EQ(moved.size(), clean.size());
    int64_t shift = -800;
    const auto fits = [&](int64_t s) {
      for (int64_t i = 0; i < 4000; ++i) {
        const bool is_inside = i - s >= 0 && i - s < 4000;
        if (moved[static_cast<size_t>(i)] != (is_inside ? clean[static_cast<size_t>(i - s)] : 0.0f))
          return false;
      }
      return true;
    };
    while (shift <= 800 && !fits(shift)) ++shift;
    EXPECT_LE(shift, 800);
    num_later += shift > 0 ? 1 : 0;
  }
  EXPECT_GT(num_later, 8);
  EXPECT_LT(num_later, 32);
}

TEST(WaveAugment, BackgroundsAndRoomsComeFromFolders) {
  const test::TempDir dir;
  media::AudioBuffer noise;
  noise.sample_rate = 16000;
  noise.samples = sine(3000, 900, 0.7);
  std::filesystem::create_directories(dir / "noises");
  media::write_wav(dir / "noises/one.wav", noise);
  media::AudioBuffer room;  // 100 samples late, then an echo of a half 200 samples on
  room.sample_rate = 16000;
  room.samples.assign(400, 0.0f);
  room.samples[100] = 0.8f;
  room.samples[300] = 0.4f;
  std::filesystem::create_directories(dir / "rooms");
  media::write_wav(dir / "rooms/one.wav", room);

  const auto x = sine(440, 4000);
  const auto clean = changed(WaveAugment{}, x, 0);
  WaveAugment config;
  config.background = 1;
  config.noise_folder = dir / "noises";
  config.snr_min_db = config.snr_max_db = 6;
  auto added = changed(config, x, 3);
  for (size_t i = 0; i < added.size(); ++i) added[i] -= clean[i];
  EXPECT_NEAR(10 * std::log10(power(clean) / power(added)), 6, 0.01);
  EXPECT_GT(band_energy(added, 2900, 3100), 0.9 * band_energy(added, 0, 8000));

  config = {};
  config.reverb = 1;
  config.rir_folder = dir / "rooms";
  const auto echoed = changed(config, x, 3);
  for (size_t i = 0; i < echoed.size(); ++i)
    EXPECT_NEAR(echoed[i], clean[i] + (i >= 200 ? 0.5f * clean[i - 200] : 0.0f), 1e-4);

  std::filesystem::create_directories(dir / "empty");
  config.rir_folder = dir / "empty";
  EXPECT_THAT(test::error_of([&] { changed(config, x, 1); }, ErrorCode::kData),
              HasSubstr("augment.audio.rir_folder"));
}

TEST(WaveAugment, BackgroundsComeFromOtherSamplesWithoutAFolder) {
  const auto x = sine(440, 4000);
  const std::vector<int64_t> candidates{5};
  RawSource others;
  others.candidates = &candidates;
  others.read = [](int64_t row) {
    EXPECT_EQ(row, 5);
    return wave_stream(sine(2000, 6000));
  };
  WaveAugment config;
  config.background = 1;
  config.snr_min_db = config.snr_max_db = 0;
  const Augmenter augmenter(config, "augment.audio", 16000, others);
  core::Rng rng(1);
  auto added = samples_of_stream(augmenter.before_features(wave_stream(x), rng));
  const auto clean = changed(WaveAugment{}, x, 0);
  for (size_t i = 0; i < added.size(); ++i) added[i] -= clean[i];
  EXPECT_NEAR(power(added) / power(clean), 1, 1e-3);
  EXPECT_GT(band_energy(added, 1900, 2100), 0.9 * band_energy(added, 0, 8000));
}

TEST(WaveAugment, SurvivesEmptyAndTinyClips) {
  WaveAugment config;
  config.speed = 0.5;
  config.shift_s = 1;
  config.reverb = config.noise = config.background = config.band_limit = config.telephone = config.clip = 1;
  for (const size_t length : {0u, 1u, 2u, 7u}) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      for (const float v : changed(config, sine(500, length), seed)) EXPECT_TRUE(std::isfinite(v));
    }
  }
}

TEST(WaveAugment, WantsAWaveform) {
  EXPECT_THAT(test::error_of([&] { Augmenter(WaveAugment{}, "augment.face", 0); }, ErrorCode::kConfig),
              HasSubstr("augment.face: `wave` changes waveforms"));
  EXPECT_THAT(
      test::error_of([&] { config::load_text<WaveAugment>("{rt60_min_s: 2, clip_min: 0.9}", "r.yaml"); },
                     ErrorCode::kConfig),
      HasSubstr("must not be above rt60_max_s"));
}

affect::Stream text_stream(const std::string& text) {
  affect::Stream stream;
  stream.modality = "text";
  stream.values = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  std::copy(text.begin(), text.end(), stream.values.data_ptr<uint8_t>());
  stream.valid_T = at::ones({static_cast<int64_t>(text.size())}, at::kBool);
  return stream;
}

std::string changed_text(const TextAugment& config, const std::string& text, uint64_t seed) {
  const Augmenter augmenter(config, "augment.text", 0);
  core::Rng rng(seed);
  const auto out = augmenter.before_features(text_stream(text), rng);
  return {reinterpret_cast<const char*>(out.values.data_ptr<uint8_t>()),
          static_cast<size_t>(out.values.numel())};
}

TEST(TextAugment, DropsAndMasksWordsAsOftenAsAsked) {
  const std::string text = "  one two\tthr\xC3\xA9\xC3\xA9 four\nfive six seven eight nine ten ";
  EXPECT_EQ(changed_text(TextAugment{}, text, 1), text);
  TextAugment config;
  config.word_drop = 0.3;
  config.word_mask = 0.2;
  config.mask_token = "<m>";
  int64_t num_words = 0, num_masks = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const auto out = changed_text(config, text, seed);
    std::string word;
    std::istringstream in(out);
    while (in >> word) {
      ++num_words;
      if (word == "<m>") ++num_masks;
      EXPECT_TRUE(word == "<m>" || text.find(word) != std::string::npos) << word;
    }
  }
  EXPECT_NEAR(static_cast<double>(num_words), 5000 * 0.7, 100);
  EXPECT_NEAR(static_cast<double>(num_masks), 5000 * 0.7 * 0.2, 75);
  config.word_drop = 0.99;
  for (uint64_t seed = 0; seed < 50; ++seed) EXPECT_NE(changed_text(config, "a b c", seed), "");
  EXPECT_EQ(changed_text(config, " \n", 1), " \n");
}

TEST(ChainAugment, RawChangesComeFirstAndTheCropOnce) {
  WaveAugment wave;
  wave.gain_db = 6;
  SpectrumAugment spectrum;
  spectrum.gain = 1;
  SeriesAugment series;
  series.offset = 1;
  const Augmenter augmenter(ChainAugment{{wave, spectrum, series}}, "augment.audio", 16000);
  EXPECT_TRUE(augmenter.changes_raw());
  affect::Stream frames;
  frames.modality = "audio";
  frames.rate_hz = 100;
  frames.values = at::zeros({50, 3});
  frames.valid_T = at::ones({50}, at::kBool);
  core::Rng rng(1);
  const auto out = augmenter.after_features(frames, rng, 20);
  EXPECT_EQ(out.values.size(0), 20);
  EXPECT_NE(out.values[0][0].item<float>(), 0.0f);
  const auto error = test::error_of(
      [] { config::load_text<ChainAugment>("steps: [{type: spectrum}, {type: wave}]", "r.yaml"); },
      ErrorCode::kConfig);
  EXPECT_THAT(error, HasSubstr("come before those of features"));
}

}  // namespace
}  // namespace limbic::data
