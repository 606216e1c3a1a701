#include "limbic/nn/spec_augment.h"

#include <ATen/ATen.h>

namespace limbic::nn {

at::Tensor spec_augment(const SpecAugmentConfig& config, const at::Tensor& x_BTF, const at::Tensor& mask_BT) {
  if (config.is_off()) return x_BTF;
  const int64_t batch = x_BTF.size(0);
  const int64_t num_frames = x_BTF.size(1);
  const int64_t num_features = x_BTF.size(2);
  const auto options = x_BTF.options().dtype(at::kFloat);

  const auto position_T = at::arange(num_frames, options);
  const auto real_BT = mask_BT.to(at::kFloat);
  const auto end_B1 = (real_BT * (position_T + 1)).amax(1, /*keepdim=*/true);
  const auto begin_B1 =
      end_B1.minimum((num_frames - real_BT * (num_frames - position_T).unsqueeze(0)).amin(1, true));
  const auto length_B1 = end_B1 - begin_B1;

  auto hidden_BT = at::zeros({batch, num_frames}, mask_BT.options());
  for (int64_t i = 0; i < config.time_masks; ++i) {
    auto width_B1 = (at::rand({batch, 1}, options) * static_cast<double>(config.time_width + 1)).floor_();
    width_B1 = width_B1.minimum((length_B1 * config.max_time_share).floor_());
    const auto start_B1 = begin_B1 + (at::rand({batch, 1}, options) * (length_B1 - width_B1 + 1)).floor_();
    hidden_BT.logical_or_((position_T >= start_B1).logical_and_(position_T < start_B1 + width_B1));
  }
  const auto feature_F = at::arange(num_features, options);
  auto hidden_BF = at::zeros({batch, num_features}, mask_BT.options());
  for (int64_t i = 0; i < config.feature_masks; ++i) {
    auto width_B1 = (at::rand({batch, 1}, options) * static_cast<double>(config.feature_width + 1)).floor_();
    width_B1.clamp_max_(static_cast<double>(num_features));
    const auto start_B1 =
        (at::rand({batch, 1}, options) * (static_cast<double>(num_features + 1) - width_B1)).floor_();
    hidden_BF.logical_or_((feature_F >= start_B1).logical_and_(feature_F < start_B1 + width_B1));
  }
  return x_BTF.masked_fill(hidden_BT.unsqueeze(2).logical_or(hidden_BF.unsqueeze(1)), 0.0);
}

}  // namespace limbic::nn
