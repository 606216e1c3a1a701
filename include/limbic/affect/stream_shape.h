#pragma once
#include <cstdint>
#include <vector>

namespace limbic::affect {

/// What one frame of a modality looks like; models are built from it.
struct StreamShape {
  std::vector<int64_t> frame;  ///< {F} for features, {C, H, W} for images

  bool is_image() const { return frame.size() == 3; }
  /// F, or the image channels C.
  int64_t num_features() const { return frame.empty() ? 0 : frame.front(); }

  template <class Visitor>
  void visit(Visitor& v) {
    v("frame", frame, "dimensions of one frame: [features] or [channels, height, width]");
  }
};

}  // namespace limbic::affect
