#pragma once
// Coordinates of joints to the input of a network; private to the room.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "limbic/affect/stream_shape.h"
#include "limbic/nn/encoders/motion.h"

namespace limbic::nn {

/// What PoseInput makes of a batch.
struct PoseFrames {
  at::Tensor x_BTJC;   ///< zero for missing joints and padded frames
  at::Tensor mask_BT;  ///< bool, true = a real frame in which a joint is seen
};

/// Centres, scales and masks; see PoseInputConfig. No parameters.
class PoseInput {
 public:
  /// @param kind  the encoder's type, for messages
  /// @throws Error(kConfig) when frames are not joints, or a joint of the config is not among them
  PoseInput(const PoseInputConfig& config, const affect::StreamShape& input, const char* kind);

  PoseFrames read(const at::Tensor& x_BTF, const at::Tensor& mask_BT, at::ScalarType dtype) const;

  int64_t num_joints() const { return num_joints_; }
  /// C: coordinates, velocities, then confidence, or 1 where seen.
  int64_t channels() const { return config_.dimensions * (config_.velocity ? 2 : 1) + 1; }
  /// Columns of a joint in the input.
  int64_t num_columns() const { return config_.dimensions + (config_.confidence ? 1 : 0); }
  int64_t dimensions() const { return config_.dimensions; }

 private:
  at::Tensor unit_of(const at::Tensor& position_BTJD, const at::Tensor& seen_BTJ) const;

  PoseInputConfig config_;
  int64_t num_joints_ = 0;
};

}  // namespace limbic::nn
