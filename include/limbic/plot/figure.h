#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limbic/media/image.h"

namespace limbic::plot {

struct Colour {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
};
/// Okabe and Ito's colours without yellow, in an order whose neighbours differ most; wraps around. Told apart
/// by colour-blind readers, dark enough on white paper.
Colour palette(size_t index);

// Every style begins with the label of the legend; empty = not in the legend. Without a colour the panel
// gives the palette's next one, and a label used before the colour it had.
struct LineStyle {
  std::string label;
  std::optional<Colour> colour = {};
  double width_px = 1.4;
  bool is_dashed = false;
};
enum class Marker { kCircle, kSquare, kTriangleUp, kTriangleDown, kCross };
struct MarkerStyle {
  std::string label;
  Marker shape = Marker::kCircle;
  std::optional<Colour> colour = {};
  double size_px = 7;
};
/// Vertical lines through the panel.
struct EventStyle {
  std::string label;
  std::optional<Colour> colour = {};
};
/// A shaded stretch over the panel's height. Its label stands in a strip on top where it has room, else in
/// the legend.
struct SpanStyle {
  std::string label;
  std::optional<Colour> colour = {};
  double opacity = 0.2;
};
struct BarStyle {
  std::string label;
  std::optional<Colour> colour = {};
  double width = 0.8;  ///< in units of x
};
/// A grid of numbers as colours (viridis: brighter = more, also in grey); NaN stays white.
struct Heatmap {
  size_t num_columns = 0;  ///< along x
  size_t num_rows = 0;     ///< along y, row 0 at the bottom
  double x0 = 0;           ///< left edge of column 0
  double dx = 1;           ///< width of a column
  double y0 = 0;           ///< lower edge of row 0
  double dy = 1;
  std::vector<float> values_CR;     ///< column after column, as frames of features are
  std::string value_label;          ///< beside the colour bar: "dB"
  std::optional<double> low, high;  ///< range of the colours; absent: of the values, 1 % cut off each end
};

/// One panel of a figure. NaN and infinite values are gaps. Calls return the panel, so that they chain.
class Panel {
 public:
  ~Panel();
  Panel(const Panel&) = delete;
  Panel& operator=(const Panel&) = delete;

  /// Where x never falls, a series too long to be seen point by point is kept as the extremes of 8192 pieces
  /// of the figure's x range: memory and drawing time do not grow with it, and no peak is lost.
  /// @throws Error(kData) unless x and y are of one length
  Panel& line(const std::vector<double>& x, const std::vector<double>& y, const LineStyle& style = {});
  /// Sample i lies at x0 + i * dx, dx > 0.
  Panel& line(double x0, double dx, const std::vector<double>& y, const LineStyle& style = {});
  Panel& scatter(const std::vector<double>& x, const std::vector<double>& y, const MarkerStyle& style = {});
  /// A word beside each point, on the side where it covers none that stands already; its side is the right
  /// one where there is no room. @throws Error(kData) unless x, y and words are of one length
  Panel& names(const std::vector<double>& x, const std::vector<double>& y, std::vector<std::string> words);
  Panel& events(const std::vector<double>& x, const EventStyle& style = {});
  Panel& span(double start, double end, const SpanStyle& style = {});
  Panel& bars(const std::vector<double>& x, const std::vector<double>& height, const BarStyle& style = {});
  /// Bars at 0, 1, 2 ... with a name each under the axis; the panel gets an x axis of its own.
  Panel& bars(const std::vector<std::string>& names, const std::vector<double>& height,
              const BarStyle& style = {});
  /// @throws Error(kData) when sizes do not fit; at most one a panel
  Panel& heatmap(Heatmap map);

  Panel& y_label(std::string label);  ///< with the unit: "skin conductance (µS)"
  Panel& y_range(double low, double high);
  Panel& height(double height_px);  ///< of the plotting area; 160 unless told
  /// This panel does not share the figure's x axis: a Poincaré plot, bars.
  Panel& own_x(std::string label);

  struct Content;
  const Content& content() const { return *content_; }

 private:
  friend class Figure;
  explicit Panel(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

struct FigureOptions {
  std::string title;
  double width_px = 1200;                            ///< [300, 8000]
  std::string x_label = "time";                      ///< of the shared axis
  bool is_time = true;                               ///< x in seconds, shown as s, m:ss or h:mm:ss
  std::optional<std::pair<double, double>> x_range;  ///< absent: of the data
  double png_scale = 1;  ///< pixels of a PNG per pixel of the figure: 2 for print, (0, 4]
};

/// Stacked panels over one x axis, on white, as SVG text or a PNG picture. One thread an object.
class Figure {
 public:
  /// @throws Error(kConfig) options out of range
  explicit Figure(FigureOptions options = {});
  ~Figure();
  Figure(Figure&&) noexcept;
  Figure& operator=(Figure&&) noexcept;

  /// A new panel below the others; the reference lives as long as the figure.
  Panel& panel(std::string title = "");
  /// .svg or .png, by the extension, atomically. @throws Error(kConfig) another one, Error(kStorage)
  void write(const std::string& path) const;
  std::string svg() const;
  media::Image image() const;

 private:
  FigureOptions options_;
  std::vector<std::unique_ptr<Panel>> panels_;
};

}  // namespace limbic::plot
