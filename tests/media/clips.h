#pragma once
#include <sys/wait.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "limbic/core/hash.h"
#include "limbic/media/audio.h"
#include "limbic/media/video_reader.h"
#include "limbic/media/video_writer.h"
#include "support/paths.h"

namespace limbic::media::test {

inline bool has_ffmpeg() {
  static const bool has =
      std::system("ffmpeg -version >/dev/null 2>&1 && ffprobe -version >/dev/null 2>&1") == 0;
  return has;
}

/// stdout of a shell command.
inline std::string output_of(const std::string& command) {
  std::string text;
  std::FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return text;
  std::array<char, 1 << 16> buffer{};
  for (size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) text.append(buffer.data(), n);
  pclose(pipe);
  return text;
}

/// Runs ffmpeg quietly; arguments after the global options.
inline bool ffmpeg(const std::string& arguments) {
  return std::system(("ffmpeg -nostdin -v error -y " + arguments + " >/dev/null 2>&1").c_str()) == 0;
}

inline std::string bytes_of(const std::string& path) {
  return core::read_file(path);
}
inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// A picture that differs at every time and place: a moving ramp with a bright block at the top left.
inline std::vector<uint8_t> test_picture(int width, int height, int index) {
  std::vector<uint8_t> rgb(static_cast<size_t>(width * height * 3));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      uint8_t* p = rgb.data() + static_cast<size_t>(y * width + x) * 3;
      p[0] = static_cast<uint8_t>((x * 2 + index * 5) % 200);
      p[1] = static_cast<uint8_t>((y * 2 + index * 3) % 200);
      p[2] = static_cast<uint8_t>((index * 7) % 200);
      if (x < width / 4 && y < height / 4) p[0] = p[1] = p[2] = 250;
    }
  }
  return rgb;
}

/// Writes one frame at each time. Sound: a 440 Hz tone of `tone_s` seconds when that is positive.
inline void write_clip(const std::string& path, int width, int height, const std::vector<double>& times_s,
                       double tone_s = 0, int key_frame_interval = 12) {
  VideoWriterOptions options;
  options.width = width;
  options.height = height;
  options.crf = 15;
  options.preset = "ultrafast";
  options.max_b_frames = 2;
  options.key_frame_interval = key_frame_interval;
  if (tone_s > 0) options.audio_sample_rate = 44100;
  VideoWriter writer(path, options);
  if (tone_s > 0) {
    std::vector<float> tone(static_cast<size_t>(tone_s * 44100));
    for (size_t i = 0; i < tone.size(); ++i) {
      tone[i] = 0.5f * static_cast<float>(std::sin(2 * M_PI * 440.0 * static_cast<double>(i) / 44100));
    }
    writer.write_audio(tone.data(), static_cast<int64_t>(tone.size()));
  }
  for (size_t i = 0; i < times_s.size(); ++i) {
    const auto rgb = test_picture(width, height, static_cast<int>(i));
    writer.write_frame(core::Timestamp::from_seconds(times_s[i]), rgb.data());
  }
  writer.finish();
}

inline std::vector<double> steady_times(int num_frames, double fps) {
  std::vector<double> times_s;
  for (int i = 0; i < num_frames; ++i) times_s.push_back(i / fps);
  return times_s;
}

struct SeenFrame {
  core::Timestamp pts;
  uint32_t gray_crc = 0;
};

inline std::vector<SeenFrame> read_all(VideoReader& reader) {
  std::vector<SeenFrame> seen;
  VideoFrame frame;
  while (reader.next(frame)) {
    const auto size = static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height);
    seen.push_back({frame.pts, core::crc32(frame.gray(), size)});
  }
  return seen;
}

/// The 12 real clips, when present.
inline std::vector<std::string> real_clips() {
  std::vector<std::string> paths;
  std::ifstream manifest(limbic::test::real_data() + "/face_videos/manifest.csv");
  std::string line;
  std::getline(manifest, line);
  while (std::getline(manifest, line)) {
    paths.push_back(limbic::test::real_data() + "/face_videos/" + line.substr(0, line.find(',')));
  }
  return paths;
}

inline double mean_difference(const uint8_t* a, const uint8_t* b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += std::abs(int{a[i]} - int{b[i]});
  return sum / static_cast<double>(n);
}

}  // namespace limbic::media::test

#define LIMBIC_REQUIRE_FFMPEG() \
  if (!limbic::media::test::has_ffmpeg()) GTEST_SKIP() << "the programs ffmpeg and ffprobe are absent"
