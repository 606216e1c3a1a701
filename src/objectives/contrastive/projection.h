#pragma once
#include <ATen/core/Tensor.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <map>
#include <string>
#include <vector>

#include "limbic/objectives/projection_config.h"

namespace limbic::objectives {

class ProjectionImpl final : public torch::nn::Cloneable<ProjectionImpl> {
 public:
  ProjectionImpl(const ProjectionConfig& config, int64_t in_width);
  void reset() override;

  /// @param x_ND  rows that count, at least 2 in training with batch norm
  at::Tensor forward(const at::Tensor& x_ND);
  int64_t width() const { return config_.layers == 0 ? in_width_ : config_.width; }

 private:
  ProjectionConfig config_;
  int64_t in_width_;
  std::vector<torch::nn::Linear> linear_;
  std::vector<torch::nn::BatchNorm1d> norm_;  ///< of all but the last; empty = none
};
TORCH_MODULE(Projection);

/// Fewest rows that a projection may see in training: batch norm has no variance of one.
constexpr int64_t kMinRows = 2;

/// Projections by name of the embedding.
using Projections = std::map<std::string, Projection>;

/// One for each of `widths`, registered with `owner` as projection.<name>.
Projections make_projections(const ProjectionConfig& config, const std::map<std::string, int64_t>& widths,
                             torch::nn::Module& owner);

}  // namespace limbic::objectives
