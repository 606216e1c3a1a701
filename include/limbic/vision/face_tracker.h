#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/vision/face.h"

namespace limbic::vision {

struct FaceTrackerConfig {
  double min_iou = 0.3;
  double max_distance = 0.6;
  int64_t confirm_after = 3;
  int64_t lose_after = 10;
  double smoothing = 0.5;

  template <class Visitor>
  void visit(Visitor& v) {
    v("min_iou", min_iou, "a detection with this overlap continues a track, (0, 1]");
    v("max_distance", max_distance, "without it: centres this close, in box widths, at a similar size");
    v("confirm_after", confirm_after,
      "detections in a row, at most one missing between, that make a track real");
    v("lose_after", lose_after, "a confirmed track ends after so many updates without a detection");
    v("smoothing", smoothing, "share of the old box in the new one, [0, 1); 0 = none");
  }
  void validate(config::Checks& checks) const;
};

/// One face through time.
struct FaceTrack {
  int64_t id = 0;          ///< from 0, in the order of first sight, never used again
  Face face;               ///< smoothed box; score and eyes of the last detection (eyes only while seen)
  int64_t num_hits = 0;    ///< detections so far
  int64_t num_misses = 0;  ///< updates since the last one; 0 = seen in this frame
  bool is_confirmed = false;

  bool is_seen() const { return num_misses == 0; }
};

/// Gives the detections of successive frames stable identities. Deterministic, one thread.
class FaceTracker {
 public:
  /// @throws Error(kConfig)
  explicit FaceTracker(const FaceTrackerConfig& config = {});

  /// The faces of the next frame; an empty list is a frame without faces.
  /// @return confirmed tracks by id, seen in this frame or coasting (num_misses > 0)
  std::vector<FaceTrack> update(const std::vector<Face>& faces);
  /// Ends all tracks (a cut, another clip); ids go on.
  void reset();

  /// All live tracks by id, with those not confirmed yet.
  const std::vector<FaceTrack>& tracks() const { return tracks_; }

 private:
  FaceTrackerConfig config_;
  std::vector<FaceTrack> tracks_;
  int64_t next_id_ = 0;
};

}  // namespace limbic::vision
