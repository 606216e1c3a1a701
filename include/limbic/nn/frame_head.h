#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/nn/fusion.h"
#include "limbic/nn/head.h"

namespace limbic::nn {

/// Where the tokens of one modality lie in time.
struct TokenClock {
  at::Tensor start_s_B;           ///< float64, seconds from the sample's start to frame 0
  at::Tensor rate_hz_B;           ///< float64, frames per second; 0 = one still, which holds throughout
  double frames_per_token = 1.0;  ///< a token lies in the middle of its frames
};

/// Tokens (B, T', D) at the times t / rate_hz, t in [0, num_rows): linear between the nearest two real
/// tokens, the outermost one up to half a token beyond the ends.
struct ResampledTokens {
  at::Tensor x_BTD;       ///< zero where not covered
  at::Tensor covered_BT;  ///< bool
};
ResampledTokens resample_tokens(const ModalityFeatures& features, const TokenClock& clock, double rate_hz,
                                int64_t num_rows);

struct FrameReading {
  at::Tensor value_BTC;
  at::Tensor log_variance_BTC;  ///< with HeadConfig::uncertainty
  at::Tensor covered_BT;        ///< bool, true = some modality has a token there
};

/// One continuous task's values over time, on the task's own clock. Every modality's tokens are brought to it
/// and mapped to one width; those that are there are averaged, the fused vector of the sample is added.
class FrameHead {
 public:
  virtual ~FrameHead() = default;
  /// @param clocks      by modality
  /// @param context_BD  what was fused; undefined for late fusion
  virtual FrameReading forward(const FusionInput& input, const std::vector<TokenClock>& clocks,
                               const at::Tensor& context_BD, int64_t num_rows) = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};

/// @param context_width  0 = without a fused vector
/// @param task           continuous, with a rate
std::shared_ptr<FrameHead> build_frame_head(const HeadConfig& config,
                                            const std::vector<ModalityShape>& modalities,
                                            int64_t context_width, const affect::LabelSpace& task);

}  // namespace limbic::nn
