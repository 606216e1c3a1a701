#include "limbic/features/signal_figure.h"

#include <algorithm>
#include <set>

#include "limbic/core/error.h"
#include "limbic/plot/figure.h"

namespace limbic::features {
namespace {

/// More lines than this hide what they mark.
constexpr size_t kMaxLines = 80;

/// Stretches of one label that touch or overlap, as one.
std::vector<signals::Interval> joined(const std::vector<const signals::SignalEvent*>& events) {
  std::vector<signals::Interval> spans;
  for (const auto* event : events) {
    const double end_s = event->onset_s + event->duration_s;
    if (!spans.empty() && event->onset_s <= spans.back().end_s) {
      spans.back().end_s = std::max(spans.back().end_s, end_s);
    } else {
      spans.push_back({event->onset_s, end_s});
    }
  }
  return spans;
}

}  // namespace

SignalFigure::SignalFigure(const SignalKind& kind) : kind_(kind) {
  for (const auto& panel : kind.panels) {
    for (const auto& column : panel.columns) values_[column];
  }
}

void SignalFigure::add(const signals::Table& frames) {
  time_s_.insert(time_s_.end(), frames.start_s.begin(), frames.start_s.end());
  for (size_t c = 0; c < frames.num_columns(); ++c) {
    const auto at = values_.find(frames.columns[c].name);
    if (at == values_.end()) continue;
    units_[at->first] = frames.columns[c].unit;
    for (size_t r = 0; r < frames.num_rows(); ++r) at->second.push_back(frames.at(r, c));
  }
}

void SignalFigure::write(const std::string& path, const std::string& title,
                         const signals::EventTable& events) const {
  plot::FigureOptions options;
  options.title = title;
  plot::Figure figure(options);
  for (const auto& wanted : kind_.panels) {
    plot::Panel& panel = figure.panel(wanted.title);
    std::set<std::string> units;
    for (const auto& column : wanted.columns) {
      const auto& y = values_.at(column);
      require(units_.count(column) != 0, ErrorCode::kInternal,
              "the figure of " + kind_.name + " wants column '" + column + "', which its frames do not have");
      plot::LineStyle style;
      if (wanted.columns.size() > 1) style.label = column;
      panel.line(time_s_, y, style);
      units.insert(units_.at(column));
    }
    if (units.size() == 1 && *units.begin() != "1") panel.y_label(*units.begin());
    for (const auto& label : wanted.events) {
      std::vector<const signals::SignalEvent*> of_label;
      for (const auto& event : events.events) {
        if (event.label == label) of_label.push_back(&event);
      }
      const bool are_instants =
          std::all_of(of_label.begin(), of_label.end(), [](const auto* e) { return e->duration_s == 0; });
      if (are_instants) {
        std::vector<double> at_s;
        for (const auto* event : of_label) at_s.push_back(event->onset_s);
        if (!at_s.empty() && at_s.size() <= kMaxLines) panel.events(at_s, {label, {}});
        continue;
      }
      plot::SpanStyle style;
      style.label = label;
      for (const auto& span : joined(of_label)) panel.span(span.start_s, span.end_s, style);
    }
  }
  figure.write(path);
}

}  // namespace limbic::features
