#pragma once
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "limbic/vision/face.h"

namespace limbic::test {

/// A grey frame that owns its pixels.
struct GrayFrame {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> pixels;

  vision::GrayView view() const { return {pixels.data(), width, height, width}; }
  vision::ImageView image() const { return {pixels.data(), width, height, 1, width}; }
};

inline bool has_ffmpeg() {
  return std::system("ffmpeg -version >/dev/null 2>&1") == 0;
}

/// Every `step`-th frame of a file, decoded by the ffmpeg program.
inline std::vector<GrayFrame> gray_frames(const std::string& path, int step = 1) {
  const std::string command = "ffmpeg -nostdin -v error -i '" + path + "' -vf \"select='not(mod(n," +
                              std::to_string(step) +
                              "))'\" -vsync 0 -pix_fmt gray -c:v pgm -f image2pipe - 2>/dev/null";
  std::vector<GrayFrame> frames;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return frames;
  int width = 0;
  int height = 0;
  while (std::fscanf(pipe, "P5 %d %d 255", &width, &height) == 2) {
    std::fgetc(pipe);
    GrayFrame frame{width, height,
                    std::vector<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height))};
    if (std::fread(frame.pixels.data(), 1, frame.pixels.size(), pipe) != frame.pixels.size()) break;
    frames.push_back(std::move(frame));
  }
  pclose(pipe);
  return frames;
}

}  // namespace limbic::test
