#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/objectives/consistency.h"

namespace limbic::objectives {
namespace {

constexpr int64_t kMaxAssignments = 65536;

class ConsistencyObjective final : public Objective {
 public:
  ConsistencyObjective(double weight, std::vector<std::string> tasks, at::Tensor allowed_J)
      : weight_(weight), tasks_(std::move(tasks)), allowed_J_(std::move(allowed_J)) {}

  LossTerms compute(const TrainStep& step) override {
    const auto& output = step.output;
    std::vector<at::Tensor> logits_BC;
    for (const auto& task : tasks_) logits_BC.push_back(output.logits_BC.at(task));
    if (allowed_J_.device() != logits_BC.front().device())
      allowed_J_ = allowed_J_.to(logits_BC.front().device());
    // Labels play no part, so samples without any count, too.
    const auto loss = semantic_loss(logits_BC, allowed_J_).mean();
    return {loss * weight_, {{ConsistencyConfig::kType, loss.detach()}}};
  }

 private:
  double weight_;
  std::vector<std::string> tasks_;
  at::Tensor allowed_J_;
};

}  // namespace

at::Tensor consistent_assignments(const affect::ClassConstraints& constraints) {
  const auto& tasks = constraints.tasks();
  int64_t num_assignments = 1;
  std::vector<std::string> names;
  for (const auto& task : tasks) {
    names.push_back(task.task);
    num_assignments *= std::max<int64_t>(task.num_classes(), 1);
    require(num_assignments <= kMaxAssignments, ErrorCode::kConfig,
            "consistency: the tasks have more than 65536 combinations of classes; name fewer tasks");
  }
  require(!constraints.contradictions().empty(), ErrorCode::kConfig,
          "consistency: the ontology sees no contradiction between the classes of " + core::join(names) +
              "; there is nothing to learn");
  std::vector<int64_t> allowed;
  std::vector<int64_t> classes(tasks.size(), 0);
  for (int64_t flat = 0; flat < num_assignments; ++flat) {
    int64_t rest = flat;
    for (size_t t = tasks.size(); t-- > 0;) {
      classes[t] = rest % tasks[t].num_classes();
      rest /= tasks[t].num_classes();
    }
    const bool is_consistent = std::none_of(
        constraints.contradictions().begin(), constraints.contradictions().end(), [&](const auto& pair) {
          return classes[static_cast<size_t>(pair.task_a)] == pair.class_a &&
                 classes[static_cast<size_t>(pair.task_b)] == pair.class_b;
        });
    if (is_consistent) allowed.push_back(flat);
  }
  require(!allowed.empty(), ErrorCode::kConfig,
          "consistency: every combination of classes of " + core::join(names) + " contradicts itself");
  return at::tensor(allowed, at::kLong);
}

at::Tensor semantic_loss(const std::vector<at::Tensor>& logits_BC, const at::Tensor& allowed_J) {
  at::Tensor log_joint_BJ;
  for (const auto& logits : logits_BC) {
    const auto log_p_BC = logits.log_softmax(1);
    log_joint_BJ =
        log_joint_BJ.defined() ? (log_joint_BJ.unsqueeze(2) + log_p_BC.unsqueeze(1)).flatten(1) : log_p_BC;
  }
  return -log_joint_BJ.index_select(1, allowed_J).logsumexp(1);
}

std::unique_ptr<Objective> build(const ConsistencyConfig& config, const ObjectiveContext& context) {
  std::vector<std::string> known;
  std::vector<affect::LabelSpace> with_classes;
  for (const auto& task : context.tasks) {
    if (!task.has_classes()) continue;
    known.push_back(task.task);
    with_classes.push_back(task);
  }
  const auto names = config.tasks.empty() ? known : config.tasks;
  require(names.size() >= 2, ErrorCode::kConfig,
          "consistency needs two tasks or more, here: " + (names.empty() ? "none" : core::join(names)));
  std::vector<affect::LabelSpace> chosen;
  for (const auto& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    require(found != known.end(), ErrorCode::kConfig,
            "there is no task '" + name + "', only " + core::join(known) + core::did_you_mean(name, known));
    require(std::count(names.begin(), names.end(), name) == 1, ErrorCode::kConfig,
            "task '" + name + "' is named twice");
    chosen.push_back(with_classes[static_cast<size_t>(found - known.begin())]);
  }
  const affect::ClassConstraints constraints(affect::Ontology::load(config.ontology), chosen, config.corpus);
  return std::make_unique<ConsistencyObjective>(config.weight, names, consistent_assignments(constraints));
}

}  // namespace limbic::objectives
