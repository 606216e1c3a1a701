#include "distillation/teacher.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>

#include <utility>
#include <vector>

#include "build.h"
#include "cotraining/ema_teacher.h"
#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/model/bundle.h"

namespace limbic::objectives {
namespace {

std::string names_of(const features::FeatureConfig& all) {
  std::vector<std::string> names;
  for (const auto& entry : all) names.push_back(entry.first);
  return core::join(names);
}

/// The teacher must see what it learned from: every modality, made the same way.
void check_inputs(const model::BundleInfo& info, const std::string& path, const ObjectiveContext& context) {
  for (const auto& [modality, feature] : info.features) {
    const auto found = context.features.find(modality);
    require(found != context.features.end(), ErrorCode::kConfig,
            "teacher " + path + " reads the modality '" + modality + "', data.features has only " +
                names_of(context.features) + "; add it there, and to data.privileged");
    const auto dump = [](const features::ModalityFeature& chosen) {
      features::FeatureConfig one{{"modality", chosen}};
      return config::dump(one);
    };
    require(dump(found->second) == dump(feature), ErrorCode::kConfig,
            "data.features." + modality + " is not made as teacher " + path +
                " learned it; copy that part of its config.yaml");
  }
}

void check_task(const model::BundleInfo& info, const std::string& path, const std::string& task,
                const ObjectiveContext& context) {
  for (const auto& known : info.tasks) {
    if (known.task != task) continue;
    for (const auto& own : context.tasks) {
      if (own.task != task) continue;
      require(own.classes == known.classes && own.traits.kind == known.traits.kind, ErrorCode::kConfig,
              "teacher " + path + ": task '" + task + "' has the outputs " + core::join(known.classes) +
                  ", here they are " + core::join(own.classes));
    }
    return;
  }
  std::vector<std::string> names;
  for (const auto& known : info.tasks) names.push_back(known.task);
  throw Error(ErrorCode::kConfig, "teacher " + path + " does not know the task '" + task + "', only " +
                                      core::join(names) + core::did_you_mean(task, names));
}

class TrainedTeacher final : public Teacher {
 public:
  TrainedTeacher(const RunTeacher& config, const std::string& task, const ObjectiveContext& context) {
    auto bundle = model::load_bundle(config.path);
    check_inputs(bundle.info, config.path, context);
    check_task(bundle.info, config.path, task, context);
    model_ = std::move(bundle.model);
    model_->as_module()->eval();
  }

  TeacherSays teach(const TrainStep& step) override {
    const at::NoGradGuard no_gradient;
    return {model_->forward(step.batch), {}};
  }
  int64_t fused_width() const override { return model_->fused_width(); }

 private:
  std::shared_ptr<model::MultimodalModel> model_;
};

class JointlyTrainedTeacher final : public Teacher {
 public:
  JointlyTrainedTeacher(const JointTeacher& config, const std::string& task,
                        const ObjectiveContext& context) {
    model_ = model::build_model(config.model, context.tasks, context.inputs);
    if (context.fit_inputs) context.fit_inputs(*model_);
    SupervisedConfig labels;
    labels.task = task;
    labels.weight = config.learning_weight;
    objective_ = build(labels, context);
  }

  TeacherSays teach(const TrainStep& step) override {
    TeacherSays says;
    auto output = model_->forward(step.batch);
    says.own = objective_->compute({step.batch, output, model_.get(), step.progress});
    for (const auto& [name, loss] : output.losses) says.own.total = says.own.total + loss;
    says.output = std::move(output);
    return says;
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return model_->as_module(); }
  int64_t fused_width() const override { return model_->fused_width(); }

 private:
  std::shared_ptr<model::MultimodalModel> model_;
  std::unique_ptr<Objective> objective_;
};

class FollowingTeacher final : public Teacher {
 public:
  FollowingTeacher(const AveragedTeacher& config, const ObjectiveContext& context) {
    require(context.model != nullptr, ErrorCode::kConfig, "teacher of type ema: there is no model to follow");
    teacher_ = std::make_unique<EmaTeacher>(*context.model, config.decay);
    fused_width_ = context.model->fused_width();
  }

  TeacherSays teach(const TrainStep& step) override {
    return {teacher_->forward(step.batch, /*is_training=*/false), {}};
  }
  void after_step(model::MultimodalModel& student) override { teacher_->follow(student); }
  std::shared_ptr<torch::nn::Module> as_module() override { return teacher_->as_module(); }
  int64_t fused_width() const override { return fused_width_; }

 private:
  std::unique_ptr<EmaTeacher> teacher_;
  int64_t fused_width_ = 0;
};

std::unique_ptr<Teacher> build_one(const RunTeacher& config, const std::string& task,
                                   const ObjectiveContext& context) {
  return std::make_unique<TrainedTeacher>(config, task, context);
}
std::unique_ptr<Teacher> build_one(const JointTeacher& config, const std::string& task,
                                   const ObjectiveContext& context) {
  return std::make_unique<JointlyTrainedTeacher>(config, task, context);
}
std::unique_ptr<Teacher> build_one(const AveragedTeacher& config, const std::string& /*task*/,
                                   const ObjectiveContext& context) {
  return std::make_unique<FollowingTeacher>(config, context);
}

}  // namespace

std::unique_ptr<Teacher> build_teacher(const TeacherConfig& config, const std::string& task,
                                       const ObjectiveContext& context) {
  return std::visit([&](const auto& chosen) { return build_one(chosen, task, context); }, config);
}

}  // namespace limbic::objectives
