#include "ablation_figure.h"

#include <algorithm>

namespace limbic::train {
namespace {

constexpr plot::Colour kDark = {0x22, 0x22, 0x22};

/// The shortest beginnings that tell the modalities apart: names of subsets must fit under bars.
std::vector<std::string> short_names(const std::vector<std::string>& names) {
  std::vector<std::string> result;
  for (const auto& name : names) {
    size_t length = 1;
    const auto is_shared = [&](const std::string& other) {
      return other != name && other.compare(0, length, name, 0, length) == 0;
    };
    while (length < name.size() && std::any_of(names.begin(), names.end(), is_shared)) ++length;
    result.push_back(name.substr(0, length));
  }
  return result;
}

/// Bars with their intervals as dark lines.
void bars_with_intervals(plot::Panel& panel, const std::vector<std::string>& names,
                         const std::vector<eval::Interval>& values) {
  std::vector<double> height;
  for (const auto& value : values) height.push_back(value.estimate);
  plot::BarStyle bars;
  bars.colour = plot::palette(4);
  bars.width = 0.6;
  panel.bars(names, height, bars);
  plot::LineStyle line;
  line.colour = kDark;
  line.width_px = 2;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto x = static_cast<double>(i);
    line.label = i == 0 ? "95 % interval" : "";
    panel.line(std::vector<double>{x, x}, {values[i].low, values[i].high}, line);
  }
}

}  // namespace

plot::Figure ablation_figure(const std::string& title, const eval::Ablation& ablation,
                             const std::vector<DegradationCurve>& curves) {
  plot::FigureOptions options;
  options.title = title;
  options.width_px = 900;
  options.png_scale = 2;
  plot::Figure figure(options);
  const auto shorts = short_names(ablation.modalities);
  std::string key;
  for (size_t m = 0; m < shorts.size(); ++m) {
    if (shorts[m] != ablation.modalities[m])
      key += (key.empty() ? ": " : ", ") + shorts[m] + " = " + ablation.modalities[m];
  }
  std::vector<std::string> names;
  std::vector<eval::Interval> values;
  for (const auto subset : eval::subsets_by_size(shorts.size())) {
    names.push_back(subset == 0 ? "none" : eval::subset_name(subset, shorts));
    names.back().erase(std::remove(names.back().begin(), names.back().end(), ' '), names.back().end());
    values.push_back(ablation.value_of_subset[subset]);
  }
  auto& subsets = figure.panel("Subsets" + key);
  bars_with_intervals(subsets, names, values);
  subsets.y_label(ablation.metric).height(240);
  auto& shapley = figure.panel("Shapley values");
  bars_with_intervals(shapley, ablation.modalities, ablation.shapley);
  shapley.y_label("share of " + ablation.metric).height(200);
  for (const auto kind : {eval::DegradationKind::kNoise, eval::DegradationKind::kDrop}) {
    plot::Panel* panel = nullptr;
    const bool is_noise = kind == eval::DegradationKind::kNoise;
    for (const auto& curve : curves) {
      if (curve.kind != kind) continue;
      if (panel == nullptr) {
        panel = &figure.panel(is_noise ? "Noise added" : "Frames lost");
        panel->own_x(is_noise ? "noise (standard deviations of the training part)" : "share of frames lost")
            .y_label(ablation.metric)
            .height(240);
      }
      std::vector<double> value;
      for (const auto& interval : curve.value) value.push_back(interval.estimate);
      plot::LineStyle line;
      line.label = curve.name;
      line.width_px = 2;
      line.is_dashed = curve.name == kAllModalities;
      if (line.is_dashed) line.colour = kDark;
      panel->line(curve.level, value, line);
      plot::MarkerStyle marker;
      marker.label = curve.name;
      marker.colour = line.colour;
      panel->scatter(curve.level, value, marker);
    }
  }
  return figure;
}

}  // namespace limbic::train
