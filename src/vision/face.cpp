#include "limbic/vision/face.h"

#include <algorithm>

namespace limbic::vision {
namespace {

float common_area(const Box& a, const Box& b) {
  const float width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const float height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

}  // namespace

float iou(const Box& a, const Box& b) {
  const float common = common_area(a, b);
  return common > 0 ? common / (a.area() + b.area() - common) : 0;
}

float overlap(const Box& a, const Box& b) {
  const float common = common_area(a, b);
  return common > 0 ? common / std::min(a.area(), b.area()) : 0;
}

}  // namespace limbic::vision
