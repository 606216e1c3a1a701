#pragma once
#include <memory>
#include <string>
#include <vector>

#include "axis.h"
#include "canvas.h"
#include "panel_content.h"

namespace limbic::plot {

constexpr double kLegendRow_px = 18;  // also a panel's title
constexpr double kSwatch_px = 22;
constexpr double kSwatchGap_px = 6;
constexpr double kEntryGap_px = 18;
constexpr double kTickRow_px = 20;
constexpr double kColourBar_px = 74;  // beside the panels when one of them has a heatmap
constexpr Colour kFrame = {0x88, 0x88, 0x88};
constexpr TextStyle kTickText = {11, Anchor::kMiddle, kInk, false, false};
constexpr TextStyle kLegendText = {11.5, Anchor::kStart, kInk, false, false};
constexpr TextStyle kTitleText = {13, Anchor::kStart, kInk, true, false};
constexpr TextStyle kSpanText = {11, Anchor::kMiddle, kInk, false, false};

struct LegendEntry {
  enum class Kind { kLine, kMarker, kEvent, kPatch };
  Kind kind = Kind::kLine;
  std::string label;
  Colour colour;
  bool is_dashed = false;
  double opacity = 1;
  Marker shape = Marker::kCircle;
};
double legend_width(const LegendEntry& entry, const Canvas& measure);

/// A panel with everything about it measured.
struct PanelPlan {
  const Panel::Content* content = nullptr;
  Axis x;
  Axis y;
  double head_top_px = 0;  ///< title and legend
  Box area;                ///< the axes' frame, the strip of span labels included
  double strip_px = 0;
  bool shows_x_labels = false;
  std::string x_label;
  std::vector<std::vector<LegendEntry>> legend_rows;
  std::vector<bool> is_span_labelled;  ///< in the strip

  double pixel_x(double value) const { return area.left + x.part(value) * area.width; }
  double pixel_y(double value) const { return area.bottom() - y.part(value) * (area.height - strip_px); }
};

struct FigurePlan {
  std::vector<PanelPlan> panels;
  Point title;  ///< baseline
  double width_px = 0;
  double height_px = 0;
};

/// Places everything so that no label touches another. @param measure  for the widths of texts
FigurePlan plan_figure(const FigureOptions& options, const std::vector<std::unique_ptr<Panel>>& panels,
                       const Canvas& measure);
void draw_figure(const FigureOptions& options, const FigurePlan& plan, Canvas& canvas);
/// The heatmap of a panel within its area, and its colour bar beside it.
void draw_heatmap(Canvas& canvas, const PanelPlan& plan);

}  // namespace limbic::plot
