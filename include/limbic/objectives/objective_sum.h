#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/objectives/objective.h"

namespace limbic::objectives {

/// What the objectives of a step say together.
struct StepLoss {
  std::vector<LossTerms> parts;  ///< by objective; after them, one of what parts of the model add themselves
  /// Of all parts, detached. A term's name keeps its owner's unless two owners share it ("emotion#1").
  std::map<std::string, at::Tensor> terms;

  at::Tensor total() const;  ///< the plain sum of the parts, with gradient
};

/// The objectives of a recipe as one.
class ObjectiveSum {
 public:
  /// @throws Error(kConfig) see build_objectives
  ObjectiveSum(const std::vector<ObjectiveConfig>& configs, const ObjectiveContext& context);
  ~ObjectiveSum();

  int64_t num_views() const;  ///< the most that one of them reads
  affect::Batch prepare(affect::Batch batch);
  StepLoss compute(const TrainStep& step);
  void after_backward(const TrainStep& step);
  void after_step(model::MultimodalModel& model);
  /// Children "0", "1"... of the objectives that have something of their own.
  std::shared_ptr<torch::nn::Module> as_module() const { return module_; }

 private:
  std::vector<std::unique_ptr<Objective>> parts_;
  std::shared_ptr<torch::nn::Module> module_;
};

}  // namespace limbic::objectives
