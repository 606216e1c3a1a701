#include <algorithm>
#include <cmath>

#include "layout.h"

namespace limbic::plot {
namespace {

constexpr Colour kGrid = {0xe4, 0xe4, 0xe4};
constexpr double kLeastText_px = 8;

/// A text that is too long is set smaller, down to what can be read.
TextStyle fitted(TextStyle style, const std::string& text, double room_px, const Canvas& canvas) {
  const double wanted_px = canvas.text_width(text, style);
  if (wanted_px > room_px) style.size_px = std::max(kLeastText_px, style.size_px * room_px / wanted_px);
  return style;
}

void draw_swatch(Canvas& canvas, const LegendEntry& entry, double left, double middle) {
  switch (entry.kind) {
    case LegendEntry::Kind::kLine:
      canvas.polyline({{left, middle}, {left + kSwatch_px, middle}}, entry.colour, 2, entry.is_dashed);
      break;
    case LegendEntry::Kind::kMarker:
      canvas.markers({{left + kSwatch_px / 2, middle}}, entry.shape, entry.colour, 8);
      break;
    case LegendEntry::Kind::kEvent:
      canvas.polyline({{left + kSwatch_px / 2, middle - 7}, {left + kSwatch_px / 2, middle + 7}},
                      entry.colour, 1.4, true);
      break;
    case LegendEntry::Kind::kPatch:
      canvas.fill({left + 3, middle - 6, kSwatch_px - 6, 12}, entry.colour, entry.opacity);
      break;
  }
}

void draw_head(Canvas& canvas, const PanelPlan& plan) {
  canvas.text({plan.area.left, plan.head_top_px + 13}, plan.content->title,
              fitted(kTitleText, plan.content->title, plan.area.width, canvas));
  for (size_t r = 0; r < plan.legend_rows.size(); ++r) {
    double width = -kEntryGap_px;
    for (const auto& entry : plan.legend_rows[r]) width += legend_width(entry, canvas) + kEntryGap_px;
    double left = plan.area.right() - width;
    const double baseline = plan.head_top_px + 13 + kLegendRow_px * static_cast<double>(r);
    for (const auto& entry : plan.legend_rows[r]) {
      draw_swatch(canvas, entry, left, baseline - 4);
      canvas.text({left + kSwatch_px + kSwatchGap_px, baseline}, entry.label, kLegendText);
      left += legend_width(entry, canvas) + kEntryGap_px;
    }
  }
}

void draw_grid(Canvas& canvas, const PanelPlan& plan) {
  for (const double tick : plan.y.ticks) {
    const double y = plan.pixel_y(tick);
    canvas.polyline({{plan.area.left, y}, {plan.area.right(), y}}, kGrid, 1, false);
  }
  if (!plan.content->bar_names.empty()) return;
  for (const double tick : plan.x.ticks) {
    const double x = plan.pixel_x(tick);
    canvas.polyline({{x, plan.area.top}, {x, plan.area.bottom()}}, kGrid, 1, false);
  }
}

void draw_frame(Canvas& canvas, const PanelPlan& plan, double figure_width_px) {
  const Box& area = plan.area;
  canvas.polyline({{area.left, area.top},
                   {area.right(), area.top},
                   {area.right(), area.bottom()},
                   {area.left, area.bottom()},
                   {area.left, area.top}},
                  kFrame, 1, false);
  TextStyle end_text = kTickText;
  end_text.anchor = Anchor::kEnd;
  for (size_t i = 0; i < plan.y.ticks.size(); ++i) {
    const double y = plan.pixel_y(plan.y.ticks[i]);
    canvas.polyline({{area.left - 4, y}, {area.left, y}}, kFrame, 1, false);
    canvas.text({area.left - 7, y + 4}, plan.y.tick_labels[i], end_text);
  }
  for (size_t i = 0; i < plan.x.ticks.size(); ++i) {
    const double x = plan.pixel_x(plan.x.ticks[i]);
    canvas.polyline({{x, area.bottom()}, {x, area.bottom() + 4}}, kFrame, 1, false);
    if (!plan.shows_x_labels) continue;
    // A label at the very edge is moved in, so that it stays on the paper.
    const double half = canvas.text_width(plan.x.tick_labels[i], kTickText) / 2;
    canvas.text({std::clamp(x, half + 2, std::max(half + 2, figure_width_px - half - 2)), area.bottom() + 16},
                plan.x.tick_labels[i], kTickText);
  }
  if (plan.shows_x_labels) {
    canvas.text({(area.left + area.right()) / 2, area.bottom() + kTickRow_px + 13}, plan.x_label,
                {12, Anchor::kMiddle, kInk, false, false});
  }
  const TextStyle upright = fitted({12, Anchor::kMiddle, kInk, false, true}, plan.content->y_label,
                                   area.height + kLegendRow_px, canvas);
  canvas.text({18, (area.top + area.bottom()) / 2}, plan.content->y_label, upright);
  const bool is_empty = plan.content->lines.empty() && plan.content->markers.empty() &&
                        plan.content->bars.empty() && plan.content->events.empty() &&
                        plan.content->spans.empty() && !plan.content->map;
  if (is_empty) {
    canvas.text({(area.left + area.right()) / 2, (area.top + area.bottom()) / 2 + 4}, "no data",
                {12, Anchor::kMiddle, kFrame, false, false});
  }
}

void draw_line(Canvas& canvas, const PanelPlan& plan, const Panel::Content::Line& line) {
  const auto num_pieces = static_cast<size_t>(plan.area.right() - plan.area.left);
  const Series seen = reduced(line.points, plan.x.low, plan.x.high, num_pieces);
  std::vector<Point> run;
  for (size_t i = 0; i < seen.x.size(); ++i) {
    if (!std::isfinite(seen.x[i]) || !std::isfinite(seen.y[i])) {
      canvas.polyline(run, line.colour, line.width_px, line.is_dashed);
      run.clear();
      continue;
    }
    // Far outside is far enough: numbers of SVG and of the raster stay small.
    run.push_back(
        {std::clamp(plan.pixel_x(seen.x[i]), -1e5, 1e5), std::clamp(plan.pixel_y(seen.y[i]), -1e5, 1e5)});
  }
  canvas.polyline(run, line.colour, line.width_px, line.is_dashed);
}

void draw_events(Canvas& canvas, const PanelPlan& plan, const Panel::Content::Events& events) {
  double last = -1;
  for (const double x : events.x) {
    const double place = plan.pixel_x(x);
    // Lines closer than half a pixel are one line.
    if (place < plan.area.left - 1 || place > plan.area.right() + 1 || std::abs(place - last) < 0.5) continue;
    canvas.polyline({{place, plan.area.top + plan.strip_px}, {place, plan.area.bottom()}}, events.colour, 1.2,
                    true);
    last = place;
  }
}

void draw_bars(Canvas& canvas, const PanelPlan& plan, const Panel::Content::Bars& bars) {
  const double ground = plan.pixel_y(std::clamp(0.0, plan.y.low, plan.y.high));
  for (const Point& p : bars.tops) {
    const double left = plan.pixel_x(p.x - bars.width / 2);
    const double right = plan.pixel_x(p.x + bars.width / 2);
    const double top = plan.pixel_y(p.y);
    canvas.fill({left, std::min(top, ground), std::max(0.5, right - left), std::abs(ground - top)},
                bars.colour, 1);
  }
}

bool overlap(const Box& a, const Box& b) {
  return a.left < b.right() && b.left < a.right() && a.top < b.bottom() && b.top < a.bottom();
}

void draw_names(Canvas& canvas, const PanelPlan& plan) {
  constexpr double kGap_px = 6;
  constexpr double kMarker_px = 5;
  const TextStyle style{11, Anchor::kStart, kInk, false, false};
  std::vector<Box> taken;
  for (const auto& markers : plan.content->markers) {
    for (const Point& p : markers.points)
      taken.push_back(
          {plan.pixel_x(p.x) - kMarker_px / 2, plan.pixel_y(p.y) - kMarker_px / 2, kMarker_px, kMarker_px});
  }
  for (const auto& names : plan.content->names) {
    for (size_t i = 0; i < names.words.size(); ++i) {
      const double x = plan.pixel_x(names.points[i].x);
      const double y = plan.pixel_y(names.points[i].y);
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      const double width = canvas.text_width(names.words[i], style);
      const Box right{x + kGap_px, y - 6, width, 12};
      const Box sides[] = {right,
                           {x - kGap_px - width, y - 6, width, 12},
                           {x - width / 2, y - kGap_px - 12, width, 12},
                           {x - width / 2, y + kGap_px, width, 12},
                           {x + kGap_px, y - 18, width, 12},
                           {x + kGap_px, y + 6, width, 12}};
      const auto free = std::find_if(std::begin(sides), std::end(sides), [&](const Box& side) {
        return side.left >= plan.area.left && side.right() <= plan.area.right() &&
               std::none_of(taken.begin(), taken.end(), [&](const Box& box) { return overlap(side, box); });
      });
      const Box& place = free == std::end(sides) ? right : *free;
      canvas.text({place.left, place.top + 10}, names.words[i], style);
      taken.push_back(place);
    }
  }
}

void draw_panel(Canvas& canvas, const PanelPlan& plan, double figure_width_px) {
  const Panel::Content& content = *plan.content;
  draw_head(canvas, plan);
  draw_grid(canvas, plan);
  canvas.clip(plan.area);
  for (const auto& span : content.spans) {
    const double left = plan.pixel_x(span.start);
    const double width = std::max(1.0, plan.pixel_x(span.end) - left);
    canvas.fill({left, plan.area.top, width, plan.area.height}, span.colour, span.opacity);
  }
  if (content.map) draw_heatmap(canvas, plan);
  for (const auto& bars : content.bars) draw_bars(canvas, plan, bars);
  for (const auto& events : content.events) draw_events(canvas, plan, events);
  for (const auto& line : content.lines) draw_line(canvas, plan, line);
  for (const auto& markers : content.markers) {
    std::vector<Point> places;
    for (const Point& p : markers.points) {
      const Point place = {plan.pixel_x(p.x), plan.pixel_y(p.y)};
      if (place.x >= plan.area.left - 10 && place.x <= plan.area.right() + 10) places.push_back(place);
    }
    canvas.markers(places, markers.shape, markers.colour, markers.size_px);
  }
  draw_names(canvas, plan);
  canvas.unclip();
  for (size_t i = 0; i < content.spans.size(); ++i) {
    if (!plan.is_span_labelled[i]) continue;
    const double left = std::max(plan.area.left, plan.pixel_x(content.spans[i].start));
    const double right = std::min(plan.area.right(), plan.pixel_x(content.spans[i].end));
    canvas.text({(left + right) / 2, plan.area.top + 12}, content.spans[i].label, kSpanText);
  }
  draw_frame(canvas, plan, figure_width_px);
}

}  // namespace

void draw_figure(const FigureOptions& options, const FigurePlan& plan, Canvas& canvas) {
  const TextStyle title = fitted({16, Anchor::kStart, kInk, true, false}, options.title,
                                 plan.width_px - plan.title.x - 10, canvas);
  canvas.text(plan.title, options.title, title);
  for (const PanelPlan& panel : plan.panels) draw_panel(canvas, panel, plan.width_px);
}

}  // namespace limbic::plot
