#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "limbic/config/bounds.h"

namespace limbic::nn {

/// SpecAugment (Park et al. 2019): masks over time and over feature, set to the mean of the normalised input,
/// 0.
struct SpecAugmentConfig {
  int64_t time_masks = 0;       ///< per sample
  int64_t time_width = 24;      ///< widest time mask, in frames
  double max_time_share = 1.0;  ///< a time mask covers at most this share of the real frames
  int64_t feature_masks = 0;    ///< per sample
  int64_t feature_width = 8;    ///< widest feature mask

  template <class Visitor>
  void visit(Visitor& v) {
    v("time_masks", time_masks, "time masks per sample; 0 = none", config::at_least(0));
    v("time_width", time_width, "widest time mask, in frames", config::at_least(0));
    v("max_time_share", max_time_share, "a time mask covers at most this share of the real frames, in (0, 1]",
      config::half_open_below(0, 1));
    v("feature_masks", feature_masks, "feature masks per sample; 0 = none", config::at_least(0));
    v("feature_width", feature_width, "widest feature mask", config::at_least(0));
  }
  bool is_off() const {
    return (time_masks == 0 || time_width == 0) && (feature_masks == 0 || feature_width == 0);
  }
};

/// Widths are uniform in [0, width], positions uniform over the real frames: the first real frame up to the
/// last one. Draws come from LibTorch's generator.
/// @param x_BTF    normalised features; a masked copy is returned
/// @param mask_BT  bool, true = real frame
at::Tensor spec_augment(const SpecAugmentConfig& config, const at::Tensor& x_BTF, const at::Tensor& mask_BT);

}  // namespace limbic::nn
