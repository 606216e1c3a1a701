#include "check/near_duplicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "check/text_shape.h"
#include "limbic/core/rng.h"
#include "limbic/data/check.h"
#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSide_px = 48;
constexpr double kPi = 3.14159265358979323846;

/// A smooth picture that no other seed gives.
std::vector<double> made_picture(uint64_t seed) {
  core::Rng rng(seed, 1);
  std::vector<double> picture(kSide_px * kSide_px, 128.0);
  for (int wave = 0; wave < 6; ++wave) {
    const double fx = rng.uniform(0.5, 4) * 2 * kPi / kSide_px;
    const double fy = rng.uniform(0.5, 4) * 2 * kPi / kSide_px;
    const double phase = rng.uniform(0, 2 * kPi);
    for (int64_t y = 0; y < kSide_px; ++y)
      for (int64_t x = 0; x < kSide_px; ++x)
        picture[static_cast<size_t>(y * kSide_px + x)] +=
            20 * std::sin(fx * static_cast<double>(x) + fy * static_cast<double>(y) + phase);
  }
  return picture;
}

RawStream as_picture(const std::vector<double>& grey) {
  RawStream stream;
  stream.values = at::empty({1, 1, kSide_px, kSide_px}, at::kByte);
  for (size_t i = 0; i < grey.size(); ++i)
    stream.values.data_ptr<uint8_t>()[i] = static_cast<uint8_t>(std::lround(std::clamp(grey[i], 0.0, 255.0)));
  return stream;
}

/// 3 s of noise through resonances that wander, as in speech.
std::vector<double> made_sound(uint64_t seed) {
  core::Rng rng(seed, 2);
  std::vector<double> sound(48000, 0.0);
  for (int formant = 0; formant < 3; ++formant) {
    constexpr double kRadius = 0.97;
    double theta = rng.uniform(0.2, 1.2);
    double target = theta;
    double before = 0;
    double last = 0;
    for (size_t i = 0; i < sound.size(); ++i) {
      if (i % 2400 == 0) target = rng.uniform(0.15, 1.3);
      theta += 0.001 * (target - theta);
      const double next =
          2 * kRadius * std::cos(theta) * last - kRadius * kRadius * before + rng.normal(0, 60);
      before = last;
      last = next;
      sound[i] += next;
    }
  }
  return sound;
}

RawStream as_sound(const std::vector<double>& sound, size_t begin = 0) {
  RawStream stream;
  stream.rate_hz = 16000;
  stream.values = at::empty({static_cast<int64_t>(sound.size() - begin)}, at::kShort);
  for (size_t i = begin; i < sound.size(); ++i)
    stream.values.data_ptr<int16_t>()[i - begin] =
        static_cast<int16_t>(std::lround(std::clamp(sound[i], -32768.0, 32767.0)));
  return stream;
}

RawStream as_text(const std::string& text) {
  RawStream stream;
  stream.values = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  std::copy(text.begin(), text.end(), stream.values.data_ptr<uint8_t>());
  return stream;
}

/// Checks a store whose sample i has the stream `make(i)`; sample 0 is the only one in the test split.
template <class Make>
CheckReport check_of(const std::string& name, const RawModality& modality, int64_t num_samples, Make&& make,
                     int64_t num_threads = 1) {
  const test::TempDir dir;
  DatasetInfo info;
  info.name = "near";
  info.modalities[name] = modality;
  StoreWriter writer(dir / "store", info);
  for (int64_t i = 0; i < num_samples; ++i) {
    Sample sample;
    sample.id = fmt::format("s{:03}", i);
    sample.split = i == 0 ? "test" : "train";
    writer.add(sample, {{name, make(i)}});
  }
  writer.finish();
  return check_store(dir / "store", {true, num_threads});
}

/// "s000, s007" of every near-duplicate, in order.
std::vector<std::string> near_pairs(const CheckReport& report) {
  std::vector<std::string> pairs;
  for (const auto& problem : report.problems) {
    if (problem.code.rfind("near_duplicate", 0) != 0) continue;
    const size_t begin = problem.message.find(" in s") + 4;
    pairs.push_back(problem.message.substr(begin, 10));
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

TEST(NearDuplicates, PicturesThatWereBrightenedAndCompressedAreFoundAndNoOthers) {
  const auto make = [](int64_t i) {
    auto picture = made_picture(static_cast<uint64_t>(i));
    if (i == 7 || i == 9) {
      picture = made_picture(i == 7 ? 0 : 5);
      core::Rng rng(77, static_cast<uint64_t>(i));
      for (double& value : picture) value = 20 + 0.85 * value + rng.normal(0, 2);
    }
    return as_picture(picture);
  };
  const auto report = check_of("face", {"images", 0.0, "", {1, kSide_px, kSide_px}}, 400, make);
  EXPECT_EQ(near_pairs(report), (std::vector<std::string>{"s000, s007", "s005, s009"}))
      << render_text(report);
  const auto text = render_text(report);
  EXPECT_THAT(text, HasSubstr("warning[near_duplicate_across_splits] s000"));
  EXPECT_THAT(text, HasSubstr("in splits test, train"));
  EXPECT_THAT(text, HasSubstr("note[near_duplicate] s005"));
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(render_json(report),
            render_json(check_of("face", {"images", 0.0, "", {1, kSide_px, kSide_px}}, 400, make, 3)));
}

TEST(NearDuplicates, SoundThatWasCutMadeQuieterAndNoisyIsFoundAndNoOther) {
  const auto report = check_of("audio_wave", {"wave", 16000.0, "", {}}, 40, [](int64_t i) {
    auto sound = made_sound(static_cast<uint64_t>(i));
    if (i != 11) return as_sound(sound);
    sound = made_sound(0);
    core::Rng rng(3);
    for (double& value : sound) value = 0.4 * value + rng.normal(0, 8);
    return as_sound(sound, 7000);
  });
  EXPECT_EQ(near_pairs(report), (std::vector<std::string>{"s000, s011"})) << render_text(report);
}

TEST(NearDuplicates, TextsThatDifferInSpellingAreFoundAndNoOthers) {
  const std::vector<std::string> texts{"I am really glad that you could come to see us today",
                                       "What on earth were you thinking when you did that?",
                                       "I am really glad, that you could come to see us... TODAY!",
                                       "I am really glad that you could come and see us today",
                                       "Nobody told me about the meeting on Thursday afternoon",
                                       "Okay.",
                                       "OKAY!"};
  const auto report = check_of("text", {"text", 0.0, "", {}}, static_cast<int64_t>(texts.size()),
                               [&](int64_t i) { return as_text(texts[static_cast<size_t>(i)]); });
  EXPECT_EQ(near_pairs(report), (std::vector<std::string>{"s000, s002", "s000, s003", "s002, s003"}));
  EXPECT_EQ(normalised_text("  Don't -- STOP, \xC3\x84"
                            "B1 "),
            "dont stop \xC3\x84"
            "b1");
  EXPECT_EQ(similarity_of("abcdefg", "abcdefg"), 1.0);
  EXPECT_EQ(similarity_of("abcdef", "bcdefg"), 1.0 / 3);
}

TEST(NearDuplicates, SeriesThatWereRoundedAreFoundAndNoOthers) {
  RawModality modality{"series", 0.0, "", {6}};
  const auto report = check_of("features", modality, 300, [](int64_t i) {
    core::Rng rng(i == 42 ? 0 : static_cast<uint64_t>(i), 5);
    RawStream stream;
    stream.values = at::empty({2, 6}, at::kFloat);
    for (int64_t k = 0; k < 12; ++k) {
      const double value = rng.normal(0, 10);
      stream.values.data_ptr<float>()[k] =
          static_cast<float>(i == 42 ? std::round(value * 1e4) / 1e4 : value);
    }
    return stream;
  });
  EXPECT_EQ(near_pairs(report), (std::vector<std::string>{"s000, s042"}));
}

TEST(NearDuplicates, CanBeLeftOut) {
  const test::TempDir dir;
  testing::write_synthetic(dir / "store", 12);
  EXPECT_TRUE(near_pairs(check_store(dir / "store", {false, 1})).empty());
}

}  // namespace
}  // namespace limbic::data
