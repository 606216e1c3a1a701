#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "layout.h"

namespace limbic::plot {
namespace {

/// viridis from 0 to 255.
std::vector<Colour> map_colours() {
  cv::Mat index(1, 256, CV_8UC1);
  for (int i = 0; i < 256; ++i) index.at<uint8_t>(0, i) = static_cast<uint8_t>(i);
  cv::Mat bgr;
  cv::applyColorMap(index, bgr, cv::COLORMAP_VIRIDIS);
  std::vector<Colour> colours;
  for (int i = 0; i < 256; ++i) {
    const auto pixel = bgr.at<cv::Vec3b>(0, i);
    colours.push_back({pixel[2], pixel[1], pixel[0]});
  }
  return colours;
}

/// The range of the colours: as asked, else without the outermost 1 % at either end.
Range colour_range(const Heatmap& map) {
  Range range;
  std::vector<float> finite;
  const size_t stride = std::max<size_t>(1, map.values_CR.size() / 200000);
  for (size_t i = 0; i < map.values_CR.size(); i += stride) {
    if (std::isfinite(map.values_CR[i])) finite.push_back(map.values_CR[i]);
  }
  if (!finite.empty()) {
    std::sort(finite.begin(), finite.end());
    const size_t cut = finite.size() / 100;
    range = {finite[cut], finite[finite.size() - 1 - cut]};
  }
  if (map.low) range.low = *map.low;
  if (map.high) range.high = *map.high;
  if (!(range.low < range.high)) range = {range.low - 0.5, range.low + 0.5};
  return range;
}

}  // namespace

void draw_heatmap(Canvas& canvas, const PanelPlan& plan) {
  const Heatmap& map = *plan.content->map;
  const Range range = colour_range(map);
  const auto colours = map_colours();
  // One column of the picture a pixel at most; a cell shows the mean of what falls into it. What the axis
  // cuts off is left out first, so that a zoom shows detail.
  const double first = std::max(0.0, std::floor((plan.x.low - map.x0) / map.dx));
  const double end =
      std::min(static_cast<double>(map.num_columns), std::ceil((plan.x.high - map.x0) / map.dx));
  if (!(first < end)) return;
  const auto first_column = static_cast<size_t>(first);
  const auto num_columns = static_cast<size_t>(end - first);
  media::Image image;
  image.channels = 3;
  image.width = static_cast<int>(std::min(num_columns, static_cast<size_t>(plan.area.width)));
  image.height = static_cast<int>(std::min(map.num_rows, static_cast<size_t>(2 * plan.area.height)));
  image.data.resize(static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3, 0xff);
  const auto part_of = [](int cell, int num_cells, size_t num) {
    const auto n = static_cast<size_t>(num_cells);
    const auto begin = static_cast<size_t>(cell) * num / n;
    return std::pair{begin, std::max(begin + 1, (static_cast<size_t>(cell) + 1) * num / n)};
  };
  for (int x = 0; x < image.width; ++x) {
    const auto [column_begin, column_end] = part_of(x, image.width, num_columns);
    for (int y = 0; y < image.height; ++y) {
      const auto [row_begin, row_end] = part_of(image.height - 1 - y, image.height, map.num_rows);
      double sum = 0;
      double count = 0;
      for (size_t c = first_column + column_begin; c < first_column + column_end; ++c) {
        for (size_t r = row_begin; r < row_end; ++r) {
          const double value = map.values_CR[c * map.num_rows + r];
          if (!std::isfinite(value)) continue;
          sum += value;
          ++count;
        }
      }
      if (count == 0) continue;
      const double part = (sum / count - range.low) / (range.high - range.low);
      const Colour colour = colours[static_cast<size_t>(std::lround(255 * std::clamp(part, 0.0, 1.0)))];
      uint8_t* pixel =
          image.data.data() +
          (static_cast<size_t>(y) * static_cast<size_t>(image.width) + static_cast<size_t>(x)) * 3;
      pixel[0] = colour.red;
      pixel[1] = colour.green;
      pixel[2] = colour.blue;
    }
  }
  const double left = plan.pixel_x(map.x0 + map.dx * first);
  const double right = plan.pixel_x(map.x0 + map.dx * end);
  const double top = plan.pixel_y(map.y0 + map.dy * static_cast<double>(map.num_rows));
  canvas.picture({left, top, right - left, plan.pixel_y(map.y0) - top}, image);

  // The colour bar stands outside of the clipped area.
  canvas.unclip();
  media::Image bar;
  bar.channels = 3;
  bar.width = 1;
  bar.height = 256;
  for (size_t i = 0; i < 256; ++i) {
    const Colour colour = colours[255 - i];
    bar.data.insert(bar.data.end(), {colour.red, colour.green, colour.blue});
  }
  const Box place = {plan.area.right() + 12, plan.area.top + plan.strip_px, 12,
                     plan.area.height - plan.strip_px};
  canvas.picture(place, bar);
  const Axis axis = make_axis(range, std::max(2.0, place.height / 45), 0);
  TextStyle text = kTickText;
  text.anchor = Anchor::kStart;
  for (size_t i = 0; i < axis.ticks.size(); ++i) {
    const double y = place.bottom() - axis.part(axis.ticks[i]) * place.height;
    canvas.polyline({{place.right(), y}, {place.right() + 3, y}}, kFrame, 1, false);
    canvas.text({place.right() + 6, y + 4}, axis.tick_labels[i], text);
  }
  TextStyle upright = {11, Anchor::kMiddle, kInk, false, true};
  canvas.text({plan.area.right() + kColourBar_px + 8, (place.top + place.bottom()) / 2}, map.value_label,
              upright);
  canvas.clip(plan.area);
}

}  // namespace limbic::plot
