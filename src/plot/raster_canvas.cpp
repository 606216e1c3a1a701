#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <opencv2/imgproc.hpp>

#include "canvas.h"

namespace limbic::plot {
namespace {

constexpr double kOversampling = 2;
constexpr int kFractionBits = 4;
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
/// Height of a capital in OpenCV's font at scale 1, and the part of a font's size that a capital has.
constexpr double kHersheyCapital_px = 21;
constexpr double kCapitalOfSize = 0.72;
/// Beyond it cv's fixed point would overflow; far outside of every picture.
constexpr double kFarAway_px = 1e6;

cv::Scalar scalar_of(Colour c) {
  return {static_cast<double>(c.red), static_cast<double>(c.green), static_cast<double>(c.blue)};
}

/// OpenCV's strokes are ASCII: the signs that units need are spelled out, everything else is '?'.
std::string ascii_of(const std::string& utf8) {
  constexpr std::array<std::pair<const char*, const char*>, 15> kSpelled = {{{"µ", "u"},
                                                                             {"μ", "u"},
                                                                             {"°", "deg"},
                                                                             {"²", "^2"},
                                                                             {"³", "^3"},
                                                                             {"±", "+-"},
                                                                             {"·", "*"},
                                                                             {"×", "x"},
                                                                             {"–", "-"},
                                                                             {"−", "-"},
                                                                             {"é", "e"},
                                                                             {"ä", "ae"},
                                                                             {"ö", "oe"},
                                                                             {"ü", "ue"},
                                                                             {"Δ", "delta "}}};
  std::string out;
  for (size_t i = 0; i < utf8.size();) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80) {
      out += byte >= 0x20 && byte < 0x7f ? utf8[i] : ' ';
      ++i;
      continue;
    }
    bool is_spelled = false;
    for (const auto& [sign, spelling] : kSpelled) {
      const size_t length = std::strlen(sign);
      if (utf8.compare(i, length, sign) != 0) continue;
      out += spelling;
      i += length;
      is_spelled = true;
      break;
    }
    if (is_spelled) continue;
    out += '?';
    for (++i; i < utf8.size() && (static_cast<unsigned char>(utf8[i]) & 0xC0) == 0x80;) ++i;
  }
  return out;
}

}  // namespace

struct RasterCanvas::Impl {
  cv::Mat whole;  // RGB
  cv::Mat view;   // the clipped part, or the whole
  cv::Point origin{0, 0};
  double scale = 1;  // pixels of `whole` per pixel of the figure
  double out_scale = 1;

  int thickness(double width_px) const { return std::max(1, static_cast<int>(width_px * scale)); }
  cv::Point fixed(const Point& p) const {
    const auto place = [&](double value, int start) {
      const double pixels = value * scale - start - 0.5;
      return static_cast<int>(
          std::lround(std::clamp(pixels, -kFarAway_px, kFarAway_px) * (1 << kFractionBits)));
    };
    return {place(p.x, origin.x), place(p.y, origin.y)};
  }
  cv::Rect pixels_of(const Box& box) const {
    const auto left = static_cast<int>(std::lround(std::clamp(box.left * scale, -kFarAway_px, kFarAway_px)));
    const auto top = static_cast<int>(std::lround(std::clamp(box.top * scale, -kFarAway_px, kFarAway_px)));
    const auto right =
        static_cast<int>(std::lround(std::clamp(box.right() * scale, -kFarAway_px, kFarAway_px)));
    const auto bottom =
        static_cast<int>(std::lround(std::clamp(box.bottom() * scale, -kFarAway_px, kFarAway_px)));
    return cv::Rect(left, top, std::max(1, right - left), std::max(1, bottom - top));
  }
  cv::Rect inside(cv::Rect rect) const {
    rect -= origin;
    return rect & cv::Rect(0, 0, view.cols, view.rows);
  }
  double font_scale(const TextStyle& style) const {
    return kCapitalOfSize * style.size_px * scale / kHersheyCapital_px;
  }
  int font_thickness(const TextStyle& style) const {
    return std::max(1, static_cast<int>(std::lround(style.size_px * scale * (style.is_bold ? 0.13 : 0.08))));
  }
  void stroke(const std::vector<cv::Point>& points, const cv::Scalar& colour, double width_px) {
    if (points.size() == 1) {
      cv::circle(view, points[0], static_cast<int>(width_px * scale / 2 * (1 << kFractionBits)), colour,
                 cv::FILLED, cv::LINE_AA, kFractionBits);
    } else {
      cv::polylines(view, points, false, colour, thickness(width_px), cv::LINE_AA, kFractionBits);
    }
  }
};

RasterCanvas::RasterCanvas(double width_px, double height_px, double scale)
    : impl_(std::make_unique<Impl>()) {
  impl_->out_scale = scale;
  impl_->scale = scale * kOversampling;
  impl_->whole = cv::Mat(static_cast<int>(std::lround(height_px * impl_->scale)),
                         static_cast<int>(std::lround(width_px * impl_->scale)), CV_8UC3, scalar_of(kPaper));
  impl_->view = impl_->whole;
}

RasterCanvas::~RasterCanvas() = default;

void RasterCanvas::polyline(const std::vector<Point>& points, Colour colour, double width_px,
                            bool is_dashed) {
  if (points.empty()) return;
  std::vector<cv::Point> fixed;
  if (!is_dashed) {
    for (const Point& p : points) fixed.push_back(impl_->fixed(p));
    impl_->stroke(fixed, scalar_of(colour), width_px);
    return;
  }
  // Walks along the line, 6 px on and 4 px off; what lies far outside is not walked.
  constexpr double kOn_px = 6;
  constexpr double kOff_px = 4;
  double left_px = kOn_px;
  bool is_on = true;
  fixed.push_back(impl_->fixed(points[0]));
  for (size_t i = 1; i < points.size(); ++i) {
    Point from = points[i - 1];
    const Point to = points[i];
    double rest_px = std::hypot(to.x - from.x, to.y - from.y);
    if (!(rest_px < 1e5)) {
      fixed.assign(1, impl_->fixed(to));
      continue;
    }
    while (rest_px > 0) {
      const double step_px = std::min(rest_px, left_px);
      from = {from.x + (to.x - from.x) * step_px / rest_px, from.y + (to.y - from.y) * step_px / rest_px};
      rest_px -= step_px;
      left_px -= step_px;
      if (is_on) fixed.push_back(impl_->fixed(from));
      if (left_px > 0) continue;
      if (is_on) impl_->stroke(fixed, scalar_of(colour), width_px);
      is_on = !is_on;
      left_px = is_on ? kOn_px : kOff_px;
      fixed.assign(1, impl_->fixed(from));
    }
  }
  if (is_on && fixed.size() > 1) impl_->stroke(fixed, scalar_of(colour), width_px);
}

void RasterCanvas::fill(const Box& box, Colour colour, double opacity) {
  const cv::Rect rect = impl_->inside(impl_->pixels_of(box));
  if (rect.empty()) return;
  cv::Mat part = impl_->view(rect);
  if (opacity >= 1) {
    part.setTo(scalar_of(colour));
  } else {
    const cv::Mat paint(part.size(), part.type(), scalar_of(colour));
    cv::addWeighted(part, 1 - opacity, paint, opacity, 0, part);
  }
}

void RasterCanvas::markers(const std::vector<Point>& points, Marker shape, Colour colour, double size_px) {
  const double r = size_px / 2;
  const auto polygon = [&](const std::vector<Point>& corners, Colour paint) {
    std::vector<cv::Point> fixed;
    for (const Point& corner : corners) fixed.push_back(impl_->fixed(corner));
    cv::fillPoly(impl_->view, std::vector<std::vector<cv::Point>>{fixed}, scalar_of(paint), cv::LINE_AA,
                 kFractionBits);
  };
  for (const Point& p : points) {
    for (const bool is_rim : {true, false}) {
      const double e = is_rim ? r + 0.7 : r;
      const Colour paint = is_rim ? kPaper : colour;
      switch (shape) {
        case Marker::kCircle:
          cv::circle(impl_->view, impl_->fixed(p), static_cast<int>(e * impl_->scale * (1 << kFractionBits)),
                     scalar_of(paint), cv::FILLED, cv::LINE_AA, kFractionBits);
          break;
        case Marker::kSquare:
          polygon({{p.x - e, p.y - e}, {p.x + e, p.y - e}, {p.x + e, p.y + e}, {p.x - e, p.y + e}}, paint);
          break;
        case Marker::kTriangleUp:
          polygon({{p.x, p.y - e}, {p.x + e, p.y + e}, {p.x - e, p.y + e}}, paint);
          break;
        case Marker::kTriangleDown:
          polygon({{p.x, p.y + e}, {p.x + e, p.y - e}, {p.x - e, p.y - e}}, paint);
          break;
        case Marker::kCross:
          if (is_rim) break;
          polyline({{p.x - r, p.y - r}, {p.x + r, p.y + r}}, colour, 1.6, false);
          polyline({{p.x - r, p.y + r}, {p.x + r, p.y - r}}, colour, 1.6, false);
          break;
      }
    }
  }
}

void RasterCanvas::text(const Point& baseline, const std::string& utf8, const TextStyle& style) {
  const std::string words = ascii_of(utf8);
  if (words.empty()) return;
  const double font_scale = impl_->font_scale(style);
  const int thickness = impl_->font_thickness(style);
  int below = 0;
  const cv::Size size = cv::getTextSize(words, kFont, font_scale, thickness, &below);
  const double shift = style.anchor == Anchor::kStart ? 0 : style.anchor == Anchor::kEnd ? 1 : 0.5;
  const auto back = static_cast<int>(std::lround(shift * size.width));
  const cv::Point at(static_cast<int>(std::lround(baseline.x * impl_->scale)) - impl_->origin.x,
                     static_cast<int>(std::lround(baseline.y * impl_->scale)) - impl_->origin.y);
  if (!style.is_upright) {
    cv::putText(impl_->view, words, {at.x - back, at.y}, kFont, font_scale, scalar_of(style.colour),
                thickness, cv::LINE_AA);
    return;
  }
  cv::Mat lying(size.height + below + 2 * thickness, size.width + 2 * thickness, CV_8UC1, cv::Scalar(0));
  cv::putText(lying, words, {thickness, size.height + thickness}, kFont, font_scale, cv::Scalar(255),
              thickness, cv::LINE_AA);
  cv::Mat cover;
  cv::rotate(lying, cover, cv::ROTATE_90_COUNTERCLOCKWISE);
  const cv::Rect wanted(at.x - size.height - thickness, at.y + back - size.width - thickness, cover.cols,
                        cover.rows);
  const cv::Rect rect = wanted & cv::Rect(0, 0, impl_->view.cols, impl_->view.rows);
  for (int y = rect.y; y < rect.y + rect.height; ++y) {
    for (int x = rect.x; x < rect.x + rect.width; ++x) {
      const int ink = cover.at<uint8_t>(y - wanted.y, x - wanted.x);
      auto& pixel = impl_->view.at<cv::Vec3b>(y, x);
      const std::array<int, 3> paint = {style.colour.red, style.colour.green, style.colour.blue};
      for (int c = 0; c < 3; ++c) {
        pixel[c] =
            static_cast<uint8_t>((pixel[c] * (255 - ink) + paint[static_cast<size_t>(c)] * ink + 127) / 255);
      }
    }
  }
}

void RasterCanvas::picture(const Box& box, const media::Image& image) {
  if (image.channels != 3 || image.width < 1 || image.height < 1) return;
  const cv::Rect target = impl_->pixels_of(box);
  const cv::Mat source(image.height, image.width, CV_8UC3, const_cast<uint8_t*>(image.data.data()));
  cv::Mat stretched;
  cv::resize(source, stretched, target.size(), 0, 0, cv::INTER_NEAREST);
  const cv::Rect rect = impl_->inside(target);
  if (rect.empty()) return;
  const cv::Point start = rect.tl() + impl_->origin - target.tl();
  stretched(cv::Rect(start, rect.size())).copyTo(impl_->view(rect));
}

void RasterCanvas::clip(const Box& box) {
  const cv::Rect rect = impl_->pixels_of(box) & cv::Rect(0, 0, impl_->whole.cols, impl_->whole.rows);
  impl_->origin = rect.tl();
  impl_->view = impl_->whole(rect);
}

void RasterCanvas::unclip() {
  impl_->origin = {0, 0};
  impl_->view = impl_->whole;
}

double RasterCanvas::text_width(const std::string& utf8, const TextStyle& style) const {
  int below = 0;
  return cv::getTextSize(ascii_of(utf8), kFont, impl_->font_scale(style), impl_->font_thickness(style),
                         &below)
             .width /
         impl_->scale;
}

media::Image RasterCanvas::finish() const {
  cv::Mat small;
  cv::resize(impl_->whole, small, cv::Size(), 1 / kOversampling, 1 / kOversampling, cv::INTER_AREA);
  media::Image image;
  image.width = small.cols;
  image.height = small.rows;
  image.channels = 3;
  image.data.assign(small.data, small.data + small.total() * 3);
  return image;
}

}  // namespace limbic::plot
