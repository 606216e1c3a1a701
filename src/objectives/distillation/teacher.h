#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "limbic/objectives/distillation_config.h"
#include "limbic/objectives/objective.h"

namespace limbic::objectives {

/// What a teacher says about a batch.
struct TeacherSays {
  affect::ModelOutput output;  ///< without gradient
  LossTerms own;               ///< what the teacher itself learns by; undefined total where it does not
};

/// Somebody who knows more than the student.
class Teacher {
 public:
  virtual ~Teacher() = default;
  virtual TeacherSays teach(const TrainStep& step) = 0;
  virtual void after_step(model::MultimodalModel& /*student*/) {}
  /// See Objective::as_module.
  virtual std::shared_ptr<torch::nn::Module> as_module() { return nullptr; }
  virtual int64_t fused_width() const = 0;
};

/// @param task  what it has to know about
/// @throws Error(kConfig) when the teacher and the data do not fit together, Error(kModel) for a bad bundle
std::unique_ptr<Teacher> build_teacher(const TeacherConfig& config, const std::string& task,
                                       const ObjectiveContext& context);

}  // namespace limbic::objectives
