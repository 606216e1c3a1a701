#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>

#include "html_plot.h"
#include "limbic/eval/html_report.h"
#include "limbic/plot/html.h"

namespace limbic::eval::detail {
namespace {

constexpr double kWidth_px = 480;
constexpr double kHeight_px = 280;
constexpr double kLeft_px = 72;
constexpr double kRight_px = 12;
constexpr double kTop_px = 12;
constexpr double kBottom_px = 46;
constexpr size_t kMostPoints = 600;  // of a curve; more than pixels show nothing more
constexpr size_t kMostDots = 40;     // shorter curves show their points

/// Okabe & Ito's colours without yellow: told apart by colour-blind readers too, and dark enough on white.
constexpr std::array<const char*, 7> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#56b4e9", "#e69f00", "#000000"};

/// Where an axis begins and ends, and the distance of its marks.
struct Axis {
  double low = 0;
  double high = 1;
  double step = 0.25;

  double place(double value) const { return (value - low) / (high - low); }
};

/// A step of 1, 2 or 5 times a power of ten that divides `span` into about `num_steps`.
double round_step(double span, int num_steps) {
  const double raw = span / num_steps;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double lead = raw / power;
  return power * (lead <= 1.5 ? 1 : lead <= 3.5 ? 2 : lead <= 7.5 ? 5 : 10);
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

Axis make_axis(Range range, int num_steps, bool is_integer) {
  if (range.low > range.high) range = {0, 1};
  const double least = is_integer ? 1.0 : std::max(1e-12, 1e-6 * std::abs(range.high));
  if (range.high - range.low < least) {
    const double half = is_integer ? 1.0 : range.high == 0 ? 0.5 : 0.1 * std::abs(range.high);
    range = {range.low - half, range.high + half};
  }
  double step = round_step(range.high - range.low, num_steps);
  if (is_integer) step = std::max(1.0, step);
  if (is_integer) return {range.low, range.high, step};  // epochs fill the frame
  return {step * std::floor(range.low / step + 1e-9), step * std::ceil(range.high / step - 1e-9), step};
}

std::vector<double> ticks_of(const Axis& axis) {
  std::vector<double> ticks;
  for (double k = std::ceil(axis.low / axis.step - 1e-9); k * axis.step <= axis.high + 1e-9 * axis.step;
       ++k) {
    ticks.push_back(k * axis.step);
  }
  return ticks;
}

/// A value with as many digits as the axis's step needs.
std::string tick_text(double value, double step) {
  if (std::abs(value) < 1e-9 * step) return "0";
  if (step < 1e-3 || std::abs(value) >= 1e6) return fmt::format("{:.3g}", value);
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

double at_x(const Axis& axis, double value) {
  return kLeft_px + axis.place(value) * (kWidth_px - kLeft_px - kRight_px);
}
double at_y(const Axis& axis, double value) {
  return kHeight_px - kBottom_px - axis.place(value) * (kHeight_px - kTop_px - kBottom_px);
}

std::string frame(const Plot& plot, const Axis& x, const Axis& y) {
  const double right = kWidth_px - kRight_px;
  const double bottom = kHeight_px - kBottom_px;
  std::string svg;
  for (const double tick : ticks_of(y)) {
    const double at = at_y(y, tick);
    svg += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", kLeft_px, at, right);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft_px - 7, at + 4,
                       tick_text(tick, y.step));
  }
  for (const double tick : ticks_of(x)) {
    const double at = at_x(x, tick);
    svg += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}v5\"/>", at, bottom);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", at, bottom + 18,
                       tick_text(tick, x.step));
  }
  svg += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\"/>", kLeft_px, kTop_px, bottom,
                     right);
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                     (kLeft_px + right) / 2, kHeight_px - 8, plot::html_escaped(plot.x_label));
  svg += fmt::format("<text transform=\"translate(14 {:.1f})rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                     (kTop_px + bottom) / 2, plot::html_escaped(plot.y_label));
  return svg;
}

/// Points of a curve that are drawn: all, or one in so many and the last.
std::vector<size_t> points_of(size_t num_points) {
  const size_t stride = (num_points + kMostPoints - 1) / kMostPoints;
  std::vector<size_t> points;
  for (size_t i = 0; i < num_points; i += std::max<size_t>(1, stride)) points.push_back(i);
  if (!points.empty() && points.back() + 1 != num_points) points.push_back(num_points - 1);
  return points;
}

std::string curve_svg(const Plot& plot, const Curve& curve, const char* colour, const Axis& x,
                      const Axis& y) {
  std::string line;
  std::string dots;
  bool is_drawing = false;
  const size_t num_points = std::min(plot.x.size(), curve.values.size());
  const std::vector<size_t> points = points_of(num_points);
  for (size_t k = 0; k < points.size(); ++k) {
    const double value = curve.values[points[k]];
    if (!std::isfinite(value)) {
      is_drawing = false;
      continue;
    }
    const double px = at_x(x, plot.x[points[k]]);
    const double py = at_y(y, value);
    const bool is_alone =
        !is_drawing && (k + 1 == points.size() || !std::isfinite(curve.values[points[k + 1]]));
    line += fmt::format("{}{:.1f} {:.1f}", is_drawing ? "L" : "M", px, py);
    is_drawing = true;
    if (num_points <= kMostDots || is_alone) {
      dots += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.2\"><title>{}, {} {:.6g}: {:.4g}</title></circle>", px,
          py, plot::html_escaped(curve.name), plot::html_escaped(plot.x_label), plot.x[points[k]], value);
    }
  }
  return fmt::format(
      "<path fill=\"none\" stroke=\"{0}\" stroke-width=\"1.8\" d=\"{1}\"/><g fill=\"{0}\">{2}</g>\n", colour,
      line, dots);
}

}  // namespace

std::string svg_plot(const Plot& plot, double marked_x, const std::string& mark_name) {
  Range range_x;
  Range range_y;
  for (const double value : plot.x) range_x.add(value);
  for (const Curve& curve : plot.curves) {
    for (const double value : curve.values) range_y.add(value);
  }
  const Axis x = make_axis(range_x, 6, /*is_integer=*/true);
  const Axis y = make_axis(range_y, 5, /*is_integer=*/false);
  const bool has_mark = std::isfinite(marked_x) && marked_x >= x.low && marked_x <= x.high;

  std::string html = "<figure><figcaption><b>" + plot::html_escaped(plot.title) + "</b>";
  for (size_t i = 0; i < plot.curves.size(); ++i) {
    html += fmt::format("<span class=\"key\"><i style=\"background:{}\"></i>{}</span>",
                        kColours[i % std::size(kColours)], plot::html_escaped(plot.curves[i].name));
  }
  if (has_mark)
    html += "<span class=\"key\"><i class=\"mark\"></i>" + plot::html_escaped(mark_name) + "</span>";
  html += fmt::format("</figcaption>\n<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n",
                      kWidth_px, kHeight_px, plot::html_escaped(plot.title + " over " + plot.x_label));
  html += frame(plot, x, y);
  if (has_mark) {
    html += fmt::format("<path class=\"markline\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n", at_x(x, marked_x),
                        kTop_px, kHeight_px - kBottom_px);
  }
  for (size_t i = 0; i < plot.curves.size(); ++i) {
    html += curve_svg(plot, plot.curves[i], kColours[i % std::size(kColours)], x, y);
  }
  return html + "</svg></figure>\n";
}

}  // namespace limbic::eval::detail
