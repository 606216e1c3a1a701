#include "limbic/plot/figure.h"

#include <cmath>
#include <filesystem>

#include "canvas.h"
#include "layout.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"

namespace limbic::plot {

Figure::Figure(FigureOptions options) : options_(std::move(options)) {
  require(options_.width_px >= 300 && options_.width_px <= 8000, ErrorCode::kConfig,
          "plot: width_px must be in [300, 8000], got " + std::to_string(options_.width_px));
  require(options_.png_scale > 0 && options_.png_scale <= 4, ErrorCode::kConfig,
          "plot: png_scale must be in (0, 4], got " + std::to_string(options_.png_scale));
  if (options_.x_range) {
    const auto [low, high] = *options_.x_range;
    require(std::isfinite(low) && std::isfinite(high) && low < high, ErrorCode::kConfig,
            "plot: x_range needs two finite numbers, the lower first");
  }
}

Figure::~Figure() = default;
Figure::Figure(Figure&&) noexcept = default;
Figure& Figure::operator=(Figure&&) noexcept = default;

Panel& Figure::panel(std::string title) {
  auto content = std::make_unique<Panel::Content>();
  content->title = std::move(title);
  content->view = options_.x_range;
  panels_.push_back(std::unique_ptr<Panel>(new Panel(std::move(content))));
  return *panels_.back();
}

std::string Figure::svg() const {
  const FigurePlan plan = plan_figure(options_, panels_, SvgCanvas(1, 1));
  SvgCanvas canvas(plan.width_px, plan.height_px);
  draw_figure(options_, plan, canvas);
  return canvas.finish();
}

media::Image Figure::image() const {
  const FigurePlan plan = plan_figure(options_, panels_, RasterCanvas(1, 1, options_.png_scale));
  require(plan.height_px * options_.png_scale <= 32000, ErrorCode::kResource,
          "plot: a picture of " + std::to_string(std::lround(plan.height_px)) +
              " px is too high for PNG; write SVG or fewer panels");
  RasterCanvas canvas(plan.width_px, plan.height_px, options_.png_scale);
  draw_figure(options_, plan, canvas);
  return canvas.finish();
}

void Figure::write(const std::string& path) const {
  const std::string extension = std::filesystem::path(path).extension().string();
  if (extension == ".svg") {
    core::write_file(path, svg());
  } else if (extension == ".png") {
    media::write_png(path, image());
  } else {
    throw Error(ErrorCode::kConfig, path + ": a figure is written as .svg or .png");
  }
}

}  // namespace limbic::plot
