#pragma once
#include <cstdint>
#include <vector>

#include "ffmpeg.h"
#include "input.h"

namespace limbic::media {

/// Turns a decoded picture into packed RGB24 or full-range gray8, upright. Keeps its scaler and buffers
/// between frames and rebuilds the scaler when the format changes.
class PixelConverter {
 public:
  enum class Target { kRgb, kGray };
  /// kFast repeats subsampled chroma (0.1 ms for 640x480), kSmooth interpolates it.
  enum class Chroma { kFast, kSmooth };
  explicit PixelConverter(Chroma chroma = Chroma::kFast) : chroma_(chroma) {}

  /// Writes height x width x (3 or 1) bytes of the upright picture.
  /// @throws Error(kData) when the pixel format cannot be converted
  void convert(const AVFrame& frame, Target target, const Orientation& orientation,
               std::vector<uint8_t>& out);

 private:
  void scale(const AVFrame& frame, Target target, std::vector<uint8_t>& out);

  struct Key {
    int width = 0, height = 0, format = -1, colorspace = -1, range = -1;
    bool operator==(const Key& o) const {
      return width == o.width && height == o.height && format == o.format && colorspace == o.colorspace &&
             range == o.range;
    }
  };
  struct Scaler {
    Key key;
    UniqueSws sws;
  };
  Chroma chroma_;
  Scaler rgb_;
  Scaler gray_;
  std::vector<uint8_t> unturned_;
  std::vector<uint8_t> padded_;
};

/// Packed pixels of `channels` bytes, turned and mirrored.
void orient(const uint8_t* from, int width, int height, int channels, const Orientation& orientation,
            std::vector<uint8_t>& out);

}  // namespace limbic::media
