#include "limbic/objectives/mixup.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace limbic::objectives {
namespace {

/// (l * a * own + (1 - l) * b * other) / (l * a + (1 - l) * b) with a, b the masks: a frame that only one has
/// stays whole.
at::Tensor mix_frames(const at::Tensor& x, const at::Tensor& mask_BT, const at::Tensor& order_B,
                      double lambda) {
  auto own_BT = mask_BT.to(at::kFloat) * lambda;
  auto other_BT = mask_BT.index_select(0, order_B).to(at::kFloat) * (1.0 - lambda);
  const auto sum_BT = (own_BT + other_BT).clamp_min(1e-6);
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  const auto own = (own_BT / sum_BT).view(shape);
  const auto other = (other_BT / sum_BT).view(shape);
  const auto values = x.to(at::kFloat);
  const auto nothing = at::zeros({}, values.options());
  // at::where: what lies under a mask may be NaN.
  return at::where(own > 0, values * own, nothing) +
         at::where(other > 0, values.index_select(0, order_B) * other, nothing);
}

affect::Streams mix_streams(const affect::Streams& streams, const at::Tensor& order_B, double lambda) {
  affect::Streams mixed;
  for (const auto& [modality, stream] : streams) {
    const auto mask_BT = stream.mask_BT.logical_and(stream.present_B.unsqueeze(1));
    auto& result = mixed[modality];
    result.x = mix_frames(stream.x, mask_BT, order_B, lambda);
    result.mask_BT = mask_BT.logical_or(mask_BT.index_select(0, order_B));
    result.present_B = stream.present_B.logical_or(stream.present_B.index_select(0, order_B));
    result.start_s_B = stream.start_s_B;
    result.rate_hz_B = stream.rate_hz_B;
  }
  return mixed;
}

/// How a mixed row is supervised: as surely as its parts are in their shares, by the weaker one's level. Its
/// truth is nobody's, unless it was mixed with itself.
void mix_supervision(const affect::Targets& targets, const at::Tensor& order_B, const at::Tensor& is_self_B,
                     double lambda, affect::Targets& result) {
  if (targets.weight_B.defined())
    result.weight_B = targets.weight_B * lambda + targets.weight_B.index_select(0, order_B) * (1.0 - lambda);
  if (targets.level_B.defined())
    result.level_B = at::minimum(targets.level_B, targets.level_B.index_select(0, order_B));
  if (targets.withheld_B.defined())
    result.withheld_B = targets.withheld_B.masked_fill(is_self_B.logical_not(), -1);
}

}  // namespace

affect::Batch mixup(const affect::Batch& batch, double alpha,
                    const std::map<std::string, int64_t>& num_classes) {
  if (alpha <= 0 || batch.streams.empty()) return batch;
  const auto& first = batch.streams.begin()->second;
  const int64_t batch_size = first.x.size(0);
  if (batch_size < 2) return batch;
  const double draw = at::_sample_dirichlet(at::full({2}, alpha, at::kDouble))[0].item<double>();
  const double lambda = std::max(draw, 1.0 - draw);
  const auto order_B = at::randperm(batch_size, at::kLong).to(first.x.device());

  affect::Batch mixed;
  mixed.ids = batch.ids;
  mixed.dialogues = batch.dialogues;
  mixed.streams = mix_streams(batch.streams, order_B, lambda);
  for (const auto& view : batch.views) mixed.views.push_back(mix_streams(view, order_B, lambda));
  const auto is_self_B = order_B == at::arange(batch_size, order_B.options());
  for (const auto& [task, targets] : batch.targets) {
    auto& result = mixed.targets[task];
    mix_supervision(targets, order_B, is_self_B, lambda, result);
    if (targets.value_BC.defined()) {
      result.value_BC =
          targets.value_BC * lambda + targets.value_BC.index_select(0, order_B) * (1.0 - lambda);
      result.known_BC = targets.known_BC.logical_and(targets.known_BC.index_select(0, order_B));
      result.mask_B = result.known_BC.any(1);
      continue;
    }
    if (targets.value_BTC.defined()) {
      // Frames of two samples that lie at different times have no target in common.
      result.value_BTC = targets.value_BTC;
      result.known_BTC = targets.known_BTC.logical_and(is_self_B.view({-1, 1, 1}));
      result.mask_B = targets.mask_B.logical_and(is_self_B);
      continue;
    }
    result.y_B = targets.y_B;
    const auto found = num_classes.find(task);
    if (found == num_classes.end()) {
      result.mask_B = targets.mask_B.logical_and(is_self_B);
      continue;
    }
    result.mask_B = targets.mask_B.logical_and(targets.mask_B.index_select(0, order_B));
    const auto own_BC = targets.soft_BC.defined()
                            ? targets.soft_BC
                            : at::one_hot(targets.y_B.clamp_min(0), found->second).to(at::kFloat);
    result.soft_BC = own_BC * lambda + own_BC.index_select(0, order_B) * (1.0 - lambda);
  }
  return mixed;
}

}  // namespace limbic::objectives
