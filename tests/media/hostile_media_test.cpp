#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "clips.h"
#include "limbic/core/rng.h"
#include "limbic/media/image.h"
#include "limbic/media/probe.h"

namespace limbic::media {
namespace {

using limbic::test::error_of;
using limbic::test::TempDir;
using ::testing::AnyOf;
using ::testing::HasSubstr;

/// A local server that must stay lonely.
class Listener {
 public:
  Listener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    is_ready_ = fd_ >= 0 && bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                listen(fd_, 8) == 0 && getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { close(fd_); }
  std::string url(const std::string& name) const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/" + name;
  }
  bool is_ready() const { return is_ready_; }
  bool was_called() const {
    pollfd waiting{fd_, POLLIN, 0};
    return poll(&waiting, 1, 0) > 0;
  }

 private:
  int fd_;
  int port_ = 0;
  bool is_ready_ = false;
};

TEST(HostileMedia, PlaylistsNamedMp4AreRefusedAtOnceAndReachNothing) {
  const TempDir dir;
  const Listener listener;
  ASSERT_TRUE(listener.is_ready());
  test::write_clip(dir / "real.mp4", 64, 48, test::steady_times(5, 25));
  const std::string real = dir / "real.mp4";
  const std::string playlists[] = {
      "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://" + real + "\n#EXT-X-ENDLIST\n",
      "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n" + listener.url("a.ts") + "\n#EXT-X-ENDLIST\n",
      "ffconcat version 1.0\nfile real.mp4\n",
      "ffconcat version 1.0\nfile " + real + "\n",
      "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 "
      "H264/90000\n",
      "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" "
      "mediaPresentationDuration=\"PT1S\"><Period><AdaptationSet mimeType=\"video/mp4\"><Representation "
      "id=\"1\" "
      "bandwidth=\"1\"><BaseURL>" +
          listener.url("b.mp4") + "</BaseURL></Representation></AdaptationSet></Period></MPD>",
      "RIFFxxxxAVI but nothing like it",
  };
  for (const auto& text : playlists) {
    SCOPED_TRACE(text.substr(0, 40));
    test::write_bytes(dir / "list.mp4", text);
    const auto start = std::chrono::steady_clock::now();
    const std::string message = error_of([&] { VideoReader reader(dir / "list.mp4"); }, ErrorCode::kData);
    EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 30.0);
    EXPECT_THAT(message, HasSubstr("list.mp4: "));
    EXPECT_THAT(message, AnyOf(HasSubstr("unsupported container"), HasSubstr("failed")));
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  EXPECT_FALSE(listener.was_called());
}

TEST(HostileMedia, PathsThatFfmpegWouldInterpretAreOnlyFiles) {
  const TempDir dir;
  const Listener listener;
  ASSERT_TRUE(listener.is_ready());
  test::write_clip(dir / "real.mp4", 64, 48, test::steady_times(5, 25));
  for (const std::string& path :
       {listener.url("x.mp4"), "concat:" + (dir / "real.mp4"), "file:" + (dir / "real.mp4"),
        "subfile,,start,0,end,0,,:" + (dir / "real.mp4"), dir / "img%03d.png", std::string("pipe:0")}) {
    EXPECT_THAT(error_of([&] { probe(path); }, ErrorCode::kData), HasSubstr(path + ": cannot open"));
  }
  EXPECT_FALSE(listener.was_called());
}

TEST(HostileMedia, WhatIsNotARegularFileIsRefusedWithoutWaiting) {
  const TempDir dir;
  ASSERT_EQ(mkfifo((dir / "fifo.mp4").c_str(), 0600), 0);
  for (const std::string& path : {dir / "fifo.mp4", dir.path(), std::string("/dev/zero")}) {
    EXPECT_THAT(error_of([&] { probe(path); }, ErrorCode::kData), HasSubstr("not a regular file")) << path;
    EXPECT_THAT(error_of([&] { read_image(path); }, ErrorCode::kData), HasSubstr("not a regular file"))
        << path;
  }
  EXPECT_THAT(error_of([&] { probe(dir / "none.mp4"); }, ErrorCode::kData), HasSubstr("No such file"));
  test::write_bytes(dir / "empty.mp4", "");
  EXPECT_THAT(error_of([&] { probe(dir / "empty.mp4"); }, ErrorCode::kData), HasSubstr("empty file"));
  test::write_bytes(dir / "zero.mp4", std::string(100000, '\0'));
  EXPECT_THAT(error_of([&] { probe(dir / "zero.mp4"); }, ErrorCode::kData), HasSubstr("expected mp4"));
}

TEST(HostileMedia, TooManyStreamsAreAResourceError) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  std::string maps;
  for (int i = 0; i < 70; ++i) maps += " -map 0:0";
  ASSERT_TRUE(test::ffmpeg("-f lavfi -i sine=duration=0.1:sample_rate=8000" + maps + " -c:a pcm_s16le " +
                           (dir / "m.mkv")));
  ASSERT_TRUE(
      test::ffmpeg("-f lavfi -i sine=duration=0.1:sample_rate=8000" + maps + " -c:a aac " + (dir / "m.mp4")));
  for (const char* name : {"m.mkv", "m.mp4"}) {
    EXPECT_THAT(error_of([&] { probe(dir / name); }, ErrorCode::kResource), HasSubstr("more than 64 streams"))
        << name;
  }
}

TEST(HostileMedia, AFrameLargerThanTheContainerSaysIsAResourceError) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  ASSERT_TRUE(test::ffmpeg("-f lavfi -i color=size=4000x3000:rate=1:duration=1 -pix_fmt gray -c:v png " +
                           (dir / "b.mkv")));
  EXPECT_THAT(error_of([&] { VideoReader reader(dir / "b.mkv"); }, ErrorCode::kResource),
              HasSubstr("frame 12.0 MP > limit 9.4 MP"));
}

/// Reads everything that the file may hold; an Error is a fine end.
bool survives(const std::string& path) {
  try {
    VideoReader reader(path);
    VideoFrame frame;
    for (int i = 0; reader.next(frame); ++i) {
      frame.gray();
      frame.rgb();
    }
    reader.seek(core::Timestamp::from_seconds(0.5));
    reader.next(frame);
  } catch (const Error&) {
  }
  try {
    AudioReader reader(path);
    AudioBuffer chunk;
    for (int i = 0; i < 1000 && reader.next(chunk); ++i) {
      for (const float v : chunk.samples) {
        if (!std::isfinite(v)) return false;
      }
    }
  } catch (const Error&) {
  }
  return true;
}

std::string mutate(std::string bytes, core::Rng& rng) {
  const auto size = static_cast<int64_t>(bytes.size());
  switch (rng.below(4)) {
    case 0:
      bytes.resize(static_cast<size_t>(rng.below(size)));
      break;
    case 1:
      for (int i = 0; i < 8; ++i)
        bytes[static_cast<size_t>(rng.below(size))] ^= static_cast<char>(1 << rng.below(8));
      break;
    case 2:  // in the header, where it hurts
      for (int i = 0; i < 4; ++i) {
        bytes[static_cast<size_t>(rng.below(std::min<int64_t>(size, 2000)))] =
            static_cast<char>(rng.below(256));
      }
      break;
    default: {
      const auto at = static_cast<size_t>(rng.below(size));
      const auto length = std::min<size_t>(bytes.size() - at, 300);
      std::fill_n(bytes.begin() + static_cast<long>(at), length, '\0');
    }
  }
  return bytes;
}

TEST(HostileMedia, HundredsOfDamagedRecordingsEndInAResultOrAnError) {
  const TempDir dir;
  test::write_clip(dir / "a.mp4", 64, 48, test::steady_times(25, 25), /*tone_s=*/1);
  AudioBuffer tone{{}, 16000, std::vector<float>(8000)};
  for (size_t i = 0; i < tone.samples.size(); ++i)
    tone.samples[i] = static_cast<float>(0.3 * std::sin(0.1 * static_cast<double>(i)));
  write_wav(dir / "a.wav", tone);
  std::vector<std::string> names = {"a.mp4", "a.wav"};
  if (test::has_ffmpeg()) {
    for (const char* name : {"a.flac", "a.mp3"}) {
      if (test::ffmpeg("-i " + (dir / "a.wav") + " " + (dir / name))) names.emplace_back(name);
    }
    for (const char* name : {"a.mkv", "a.avi", "a.ts"}) {
      if (test::ffmpeg("-i " + (dir / "a.mp4") + " -c copy " + (dir / name))) names.emplace_back(name);
    }
  }
  const auto start = std::chrono::steady_clock::now();
  for (size_t k = 0; k < names.size(); ++k) {
    const std::string whole = test::bytes_of(dir / names[k]);
    for (uint64_t i = 0; i < 40; ++i) {
      core::Rng rng(11, k, i);
      const std::string path = dir / ("mutant-" + names[k]);
      test::write_bytes(path, mutate(whole, rng));
      EXPECT_TRUE(survives(path)) << names[k] << " " << i;
    }
  }
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 60.0);
}

TEST(HostileMedia, HundredsOfDamagedImagesAreWholeOrErrors) {
  const TempDir dir;
  Image image{40, 30, 3, test::test_picture(40, 30, 3)};
  const auto png = encode_png(image);
  std::vector<std::string> files = {{reinterpret_cast<const char*>(png.data()), png.size()}};
  if (test::has_ffmpeg()) {
    write_png(dir / "a.png", image);
    for (const char* name : {"a.jpg", "a.webp", "a.bmp", "a.tiff"}) {
      if (test::ffmpeg("-i " + (dir / "a.png") + " " + (dir / name)))
        files.push_back(test::bytes_of(dir / name));
    }
  }
  ImageOptions options;
  options.max_pixels = 1 << 20;
  ImageDecoder decoder(options);
  int num_errors = 0;
  for (size_t k = 0; k < files.size(); ++k) {
    for (uint64_t i = 0; i < 60; ++i) {
      core::Rng rng(12, k, i);
      const std::string bytes = mutate(files[k], rng);
      Image out;
      try {
        decoder.decode(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), "mutant", out);
        EXPECT_EQ(out.data.size(), static_cast<size_t>(out.width * out.height * out.channels));
        if (k == 0) {
          EXPECT_EQ(out.data, image.data) << i;  // PNG knows every flip by its checksum
        }
      } catch (const Error& e) {
        EXPECT_TRUE(e.code() == ErrorCode::kData || e.code() == ErrorCode::kResource) << e.what();
        ++num_errors;
      }
    }
  }
  EXPECT_GT(num_errors, static_cast<int>(files.size()) * 20);
}

}  // namespace
}  // namespace limbic::media
