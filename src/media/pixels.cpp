#include "pixels.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "limbic/core/error.h"

namespace limbic::media {
namespace {

// Vector code of swscale works in steps of up to 16 pixels and may write a whole step at a row's end.
constexpr int kStepPixels = 16;
constexpr size_t kTailBytes = 128;

bool is_rgb(int format) {
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(format));
  return d != nullptr && (d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
}

bool is_full_range(const AVFrame& frame) {
  switch (frame.format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P:
      return true;
    default:
      break;
  }
  if (frame.color_range == AVCOL_RANGE_JPEG || is_rgb(frame.format)) return true;
  // Gray of any depth is full range unless it says otherwise.
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  return d != nullptr && d->nb_components <= 2 && frame.color_range != AVCOL_RANGE_MPEG;
}

/// swscale calls the full-range J formats deprecated: name the plain one, the range is set apart.
AVPixelFormat plain_format(int format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
      return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
      return AV_PIX_FMT_YUV411P;
    default:
      return static_cast<AVPixelFormat>(format);
  }
}

int sws_colorspace(const AVFrame& frame) {
  switch (frame.colorspace) {
    case AVCOL_SPC_BT709:
      return SWS_CS_ITU709;
    case AVCOL_SPC_FCC:
      return SWS_CS_FCC;
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_BT470BG:
      return SWS_CS_ITU601;
    case AVCOL_SPC_SMPTE240M:
      return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return SWS_CS_BT2020;
    default:
      break;
  }
  // JPEG means BT.601 at every size.
  return frame.height >= 720 && !is_full_range(frame) ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

/// 8-bit luma that lies in plane 0, one byte a pixel.
bool has_plain_luma(int format) {
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(format));
  return d != nullptr && !is_rgb(format) &&
         (d->flags & (AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BITSTREAM)) == 0 && d->comp[0].plane == 0 &&
         d->comp[0].step == 1 && d->comp[0].depth == 8 && d->comp[0].offset == 0;
}

std::array<uint8_t, 256> make_limited_to_full() {
  std::array<uint8_t, 256> table{};
  for (int y = 0; y < 256; ++y) {
    table[static_cast<size_t>(y)] = static_cast<uint8_t>(std::clamp(((y - 16) * 255 + 109) / 219, 0, 255));
  }
  return table;
}

void copy_luma(const AVFrame& frame, std::vector<uint8_t>& out) {
  static const auto table = make_limited_to_full();
  const auto width = static_cast<size_t>(frame.width);
  const bool is_full = is_full_range(frame);
  for (int y = 0; y < frame.height; ++y) {
    const uint8_t* from = frame.data[0] + static_cast<ptrdiff_t>(y) * frame.linesize[0];
    uint8_t* to = out.data() + static_cast<size_t>(y) * width;
    if (is_full) {
      std::memcpy(to, from, width);
    } else {
      for (size_t x = 0; x < width; ++x) to[x] = table[from[x]];
    }
  }
}

}  // namespace

void PixelConverter::scale(const AVFrame& frame, Target target, std::vector<uint8_t>& out) {
  const bool is_rgb_wanted = target == Target::kRgb;
  Scaler& scaler = is_rgb_wanted ? rgb_ : gray_;
  const Key key{frame.width, frame.height, frame.format, frame.colorspace, frame.color_range};
  if (!scaler.sws || !(scaler.key == key)) {
    // Odd sides take the general path: the fast converters leave the last column or row out.
    const bool is_odd = (frame.width % 2) != 0 || (frame.height % 2) != 0;
    const bool is_smooth = is_odd || chroma_ == Chroma::kSmooth;
    const int flags = SWS_BILINEAR | (is_smooth ? SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT : 0);
    scaler.sws.reset(sws_getContext(frame.width, frame.height, plain_format(frame.format), frame.width,
                                    frame.height, is_rgb_wanted ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_GRAY8, flags,
                                    nullptr, nullptr, nullptr));
    const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame.format));
    require(scaler.sws != nullptr, ErrorCode::kData,
            fmt::format("cannot convert pixel format '{}' at {}x{}", name == nullptr ? "unknown" : name,
                        frame.width, frame.height));
    const int* matrix = sws_getCoefficients(sws_colorspace(frame));
    sws_setColorspaceDetails(scaler.sws.get(), matrix, is_full_range(frame) ? 1 : 0, matrix, /*dstRange=*/1,
                             0, 1 << 16, 1 << 16);
    scaler.key = key;
  }
  const int bytes_per_pixel = is_rgb_wanted ? 3 : 1;
  const size_t row_bytes = static_cast<size_t>(frame.width) * static_cast<size_t>(bytes_per_pixel);
  const bool is_aligned = frame.width % kStepPixels == 0;
  const int padded_width = (frame.width + 2 * kStepPixels - 1) / kStepPixels * kStepPixels;
  const size_t stride = is_aligned ? row_bytes : static_cast<size_t>(padded_width * bytes_per_pixel);
  const auto height = static_cast<size_t>(frame.height);
  if (!is_aligned) padded_.resize(stride * height + kTailBytes);
  uint8_t* planes[4] = {is_aligned ? out.data() : padded_.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {static_cast<int>(stride), 0, 0, 0};
  const int rows = sws_scale(scaler.sws.get(), frame.data, frame.linesize, 0, frame.height, planes, strides);
  require(rows == frame.height, ErrorCode::kData, "pixel conversion failed");
  if (is_aligned) return;
  for (size_t y = 0; y < height; ++y)
    std::memcpy(out.data() + y * row_bytes, planes[0] + y * stride, row_bytes);
}

void PixelConverter::convert(const AVFrame& frame, Target target, const Orientation& orientation,
                             std::vector<uint8_t>& out) {
  const int channels = target == Target::kRgb ? 3 : 1;
  const size_t num_bytes =
      static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height) * static_cast<size_t>(channels);
  std::vector<uint8_t>& flat = orientation.is_identity() ? out : unturned_;
  flat.resize(num_bytes);
  if (target == Target::kGray && has_plain_luma(frame.format)) {
    copy_luma(frame, flat);
  } else {
    scale(frame, target, flat);
  }
  if (!orientation.is_identity()) orient(flat.data(), frame.width, frame.height, channels, orientation, out);
}

void orient(const uint8_t* from, int width, int height, int channels, const Orientation& o,
            std::vector<uint8_t>& out) {
  const int out_width = o.swaps_sides() ? height : width;
  const int out_height = o.swaps_sides() ? width : height;
  out.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels));
  // The inverse of a signed permutation is its transpose: source x = a X + b Y, source y = c X + d Y, plus
  // the corner.
  const ptrdiff_t pixel = channels;
  const ptrdiff_t row = pixel * width;
  const ptrdiff_t corner =
      (o.a + o.b < 0 ? (width - 1) * pixel : 0) + (o.c + o.d < 0 ? (height - 1) * row : 0);
  const ptrdiff_t step_x = o.a * pixel + o.c * row;
  const ptrdiff_t step_y = o.b * pixel + o.d * row;
  uint8_t* to = out.data();
  for (int y = 0; y < out_height; ++y) {
    const uint8_t* at = from + corner + y * step_y;
    for (int x = 0; x < out_width; ++x, at += step_x) {
      for (ptrdiff_t c = 0; c < pixel; ++c) *to++ = at[c];
    }
  }
}

}  // namespace limbic::media
