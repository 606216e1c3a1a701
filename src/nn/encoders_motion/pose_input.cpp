#include "encoders_motion/pose_input.h"

#include <ATen/ATen.h>

#include <string>

#include "blocks/layers.h"
#include "encoders_motion/skeleton.h"
#include "limbic/core/error.h"

namespace limbic::nn {
namespace {

/// A clip smaller than this has no size that could be a unit.
constexpr double kSmallestUnit = 1e-6;

/// Mean over frames and joints that count; 0 where none does.
at::Tensor mean_where(const at::Tensor& x_BTJ, const at::Tensor& counts_BTJ) {
  const auto num_B = counts_BTJ.sum({1, 2}).clamp_min(1).to(x_BTJ.scalar_type());
  return (x_BTJ * counts_BTJ).sum({1, 2}) / num_B;
}

at::Tensor joints_at(const at::Tensor& x_BTJ, const std::vector<int64_t>& joints) {
  return x_BTJ.index_select(2, at::tensor(joints, x_BTJ.options().dtype(at::kLong)));
}

}  // namespace

void PoseInputConfig::validate(config::Checks& checks) const {
  checks.expect(scale_pair.empty() || (scale_pair.size() == 2 && scale_pair[0] != scale_pair[1]),
                "scale_pair", "must be two different joints, or [] for the skeleton's own");
}

PoseInput::PoseInput(const PoseInputConfig& config, const affect::StreamShape& input, const char* kind)
    : config_(config) {
  require_features(input, kind);
  const std::string what = std::string("encoder '") + kind + "': ";
  require(input.num_features() % num_columns() == 0, ErrorCode::kConfig,
          what + "a frame has " + std::to_string(input.num_features()) + " values, which are not joints of " +
              std::to_string(num_columns()) + " each; see pose.dimensions and pose.confidence");
  num_joints_ = input.num_features() / num_columns();
  if (const auto* known = skeleton_info(config.skeleton); known != nullptr) {
    require(num_joints_ == known->num_joints, ErrorCode::kConfig,
            what + "this skeleton has " + std::to_string(known->num_joints) + " joints, but a frame has " +
                std::to_string(num_joints_) + " of " + std::to_string(num_columns()) + " values");
    if (config_.root.empty()) config_.root = known->root;
    if (config_.scale_pair.empty()) config_.scale_pair = known->scale_pair;
  }
  for (const auto* joints : {&config_.root, &config_.scale_pair}) {
    for (const int64_t joint : *joints)
      require(joint < num_joints_, ErrorCode::kConfig,
              what + "joint " + std::to_string(joint) + " of pose.root or pose.scale_pair; a frame has " +
                  std::to_string(num_joints_) + " joints, 0 to " + std::to_string(num_joints_ - 1));
  }
}

PoseFrames PoseInput::read(const at::Tensor& x_BTF, const at::Tensor& mask_BT, at::ScalarType dtype) const {
  TORCH_CHECK(x_BTF.dim() == 3 && x_BTF.size(2) == num_joints_ * num_columns(), "the encoder wants (B, T, ",
              num_joints_ * num_columns(), "), got ", x_BTF.sizes());
  const int64_t batch = x_BTF.size(0);
  const int64_t num_frames = x_BTF.size(1);
  const auto columns_BTJ = x_BTF.to(dtype).reshape({batch, num_frames, num_joints_, num_columns()});
  auto position_BTJD = columns_BTJ.narrow(3, 0, config_.dimensions);
  auto seen_BTJ = position_BTJD.isfinite().all(3).logical_and_(mask_BT.unsqueeze(2));
  at::Tensor confidence_BTJ;
  if (config_.confidence) {
    confidence_BTJ = columns_BTJ.select(3, config_.dimensions);
    seen_BTJ = seen_BTJ.logical_and(confidence_BTJ > config_.min_confidence);
  }
  position_BTJD = position_BTJD.masked_fill(seen_BTJ.logical_not().unsqueeze(3), 0.0);

  auto centred_BTJD = position_BTJD;
  const auto in_room_BTJ = seen_BTJ;
  if (config_.center) {
    const bool is_all = config_.root.empty();
    const auto root_seen_BTJ = is_all ? seen_BTJ : joints_at(seen_BTJ, config_.root);
    const auto root_BTJD = is_all ? position_BTJD : joints_at(position_BTJD, config_.root);
    const auto num_BT1 = root_seen_BTJ.sum(2, /*keepdim=*/true);
    const auto root_BTD = root_BTJD.sum(2) / num_BT1.clamp_min(1).to(dtype);
    centred_BTJD = position_BTJD - root_BTD.unsqueeze(2);
    seen_BTJ = seen_BTJ.logical_and(num_BT1 > 0);
  }
  const auto unit_B111 = unit_of(centred_BTJD, seen_BTJ).view({batch, 1, 1, 1});
  std::vector<at::Tensor> parts = {centred_BTJD / unit_B111};
  if (config_.velocity) {
    const auto both_BTJ1 = in_room_BTJ.narrow(1, 1, num_frames - 1)
                               .logical_and(in_room_BTJ.narrow(1, 0, num_frames - 1))
                               .unsqueeze(3);
    const auto step_BTJD = position_BTJD.diff(1, 1) * both_BTJ1 / unit_B111;
    parts.push_back(at::constant_pad_nd(step_BTJD, {0, 0, 0, 0, 1, 0}));
  }
  parts.push_back((config_.confidence ? confidence_BTJ : at::ones_like(seen_BTJ, dtype)).unsqueeze(3));
  const auto unseen_BTJ1 = seen_BTJ.logical_not().unsqueeze(3);
  return {at::cat(parts, 3).masked_fill(unseen_BTJ1, 0.0), seen_BTJ.any(2)};
}

at::Tensor PoseInput::unit_of(const at::Tensor& position_BTJD, const at::Tensor& seen_BTJ) const {
  const auto options = position_BTJD.options();
  auto unit_B = at::ones({position_BTJD.size(0)}, options);
  if (config_.scale == PoseScale::kNone) return unit_B;
  auto off_BTJD = position_BTJD;
  if (!config_.center) {
    std::vector<at::Tensor> mean_BD;
    for (int64_t d = 0; d < config_.dimensions; ++d)
      mean_BD.push_back(mean_where(position_BTJD.select(3, d), seen_BTJ));
    off_BTJD = position_BTJD - at::stack(mean_BD, 1).view({-1, 1, 1, config_.dimensions});
  }
  const auto radius_B = mean_where(off_BTJD.pow(2).mean(3), seen_BTJ).sqrt();
  unit_B = at::where(radius_B > kSmallestUnit, radius_B, unit_B);
  if (config_.scale == PoseScale::kRadius || config_.scale_pair.empty()) return unit_B;
  const auto both_BT1 = joints_at(seen_BTJ, config_.scale_pair).all(2, /*keepdim=*/true);
  const auto pair_BT2D = joints_at(position_BTJD, config_.scale_pair);
  const auto apart_BT1 = (pair_BT2D.select(2, 0) - pair_BT2D.select(2, 1)).norm(2, {2}, /*keepdim=*/true);
  const auto distance_B = mean_where(apart_BT1, both_BT1);
  return at::where(distance_B > kSmallestUnit, distance_B, unit_B);
}

}  // namespace limbic::nn
