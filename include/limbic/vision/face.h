#pragma once
#include <cstdint>
#include <optional>

namespace limbic::vision {

/// Eight-bit grey pixels that someone else owns, rows `stride` bytes apart.
struct GrayView {
  const uint8_t* data = nullptr;
  int64_t width = 0;   ///< pixels
  int64_t height = 0;  ///< pixels
  int64_t stride = 0;  ///< bytes from row to row, at least width
};

/// Eight-bit pixels that someone else owns: grey, or RGB interleaved.
struct ImageView {
  const uint8_t* data = nullptr;
  int64_t width = 0;     ///< pixels
  int64_t height = 0;    ///< pixels
  int64_t channels = 1;  ///< 1 grey, 3 RGB
  int64_t stride = 0;    ///< bytes from row to row, at least width * channels
};

/// A place on the image, in pixels; (0, 0) is the corner of the first pixel, its centre is (0.5, 0.5).
struct Point {
  float x = 0;
  float y = 0;
};

/// A rectangle [x, x + width) x [y, y + height), in pixels; it may reach over the image's border.
struct Box {
  float x = 0;
  float y = 0;
  float width = 0;
  float height = 0;

  float area() const { return width * height; }
  Point center() const { return {x + width / 2, y + height / 2}; }
};

/// Intersection over union in [0, 1]; 0 for empty boxes.
float iou(const Box& a, const Box& b);
/// Share of the smaller box that the other covers, in [0, 1].
float overlap(const Box& a, const Box& b);

/// Centres of the eyes; left and right are the subject's own, so left.x > right.x in an upright face.
struct Eyes {
  Point left;
  Point right;
};

/// A face found in one image.
struct Face {
  Box box;                   ///< square, from the eyebrows' top to the chin's bottom, roughly ear to ear
  float score = 0;           ///< detector's confidence; larger is surer, no fixed range
  std::optional<Eyes> eyes;  ///< when both were found
};

}  // namespace limbic::vision
