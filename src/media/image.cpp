#include "limbic/media/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "ffmpeg.h"
#include "image_file.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "pixels.h"

namespace limbic::media {
namespace {

/// A frame that starts black: a decoder that stops early must not show the picture that had the memory
/// before.
int get_clean_buffer(AVCodecContext* context, AVFrame* frame, int flags) {
  const int rc = avcodec_default_get_buffer2(context, frame, flags);
  if (rc < 0) return rc;
  for (int i = 0; i < AV_NUM_DATA_POINTERS && frame->buf[i] != nullptr; ++i) {
    std::memset(frame->buf[i]->data, 0, frame->buf[i]->size);
  }
  return rc;
}

bool is_gray_format(int format) {
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(format));
  return d != nullptr && d->nb_components <= 2 && (d->flags & AV_PIX_FMT_FLAG_PAL) == 0;
}

}  // namespace

struct ImageDecoder::Impl {
  explicit Impl(const ImageOptions& image_options) : options(image_options) { FfmpegLog::install(); }

  AVCodecContext& decoder_for(const ImageFile& file) {
    auto& context = decoders[file.codec];
    if (context == nullptr) {
      const AVCodec* codec = avcodec_find_decoder(file.codec);
      require(codec != nullptr, ErrorCode::kResource,
              fmt::format("this FFmpeg was built without a {} decoder", file.format));
      auto made = new_codec_context(codec);
      // To the TIFF decoder an unknown tag is damage worth exploding for.
      made->err_recognition =
          file.codec == AV_CODEC_ID_TIFF ? kStrictDecoding & ~AV_EF_EXPLODE : kStrictDecoding;
      made->max_pixels = options.max_pixels;
      made->thread_count = 1;
      made->get_buffer2 = get_clean_buffer;
      const int rc = avcodec_open2(made.get(), codec, nullptr);
      require(rc >= 0, ErrorCode::kResource, fmt::format("{} decoder: {}", file.format, av_error_text(rc)));
      context = std::move(made);
    }
    return *context;
  }

  void decode(const uint8_t* bytes, size_t num_bytes, const std::string& name, Image& image) {
    constexpr size_t kMaxFileBytes = size_t{1} << 30;
    require(num_bytes <= kMaxFileBytes, ErrorCode::kResource,
            fmt::format("{}: image file of {} bytes > limit {}", name, num_bytes, kMaxFileBytes));
    const ImageFile file = inspect_image(bytes, num_bytes, name);
    require_size(file.width * file.height, name);

    AVCodecContext& decoder = decoder_for(file);
    FfmpegLog::reset();
    // Decoders read a little past the end: a padded copy, kept between images.
    if (buffer.size() < num_bytes + AV_INPUT_BUFFER_PADDING_SIZE)
      buffer.resize(num_bytes + AV_INPUT_BUFFER_PADDING_SIZE);
    std::copy_n(bytes, num_bytes, buffer.begin());
    std::fill_n(buffer.begin() + static_cast<ptrdiff_t>(num_bytes), AV_INPUT_BUFFER_PADDING_SIZE, uint8_t{0});
    av_packet_unref(packet.get());
    packet->data = buffer.data();
    packet->size = static_cast<int>(num_bytes);
    int rc = avcodec_send_packet(&decoder, packet.get());
    if (rc >= 0) rc = avcodec_receive_frame(&decoder, frame.get());
    if (rc == AVERROR(EAGAIN)) {
      // Decoders with a delay of one frame.
      avcodec_send_packet(&decoder, nullptr);
      rc = avcodec_receive_frame(&decoder, frame.get());
    }
    // The next image starts from scratch, after an error too.
    avcodec_flush_buffers(&decoder);
    if (rc < 0) fail(file, name, rc);
    if (is_damaged()) fail(file, name, AVERROR_INVALIDDATA);

    const bool is_gray = options.channels == Channels::kGray ||
                         (options.channels == Channels::kAsStored && is_gray_format(frame->format));
    const Orientation orientation = options.apply_orientation ? file.orientation : Orientation{};
    image.width = orientation.swaps_sides() ? frame->height : frame->width;
    image.height = orientation.swaps_sides() ? frame->width : frame->height;
    image.channels = is_gray ? 1 : 3;
    try {
      converter.convert(*frame, is_gray ? PixelConverter::Target::kGray : PixelConverter::Target::kRgb,
                        orientation, image.data);
    } catch (const Error& e) {
      throw e.in(name);
    }
    av_frame_unref(frame.get());
  }

  void require_size(int64_t pixels, const std::string& name) const {
    require(pixels <= options.max_pixels, ErrorCode::kResource,
            fmt::format("{}: image {:.1f} MP > limit {:.1f} MP", name, static_cast<double>(pixels) * 1e-6,
                        static_cast<double>(options.max_pixels) * 1e-6));
  }

  bool is_damaged() const {
    if (frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) return true;
    // Broken or unknown metadata beside a whole picture is harmless.
    return std::any_of(FfmpegLog::errors().begin(), FfmpegLog::errors().end(), [](const std::string& line) {
      for (const char* harmless : {"APP fields", "EXIF", "ICC", "Unknown or unsupported tag"}) {
        if (line.find(harmless) != std::string::npos) return false;
      }
      return true;
    });
  }

  [[noreturn]] void fail(const ImageFile& file, const std::string& name, int error_number) {
    av_frame_unref(frame.get());
    const std::string detail = FfmpegLog::last_error();
    require(error_number != AVERROR(ENOMEM), ErrorCode::kResource, name + ": out of memory for an image");
    require(!FfmpegLog::contains("max pixel count"), ErrorCode::kResource,
            fmt::format("{}: image beyond the limit of {:.1f} MP", name,
                        static_cast<double>(options.max_pixels) * 1e-6));
    throw Error(ErrorCode::kData, fmt::format("{}: damaged {} image: {}", name, file.format,
                                              detail.empty() ? av_error_text(error_number) : detail));
  }

  ImageOptions options;
  std::map<AVCodecID, UniqueCodecContext> decoders;
  UniquePacket packet = new_packet();
  UniqueFrame frame = new_frame();
  PixelConverter converter{PixelConverter::Chroma::kSmooth};
  std::vector<uint8_t> buffer;
};

ImageDecoder::ImageDecoder(const ImageOptions& options) : impl_(std::make_unique<Impl>(options)) {}
ImageDecoder::~ImageDecoder() = default;
ImageDecoder::ImageDecoder(ImageDecoder&&) noexcept = default;
ImageDecoder& ImageDecoder::operator=(ImageDecoder&&) noexcept = default;

void ImageDecoder::decode(const uint8_t* bytes, size_t num_bytes, const std::string& name, Image& image) {
  impl_->decode(bytes, num_bytes, name, image);
}

Image decode_image(const uint8_t* bytes, size_t num_bytes, const std::string& name,
                   const ImageOptions& options) {
  Image image;
  ImageDecoder(options).decode(bytes, num_bytes, name, image);
  return image;
}

Image read_image(const std::string& path, const ImageOptions& options) {
  const std::string bytes = core::read_file(path, UINT64_C(1) << 30);
  return decode_image(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), path, options);
}

std::vector<uint8_t> encode_png(const Image& image) {
  FfmpegLog::install();
  FfmpegLog::reset();
  require(image.channels == 1 || image.channels == 3, ErrorCode::kConfig,
          fmt::format("encode_png: 1 or 3 channels, got {}", image.channels));
  const size_t row_bytes = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  require(image.width > 0 && image.height > 0 &&
              image.data.size() == row_bytes * static_cast<size_t>(image.height),
          ErrorCode::kConfig,
          fmt::format("encode_png: {}x{}x{} needs another size than {} bytes", image.width, image.height,
                      image.channels, image.data.size()));
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
  require(codec != nullptr, ErrorCode::kResource, "this FFmpeg was built without a PNG encoder");
  auto encoder = new_codec_context(codec);
  encoder->width = image.width;
  encoder->height = image.height;
  encoder->pix_fmt = image.channels == 1 ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24;
  encoder->color_range = AVCOL_RANGE_JPEG;
  encoder->time_base = {1, 1};
  encoder->thread_count = 1;
  auto frame = new_frame();
  frame->width = image.width;
  frame->height = image.height;
  frame->format = encoder->pix_fmt;
  frame->color_range = AVCOL_RANGE_JPEG;
  auto packet = new_packet();
  int rc = avcodec_open2(encoder.get(), codec, nullptr);
  if (rc >= 0) rc = av_frame_get_buffer(frame.get(), 0);
  for (int y = 0; rc >= 0 && y < image.height; ++y) {
    std::copy_n(image.data.data() + static_cast<size_t>(y) * row_bytes, row_bytes,
                frame->data[0] + static_cast<ptrdiff_t>(y) * frame->linesize[0]);
  }
  if (rc >= 0) rc = avcodec_send_frame(encoder.get(), frame.get());
  if (rc >= 0) rc = avcodec_send_frame(encoder.get(), nullptr);
  if (rc >= 0) rc = avcodec_receive_packet(encoder.get(), packet.get());
  require(rc >= 0, ErrorCode::kResource,
          fmt::format("cannot encode a {}x{} PNG: {}", image.width, image.height, av_error_text(rc)));
  return {packet->data, packet->data + packet->size};
}

void write_png(const std::string& path, const Image& image) {
  const std::vector<uint8_t> bytes = encode_png(image);
  core::write_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace limbic::media
