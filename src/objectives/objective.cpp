#include "limbic/objectives/objective.h"

#include <ATen/ATen.h>

#include <utility>

#include "consistency.h"
#include "crf.h"
#include "limbic/core/error.h"
#include "self_distillation.h"
#include "supervised.h"

namespace limbic::objectives {
namespace {

/// Several objectives as one, and the losses that parts of the model add by themselves (they hold their
/// weights). A term's name keeps its owner's unless two owners share it.
class SumObjective final : public Objective {
 public:
  explicit SumObjective(std::vector<std::unique_ptr<Objective>> parts) : parts_(std::move(parts)) {}

  affect::Batch prepare(affect::Batch batch) override {
    for (const auto& part : parts_) batch = part->prepare(std::move(batch));
    return batch;
  }

  LossTerms compute(const affect::Batch& batch, const affect::ModelOutput& output) override {
    LossTerms sum;
    for (size_t i = 0; i < parts_.size(); ++i) {
      auto part = parts_[i]->compute(batch, output);
      sum.total = sum.total.defined() ? sum.total + part.total : part.total;
      for (auto& [name, term] : part.terms) {
        const bool is_new = sum.terms.count(name) == 0;
        sum.terms[is_new ? name : name + "#" + std::to_string(i)] = std::move(term);
      }
    }
    for (const auto& [name, term] : output.losses) {
      sum.total = sum.total + term;
      sum.terms[name] = term.detach();
    }
    return sum;
  }

 private:
  std::vector<std::unique_ptr<Objective>> parts_;
};

}  // namespace

std::unique_ptr<Objective> build_objective(const ObjectiveConfig& config, const ClassCounts& counts,
                                           const std::vector<affect::LabelSpace>& tasks) {
  return std::visit([&](const auto& chosen) { return build(chosen, counts, tasks); }, config);
}

std::unique_ptr<Objective> build_objectives(const std::vector<ObjectiveConfig>& configs,
                                            const ClassCounts& counts,
                                            const std::vector<affect::LabelSpace>& tasks) {
  require(!configs.empty(), ErrorCode::kConfig,
          "objectives is empty; name at least one, e.g. type: supervised");
  std::vector<std::unique_ptr<Objective>> parts;
  for (size_t i = 0; i < configs.size(); ++i) {
    try {
      parts.push_back(build_objective(configs[i], counts, tasks));
    } catch (const Error& error) {
      throw error.in("objectives." + std::to_string(i));
    }
  }
  return std::make_unique<SumObjective>(std::move(parts));
}

}  // namespace limbic::objectives
