#include "image_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"

namespace limbic::media {
namespace {

/// Bounds-checked reads; out of bounds means that the file was cut.
class ImageBytes {
 public:
  ImageBytes(const uint8_t* data, size_t size, const char* format, const std::string& name)
      : data_(data), size_(size), format_(format), name_(name) {}

  size_t size() const { return size_; }
  const uint8_t* at(size_t offset, size_t num_bytes) const {
    if (num_bytes > size_ || offset > size_ - num_bytes) fail("truncated");
    return data_ + offset;
  }
  uint32_t u8(size_t offset) const { return *at(offset, 1); }
  uint32_t be16(size_t offset) const { return u8(offset) << 8 | u8(offset + 1); }
  uint32_t be32(size_t offset) const { return be16(offset) << 16 | be16(offset + 2); }
  uint32_t le16(size_t offset) const { return u8(offset + 1) << 8 | u8(offset); }
  uint32_t le32(size_t offset) const { return le16(offset + 2) << 16 | le16(offset); }
  bool has_text(size_t offset, const char* text) const {
    const size_t length = std::strlen(text);
    return length <= size_ && offset <= size_ - length && std::memcmp(data_ + offset, text, length) == 0;
  }
  [[noreturn]] void fail(const char* what) const {
    throw Error(ErrorCode::kData, fmt::format("{}: {} {} image of {} bytes; expected a whole file", name_,
                                              what, format_, size_));
  }

 private:
  const uint8_t* data_;
  size_t size_;
  const char* format_;
  const std::string& name_;
};

/// EXIF orientation 1..8 as a signed permutation (the stored picture's top left goes where the number says).
Orientation from_exif(uint32_t value) {
  switch (value) {
    case 2:
      return {-1, 0, 0, 1};
    case 3:
      return {-1, 0, 0, -1};
    case 4:
      return {1, 0, 0, -1};
    case 5:
      return {0, 1, 1, 0};
    case 6:
      return {0, 1, -1, 0};
    case 7:
      return {0, -1, -1, 0};
    case 8:
      return {0, -1, 1, 0};
    default:
      return {};
  }
}

/// Tag 0x0112 of the first directory of a TIFF block; broken metadata turns nothing.
Orientation exif_orientation(const uint8_t* data, size_t size, const std::string& name) {
  const ImageBytes tiff(data, size, "EXIF", name);
  try {
    const bool is_little = tiff.has_text(0, "II");
    const auto u16 = [&](size_t o) { return is_little ? tiff.le16(o) : tiff.be16(o); };
    const auto u32 = [&](size_t o) { return is_little ? tiff.le32(o) : tiff.be32(o); };
    const size_t directory = u32(4);
    const uint32_t num_entries = u16(directory);
    for (uint32_t i = 0; i < num_entries; ++i) {
      const size_t entry = directory + 2 + size_t{12} * i;
      if (u16(entry) == 0x0112) return from_exif(u16(entry + 8));
    }
  } catch (const Error&) {
    // The picture itself is whole; only its note on orientation is not.
  }
  return {};
}

void inspect_jpeg(const ImageBytes& file, const std::string& name, ImageFile& image) {
  size_t at = 2;
  for (;;) {
    if (file.u8(at) != 0xFF) file.fail("damaged");
    while (file.u8(at + 1) == 0xFF) ++at;  // fill bytes
    const uint32_t marker = file.u8(at + 1);
    at += 2;
    if (marker == 0xD9) return;  // end of image; what follows is not ours
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue;
    const size_t length = file.be16(at);
    if (length < 2) file.fail("damaged");
    file.at(at, length);
    const bool is_frame =
        marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (is_frame && length >= 8) {
      image.height = file.be16(at + 3);
      image.width = file.be16(at + 5);
    }
    if (marker == 0xE1 && length > 8 && file.has_text(at + 2, "Exif")) {
      image.orientation = exif_orientation(file.at(at + 8, length - 8), length - 8, name);
    }
    at += length;
    if (marker != 0xDA) continue;
    // Entropy-coded data ends at the next marker that is neither a stuffed zero nor a restart.
    for (;;) {
      const auto* found = static_cast<const uint8_t*>(std::memchr(file.at(at, 0), 0xFF, file.size() - at));
      if (found == nullptr) file.fail("truncated");
      at = static_cast<size_t>(found - file.at(0, 0));
      const uint32_t next = file.u8(at + 1);
      if (next != 0x00 && next != 0xFF && !(next >= 0xD0 && next <= 0xD7)) break;
      at += next == 0xFF ? 1 : 2;
    }
  }
}

void inspect_png(const ImageBytes& file, ImageFile& image) {
  image.width = file.be32(16);
  image.height = file.be32(20);
  for (size_t at = 8;;) {
    const size_t length = file.be32(at);
    const uint8_t* typed = file.at(at + 4, length + 4);
    if (core::crc32(typed, length + 4) != file.be32(at + 8 + length)) file.fail("damaged");
    if (std::memcmp(typed, "IEND", 4) == 0) return;
    at += 12 + length;
  }
}

void inspect_webp(const ImageBytes& file, ImageFile& image) {
  file.at(0, size_t{8} + file.le32(4));
  if (file.has_text(12, "VP8X")) {
    image.width = int64_t{1} + (file.le32(24) & 0xFFFFFF);
    image.height = int64_t{1} + (file.le32(26) >> 8);
  } else if (file.has_text(12, "VP8L")) {
    const uint32_t bits = file.le32(21);
    image.width = int64_t{1} + (bits & 0x3FFF);
    image.height = int64_t{1} + ((bits >> 14) & 0x3FFF);
  } else {
    image.width = file.le16(26) & 0x3FFF;
    image.height = file.le16(28) & 0x3FFF;
  }
}

void inspect_bmp(const ImageBytes& file, ImageFile& image) {
  const uint32_t header_bytes = file.le32(14);
  if (header_bytes == 12) {
    image.width = file.le16(18);
    image.height = file.le16(20);
  } else {
    image.width = static_cast<int32_t>(file.le32(18));
    image.height = std::abs(static_cast<int64_t>(static_cast<int32_t>(file.le32(22))));
    const uint32_t compression = file.le32(30);
    const int64_t bits = file.le16(28);
    if ((compression == 0 || compression == 3) && image.width > 0) {
      const int64_t row_bytes = (image.width * bits + 31) / 32 * 4;
      if (row_bytes * image.height > static_cast<int64_t>(file.size()) - file.le32(10))
        file.fail("truncated");
    }
  }
  if (image.width <= 0 || image.height <= 0) file.fail("damaged");
}

}  // namespace

ImageFile inspect_image(const uint8_t* bytes, size_t num_bytes, const std::string& name) {
  ImageFile image;
  const auto starts_with = [&](const char* magic, size_t length) {
    return num_bytes >= length && std::memcmp(bytes, magic, length) == 0;
  };
  const auto file = [&](AVCodecID codec, const char* format) {
    image.codec = codec;
    image.format = format;
    return ImageBytes(bytes, num_bytes, format, name);
  };
  if (starts_with("\xFF\xD8\xFF", 3)) {
    inspect_jpeg(file(AV_CODEC_ID_MJPEG, "JPEG"), name, image);
  } else if (starts_with("\x89PNG\r\n\x1A\n", 8)) {
    inspect_png(file(AV_CODEC_ID_PNG, "PNG"), image);
  } else if (starts_with("RIFF", 4) && num_bytes >= 12 && std::memcmp(bytes + 8, "WEBP", 4) == 0) {
    inspect_webp(file(AV_CODEC_ID_WEBP, "WebP"), image);
  } else if (starts_with("BM", 2)) {
    inspect_bmp(file(AV_CODEC_ID_BMP, "BMP"), image);
  } else if (starts_with("II\x2A\x00", 4) || starts_with("MM\x00\x2A", 4)) {
    file(AV_CODEC_ID_TIFF, "TIFF");
  } else {
    throw Error(ErrorCode::kData,
                fmt::format("{}: not an image that limbic reads ({} bytes); expected JPEG, PNG, WebP, "
                            "BMP or TIFF",
                            name, num_bytes));
  }
  return image;
}

}  // namespace limbic::media
