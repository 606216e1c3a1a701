#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "limbic/nn/context_config.h"
#include "limbic/nn/dialogue_grid.h"

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// Reads each turn of a conversation in the light of the others: (D, U, in_width) -> (D, U, width). Turns
/// that are not there (grid.mask_DU false) have no influence and come out zero.
class DialogueContext {
 public:
  virtual ~DialogueContext() = default;
  /// @param x_DUW  one vector a turn
  virtual at::Tensor forward(const at::Tensor& x_DUW, const DialogueGrid& grid) = 0;
  virtual int64_t width() const = 0;
  /// True when a turn depends on earlier turns only.
  virtual bool is_causal() const = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};

/// @throws Error(kInternal) for NoContextConfig
std::shared_ptr<DialogueContext> build_context(const ContextConfig& config, int64_t in_width);

}  // namespace limbic::nn
