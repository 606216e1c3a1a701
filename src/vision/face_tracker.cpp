#include "limbic/vision/face_tracker.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>

namespace limbic::vision {
namespace {

/// How well a detection continues a track; nullopt when it does not.
std::optional<float> affinity(const Box& track, const Box& face, const FaceTrackerConfig& config) {
  const float common = iou(track, face);
  if (common >= static_cast<float>(config.min_iou)) return 1 + common;
  const Point a = track.center();
  const Point b = face.center();
  const float size = std::max(track.width, face.width);
  const float distance = std::hypot(a.x - b.x, a.y - b.y) / size;
  const float ratio = std::min(track.width, face.width) / size;
  if (distance > static_cast<float>(config.max_distance) || ratio < 0.6f) return std::nullopt;
  return 1 - distance;  // always after the overlapping ones
}

Box blend(const Box& old_box, const Box& new_box, double keep) {
  const auto k = static_cast<float>(keep);
  return {k * old_box.x + (1 - k) * new_box.x, k * old_box.y + (1 - k) * new_box.y,
          k * old_box.width + (1 - k) * new_box.width, k * old_box.height + (1 - k) * new_box.height};
}

}  // namespace

void FaceTrackerConfig::validate(config::Checks& checks) const {
  checks.expect(min_iou > 0 && min_iou <= 1, "min_iou", "must be in (0, 1], got " + std::to_string(min_iou));
  checks.expect(max_distance >= 0 && max_distance <= 10, "max_distance",
                "must be in [0, 10], got " + std::to_string(max_distance));
  checks.expect(confirm_after >= 1, "confirm_after",
                "must be at least 1, got " + std::to_string(confirm_after));
  checks.expect(lose_after >= 0, "lose_after", "must not be negative, got " + std::to_string(lose_after));
  checks.expect(smoothing >= 0 && smoothing < 1, "smoothing",
                "must be in [0, 1), got " + std::to_string(smoothing));
}

FaceTracker::FaceTracker(const FaceTrackerConfig& config) : config_(config) {
  config::ThrowingChecks checks("face_tracker");
  config_.validate(checks);
}

std::vector<FaceTrack> FaceTracker::update(const std::vector<Face>& faces) {
  struct Match {
    float affinity;
    size_t track;
    size_t face;
  };
  std::vector<Match> matches;
  for (size_t t = 0; t < tracks_.size(); ++t) {
    for (size_t f = 0; f < faces.size(); ++f) {
      if (const auto a = affinity(tracks_[t].face.box, faces[f].box, config_)) matches.push_back({*a, t, f});
    }
  }
  // Best first; equal ones by age, then by the detector's order, so that the result is the same everywhere.
  std::sort(matches.begin(), matches.end(), [](const Match& a, const Match& b) {
    return std::make_tuple(-a.affinity, a.track, a.face) < std::make_tuple(-b.affinity, b.track, b.face);
  });

  std::vector<bool> is_used(faces.size(), false);
  std::vector<bool> is_matched(tracks_.size(), false);
  for (const Match& match : matches) {
    if (is_matched[match.track] || is_used[match.face]) continue;
    is_matched[match.track] = is_used[match.face] = true;
    FaceTrack& track = tracks_[match.track];
    const Box box = blend(track.face.box, faces[match.face].box, config_.smoothing);
    track.face = faces[match.face];
    track.face.box = box;
    track.num_misses = 0;
    ++track.num_hits;
  }
  for (size_t t = 0; t < tracks_.size(); ++t) {
    if (is_matched[t]) continue;
    ++tracks_[t].num_misses;
    tracks_[t].face.eyes.reset();
  }
  tracks_.erase(std::remove_if(tracks_.begin(), tracks_.end(),
                               [this](const FaceTrack& track) {
                                 return track.num_misses > (track.is_confirmed ? config_.lose_after : 1);
                               }),
                tracks_.end());
  for (size_t f = 0; f < faces.size(); ++f) {
    if (!is_used[f]) tracks_.push_back({next_id_++, faces[f], 1, 0, false});
  }

  std::vector<FaceTrack> confirmed;
  for (FaceTrack& track : tracks_) {
    if (track.num_hits >= config_.confirm_after) track.is_confirmed = true;
    if (track.is_confirmed) confirmed.push_back(track);
  }
  return confirmed;
}

void FaceTracker::reset() {
  tracks_.clear();
}

}  // namespace limbic::vision
