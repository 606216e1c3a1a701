#pragma once
#include <cstdint>
#include <vector>

namespace limbic::affect {

/// What one frame of a modality looks like; models are built from it.
struct StreamShape {
  std::vector<int64_t> frame;  ///< {F} for features, {C, H, W} for images
  int64_t vocabulary = 0;      ///< frames are {1}, ids in [0, vocabulary); 0 = values, not ids

  bool is_image() const { return frame.size() == 3; }
  /// F, or the image channels C.
  int64_t num_features() const { return frame.empty() ? 0 : frame.front(); }

  template <class Visitor>
  void visit(Visitor& v) {
    v("frame", frame, "dimensions of one frame: [features] or [channels, height, width]");
    v("vocabulary", vocabulary, "frames are ids of tokens, less than this; 0 = frames are values");
  }
};

}  // namespace limbic::affect
