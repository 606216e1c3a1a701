#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "limbic/core/error.h"
#include "panel_content.h"

namespace limbic::plot {
namespace {

/// Pieces of a long series that are kept; a picture has at most 8000 columns.
constexpr size_t kKeptPieces = 8192;

void require_same_length(size_t num_x, size_t num_y, const char* what) {
  require(num_x == num_y, ErrorCode::kData,
          std::string("plot: ") + what + " of " + std::to_string(num_x) + " x and " + std::to_string(num_y) +
              " y values; they must be of one length");
}

std::vector<Point> points_of(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<Point> points;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isfinite(x[i]) && std::isfinite(y[i])) points.push_back({x[i], y[i]});
  }
  return points;
}

Series kept(Series series, const std::optional<std::pair<double, double>>& view) {
  for (double& value : series.x) {
    if (!std::isfinite(value)) value = std::numeric_limits<double>::quiet_NaN();
  }
  Range range;
  if (view) {
    range = {view->first, view->second};
  } else {
    for (const double value : series.x) range.add(value);
  }
  Series short_one = reduced(std::move(series), range.low, range.high, kKeptPieces);
  short_one.x.shrink_to_fit();
  short_one.y.shrink_to_fit();
  return short_one;
}

}  // namespace

Colour palette(size_t index) {
  constexpr std::array<Colour, 7> kColours = {{{0x00, 0x72, 0xb2},
                                               {0xd5, 0x5e, 0x00},
                                               {0x00, 0x9e, 0x73},
                                               {0xcc, 0x79, 0xa7},
                                               {0x56, 0xb4, 0xe9},
                                               {0xe6, 0x9f, 0x00},
                                               {0x55, 0x55, 0x55}}};
  return kColours[index % kColours.size()];
}

Colour Panel::Content::settle(const std::optional<Colour>& wanted, const std::string& label) {
  const auto known = label.empty() ? colour_of_label.end() : colour_of_label.find(label);
  if (!wanted && known != colour_of_label.end()) return known->second;
  const Colour colour = wanted ? *wanted : palette(num_colours++);
  if (!label.empty()) colour_of_label.emplace(label, colour);
  return colour;
}

Panel::Panel(std::unique_ptr<Content> content) : content_(std::move(content)) {}
Panel::~Panel() = default;

Panel& Panel::line(const std::vector<double>& x, const std::vector<double>& y, const LineStyle& style) {
  require_same_length(x.size(), y.size(), "a line");
  content_->lines.push_back({kept({x, y}, content_->has_own_x ? std::nullopt : content_->view), style.label,
                             content_->settle(style.colour, style.label), style.width_px, style.is_dashed});
  return *this;
}

Panel& Panel::line(double x0, double dx, const std::vector<double>& y, const LineStyle& style) {
  require(std::isfinite(x0) && std::isfinite(dx) && dx > 0, ErrorCode::kData,
          "plot: a line needs a finite start and a positive step, got " + std::to_string(x0) + " and " +
              std::to_string(dx));
  std::vector<double> x(y.size());
  for (size_t i = 0; i < y.size(); ++i) x[i] = x0 + static_cast<double>(i) * dx;
  return line(x, y, style);
}

Panel& Panel::scatter(const std::vector<double>& x, const std::vector<double>& y, const MarkerStyle& style) {
  require_same_length(x.size(), y.size(), "markers");
  content_->markers.push_back({points_of(x, y), style.label, content_->settle(style.colour, style.label),
                               style.shape, style.size_px});
  return *this;
}

Panel& Panel::names(const std::vector<double>& x, const std::vector<double>& y,
                    std::vector<std::string> words) {
  require_same_length(x.size(), y.size(), "names");
  require_same_length(x.size(), words.size(), "names");
  Content::Names names;
  for (size_t i = 0; i < x.size(); ++i) names.points.push_back({x[i], y[i]});
  names.words = std::move(words);
  content_->names.push_back(std::move(names));
  return *this;
}

Panel& Panel::events(const std::vector<double>& x, const EventStyle& style) {
  std::vector<double> finite;
  std::copy_if(x.begin(), x.end(), std::back_inserter(finite),
               [](double value) { return std::isfinite(value); });
  content_->events.push_back({std::move(finite), style.label, content_->settle(style.colour, style.label)});
  return *this;
}

Panel& Panel::span(double start, double end, const SpanStyle& style) {
  if (!std::isfinite(start) || !std::isfinite(end)) return *this;
  content_->spans.push_back({std::min(start, end), std::max(start, end), style.label,
                             content_->settle(style.colour, style.label),
                             std::clamp(style.opacity, 0.0, 1.0)});
  return *this;
}

Panel& Panel::bars(const std::vector<double>& x, const std::vector<double>& height, const BarStyle& style) {
  require_same_length(x.size(), height.size(), "bars");
  content_->bars.push_back(
      {points_of(x, height), style.label, content_->settle(style.colour, style.label), style.width});
  return *this;
}

Panel& Panel::bars(const std::vector<std::string>& names, const std::vector<double>& height,
                   const BarStyle& style) {
  std::vector<double> x(names.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
  bars(x, height, style);
  content_->bar_names = names;
  content_->has_own_x = true;
  return *this;
}

Panel& Panel::heatmap(Heatmap map) {
  require(!content_->map, ErrorCode::kData, "plot: a panel takes one heatmap");
  require(map.num_columns > 0 && map.num_rows > 0 && map.values_CR.size() / map.num_rows == map.num_columns &&
              map.values_CR.size() % map.num_rows == 0,
          ErrorCode::kData,
          "plot: a heatmap of " + std::to_string(map.num_columns) + " columns and " +
              std::to_string(map.num_rows) + " rows has " + std::to_string(map.values_CR.size()) + " values");
  require(std::isfinite(map.x0) && std::isfinite(map.y0) && map.dx > 0 && map.dy > 0 &&
              std::isfinite(map.dx) && std::isfinite(map.dy),
          ErrorCode::kData, "plot: a heatmap needs a finite start and positive steps");
  content_->map = std::move(map);
  return *this;
}

Panel& Panel::y_label(std::string label) {
  content_->y_label = std::move(label);
  return *this;
}

Panel& Panel::y_range(double low, double high) {
  require(std::isfinite(low) && std::isfinite(high) && low < high, ErrorCode::kConfig,
          "plot: y_range needs two finite numbers, the lower first");
  content_->y_range = {low, high};
  return *this;
}

Panel& Panel::height(double height_px) {
  require(height_px >= 20 && height_px <= 4000, ErrorCode::kConfig, "plot: a panel is 20 to 4000 px high");
  content_->height_px = height_px;
  return *this;
}

Panel& Panel::own_x(std::string label) {
  content_->has_own_x = true;
  content_->x_label = std::move(label);
  return *this;
}

}  // namespace limbic::plot
