#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "limbic/nn/temporal_config.h"

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// What a causal module keeps between chunks of a stream.
struct TemporalState {
  std::vector<at::Tensor> tensors;  ///< (B, ...) each; empty before the first chunk
  int64_t position = 0;             ///< frames seen so far
};

/// Maps a sequence to one of the same length: (B, T, in_width) -> (B, T, width). Padded frames (mask false)
/// have no influence, in training either, and come out zero; whatever they hold, NaN included, is ignored.
class Temporal {
 public:
  virtual ~Temporal() = default;
  /// @param x_BTD    float
  /// @param mask_BT  bool, true = real frame
  virtual at::Tensor forward(const at::Tensor& x_BTD, const at::Tensor& mask_BT) = 0;
  virtual int64_t width() const = 0;
  /// True when frame t depends on frames up to t only.
  virtual bool is_causal() const = 0;
  /// The next chunk of a stream, every frame real: chunks of any lengths give what forward() gives for the
  /// whole in evaluation mode (1e-5). With a bounded memory the state's size is bounded too.
  /// @throws Error(kModel) when not causal
  virtual at::Tensor step(const at::Tensor& x_BTD, TemporalState& state) = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};

std::shared_ptr<Temporal> build_temporal(const TemporalConfig& config, int64_t in_width);

}  // namespace limbic::nn
