#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "ffmpeg.h"
#include "input.h"

namespace limbic::media {

/// What a still picture's bytes say before any decoder sees them.
struct ImageFile {
  AVCodecID codec = AV_CODEC_ID_NONE;
  const char* format = "";  ///< "JPEG"...
  int64_t width = 0;        ///< 0 when the header was not parsed (TIFF)
  int64_t height = 0;
  Orientation orientation;  ///< of EXIF
};

/// Recognises the format and walks its structure to the end: a file that stops early is found here, because
/// decoders fill the rest with gray, or with the picture decoded before.
/// @throws Error(kData) unknown format, truncated or broken structure
ImageFile inspect_image(const uint8_t* bytes, size_t num_bytes, const std::string& name);

}  // namespace limbic::media
