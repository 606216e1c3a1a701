#include "limbic/media/video_writer.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "clips.h"
#include "limbic/core/rng.h"

namespace limbic::media {
namespace {

using limbic::test::error_of;
using limbic::test::TempDir;
using ::testing::HasSubstr;

size_t num_files(const TempDir& dir) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(dir.path()), {}));
}

/// Shift of `b` against `a` in samples that correlates best.
int best_shift(const std::vector<float>& a, const std::vector<float>& b, int range) {
  double best = -1e30;
  int shift = 0;
  for (int s = -range; s <= range; ++s) {
    double sum = 0;
    for (int i = range; i + range < static_cast<int>(std::min(a.size(), b.size())); ++i) {
      sum += double{a[static_cast<size_t>(i)]} * double{b[static_cast<size_t>(i + s)]};
    }
    if (sum > best) {
      best = sum;
      shift = s;
    }
  }
  return shift;
}

TEST(VideoWriter, TheFileIsWhatPlayersExpect) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  test::write_clip(dir / "a.mp4", 65, 47, test::steady_times(30, 30), /*tone_s=*/1);
  EXPECT_EQ(
      test::output_of("ffprobe -v error -show_entries stream=codec_name,width,height,pix_fmt -of csv=p=0 " +
                      (dir / "a.mp4")),
      "h264,66,48,yuv420p\naac\n");
  const std::string bytes = test::bytes_of(dir / "a.mp4");
  EXPECT_LT(bytes.find("moov"), bytes.find("mdat"));
  EXPECT_EQ(test::output_of("ffmpeg -v error -i " + (dir / "a.mp4") + " -f null - 2>&1"), "");
  EXPECT_EQ(num_files(dir), 1u);
}

TEST(VideoWriter, PicturesComeBackInColour) {
  const TempDir dir;
  VideoWriterOptions options;
  options.width = 65;
  options.height = 47;
  options.crf = 4;
  VideoWriter writer(dir / "c.mp4", options);
  EXPECT_FALSE(writer.encoder().empty());
  std::vector<uint8_t> rgb;
  for (int i = 0; i < 65 * 47; ++i) rgb.insert(rgb.end(), {200, 40, 90});
  for (int i = 0; i < 3; ++i) writer.write_frame(core::Timestamp::from_seconds(i * 0.1), rgb.data());
  writer.finish();
  VideoReader reader(dir / "c.mp4");
  VideoFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.width, 66);
  EXPECT_EQ(frame.height, 48);
  for (const size_t at : {size_t{0}, size_t{65} * 3, (size_t{47} * 66 + 65) * 3}) {
    EXPECT_NEAR(frame.rgb()[at], 200, 3);
    EXPECT_NEAR(frame.rgb()[at + 1], 40, 3);
    EXPECT_NEAR(frame.rgb()[at + 2], 90, 3);
  }
}

// swscale rounds by another path where a picture's rows do not lie on vector boundaries.
TEST(VideoWriter, TheFileDependsOnThePixelsNotOnWhereTheyLie) {
  const TempDir dir;
  VideoWriterOptions options;
  options.width = 96;
  options.height = 72;
  constexpr size_t kBytes = 96 * 72 * 3;
  core::Rng rng(5);
  std::vector<uint8_t> noise(kBytes);
  for (auto& v : noise) v = static_cast<uint8_t>(rng.below(256));
  const auto written = [&](size_t shift) {
    alignas(64) static uint8_t memory[kBytes + 256];
    std::copy(noise.begin(), noise.end(), memory + shift);
    VideoWriter writer(dir / "a.mp4", options);
    for (int i = 0; i < 3; ++i) writer.write_frame({i * 100'000'000}, memory + shift);
    writer.finish();
    return test::bytes_of(dir / "a.mp4");
  };
  const std::string aligned = written(0);
  for (const size_t shift : {1, 8, 16, 32}) EXPECT_TRUE(written(shift) == aligned) << shift;
}

TEST(VideoWriter, OwnSoundKeepsItsPlace) {
  const TempDir dir;
  for (const int rate : {44100, 16000, 10000}) {
    SCOPED_TRACE(rate);
    VideoWriterOptions options;
    options.width = options.height = 32;
    options.audio_sample_rate = rate;
    options.audio_channels = 2;
    core::Rng rng(3);
    std::vector<float> mono(static_cast<size_t>(rate * 2));
    double low = 0;
    for (auto& v : mono) v = static_cast<float>(low = 0.8 * low + 0.1 * rng.normal());
    std::vector<float> stereo;
    for (const float v : mono) stereo.insert(stereo.end(), {v, v});
    VideoWriter writer(dir / "s.mp4", options);
    const std::vector<uint8_t> rgb(32 * 32 * 3, 90);
    for (int i = 0; i < 50; ++i) {
      writer.write_audio(stereo.data() + static_cast<size_t>(i) * stereo.size() / 50, rate * 2 / 50);
      writer.write_frame(core::Timestamp::from_seconds(i * 0.04), rgb.data());
    }
    writer.finish();
    AudioOptions as_given;
    as_given.sample_rate = rate;
    AudioStats stats;
    const AudioBuffer back = read_audio(dir / "s.mp4", as_given, &stats);
    EXPECT_NEAR(back.t0.seconds(), 0, 1e-6);
    EXPECT_NEAR(static_cast<double>(back.samples.size()) / rate, 2.0, 0.07);
    EXPECT_LE(std::abs(best_shift(mono, back.samples, 40)), 1);
  }
}

TEST(VideoWriter, SoundOfASourceFileIsCopiedBitForBit) {
  LIMBIC_REQUIRE_DATA("face_videos");
  const TempDir dir;
  for (const char* name : {"lp_d12_talk_7s.mp4", "pyfeat_noface_then_face_6s.mov"}) {
    SCOPED_TRACE(name);
    const std::string source = limbic::test::real_data() + "/face_videos/" + name;
    VideoReader reader(source);
    VideoFrame frame;
    ASSERT_TRUE(reader.next(frame));
    VideoWriterOptions options;
    options.width = options.height = 32;
    options.preset = "ultrafast";
    options.sound_from = source;
    VideoWriter writer(dir / "o.mp4", options);
    const std::vector<uint8_t> rgb(32 * 32 * 3, 90);
    core::Timestamp last;
    do {
      last = frame.pts;
      writer.write_frame(frame.pts, rgb.data());
    } while (reader.next(frame));
    writer.finish();
    const AudioBuffer a = read_audio(source);
    const AudioBuffer b = read_audio(dir / "o.mp4");
    EXPECT_NEAR(a.t0.seconds(), b.t0.seconds(), 1e-3);
    const size_t num = std::min(a.samples.size(), b.samples.size());
    EXPECT_GT(static_cast<double>(num) / 16000,
              std::min(last.seconds(), static_cast<double>(a.samples.size()) / 16000) - 0.2);
    double worst = 0;
    for (size_t i = 0; i + 2000 < num; ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(a.samples[i] - b.samples[i])));
    }
    EXPECT_LT(worst, 1e-4);
    VideoReader written(dir / "o.mp4");
    const auto frames = test::read_all(written);
    ASSERT_FALSE(frames.empty());
    EXPECT_NEAR(frames.back().pts.seconds(), last.seconds(), 1e-4);
  }
}

TEST(VideoWriter, SoundThatMp4CannotHoldIsTranscodedAndEndsWithTheVideo) {
  const TempDir dir;
  core::Rng rng(4);
  AudioBuffer sound{{}, 16000, std::vector<float>(16000 * 5)};
  double low = 0;
  for (auto& v : sound.samples) v = static_cast<float>(low = 0.8 * low + 0.1 * rng.normal());
  write_wav(dir / "s.wav", sound);
  VideoWriterOptions options;
  options.width = options.height = 32;
  options.sound_from = dir / "s.wav";
  VideoWriter writer(dir / "o.mp4", options);
  const std::vector<uint8_t> rgb(32 * 32 * 3, 90);
  for (int i = 0; i < 50; ++i) writer.write_frame(core::Timestamp::from_seconds(i * 0.04), rgb.data());
  writer.finish();
  const AudioBuffer back = read_audio(dir / "o.mp4");
  EXPECT_EQ(probe(dir / "o.mp4").audio->codec, "aac");
  EXPECT_GT(back.samples.size(), 16000u * 2 - 200);
  EXPECT_LT(back.samples.size(), 16000u * 3);
  EXPECT_LE(std::abs(best_shift(sound.samples, back.samples, 40)), 1);
}

TEST(VideoWriter, NothingIsLeftWhenItDoesNotFinish) {
  const TempDir dir;
  test::write_bytes(dir / "old.mp4", "the old file");
  VideoWriterOptions options;
  options.width = options.height = 32;
  const std::vector<uint8_t> rgb(32 * 32 * 3, 90);
  {
    VideoWriter writer(dir / "old.mp4", options);
    writer.write_frame({}, rgb.data());
    EXPECT_THAT(error_of([&] { writer.write_frame({}, rgb.data()); }, ErrorCode::kConfig),
                HasSubstr("after the frame before"));
  }
  EXPECT_THAT(error_of([&] { VideoWriter(dir / "old.mp4", options).finish(); }, ErrorCode::kConfig),
              HasSubstr("no frame was written"));
  options.preset = "swift";
  EXPECT_THAT(error_of([&] { VideoWriter(dir / "x.mp4", options); }, ErrorCode::kConfig), HasSubstr("swift"));
  options = {};
  EXPECT_THAT(error_of([&] { VideoWriter(dir / "x.mp4", options); }, ErrorCode::kConfig), HasSubstr("0x0"));
  options.width = options.height = 32;
  options.sound_from = dir / "none.wav";
  EXPECT_THAT(error_of([&] { VideoWriter(dir / "x.mp4", options); }, ErrorCode::kData),
              HasSubstr("cannot open"));
  options.sound_from.clear();
  EXPECT_EQ(num_files(dir), 1u);
  EXPECT_EQ(test::bytes_of(dir / "old.mp4"), "the old file");
  EXPECT_THAT(error_of([&] { VideoWriter("/proc/none/x.mp4", options); }, ErrorCode::kStorage),
              HasSubstr("/proc/none"));
}

TEST(VideoWriter, AFullDiskIsAStorageErrorAndLeavesNothing) {
  const TempDir dir;
  struct Restore {
    rlimit old{};
    Restore() { getrlimit(RLIMIT_FSIZE, &old); }
    ~Restore() { setrlimit(RLIMIT_FSIZE, &old); }
  } restore;
  std::signal(SIGXFSZ, SIG_IGN);
  {
    rlimit small = restore.old;
    small.rlim_cur = 20000;
    VideoWriterOptions options;
    options.width = options.height = 64;
    options.crf = 5;
    VideoWriter writer(dir / "x.mp4", options);
    core::Rng rng(1);
    std::vector<uint8_t> rgb(64 * 64 * 3);
    setrlimit(RLIMIT_FSIZE, &small);
    error_of(
        [&] {
          for (int i = 0; i < 60; ++i) {
            for (auto& v : rgb) v = static_cast<uint8_t>(rng.below(256));
            writer.write_frame(core::Timestamp::from_seconds(i * 0.04), rgb.data());
          }
          writer.finish();
        },
        ErrorCode::kStorage);
    setrlimit(RLIMIT_FSIZE, &restore.old);
    error_of([&] { writer.finish(); }, ErrorCode::kInternal);
  }
  EXPECT_EQ(num_files(dir), 0u);
}

}  // namespace
}  // namespace limbic::media
