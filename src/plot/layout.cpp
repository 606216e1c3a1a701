#include "layout.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace limbic::plot {
namespace {

constexpr double kLeft_px = 78;
constexpr double kRight_px = 22;
constexpr double kTop_px = 10;
constexpr double kFigureTitle_px = 30;
constexpr double kHeadGap_px = 5;
constexpr double kStrip_px = 16;  // for the labels of spans
constexpr double kLabelRow_px = 18;
constexpr double kPanelGap_px = 14;
constexpr double kPixelsPerTick_x = 85;
constexpr double kPixelsPerTick_y = 38;

class FigurePlanner {
 public:
  FigurePlanner(const FigureOptions& options, const std::vector<std::unique_ptr<Panel>>& panels,
                const Canvas& measure)
      : options_(options), measure_(measure) {
    bool has_map = false;
    for (const auto& panel : panels) has_map = has_map || panel->content().map;
    right_px_ = options.width_px - kRight_px - (has_map ? kColourBar_px : 0);
    plan_shared_x(panels);
    double top = kTop_px + (options.title.empty() ? 0 : kFigureTitle_px);
    for (size_t i = 0; i < panels.size(); ++i) {
      const Panel::Content& content = panels[i]->content();
      bool is_last_shared = !content.has_own_x;
      for (size_t k = i + 1; k < panels.size(); ++k) {
        is_last_shared = is_last_shared && panels[k]->content().has_own_x;
      }
      plan_.panels.push_back(plan_panel(content, is_last_shared, top));
      top = bottom_of(plan_.panels.back()) + kPanelGap_px;
    }
    plan_.title = {kLeft_px, kTop_px + 18};
    plan_.width_px = options.width_px;
    plan_.height_px = top - (panels.empty() ? 0 : kPanelGap_px) + 8;
  }

  FigurePlan take() { return std::move(plan_); }

 private:
  double num_x_ticks() const { return std::max(2.0, (right_px_ - kLeft_px) / kPixelsPerTick_x); }

  static double bottom_of(const PanelPlan& plan) {
    return plan.area.bottom() + (plan.shows_x_labels ? kTickRow_px : 4) +
           (plan.shows_x_labels && !plan.x_label.empty() ? kLabelRow_px : 0);
  }

  static Range x_range_of(const Panel::Content& content) {
    Range range;
    for (const auto& line : content.lines) {
      for (const double x : line.points.x) range.add(x);
    }
    for (const auto& markers : content.markers) {
      for (const Point& p : markers.points) range.add(p.x);
    }
    for (const auto& events : content.events) {
      for (const double x : events.x) range.add(x);
    }
    for (const auto& span : content.spans) {
      range.add(span.start);
      range.add(span.end);
    }
    for (const auto& bars : content.bars) {
      for (const Point& p : bars.tops) {
        range.add(p.x - bars.width / 2);
        range.add(p.x + bars.width / 2);
      }
    }
    if (content.map) {
      range.add(content.map->x0);
      range.add(content.map->x0 + content.map->dx * static_cast<double>(content.map->num_columns));
    }
    return range;
  }

  void plan_shared_x(const std::vector<std::unique_ptr<Panel>>& panels) {
    Range range;
    if (options_.x_range) {
      range = {options_.x_range->first, options_.x_range->second};
    } else {
      for (const auto& panel : panels) {
        if (!panel->content().has_own_x) range.add(x_range_of(panel->content()));
      }
    }
    shared_x_ =
        options_.is_time ? make_time_axis(range, num_x_ticks(), 0) : make_axis(range, num_x_ticks(), 0);
    shared_x_label_ = options_.x_label;
    if (options_.is_time) {
      shared_x_label_ += (shared_x_label_.empty() ? "(" : " (") + time_unit(shared_x_) + ")";
    }
  }

  PanelPlan plan_panel(const Panel::Content& content, bool is_last_shared, double top) const {
    PanelPlan plan;
    plan.content = &content;
    plan.x = shared_x_;
    plan.shows_x_labels = is_last_shared;
    plan.x_label = shared_x_label_;
    if (content.has_own_x) {
      plan.x = make_axis(x_range_of(content), num_x_ticks(), content.bars.empty() ? 0.04 : 0.01);
      plan.shows_x_labels = true;
      plan.x_label = content.x_label;
      if (!content.bar_names.empty()) name_bars(content, plan.x);
    }
    plan.area = {kLeft_px, 0, right_px_ - kLeft_px, 0};  // its height comes last
    plan_span_labels(plan);
    plan.legend_rows = legend_of(plan);
    const bool has_head = !content.title.empty() || !plan.legend_rows.empty();
    const double head_px =
        has_head
            ? kLegendRow_px * std::max<double>(1, static_cast<double>(plan.legend_rows.size())) + kHeadGap_px
            : 4;
    plan.head_top_px = top;
    plan.area = {kLeft_px, top + head_px, right_px_ - kLeft_px, content.height_px + plan.strip_px};
    plan.y = y_axis_of(plan);
    return plan;
  }

  /// Names instead of numbers; where they would touch, only every n-th.
  void name_bars(const Panel::Content& content, Axis& axis) const {
    axis.ticks.clear();
    axis.tick_labels.clear();
    double widest = 0;
    for (const auto& name : content.bar_names)
      widest = std::max(widest, measure_.text_width(name, kTickText));
    const double room = (right_px_ - kLeft_px) / (axis.high - axis.low);
    const auto stride = static_cast<size_t>(std::max(1.0, std::ceil((widest + 8) / room)));
    for (size_t i = 0; i < content.bar_names.size(); i += stride) {
      axis.ticks.push_back(static_cast<double>(i));
      axis.tick_labels.push_back(content.bar_names[i]);
    }
  }

  /// Labels stand in the strip where they fit into their span and clear of the one before.
  void plan_span_labels(PanelPlan& plan) const {
    const auto& spans = plan.content->spans;
    plan.is_span_labelled.assign(spans.size(), false);
    std::vector<size_t> order(spans.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return spans[a].start < spans[b].start; });
    double free_from = -std::numeric_limits<double>::infinity();
    for (const size_t i : order) {
      if (spans[i].label.empty()) continue;
      plan.strip_px = kStrip_px;
      const double left = std::max(kLeft_px, plan.pixel_x(spans[i].start));
      const double right = std::min(right_px_, plan.pixel_x(spans[i].end));
      const double width = measure_.text_width(spans[i].label, kSpanText) + 6;
      const double middle = (left + right) / 2;
      if (right - left < width || middle - width / 2 < free_from) continue;
      plan.is_span_labelled[i] = true;
      free_from = middle + width / 2;
    }
  }

  std::vector<std::vector<LegendEntry>> legend_of(const PanelPlan& plan) const {
    const Panel::Content& content = *plan.content;
    std::vector<LegendEntry> entries;
    std::set<std::string> seen;
    const auto add = [&](LegendEntry entry) {
      if (!entry.label.empty() && seen.insert(entry.label).second) entries.push_back(std::move(entry));
    };
    for (const auto& line : content.lines) {
      add({LegendEntry::Kind::kLine, line.label, line.colour, line.is_dashed, 1, Marker::kCircle});
    }
    for (const auto& bars : content.bars) {
      add({LegendEntry::Kind::kPatch, bars.label, bars.colour, false, 1, Marker::kCircle});
    }
    for (const auto& markers : content.markers) {
      add({LegendEntry::Kind::kMarker, markers.label, markers.colour, false, 1, markers.shape});
    }
    for (const auto& events : content.events) {
      add({LegendEntry::Kind::kEvent, events.label, events.colour, false, 1, Marker::kCircle});
    }
    // A span's label is in the legend too when one of its kind has no room for it.
    for (size_t i = 0; i < content.spans.size(); ++i) {
      const auto& span = content.spans[i];
      if (plan.is_span_labelled[i]) continue;
      add({LegendEntry::Kind::kPatch, span.label, span.colour, false, std::max(0.3, span.opacity),
           Marker::kCircle});
    }
    // The first row shares its line with the title.
    std::vector<std::vector<LegendEntry>> rows;
    const double title_px =
        content.title.empty() ? 0 : measure_.text_width(content.title, kTitleText) + 2 * kEntryGap_px;
    double left_px = 0;
    for (const LegendEntry& entry : entries) {
      const double width = legend_width(entry, measure_) + kEntryGap_px;
      if (rows.empty() || width > left_px) {
        const double room = right_px_ - kLeft_px - (rows.empty() ? title_px : 0);
        // A title that leaves no room stands alone.
        if (rows.empty() && width > room) rows.emplace_back();
        rows.emplace_back();
        left_px = rows.size() == 1 ? room : right_px_ - kLeft_px;
      }
      rows.back().push_back(entry);
      left_px -= width;
    }
    return rows;
  }

  Axis y_axis_of(const PanelPlan& plan) const {
    const Panel::Content& content = *plan.content;
    const double num_ticks = std::max(2.0, content.height_px / kPixelsPerTick_y);
    if (content.y_range) return make_axis({content.y_range->first, content.y_range->second}, num_ticks, 0);
    if (content.map) {
      const double top = content.map->y0 + content.map->dy * static_cast<double>(content.map->num_rows);
      return make_axis({content.map->y0, top}, num_ticks, 0);
    }
    Range range;
    const auto is_seen = [&](double x) { return x >= plan.x.low && x <= plan.x.high; };
    for (const auto& line : content.lines) {
      for (size_t i = 0; i < line.points.x.size(); ++i) {
        if (is_seen(line.points.x[i])) range.add(line.points.y[i]);
      }
    }
    for (const auto& markers : content.markers) {
      for (const Point& p : markers.points) {
        if (is_seen(p.x)) range.add(p.y);
      }
    }
    bool has_floor = false;
    for (const auto& bars : content.bars) {
      for (const Point& p : bars.tops) range.add(p.y);
      range.add(0);
      has_floor = true;
    }
    const double low = range.low;
    Axis axis = make_axis(range, num_ticks, 0.06);
    if (has_floor && low == 0) axis.low = 0;  // bars stand on the frame
    return axis;
  }

  const FigureOptions& options_;
  const Canvas& measure_;
  FigurePlan plan_;
  double right_px_ = 0;
  Axis shared_x_;
  std::string shared_x_label_;
};

}  // namespace

double legend_width(const LegendEntry& entry, const Canvas& measure) {
  return kSwatch_px + kSwatchGap_px + measure.text_width(entry.label, kLegendText);
}

FigurePlan plan_figure(const FigureOptions& options, const std::vector<std::unique_ptr<Panel>>& panels,
                       const Canvas& measure) {
  return FigurePlanner(options, panels, measure).take();
}

}  // namespace limbic::plot
