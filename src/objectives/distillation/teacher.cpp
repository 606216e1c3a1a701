#include "distillation/teacher.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "build.h"
#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/model/bundle.h"
#include "limbic/nn/state.h"

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
  model::MultimodalModel& model() override { return *model_; }

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
  model::MultimodalModel& model() override { return *model_; }

 private:
  std::shared_ptr<model::MultimodalModel> model_;
  std::unique_ptr<Objective> objective_;
};

class AveragedTeacher final : public Teacher {
 public:
  AveragedTeacher(const EmaTeacher& config, const ObjectiveContext& context) : decay_(config.decay) {
    require(context.model != nullptr, ErrorCode::kConfig, "teacher of type ema: there is no model to follow");
    model_ = context.model->copy();
    for (const auto& parameter : model_->as_module()->parameters()) parameter.requires_grad_(false);
    num_steps_ = model_->as_module()->register_buffer("ema_steps", at::zeros({1}, at::kLong));
    model_->as_module()->eval();
  }

  TeacherSays teach(const TrainStep& step) override {
    const at::NoGradGuard no_gradient;
    return {model_->forward(step.batch), {}};
  }

  void after_step(model::MultimodalModel& student) override {
    const at::NoGradGuard no_gradient;
    num_steps_.add_(1);
    const auto n = num_steps_.item<double>();
    const double decay = std::min(decay_, (1.0 + n) / (10.0 + n));
    const auto module = model_->as_module();
    const auto live = nn::state_of(*student.as_module());
    for (const auto& item : module->named_parameters())
      item.value().mul_(decay).add_(live.at(item.key()), 1.0 - decay);
    for (const auto& item : module->named_buffers()) {
      const auto found = live.find(item.key());
      if (found != live.end()) item.value().copy_(found->second);
    }
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return model_->as_module(); }
  model::MultimodalModel& model() override { return *model_; }

 private:
  double decay_;
  std::shared_ptr<model::MultimodalModel> model_;
  at::Tensor num_steps_;
};

std::unique_ptr<Teacher> build_one(const RunTeacher& config, const std::string& task,
                                   const ObjectiveContext& context) {
  return std::make_unique<TrainedTeacher>(config, task, context);
}
std::unique_ptr<Teacher> build_one(const JointTeacher& config, const std::string& task,
                                   const ObjectiveContext& context) {
  return std::make_unique<JointlyTrainedTeacher>(config, task, context);
}
std::unique_ptr<Teacher> build_one(const EmaTeacher& config, const std::string& /*task*/,
                                   const ObjectiveContext& context) {
  return std::make_unique<AveragedTeacher>(config, context);
}

}  // namespace

std::unique_ptr<Teacher> build_teacher(const TeacherConfig& config, const std::string& task,
                                       const ObjectiveContext& context) {
  return std::visit([&](const auto& chosen) { return build_one(chosen, task, context); }, config);
}

}  // namespace limbic::objectives
