#pragma once
#include <array>
#include <utility>

namespace limbic::nn {

/// How frames become one vector. Padded frames never count.
enum class FramePooling {
  kMean,
  kMeanStd,       ///< mean and standard deviation, width 2D
  kAttention,     ///< weights from a small network, softmax over real frames
  kAttentionStd,  ///< weighted mean and weighted standard deviation, width 2D
};
constexpr auto enum_names(FramePooling) {
  return std::array<std::pair<FramePooling, const char*>, 4>{
      {{FramePooling::kMean, "mean"},
       {FramePooling::kMeanStd, "mean_std"},
       {FramePooling::kAttention, "attention"},
       {FramePooling::kAttentionStd, "attention_std"}}};
}

}  // namespace limbic::nn
