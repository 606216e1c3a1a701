#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::data {

/// Random changes of any series, (T, F) float32: of features, or of sensors as Um et al. 2017 change them
/// (jitter = noise, scaling, drift, magnitude and time warping, rotation). A slow curve has `knots` values,
/// evenly spaced, and cosine pieces between them. Frames that are dropped become 0 and are not real any more
/// (valid_T false); one frame always stays real.
struct SeriesAugment {
  static constexpr const char* kType = "series";
  double scale = 0.0;   ///< factor in [1 - scale, 1 + scale]
  double offset = 0.0;  ///< standard deviation
  double noise = 0.0;   ///< standard deviation
  double channel_scale = 0.0;
  double drift = 0.0;
  double magnitude_warp = 0.0;
  double time_warp = 0.0;
  int64_t knots = 4;
  double rotate_deg = 0.0;
  std::vector<int64_t> triads;
  double channel_drop = 0.0;
  int64_t num_segments = 0;
  int64_t segment_frames = 10;
  double frame_drop = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("scale", scale, "factor in [1 - scale, 1 + scale]");
    v("offset", offset, "standard deviation of one offset per clip");
    v("noise", noise, "standard deviation of noise per value");
    v("channel_scale", channel_scale, "standard deviation of a factor about 1 per channel",
      config::at_least(0));
    v("drift", drift, "standard deviation of the knots of a slow curve added to each channel",
      config::at_least(0));
    v("magnitude_warp", magnitude_warp,
      "standard deviation of the knots of a slow factor about 1 per channel", config::at_least(0));
    v("time_warp", time_warp, "standard deviation of the knots of the speed about 1; the length stays",
      config::at_least(0));
    v("knots", knots, "values that a slow curve goes through", config::in_range(2, 1000));
    v("rotate_deg", rotate_deg, "triads turn about a random axis by up to this angle each way",
      config::in_range(0, 180));
    v("triads", triads, "first channel of every x, y, z that turns", config::at_least(0));
    v("channel_drop", channel_drop, "probability that a channel becomes 0 (one stays)",
      config::half_open(0, 1));
    v("num_segments", num_segments, "dropped stretches of time", config::in_range(0, 100));
    v("segment_frames", segment_frames, "longest dropped stretch", config::at_least(1));
    v("frame_drop", frame_drop, "probability that a frame (a token) is dropped", config::half_open(0, 1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::data
