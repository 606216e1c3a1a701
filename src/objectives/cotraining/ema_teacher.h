#pragma once
#include <memory>

#include "limbic/affect/batch.h"
#include "limbic/model/multimodal.h"

namespace limbic::objectives {

/// The moving average of a model's weights, as a model. Buffers are the model's own.
class EmaTeacher {
 public:
  /// Starts as a copy of `student`.
  EmaTeacher(const model::MultimodalModel& student, double decay);

  /// Without gradient. @param is_training  dropout and statistics of the batch
  affect::ModelOutput forward(const affect::Batch& batch, bool is_training);
  /// After a step of the student.
  void follow(model::MultimodalModel& student);
  /// Child "teacher" and buffer "num_updates".
  std::shared_ptr<torch::nn::Module> as_module() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
  std::shared_ptr<model::MultimodalModel> model_;
  double decay_;
};

}  // namespace limbic::objectives
