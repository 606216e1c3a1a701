#include "projection.h"

#include <ATen/ATen.h>

namespace limbic::objectives {
namespace {

/// A name for a set of modules.
struct ProjectionGroup final : torch::nn::Module {};

}  // namespace

ProjectionImpl::ProjectionImpl(const ProjectionConfig& config, int64_t in_width)
    : config_(config), in_width_(in_width) {
  reset();
}

void ProjectionImpl::reset() {
  linear_.clear();
  norm_.clear();
  const int64_t hidden = config_.hidden > 0 ? config_.hidden : in_width_;
  for (int64_t i = 0; i < config_.layers; ++i) {
    const bool is_last = i + 1 == config_.layers;
    const bool has_norm = config_.batch_norm && !is_last;
    const auto options =
        torch::nn::LinearOptions(i == 0 ? in_width_ : hidden, is_last ? config_.width : hidden)
            .bias(!has_norm);
    linear_.push_back(register_module("linear" + std::to_string(i), torch::nn::Linear(options)));
    if (has_norm)
      norm_.push_back(register_module("norm" + std::to_string(i), torch::nn::BatchNorm1d(hidden)));
  }
}

at::Tensor ProjectionImpl::forward(const at::Tensor& x_ND) {
  auto x = x_ND;
  for (size_t i = 0; i < linear_.size(); ++i) {
    x = linear_[i]->forward(x);
    if (i + 1 == linear_.size()) break;
    if (!norm_.empty()) x = norm_[i]->forward(x);
    x = x.relu();
  }
  return x;
}

Projections make_projections(const ProjectionConfig& config, const std::map<std::string, int64_t>& widths,
                             torch::nn::Module& owner) {
  const auto group = owner.register_module("projection", std::make_shared<ProjectionGroup>());
  Projections projections;
  for (const auto& [name, width] : widths)
    projections.emplace(name, group->register_module(name, Projection(config, width)));
  return projections;
}

}  // namespace limbic::objectives
