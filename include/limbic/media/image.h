#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace limbic::media {

/// A still picture.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;           ///< 1 gray, 3 RGB
  std::vector<uint8_t> data;  ///< height x width x channels, rows packed
};

enum class Channels {
  kAsStored,  ///< gray files give 1, all others 3
  kGray,
  kRgb,
};

struct ImageOptions {
  Channels channels = Channels::kAsStored;
  bool apply_orientation = true;              ///< EXIF orientation of JPEG files
  int64_t max_pixels = int64_t{8192} * 8192;  ///< larger pictures are an Error(kResource), before allocation
};

/// Decodes JPEG, PNG, WebP, BMP and TIFF. Keeps the codecs' contexts, so a loader should keep one object per
/// thread (a 48x48 JPEG takes 30 us this way). A picture is whole or an Error: a truncated or damaged file is
/// never half shown. Alpha is dropped. Not thread-safe.
class ImageDecoder {
 public:
  explicit ImageDecoder(const ImageOptions& options = {});
  ~ImageDecoder();
  ImageDecoder(ImageDecoder&&) noexcept;
  ImageDecoder& operator=(ImageDecoder&&) noexcept;

  /// @param name  what the bytes are, for messages: a path, "train.jpgs:17"
  /// @param image  its buffer is reused
  /// @throws Error(kData) unsupported, damaged or truncated; Error(kResource) too large
  void decode(const uint8_t* bytes, size_t num_bytes, const std::string& name, Image& image);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

Image decode_image(const uint8_t* bytes, size_t num_bytes, const std::string& name,
                   const ImageOptions& options = {});
/// Regular files only. @throws like ImageDecoder::decode
Image read_image(const std::string& path, const ImageOptions& options = {});

/// The PNG file of an image with 1 or 3 channels.
std::vector<uint8_t> encode_png(const Image& image);
/// Atomically. @throws Error(kStorage)
void write_png(const std::string& path, const Image& image);

}  // namespace limbic::media
