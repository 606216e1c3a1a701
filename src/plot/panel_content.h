#pragma once
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "canvas.h"
#include "limbic/plot/figure.h"
#include "series.h"

namespace limbic::plot {

/// What the caller put into a panel, with every colour settled.
struct Panel::Content {
  struct Line {
    Series points;
    std::string label;
    Colour colour;
    double width_px;
    bool is_dashed;
  };
  struct Markers {
    std::vector<Point> points;
    std::string label;
    Colour colour;
    Marker shape;
    double size_px;
  };
  struct Names {
    std::vector<Point> points;
    std::vector<std::string> words;
  };
  struct Events {
    std::vector<double> x;
    std::string label;
    Colour colour;
  };
  struct Span {
    double start;
    double end;
    std::string label;
    Colour colour;
    double opacity;
  };
  struct Bars {
    std::vector<Point> tops;
    std::string label;
    Colour colour;
    double width;
  };

  std::string title;
  std::string y_label;
  std::string x_label;  ///< of an own axis
  double height_px = 160;
  bool has_own_x = false;
  std::optional<std::pair<double, double>> y_range;
  std::optional<std::pair<double, double>> view;  ///< the figure's x range, when it is given
  std::vector<std::string> bar_names;
  std::vector<Span> spans;
  std::optional<Heatmap> map;
  std::vector<Bars> bars;
  std::vector<Line> lines;
  std::vector<Events> events;
  std::vector<Markers> markers;
  std::vector<Names> names;

  std::map<std::string, Colour> colour_of_label;
  size_t num_colours = 0;

  Colour settle(const std::optional<Colour>& wanted, const std::string& label);
};

}  // namespace limbic::plot
