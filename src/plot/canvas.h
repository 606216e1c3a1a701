#pragma once
#include <memory>
#include <string>
#include <vector>

#include "limbic/media/image.h"
#include "limbic/plot/figure.h"

namespace limbic::plot {

struct Point {
  double x = 0;
  double y = 0;
};
/// Pixels of the figure, y downwards.
struct Box {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;

  double right() const { return left + width; }
  double bottom() const { return top + height; }
};

enum class Anchor { kStart, kMiddle, kEnd };
struct TextStyle {
  double size_px = 12;
  Anchor anchor = Anchor::kStart;
  Colour colour = {0x22, 0x22, 0x22};
  bool is_bold = false;
  bool is_upright = false;  ///< rotated by 90 degrees, read from below
};

constexpr Colour kInk = {0x22, 0x22, 0x22};
constexpr Colour kPaper = {0xff, 0xff, 0xff};

/// What a figure is drawn on: SVG text or a picture.
class Canvas {
 public:
  virtual ~Canvas() = default;
  virtual void polyline(const std::vector<Point>& points, Colour colour, double width_px, bool is_dashed) = 0;
  virtual void fill(const Box& box, Colour colour, double opacity) = 0;
  /// A marker at each point, drawn with a fine white rim.
  virtual void markers(const std::vector<Point>& points, Marker shape, Colour colour, double size_px) = 0;
  /// @param baseline  of the text's first (or middle, last) letter
  virtual void text(const Point& baseline, const std::string& utf8, const TextStyle& style) = 0;
  /// RGB pixels stretched over the box without smoothing.
  virtual void picture(const Box& box, const media::Image& image) = 0;
  /// Everything until unclip() shows only inside the box.
  virtual void clip(const Box& box) = 0;
  virtual void unclip() = 0;
  /// Width of a text, rather too much than too little.
  virtual double text_width(const std::string& utf8, const TextStyle& style) const = 0;
};

class SvgCanvas final : public Canvas {
 public:
  SvgCanvas(double width_px, double height_px);
  void polyline(const std::vector<Point>& points, Colour colour, double width_px, bool is_dashed) override;
  void fill(const Box& box, Colour colour, double opacity) override;
  void markers(const std::vector<Point>& points, Marker shape, Colour colour, double size_px) override;
  void text(const Point& baseline, const std::string& utf8, const TextStyle& style) override;
  void picture(const Box& box, const media::Image& image) override;
  void clip(const Box& box) override;
  void unclip() override;
  double text_width(const std::string& utf8, const TextStyle& style) const override;
  /// The document; the canvas is then spent.
  std::string finish();

 private:
  std::string svg_;
  int num_clips_ = 0;
};

/// Draws at twice the asked resolution and averages, so that fine lines and letters are smooth.
class RasterCanvas final : public Canvas {
 public:
  RasterCanvas(double width_px, double height_px, double scale);
  ~RasterCanvas() override;
  void polyline(const std::vector<Point>& points, Colour colour, double width_px, bool is_dashed) override;
  void fill(const Box& box, Colour colour, double opacity) override;
  void markers(const std::vector<Point>& points, Marker shape, Colour colour, double size_px) override;
  void text(const Point& baseline, const std::string& utf8, const TextStyle& style) override;
  void picture(const Box& box, const media::Image& image) override;
  void clip(const Box& box) override;
  void unclip() override;
  double text_width(const std::string& utf8, const TextStyle& style) const override;
  media::Image finish() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::plot
