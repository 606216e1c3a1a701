#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "limbic/core/time.h"

namespace limbic::affect {

/// One modality of one recording on a regular grid: frame t is at t0 + t / rate_hz.
struct Stream {
  std::string modality;
  core::Timestamp t0;    ///< time of frame 0 on the recording's clock
  double rate_hz = 0.0;  ///< frames per second; 0 = a single still frame
  at::Tensor values;     ///< (T, F) float32, or (T, C, H, W) uint8 for images
  at::Tensor valid_T;    ///< bool, true where the frame is real (false: no face, drop-out)
};

}  // namespace limbic::affect
