#include "frame_clock.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <variant>

#include "limbic/core/error.h"

namespace limbic::model {

int64_t num_rows_of(const affect::Batch& batch, const std::vector<ModalityBranch>& branches, double rate_hz) {
  double end_s = 0.0;
  for (const auto& branch : branches) {
    const auto found = batch.streams.find(branch.modality);
    if (found == batch.streams.end()) continue;
    const auto& stream = found->second;
    require(stream.rate_hz_B.defined() && stream.start_s_B.defined(), ErrorCode::kModel,
            "a task over time needs to know when the frames of '" + branch.modality +
                "' are; expected start_s_B and rate_hz_B, as the loader of a framewise task gives them");
    const auto frame_T = at::arange(1, stream.mask_BT.size(1) + 1, stream.rate_hz_B.options());
    const auto used_BT = stream.mask_BT.logical_and(stream.present_B.unsqueeze(1));
    const auto num_frames_B = std::get<0>((frame_T * used_BT).max(1));
    const auto end_B = (stream.start_s_B + num_frames_B / stream.rate_hz_B)
                           .masked_fill(stream.rate_hz_B.le(0).logical_or(num_frames_B.le(0)), 0.0);
    if (end_B.numel() > 0) end_s = std::max(end_s, end_B.max().item<double>());
  }
  return std::max<int64_t>(1, std::llround(end_s * rate_hz));
}

nn::TokenClock clock_of(const nn::EncoderConfig& encoder, const affect::ModalityBatch* stream,
                        const nn::ModalityFeatures& features) {
  const int64_t batch_size = features.tokens_BTD.size(0);
  if (stream == nullptr) {
    const auto none_B = at::zeros({batch_size}, features.mask_BT.options().dtype(at::kDouble));
    return {none_B, none_B, 1.0};
  }
  double frames_per_token =
      static_cast<double>(stream->x.size(1)) / static_cast<double>(features.tokens_BTD.size(1));
  if (const auto* conv = std::get_if<nn::ConvRecurrentConfig>(&encoder)) {
    frames_per_token = 1.0;
    for (const auto& layer : conv->layers)
      frames_per_token *= static_cast<double>(layer.stride * layer.pool_time);
  }
  return {stream->start_s_B, stream->rate_hz_B, frames_per_token};
}

}  // namespace limbic::model
