#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "canvas.h"
#include "limbic/plot/html.h"

namespace limbic::plot {
namespace {

std::string hex_of(Colour c) {
  return fmt::format("#{:02x}{:02x}{:02x}", c.red, c.green, c.blue);
}

/// XML text: markup escaped; control characters and bytes that are not UTF-8 become '?'.
std::string xml_text(const std::string& utf8) {
  std::string out;
  for (size_t i = 0; i < utf8.size();) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    size_t length = byte < 0x80 ? 1 : byte >= 0xC2 && byte < 0xE0 ? 2 : byte >= 0xE0 && byte < 0xF0 ? 3 : 0;
    if (byte >= 0xF0 && byte < 0xF5) length = 4;
    bool is_whole = length > 0 && i + length <= utf8.size();
    for (size_t k = 1; is_whole && k < length; ++k) {
      is_whole = (static_cast<unsigned char>(utf8[i + k]) & 0xC0) == 0x80;
    }
    if (is_whole && length == 3) {
      // Surrogates, overlong forms and the two non-characters are not XML.
      const auto next = static_cast<unsigned char>(utf8[i + 1]);
      const auto last = static_cast<unsigned char>(utf8[i + 2]);
      is_whole = !(byte == 0xE0 && next < 0xA0) && !(byte == 0xED && next > 0x9F) &&
                 !(byte == 0xEF && next == 0xBF && last > 0xBD);
    } else if (is_whole && length == 4) {
      const auto next = static_cast<unsigned char>(utf8[i + 1]);
      is_whole = !(byte == 0xF0 && next < 0x90) && !(byte == 0xF4 && next > 0x8F);
    }
    if (!is_whole || byte < 0x20 || byte == 0x7f) {
      out += byte == '\n' || byte == '\t' ? ' ' : '?';
      ++i;
      continue;
    }
    if (byte == '&') {
      out += "&amp;";
    } else if (byte == '<') {
      out += "&lt;";
    } else if (byte == '>') {
      out += "&gt;";
    } else if (byte == '"') {
      out += "&quot;";
    } else {
      out.append(utf8, i, length);
    }
    i += length;
  }
  return out;
}

/// Half a hundredth of a pixel is not seen.
std::string at(double x, double y) {
  return fmt::format("{:.2f} {:.2f}", x, y);
}

}  // namespace

SvgCanvas::SvgCanvas(double width_px, double height_px) {
  svg_ = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "
      "width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"'DejaVu Sans','Helvetica Neue',Arial,sans-serif\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      width_px, height_px);
}

void SvgCanvas::polyline(const std::vector<Point>& points, Colour colour, double width_px, bool is_dashed) {
  if (points.empty()) return;
  svg_ += "<path d=\"M";
  for (size_t i = 0; i < points.size(); ++i) svg_ += (i == 0 ? "" : " ") + at(points[i].x, points[i].y);
  // A line of one point shows as a dot through its round cap.
  if (points.size() == 1) svg_ += "h0";
  svg_ +=
      fmt::format("\" fill=\"none\" stroke=\"{}\" stroke-width=\"{:.2f}\" stroke-linejoin=\"round\"{}{}/>\n",
                  hex_of(colour), width_px, is_dashed ? " stroke-dasharray=\"6 4\"" : "",
                  points.size() == 1 ? " stroke-linecap=\"round\"" : "");
}

void SvgCanvas::fill(const Box& box, Colour colour, double opacity) {
  svg_ += fmt::format("<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" fill=\"{}\"",
                      box.left, box.top, box.width, box.height, hex_of(colour));
  if (opacity < 1) svg_ += fmt::format(" fill-opacity=\"{:.3g}\"", opacity);
  svg_ += "/>\n";
}

void SvgCanvas::markers(const std::vector<Point>& points, Marker shape, Colour colour, double size_px) {
  if (points.empty()) return;
  const double r = size_px / 2;
  svg_ += shape == Marker::kCross
              ? fmt::format("<g fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\">\n", hex_of(colour))
              : fmt::format("<g fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"0.7\">\n", hex_of(colour));
  // An element a marker: the rim of one must cover its neighbour, not itself.
  for (const Point& p : points) {
    const std::string path = [&] {
      switch (shape) {
        case Marker::kSquare:
          return fmt::format("M{}h{d:.1f}v{d:.1f}h-{d:.1f}z", at(p.x - r, p.y - r), fmt::arg("d", size_px));
        case Marker::kTriangleUp:
          return fmt::format("M{} L{} L{}z", at(p.x, p.y - r), at(p.x + r, p.y + r), at(p.x - r, p.y + r));
        case Marker::kTriangleDown:
          return fmt::format("M{} L{} L{}z", at(p.x, p.y + r), at(p.x + r, p.y - r), at(p.x - r, p.y - r));
        case Marker::kCross:
          return fmt::format("M{} L{}M{} L{}", at(p.x - r, p.y - r), at(p.x + r, p.y + r),
                             at(p.x - r, p.y + r), at(p.x + r, p.y - r));
        case Marker::kCircle:
          break;
      }
      return std::string();
    }();
    svg_ += path.empty() ? fmt::format("<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"{:.2f}\"/>\n", p.x, p.y, r)
                         : fmt::format("<path d=\"{}\"/>\n", path);
  }
  svg_ += "</g>\n";
}

void SvgCanvas::text(const Point& baseline, const std::string& utf8, const TextStyle& style) {
  if (utf8.empty()) return;
  const char* anchor = style.anchor == Anchor::kStart ? "start"
                       : style.anchor == Anchor::kEnd ? "end"
                                                      : "middle";
  const std::string place =
      style.is_upright
          ? fmt::format("transform=\"translate({:.2f} {:.2f})rotate(-90)\"", baseline.x, baseline.y)
          : fmt::format("x=\"{:.2f}\" y=\"{:.2f}\"", baseline.x, baseline.y);
  svg_ += fmt::format("<text {} font-size=\"{:.1f}\" fill=\"{}\" text-anchor=\"{}\"{}>{}</text>\n", place,
                      style.size_px, hex_of(style.colour), anchor,
                      style.is_bold ? " font-weight=\"bold\"" : "", xml_text(utf8));
}

void SvgCanvas::picture(const Box& box, const media::Image& image) {
  svg_ += fmt::format(
      "<image x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" preserveAspectRatio=\"none\" "
      "image-rendering=\"pixelated\" xlink:href=\"data:image/png;base64,{}\"/>\n",
      box.left, box.top, box.width, box.height, base64(media::encode_png(image)));
}

void SvgCanvas::clip(const Box& box) {
  svg_ += fmt::format(
      "<clipPath id=\"c{0}\"><rect x=\"{1:.2f}\" y=\"{2:.2f}\" width=\"{3:.2f}\" "
      "height=\"{4:.2f}\"/></clipPath>\n"
      "<g clip-path=\"url(#c{0})\">\n",
      num_clips_++, box.left, box.top, box.width, box.height);
}

void SvgCanvas::unclip() {
  svg_ += "</g>\n";
}

double SvgCanvas::text_width(const std::string& utf8, const TextStyle& style) const {
  // DejaVu Sans, the widest of the family list; its letters average 0.6 of the size.
  double ems = 0;
  for (const char c : utf8) {
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;  // inside a character
    const bool is_narrow = std::string_view("iljtfrI.,:;|!'()[] ").find(c) != std::string_view::npos;
    const bool is_wide = std::string_view("mwMW%@").find(c) != std::string_view::npos;
    ems += is_narrow ? 0.38 : is_wide ? 0.96 : c >= 'A' && c <= 'Z' ? 0.7 : 0.63;
  }
  return ems * style.size_px * (style.is_bold ? 1.1 : 1.0);
}

std::string SvgCanvas::finish() {
  return std::move(svg_) + "</svg>\n";
}

}  // namespace limbic::plot
