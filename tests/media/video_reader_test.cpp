#include "limbic/media/video_reader.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "clips.h"

namespace limbic::media {
namespace {

using limbic::test::error_of;
using limbic::test::TempDir;
using ::testing::HasSubstr;

TEST(VideoReader, CountsAndTimesOfTheRealClipsEqualFfprobe) {
  LIMBIC_REQUIRE_DATA("face_videos");
  LIMBIC_REQUIRE_FFMPEG();
  for (const auto& path : test::real_clips()) {
    SCOPED_TRACE(path);
    std::istringstream lines(test::output_of(
        "ffprobe -v error -select_streams v:0 -show_entries frame=best_effort_timestamp_time -of csv=p=0 " +
        path));
    const double start_s = std::atof(
        test::output_of("ffprobe -v error -show_entries format=start_time -of csv=p=0 " + path).c_str());
    std::vector<double> want_s;
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty()) want_s.push_back(std::atof(line.c_str()) - start_s);
    }
    VideoReader reader(path);
    size_t num = 0;
    VideoFrame frame;
    double worst_s = 0;
    core::Timestamp last{-1};
    while (reader.next(frame)) {
      EXPECT_EQ(frame.index, static_cast<int64_t>(num));
      EXPECT_LT(last, frame.pts);
      last = frame.pts;
      if (num < want_s.size()) worst_s = std::max(worst_s, std::abs(frame.pts.seconds() - want_s[num]));
      ++num;
    }
    EXPECT_GT(num, 10u);
    EXPECT_EQ(num, want_s.size());
    // ffprobe prints microseconds, and the start is rounded to one.
    EXPECT_LT(worst_s, 2e-6);
    EXPECT_EQ(reader.stats().num_frames, static_cast<int64_t>(num));
    EXPECT_EQ(reader.stats().damaged_packets, 0);
    EXPECT_EQ(reader.stats().damaged_frames, 0);
    EXPECT_EQ(reader.stats().non_monotonic_pts, 0);
    EXPECT_EQ(reader.stats().timestamp_jumps, 0);
    EXPECT_FALSE(reader.stats().truncated);
  }
}

TEST(VideoReader, PixelsOfARealClipEqualFfmpegsConversion) {
  LIMBIC_REQUIRE_DATA("face_videos");
  LIMBIC_REQUIRE_FFMPEG();
  const std::string path = limbic::test::real_data() + "/face_videos/lp_d12_talk_7s.mp4";
  const std::string rgb =
      test::output_of("ffmpeg -v error -i " + path + " -frames:v 3 -pix_fmt rgb24 -f rawvideo -");
  const std::string gray =
      test::output_of("ffmpeg -v error -i " + path + " -frames:v 3 -pix_fmt gray -f rawvideo -");
  const size_t pixels = size_t{512} * 512;
  ASSERT_EQ(rgb.size(), pixels * 3 * 3);
  ASSERT_EQ(gray.size(), pixels * 3);
  VideoReader reader(path);
  VideoFrame frame;
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(reader.next(frame));
    const auto* want_rgb = reinterpret_cast<const uint8_t*>(rgb.data()) + i * pixels * 3;
    const auto* want_gray = reinterpret_cast<const uint8_t*>(gray.data()) + i * pixels;
    // ffmpeg scales with bicubic chroma: not bit-equal.
    EXPECT_LT(test::mean_difference(frame.rgb(), want_rgb, pixels * 3), 1.5);
    EXPECT_LT(test::mean_difference(frame.gray(), want_gray, pixels), 0.6);
  }
}

TEST(VideoReader, SeekFindsTheFrameShownAtThatTimeOnARealClip) {
  LIMBIC_REQUIRE_DATA("face_videos");
  const std::string path = limbic::test::real_data() + "/face_videos/lp_d12_talk_7s.mp4";
  VideoReader sequential(path);
  const auto all = test::read_all(sequential);
  VideoReader reader(path);
  VideoFrame frame;
  for (size_t i = 0; i < all.size(); i += 7) {
    // A little after the frame's own time, so that "shown at" differs from "starts at".
    reader.seek(all[i].pts + core::Timestamp{3'000'000});
    ASSERT_TRUE(reader.next(frame)) << i;
    EXPECT_EQ(frame.pts, all[i].pts) << i;
    EXPECT_EQ(core::crc32(frame.gray(), size_t{512} * 512), all[i].gray_crc) << i;
    if (i + 1 < all.size()) {
      ASSERT_TRUE(reader.next(frame));
      EXPECT_EQ(frame.pts, all[i + 1].pts);
    }
  }
}

void expect_exact_seeks(const std::string& path, size_t step) {
  VideoReader sequential(path);
  const auto all = test::read_all(sequential);
  ASSERT_GT(all.size(), 20u);
  VideoReader reader(path);
  VideoFrame frame;
  // Backwards, so that every seek really moves.
  for (size_t k = 0; k < all.size(); k += step) {
    const size_t i = all.size() - 1 - k;
    reader.seek(all[i].pts);
    ASSERT_TRUE(reader.next(frame)) << i;
    EXPECT_EQ(frame.pts, all[i].pts) << i;
    const auto size = static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height);
    EXPECT_EQ(core::crc32(frame.gray(), size), all[i].gray_crc) << i;
  }
  reader.seek(core::Timestamp{-5});
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.pts, all[0].pts);
  EXPECT_EQ(frame.index, 0);
  reader.seek(core::Timestamp::from_seconds(1e6));
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.pts, all.back().pts);
  EXPECT_FALSE(reader.next(frame));
  reader.seek(all[3].pts);
  EXPECT_EQ(test::read_all(reader).size(), all.size() - 3);
}

TEST(VideoReader, SeeksAreExactWithBFrames) {
  const TempDir dir;
  test::write_clip(dir / "b.mp4", 96, 64, test::steady_times(60, 25));
  expect_exact_seeks(dir / "b.mp4", 1);
}

TEST(VideoReader, SeeksAreExactWithOpenGops) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  const std::string source = "-f lavfi -i testsrc2=size=96x64:rate=25:duration=3 ";
  ASSERT_TRUE(test::ffmpeg(source +
                           "-c:v libx264 -preset fast -bf 3 -g 10 -x264-params open-gop=1:keyint=10 " +
                           (dir / "x264.mkv")));
  ASSERT_TRUE(test::ffmpeg(source + "-c:v mpeg2video -bf 2 -g 10 " + (dir / "mpeg2.ts")));
  for (const char* name : {"x264.mkv", "mpeg2.ts"}) {
    SCOPED_TRACE(name);
    expect_exact_seeks(dir / name, 3);
  }
}

TEST(VideoReader, VariableFrameTimesAreTheTrueOnes) {
  const TempDir dir;
  std::vector<double> times_s;
  for (int i = 0; i < 40; ++i)
    times_s.push_back(i * 0.04 + 0.015 * std::sin(i * 1.3) + (i > 20 ? 1.5 : 0.02));
  const double first_s = times_s.front();
  test::write_clip(dir / "vfr.mp4", 64, 48, times_s);
  VideoReader reader(dir / "vfr.mp4");
  const auto all = test::read_all(reader);
  ASSERT_EQ(all.size(), times_s.size());
  for (size_t i = 0; i < all.size(); ++i) EXPECT_NEAR(all[i].pts.seconds(), times_s[i] - first_s, 9e-6) << i;
}

TEST(VideoReader, AudioAndVideoShareOneClock) {
  const TempDir dir;
  std::vector<double> times_s;
  for (int i = 0; i < 20; ++i) times_s.push_back(0.5 + i * 0.04);
  test::write_clip(dir / "late.mp4", 64, 48, times_s, /*tone_s=*/1.3);
  const MediaInfo info = probe(dir / "late.mp4");
  ASSERT_TRUE(info.video && info.audio);
  EXPECT_NEAR(info.audio->start.seconds(), 0.0, 1e-6);
  EXPECT_NEAR(info.video->start.seconds(), 0.5, 1e-4);
  VideoReader reader(dir / "late.mp4");
  VideoFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_NEAR(frame.pts.seconds(), 0.5, 1e-5);
}

TEST(VideoReader, RotationIsAppliedLikeFfmpegsOwn) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  test::write_clip(dir / "flat.mp4", 96, 64, test::steady_times(5, 25));
  for (const int turn : {90, 180, 270}) {
    SCOPED_TRACE(turn);
    const std::string path = dir / ("turned" + std::to_string(turn) + ".mp4");
    ASSERT_TRUE(test::ffmpeg("-i " + (dir / "flat.mp4") +
                             " -c copy -metadata:s:v:0 rotate=" + std::to_string(turn) + " " + path));
    const std::string want =
        test::output_of("ffmpeg -v error -i " + path + " -frames:v 1 -pix_fmt gray -f rawvideo -");
    VideoReader reader(path);
    // ffmpeg 5.1 takes "rotate" counter-clockwise.
    EXPECT_EQ(reader.info().video->rotation_deg, 360 - turn);
    EXPECT_EQ(reader.info().video->display_width, turn == 180 ? 96 : 64);
    VideoFrame frame;
    ASSERT_TRUE(reader.next(frame));
    EXPECT_EQ(frame.width, turn == 180 ? 96 : 64);
    EXPECT_EQ(frame.height, turn == 180 ? 64 : 96);
    ASSERT_EQ(want.size(), size_t{96} * 64);
    EXPECT_LT(test::mean_difference(frame.gray(), reinterpret_cast<const uint8_t*>(want.data()), want.size()),
              1.0);
    VideoOptions as_stored;
    as_stored.apply_rotation = false;
    VideoReader unturned(path, as_stored);
    ASSERT_TRUE(unturned.next(frame));
    EXPECT_EQ(frame.width, 96);
  }
}

TEST(VideoReader, OddSizesKeepTheirLastRowAndColumn) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  for (const char* format : {"yuv444p", "yuv420p"}) {
    for (const char* size : {"33x17", "50x40"}) {
      SCOPED_TRACE(std::string(format) + " " + size);
      const std::string path = dir / (std::string(format) + size + ".mkv");
      ASSERT_TRUE(test::ffmpeg(std::string("-f lavfi -i testsrc2=size=") + size +
                               ":rate=25:duration=0.2 -pix_fmt " + format + " -c:v ffv1 " + path));
      const std::string want =
          test::output_of("ffmpeg -v error -i " + path + " -frames:v 1 -pix_fmt rgb24 -f rawvideo -");
      VideoReader reader(path);
      VideoFrame frame;
      ASSERT_TRUE(reader.next(frame));
      const auto width = static_cast<size_t>(frame.width);
      const auto height = static_cast<size_t>(frame.height);
      ASSERT_EQ(want.size(), width * height * 3);
      const auto* expected = reinterpret_cast<const uint8_t*>(want.data());
      EXPECT_LT(test::mean_difference(frame.rgb(), expected, want.size()), 3.0);
      double last_column = 0;
      for (size_t y = 0; y < height; ++y) {
        const size_t at = (y * width + width - 1) * 3;
        last_column += test::mean_difference(frame.rgb() + at, expected + at, 3);
      }
      EXPECT_LT(last_column / static_cast<double>(height), 6.0);
      const size_t last_row = (height - 1) * width * 3;
      EXPECT_LT(test::mean_difference(frame.rgb() + last_row, expected + last_row, width * 3), 6.0);
    }
  }
}

TEST(VideoReader, ChangesOfSizeAndClockWithinAStreamAreFollowed) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  ASSERT_TRUE(
      test::ffmpeg("-f lavfi -i testsrc2=size=96x64:rate=25:duration=2 -c:v libx264 -preset ultrafast "
                   "-pix_fmt yuv420p " +
                   (dir / "a.ts")));
  ASSERT_TRUE(
      test::ffmpeg("-f lavfi -i testsrc2=size=128x80:rate=25:duration=2 -c:v libx264 -preset ultrafast "
                   "-pix_fmt yuv444p " +
                   (dir / "b.ts")));
  test::write_bytes(dir / "ab.ts", test::bytes_of(dir / "a.ts") + test::bytes_of(dir / "b.ts"));
  VideoReader reader(dir / "ab.ts");
  VideoFrame frame;
  core::Timestamp last{-1};
  int num_small = 0;
  int num_large = 0;
  while (reader.next(frame)) {
    EXPECT_LT(last, frame.pts);
    last = frame.pts;
    ASSERT_NE(frame.rgb(), nullptr);
    (frame.width == 96 ? num_small : num_large)++;
    if (frame.width != 96) {
      EXPECT_EQ(frame.height, 80);
    }
  }
  EXPECT_EQ(num_small, 50);
  EXPECT_EQ(num_large, 50);
  EXPECT_EQ(reader.stats().format_changes, 1);
  EXPECT_EQ(reader.stats().timestamp_jumps, 1);
  EXPECT_NEAR(last.seconds(), 3.96, 0.1);
}

TEST(VideoReader, ATruncatedFileGivesItsDecodablePartAndSaysSo) {
  const TempDir dir;
  test::write_clip(dir / "whole.mp4", 96, 64, test::steady_times(50, 25), /*tone_s=*/2);
  const std::string bytes = test::bytes_of(dir / "whole.mp4");
  test::write_bytes(dir / "half.mp4", bytes.substr(0, bytes.size() / 2));
  VideoReader reader(dir / "half.mp4");
  const auto part = test::read_all(reader);
  EXPECT_GT(part.size(), 5u);
  EXPECT_LT(part.size(), 45u);
  EXPECT_TRUE(reader.stats().truncated);
  AudioStats audio;
  read_audio(dir / "half.mp4", {}, &audio);
  EXPECT_TRUE(audio.truncated);
  VideoReader whole(dir / "whole.mp4");
  EXPECT_EQ(test::read_all(whole).size(), 50u);
  EXPECT_FALSE(whole.stats().truncated);
}

TEST(VideoReader, SkipDecodesWithoutChangingWhatFollows) {
  const TempDir dir;
  test::write_clip(dir / "c.mp4", 64, 48, test::steady_times(20, 25));
  VideoReader all_reader(dir / "c.mp4");
  const auto all = test::read_all(all_reader);
  VideoReader reader(dir / "c.mp4");
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(reader.skip());
  VideoFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.index, 7);
  EXPECT_EQ(frame.pts, all[7].pts);
  EXPECT_EQ(core::crc32(frame.gray(), 64 * 48), all[7].gray_crc);
}

TEST(VideoReader, TwoDecoderThreadsGiveTheSameFrames) {
  const TempDir dir;
  test::write_clip(dir / "c.mp4", 96, 64, test::steady_times(40, 25));
  VideoOptions two;
  two.num_threads = 2;
  VideoReader one_reader(dir / "c.mp4");
  VideoReader two_reader(dir / "c.mp4", two);
  const auto a = test::read_all(one_reader);
  const auto b = test::read_all(two_reader);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].gray_crc, b[i].gray_crc);
}

TEST(VideoReader, AFrameOutlivesItsReader) {
  const TempDir dir;
  test::write_clip(dir / "c.mp4", 64, 48, test::steady_times(3, 25));
  VideoFrame frame;
  {
    VideoReader reader(dir / "c.mp4");
    ASSERT_TRUE(reader.next(frame));
  }
  EXPECT_GT(frame.gray()[0], 200);  // the bright block
  EXPECT_GT(frame.rgb()[0], 200);
}

TEST(VideoReader, SoundAloneIsNoVideo) {
  const TempDir dir;
  write_wav(dir / "a.wav", {{}, 16000, std::vector<float>(1600, 0.1f)});
  EXPECT_THAT(error_of([&] { VideoReader reader(dir / "a.wav"); }, ErrorCode::kData),
              HasSubstr("no video stream"));
}

TEST(VideoReader, AFrameBeyondTheLimitIsRefusedBeforeDecoding) {
  const TempDir dir;
  test::write_clip(dir / "c.mp4", 128, 96, test::steady_times(3, 25));
  VideoOptions options;
  options.limits.max_pixels = 100 * 100;
  EXPECT_THAT(error_of([&] { VideoReader reader(dir / "c.mp4", options); }, ErrorCode::kResource),
              HasSubstr("frame 0.0 MP > limit 0.0 MP"));
}

}  // namespace
}  // namespace limbic::media
