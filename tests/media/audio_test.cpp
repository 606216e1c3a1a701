#include "limbic/media/audio.h"

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <limits>

#include "clips.h"

namespace limbic::media {
namespace {

using limbic::test::error_of;
using limbic::test::TempDir;
using ::testing::HasSubstr;

/// A WAV file as its bytes; every header field may lie.
std::string wav_bytes(int format_tag, int channels, uint32_t rate, int bits, const std::string& data,
                      uint32_t claimed_bytes = UINT32_MAX) {
  std::string out;
  const auto put = [&](uint32_t v, int n) {
    for (int i = 0; i < n; ++i) out += static_cast<char>(v >> (8 * i) & 0xFF);
  };
  out += "RIFF";
  put(static_cast<uint32_t>(36 + data.size()), 4);
  out += "WAVEfmt ";
  put(16, 4);
  put(static_cast<uint32_t>(format_tag), 2);
  put(static_cast<uint32_t>(channels), 2);
  put(rate, 4);
  put(rate * static_cast<uint32_t>(channels * bits / 8), 4);
  put(static_cast<uint32_t>(channels * bits / 8), 2);
  put(static_cast<uint32_t>(bits), 2);
  out += "data";
  put(claimed_bytes == UINT32_MAX ? static_cast<uint32_t>(data.size()) : claimed_bytes, 4);
  return out + data;
}

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::vector<float> floats_of(const std::string& bytes) {
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

double sine(double i) {
  return 0.7 * std::sin(0.05 * i);
}

TEST(ReadAudio, EverySampleFormatOfWavIsTheSameSound) {
  const TempDir dir;
  constexpr int kSamples = 4000;
  std::string u8, s16, s24, s32, f32, f64;
  std::vector<float> floats;
  std::vector<double> doubles;
  for (int i = 0; i < kSamples; ++i) {
    const double v = sine(i);
    u8 += static_cast<char>(std::lround(v * 127) + 128);
    const auto put = [&](std::string& out, long value, int n) {
      for (int k = 0; k < n; ++k) out += static_cast<char>(value >> (8 * k) & 0xFF);
    };
    put(s16, std::lround(v * 32768), 2);
    put(s24, std::lround(v * 8388608), 3);
    put(s32, std::lround(v * 2147483648.0), 4);
    floats.push_back(static_cast<float>(v));
    doubles.push_back(v);
  }
  const struct {
    const char* name;
    std::string bytes;
    double tolerance;
  } cases[] = {{"u8", wav_bytes(1, 1, 16000, 8, u8), 1.1e-2},
               {"s16", wav_bytes(1, 1, 16000, 16, s16), 2e-5},
               {"s24", wav_bytes(1, 1, 16000, 24, s24), 1e-6},
               {"s32", wav_bytes(1, 1, 16000, 32, s32), 1e-6},
               {"f32", wav_bytes(3, 1, 16000, 32, raw(floats)), 0},
               {"f64", wav_bytes(3, 1, 16000, 64, raw(doubles)), 1e-7}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    test::write_bytes(dir / "x.wav", c.bytes);
    const AudioBuffer audio = read_audio(dir / "x.wav");
    EXPECT_EQ(audio.sample_rate, 16000);
    EXPECT_EQ(audio.t0.ticks, 0);
    ASSERT_EQ(audio.samples.size(), static_cast<size_t>(kSamples));
    for (int i = 0; i < kSamples; ++i) {
      ASSERT_NEAR(audio.samples[static_cast<size_t>(i)], sine(i), c.tolerance + 1e-7) << i;
    }
  }
}

TEST(ReadAudio, ChannelsAreAveraged) {
  const TempDir dir;
  std::vector<float> interleaved;
  for (int i = 0; i < 1000; ++i) {
    interleaved.insert(interleaved.end(), {0.9f, -0.3f, 0.3f});
  }
  test::write_bytes(dir / "3.wav", wav_bytes(3, 3, 16000, 32, raw(interleaved)));
  const AudioBuffer audio = read_audio(dir / "3.wav");
  ASSERT_EQ(audio.samples.size(), 1000u);
  for (const float v : audio.samples) ASSERT_NEAR(v, 0.3f, 1e-6f);
}

TEST(ReadAudio, EqualsFfmpegsOwnConversionOnRealSound) {
  LIMBIC_REQUIRE_DATA("face_videos");
  LIMBIC_REQUIRE_FFMPEG();
  std::vector<std::string> paths;
  for (const char* name :
       {"lp_d12_talk_7s.mp4", "ravdess_01-01-01-01-01-01-01.mp4", "sadtalker_wda_a_talk_8s.mp4",
        "pyfeat_pexels_expr_20s.mp4", "pyfeat_noface_then_face_6s.mov"}) {
    paths.push_back(limbic::test::real_data() + "/face_videos/" + name);
  }
  const std::string ravdess = limbic::test::real_data() + "/ravdess_speech16k/Actor_01";
  if (std::filesystem::exists(ravdess)) {
    int num = 0;
    for (const auto& entry : std::filesystem::directory_iterator(ravdess)) {
      if (num++ < 3) paths.push_back(entry.path().string());
    }
  }
  for (const auto& path : paths) {
    SCOPED_TRACE(path);
    const MediaInfo info = probe(path);
    ASSERT_TRUE(info.audio);
    // ffmpeg's default stereo downmix in float is 3 dB louder than the mean; ask for the mean.
    const std::string mix = info.audio->num_channels == 2 ? " -af 'pan=mono|c0=0.5*c0+0.5*c1'" : "";
    const std::vector<float> want = floats_of(
        test::output_of("ffmpeg -v error -i " + path + " -map a:0" + mix + " -ac 1 -ar 16000 -f f32le -"));
    AudioStats stats;
    const AudioBuffer got = read_audio(path, {}, &stats);
    EXPECT_EQ(stats.num_gaps, 0);
    EXPECT_EQ(stats.num_overlaps, 0);
    EXPECT_EQ(stats.damaged_packets, 0);
    EXPECT_FALSE(stats.truncated);
    ASSERT_GT(want.size(), 10000u);
    EXPECT_NEAR(static_cast<double>(got.samples.size()), static_cast<double>(want.size()), 32.0);
    double worst = 0;
    for (size_t i = 0; i < std::min(got.samples.size(), want.size()) - 32; ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(got.samples[i] - want[i])));
    }
    EXPECT_LT(worst, 2e-4);
  }
}

TEST(AudioReader, ChunksAreTheWholeInPieces) {
  const TempDir dir;
  std::vector<float> samples;
  for (int i = 0; i < 100000; ++i) samples.push_back(static_cast<float>(sine(i)));
  write_wav(dir / "a.wav", {{}, 44100, samples});
  const AudioBuffer whole = read_audio(dir / "a.wav");
  EXPECT_NEAR(static_cast<double>(whole.samples.size()), 100000 * 16000.0 / 44100, 2.0);
  AudioOptions options;
  options.chunk_samples = 1001;
  AudioReader reader(dir / "a.wav", options);
  AudioBuffer chunk;
  size_t at = 0;
  while (reader.next(chunk)) {
    EXPECT_NEAR(chunk.t0.seconds(), static_cast<double>(at) / 16000, 1e-9);
    ASSERT_LE(at + chunk.samples.size(), whole.samples.size());
    EXPECT_TRUE(std::equal(chunk.samples.begin(), chunk.samples.end(),
                           whole.samples.begin() + static_cast<long>(at)));
    at += chunk.samples.size();
  }
  EXPECT_EQ(at, whole.samples.size());
  EXPECT_TRUE(chunk.samples.empty());
}

TEST(ReadAudio, AToneKeepsItsPlaceAndHeightWhenResampled) {
  const TempDir dir;
  std::vector<float> samples;
  for (int i = 0; i < 48000; ++i)
    samples.push_back(static_cast<float>(0.5 * std::sin(2 * M_PI * 440 * i / 48000.0)));
  write_wav(dir / "t.wav", {{}, 48000, samples});
  const AudioBuffer audio = read_audio(dir / "t.wav");
  ASSERT_NEAR(static_cast<double>(audio.samples.size()), 16000.0, 1.0);
  for (size_t i = 100; i + 100 < audio.samples.size(); ++i) {
    ASSERT_NEAR(audio.samples[i], 0.5 * std::sin(2 * M_PI * 440 * static_cast<double>(i) / 16000.0), 2e-3)
        << i;
  }
}

TEST(ReadAudio, HolesInTheTimesBecomeSilence) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  ASSERT_TRUE(
      test::ffmpeg("-f lavfi -i sine=frequency=440:sample_rate=16000:duration=3 -af "
                   "\"aselect='not(between(t,1,2))'\" -c:a pcm_s16le " +
                   (dir / "gap.mkv")));
  AudioStats stats;
  const AudioBuffer audio = read_audio(dir / "gap.mkv", {}, &stats);
  EXPECT_EQ(stats.num_gaps, 1);
  EXPECT_NEAR(static_cast<double>(stats.silence_samples), 16000, 1100);  // whole frames of 1024 are left out
  EXPECT_NEAR(static_cast<double>(audio.samples.size()), 48000, 20);
  EXPECT_EQ(audio.samples[24000], 0.0f);
  double power = 0;
  for (size_t i = 40000; i < 44000; ++i) power += double{audio.samples[i]} * double{audio.samples[i]};
  EXPECT_GT(power, 1.0);
}

TEST(ReadAudio, AChangeOfRateWithinTheStreamIsFollowed) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  ASSERT_TRUE(test::ffmpeg("-f lavfi -i sine=frequency=440:sample_rate=44100:duration=2 -c:a mp2 -f mpegts " +
                           (dir / "a.ts")));
  ASSERT_TRUE(
      test::ffmpeg("-f lavfi -i sine=frequency=440:sample_rate=32000:duration=2 -ac 2 -c:a mp2 -f mpegts " +
                   (dir / "b.ts")));
  test::write_bytes(dir / "ab.ts", test::bytes_of(dir / "a.ts") + test::bytes_of(dir / "b.ts"));
  AudioStats stats;
  const AudioBuffer audio = read_audio(dir / "ab.ts", {}, &stats);
  EXPECT_GE(stats.format_changes, 1);
  EXPECT_EQ(stats.timestamp_jumps, 1);
  EXPECT_NEAR(static_cast<double>(audio.samples.size()) / 16000, 4.0, 0.15);
}

TEST(ReadAudio, NanAndInfAreSilencedAndCounted) {
  const TempDir dir;
  std::vector<float> samples(10000, 0.25f);
  samples[10] = std::numeric_limits<float>::quiet_NaN();
  samples[5000] = std::numeric_limits<float>::infinity();
  test::write_bytes(dir / "n.wav", wav_bytes(3, 1, 16000, 32, raw(samples)));
  AudioStats stats;
  const AudioBuffer audio = read_audio(dir / "n.wav", {}, &stats);
  EXPECT_EQ(stats.non_finite_samples, 2);
  EXPECT_EQ(audio.samples[10], 0.0f);
  EXPECT_EQ(audio.samples[11], 0.25f);
  for (size_t i = 0; i < 200; ++i) samples[i * 7] = std::numeric_limits<float>::quiet_NaN();
  test::write_bytes(dir / "n.wav", wav_bytes(3, 1, 16000, 32, raw(samples)));
  EXPECT_THAT(error_of([&] { read_audio(dir / "n.wav"); }, ErrorCode::kData), HasSubstr("are NaN or Inf"));
}

TEST(ReadAudio, AbsurdHeadersAreErrorsAndEmptySoundIsEmpty) {
  const TempDir dir;
  const std::string data = raw(std::vector<int16_t>(1000, 77));
  const auto error_for = [&](int channels, uint32_t rate) {
    test::write_bytes(dir / "x.wav", wav_bytes(1, channels, rate, 16, data));
    return error_of([&] { read_audio(dir / "x.wav"); }, ErrorCode::kData);
  };
  EXPECT_NE(error_for(1, 0), "");
  EXPECT_NE(error_for(1, 4000000000u), "");
  EXPECT_NE(error_for(0, 16000), "");
  EXPECT_NE(error_for(65535, 16000), "");

  test::write_bytes(dir / "empty.wav", wav_bytes(1, 1, 16000, 16, ""));
  const AudioBuffer empty = read_audio(dir / "empty.wav");
  EXPECT_TRUE(empty.samples.empty());
  EXPECT_EQ(empty.sample_rate, 16000);

  test::write_bytes(dir / "odd.wav", wav_bytes(1, 1, 16000, 16, data + "x"));
  EXPECT_EQ(read_audio(dir / "odd.wav").samples.size(), 1000u);

  // The header promises ten times what follows.
  AudioStats stats;
  test::write_bytes(dir / "short.wav", wav_bytes(1, 1, 2000, 16, data, 20000));
  EXPECT_GT(read_audio(dir / "short.wav", {}, &stats).samples.size(), 1000u);
  EXPECT_TRUE(stats.truncated);
}

TEST(ReadAudio, LimitsAndMissingSoundAreNamed) {
  const TempDir dir;
  write_wav(dir / "a.wav", {{}, 16000, std::vector<float>(32000, 0.1f)});
  AudioOptions options;
  options.max_duration_s = 1;
  EXPECT_THAT(error_of([&] { read_audio(dir / "a.wav", options); }, ErrorCode::kResource),
              HasSubstr("longer than the limit of 1 s"));
  test::write_clip(dir / "mute.mp4", 64, 48, test::steady_times(3, 25));
  EXPECT_THAT(error_of([&] { read_audio(dir / "mute.mp4"); }, ErrorCode::kData),
              HasSubstr("no audio stream"));
  options.sample_rate = -3;
  error_of([&] { read_audio(dir / "a.wav", options); }, ErrorCode::kConfig);
}

TEST(WriteWav, ReadsBackBitForBit) {
  const TempDir dir;
  AudioBuffer audio{{}, 22050, {}};
  for (int i = 0; i < 5000; ++i) audio.samples.push_back(static_cast<float>(sine(i)));
  write_wav(dir / "w.wav", audio);
  AudioOptions as_stored;
  as_stored.sample_rate = 0;
  const AudioBuffer back = read_audio(dir / "w.wav", as_stored);
  EXPECT_EQ(back.sample_rate, 22050);
  EXPECT_EQ(back.samples, audio.samples);
}

}  // namespace
}  // namespace limbic::media
