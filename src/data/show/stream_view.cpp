#include "show/stream_view.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "limbic/core/utf8.h"
#include "limbic/media/image.h"
#include "limbic/plot/html.h"

namespace limbic::data {
namespace {

using plot::html_escaped;

constexpr int64_t kMostPictures = 8;
constexpr int64_t kMostPixels = 128;  ///< of a picture's side
constexpr double kMostSound_s = 8.0;
constexpr int64_t kMostCurves = 6;
constexpr int64_t kMostValues = 12;
constexpr size_t kMostTextBytes = 800;
constexpr int kCurveWidth_px = 280;
constexpr int kCurveHeight_px = 36;

std::string data_uri(const char* type, const std::vector<uint8_t>& bytes) {
  return std::string("data:") + type + ";base64," + plot::base64(bytes);
}

/// Up to kMostPictures real frames, evenly spread.
std::vector<int64_t> frames_to_show(const at::Tensor& valid_T) {
  std::vector<int64_t> real;
  const auto valid = valid_T.contiguous();
  for (int64_t t = 0; t < valid.numel(); ++t)
    if (valid.data_ptr<bool>()[t]) real.push_back(t);
  const auto count = static_cast<int64_t>(real.size());
  if (count <= kMostPictures) return real;
  std::vector<int64_t> shown;
  for (int64_t i = 0; i < kMostPictures; ++i)
    shown.push_back(real[static_cast<size_t>(i * (count - 1) / (kMostPictures - 1))]);
  return shown;
}

std::string pictures_html(const affect::Stream& stream) {
  const auto frames = frames_to_show(stream.valid_T);
  if (frames.empty()) return "<p class=\"note\">not one real frame</p>";
  const at::Tensor values = stream.values.contiguous();
  const int64_t channels = values.size(1);
  const int64_t height = values.size(2);
  const int64_t width = values.size(3);
  if (channels != 1 && channels != 3)
    return fmt::format("<p class=\"note\">{} channels: not shown as pictures</p>", channels);
  // Every n-th pixel of what is too large for a thumbnail.
  const int64_t step = (std::max(height, width) + kMostPixels - 1) / kMostPixels;
  const int64_t out_height = (height + step - 1) / step;
  const int64_t out_width = (width + step - 1) / step;
  media::Image strip;
  strip.width = static_cast<int>(out_width * static_cast<int64_t>(frames.size()));
  strip.height = static_cast<int>(out_height);
  strip.channels = static_cast<int>(channels);
  strip.data.resize(static_cast<size_t>(strip.width) * static_cast<size_t>(strip.height) *
                    static_cast<size_t>(channels));
  const auto* pixels = values.data_ptr<uint8_t>();
  uint8_t* out = strip.data.data();
  for (int64_t y = 0; y < out_height; ++y)
    for (const int64_t frame : frames)
      for (int64_t x = 0; x < out_width; ++x)
        for (int64_t c = 0; c < channels; ++c)
          *out++ = pixels[((frame * channels + c) * height + y * step) * width + x * step];
  return fmt::format("<img class=\"strip\" style=\"max-width:{}px\" alt=\"{} of {} frames\" src=\"{}\">\n",
                     std::min<int64_t>(96 * static_cast<int64_t>(frames.size()), 4 * strip.width),
                     frames.size(), values.size(0), data_uri("image/png", media::encode_png(strip)));
}

/// A mono PCM wave file.
std::vector<uint8_t> wave_file(const int16_t* samples, size_t count, uint32_t rate_hz) {
  std::vector<uint8_t> file(44 + 2 * count);
  const auto put = [&](size_t at, uint32_t value, size_t num_bytes) {
    for (size_t i = 0; i < num_bytes; ++i) file[at + i] = static_cast<uint8_t>(value >> (8 * i));
  };
  std::memcpy(file.data(), "RIFF", 4);
  put(4, static_cast<uint32_t>(36 + 2 * count), 4);
  std::memcpy(file.data() + 8, "WAVEfmt ", 8);
  put(16, 16, 4);
  put(20, 1, 2);
  put(22, 1, 2);
  put(24, rate_hz, 4);
  put(28, 2 * rate_hz, 4);
  put(32, 2, 2);
  put(34, 16, 2);
  std::memcpy(file.data() + 36, "data", 4);
  put(40, static_cast<uint32_t>(2 * count), 4);
  for (size_t i = 0; i < count; ++i) put(44 + 2 * i, static_cast<uint16_t>(samples[i]), 2);
  return file;
}

std::string sound_html(const affect::Stream& stream) {
  const at::Tensor wave = stream.values.contiguous();
  const int64_t count = wave.numel();
  const auto* samples = wave.data_ptr<int16_t>();
  std::string upper;
  std::string lower;
  int peak = 1000;  // quiet speech fills the picture, silence stays flat
  for (int64_t i = 0; i < count; ++i) peak = std::max(peak, std::abs(static_cast<int>(samples[i])));
  const double half = kCurveHeight_px / 2.0;
  for (int x = 0; x < kCurveWidth_px && count > 0; ++x) {
    const int64_t begin = count * x / kCurveWidth_px;
    const int64_t end = std::max(begin + 1, count * (x + 1) / kCurveWidth_px);
    const auto [low, high] = std::minmax_element(samples + begin, samples + std::min(end, count));
    upper += fmt::format("{}{} {:.1f}", x == 0 ? "M" : "L", x, half - half * *high / peak);
    lower = fmt::format("L{} {:.1f}", x, half - half * *low / peak + 0.5) + lower;
  }
  std::string html = fmt::format(
      "<svg class=\"curve\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path "
      "class=\"fill\" d=\"{}{}Z\"/></svg>\n",
      kCurveWidth_px, kCurveHeight_px, upper, lower);
  if (stream.rate_hz < 1000 || stream.rate_hz > 192000 || count == 0) return html;
  const auto kept = std::min<int64_t>(count, std::llround(kMostSound_s * stream.rate_hz));
  html += fmt::format("<audio controls preload=\"none\" src=\"{}\"></audio>\n",
                      data_uri("audio/wav", wave_file(samples, static_cast<size_t>(kept),
                                                      static_cast<uint32_t>(std::lround(stream.rate_hz)))));
  if (kept < count) html += fmt::format("<p class=\"note\">the first {:.0f} s</p>\n", kMostSound_s);
  return html;
}

/// One column as a line; of many frames the extremes of each pixel.
std::string curve_svg(const float* values, int64_t num_frames, int64_t stride, float low, float high) {
  std::string path;
  bool is_drawing = false;
  const double scale = high > low ? (kCurveHeight_px - 4) / static_cast<double>(high - low) : 0.0;
  const auto point = [&](double x, float value) {
    path += fmt::format("{}{:.1f} {:.1f}", is_drawing ? "L" : "M", x,
                        kCurveHeight_px - 2 - scale * static_cast<double>(value - low));
    is_drawing = true;
  };
  const int64_t num_points = std::min<int64_t>(num_frames, kCurveWidth_px);
  for (int64_t p = 0; p < num_points; ++p) {
    const int64_t begin = num_frames * p / num_points;
    const int64_t end = num_frames * (p + 1) / num_points;
    float least = std::numeric_limits<float>::infinity();
    float most = -least;
    for (int64_t t = begin; t < end; ++t) {
      const float value = values[t * stride];
      if (!std::isfinite(value)) continue;
      least = std::min(least, value);
      most = std::max(most, value);
    }
    if (least > most) {
      is_drawing = false;
      continue;
    }
    const double x = num_points > 1
                         ? static_cast<double>(p) * kCurveWidth_px / static_cast<double>(num_points - 1)
                         : kCurveWidth_px / 2.0;
    point(x, least);
    if (most > least) point(x, most);
  }
  return fmt::format(
      "<svg class=\"curve\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path "
      "d=\"{}\"/></svg>",
      kCurveWidth_px, kCurveHeight_px, path);
}

std::string column_name(const RawModality& modality, int64_t column) {
  const auto at = static_cast<size_t>(column);
  return at < modality.columns.size() ? modality.columns[at] : fmt::format("column {}", column);
}

std::string series_html(const affect::Stream& stream, const RawModality& modality) {
  const at::Tensor values = stream.values.contiguous();
  const int64_t num_frames = values.size(0);
  const int64_t num_columns = values.size(1);
  const auto* data = values.data_ptr<float>();
  std::string html;
  const int64_t num_shown = std::min(num_columns, num_frames == 1 ? kMostValues : kMostCurves);
  if (num_frames == 1) {
    html += "<table class=\"facts small\"><tbody>";
    for (int64_t c = 0; c < num_shown; ++c)
      html += fmt::format("<tr><th scope=\"row\">{}</th><td>{:.5g}</td></tr>",
                          html_escaped(column_name(modality, c)), data[c]);
    html += "</tbody></table>\n";
  }
  for (int64_t c = 0; c < num_shown && num_frames > 1; ++c) {
    float low = std::numeric_limits<float>::infinity();
    float high = -low;
    for (int64_t t = 0; t < num_frames; ++t) {
      const float value = data[t * num_columns + c];
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    const std::string range = low > high ? "no value" : fmt::format("{:.4g} to {:.4g}", low, high);
    html += fmt::format(
        "<p class=\"range\"><span>{}</span><span>{}</span></p>{}\n",
        num_columns == 1 && modality.columns.empty() ? "" : html_escaped(column_name(modality, c)), range,
        curve_svg(data + c, num_frames, num_columns, low, high));
  }
  if (num_shown < num_columns)
    html += fmt::format("<p class=\"note\">and {} more columns</p>\n", num_columns - num_shown);
  return html;
}

std::string text_html(const affect::Stream& stream) {
  const at::Tensor values = stream.values.contiguous();
  std::string text(static_cast<const char*>(values.data_ptr()), values.nbytes());
  if (!core::is_utf8(text)) return "<p class=\"note\">not UTF-8</p>";
  const bool is_cut = text.size() > kMostTextBytes;
  if (is_cut) {
    size_t end = kMostTextBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
  }
  return "<blockquote>" + html_escaped(text) + (is_cut ? " \u2026" : "") + "</blockquote>\n";
}

}  // namespace

std::string stream_html(const affect::Stream& stream, const RawModality& modality) {
  std::string about = fmt::format("{} {}", stream.values.size(0),
                                  modality.kind == "wave"     ? "samples"
                                  : modality.kind == "text"   ? "bytes"
                                  : stream.values.size(0) > 1 ? "frames"
                                                              : "frame");
  if (stream.rate_hz > 0) about += fmt::format(" at {} Hz", stream.rate_hz);
  if (stream.t0.ticks != 0) about += fmt::format(" from {:.2f} s", stream.t0.seconds());
  if (!modality.unit.empty()) about += ", " + modality.unit;
  std::string html =
      "<h4>" + html_escaped(stream.modality) + " <small>" + html_escaped(about) + "</small></h4>\n";
  if (modality.kind == "images") return html + pictures_html(stream);
  if (modality.kind == "wave") return html + sound_html(stream);
  if (modality.kind == "text") return html + text_html(stream);
  return html + series_html(stream, modality);
}

}  // namespace limbic::data
