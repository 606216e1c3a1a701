#pragma once
#include <memory>

#include "limbic/objectives/objective.h"

namespace limbic::objectives {

// One of each configuration; defined where the objective is.
std::unique_ptr<Objective> build(const SupervisedConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const ConsistencyConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const CrfConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const DistillationConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const SelfDistillationConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const CoTrainingConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const CoTeachingConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const MeanTeacherConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const FixMatchConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const InfoNceConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const CrossModalConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const SupervisedContrastiveConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const VicregConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const AdaptiveMarginTripletConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const DeepClusterConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const OgmGeConfig& config, const ObjectiveContext& context);
std::unique_ptr<Objective> build(const GradientBlendingConfig& config, const ObjectiveContext& context);

}  // namespace limbic::objectives
