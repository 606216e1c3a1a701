#include "limbic/nn/head.h"

#include <cmath>
#include <string>
#include <utility>

#include "blocks/layers.h"
#include "heads/value_range.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

using affect::TaskKind;

/// What all heads share: dropout, hidden layer, dropout, linear.
class HeadTrunkImpl final : public torch::nn::Cloneable<HeadTrunkImpl> {
 public:
  HeadTrunkImpl(HeadConfig config, int64_t width, int64_t num_outputs, bool has_bias)
      : config_(config), width_(width), num_outputs_(num_outputs), has_bias_(has_bias) {
    reset();
  }
  void reset() override {
    if (config_.hidden > 0) hidden_ = register_module("hidden", torch::nn::Linear(width_, config_.hidden));
    last_ = register_module(
        "last",
        torch::nn::Linear(torch::nn::LinearOptions(config_.hidden > 0 ? config_.hidden : width_, num_outputs_)
                              .bias(has_bias_)));
  }
  at::Tensor forward(const at::Tensor& x_BD) {
    auto x = fast_dropout(x_BD, config_.dropout, is_training());
    if (hidden_) x = fast_dropout(hidden_(x).relu_(), config_.dropout, is_training());
    return last_(x);
  }

 private:
  HeadConfig config_;
  int64_t width_;
  int64_t num_outputs_;
  bool has_bias_;
  torch::nn::Linear hidden_{nullptr}, last_{nullptr};
};

/// Scores that are a linear map: every kind of task but ordinal ones. Its parameters are the trunk's own.
class LinearHead final : public Head {
 public:
  LinearHead(const HeadConfig& config, int64_t width, const affect::LabelSpace& task)
      : kind_(task.traits.kind), range_(config, task) {
    num_scores_ = kind_ == TaskKind::kContinuous ? range_.num_scores() : task.num_classes();
    trunk_ = std::make_shared<HeadTrunkImpl>(config, width, num_scores_, /*has_bias=*/true);
  }
  at::Tensor logits(const at::Tensor& x_BD) override { return trunk_->forward(x_BD); }
  int64_t num_scores() const override { return num_scores_; }
  HeadReading read(const at::Tensor& scores_BS) const override {
    if (kind_ == TaskKind::kContinuous) return range_.read(scores_BS);
    if (kind_ == TaskKind::kMultiLabel) return {{}, scores_BS, {}, {}};
    return {scores_BS, {}, {}, {}};
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return trunk_; }

 private:
  TaskKind kind_;
  ValueRange range_;
  int64_t num_scores_ = 0;
  std::shared_ptr<HeadTrunkImpl> trunk_;
};

/// log(exp(y) - 1): what softplus() makes y of.
double inverse_softplus(double y) {
  return y + std::log(-std::expm1(-y));
}

// Note [Class probabilities of a cumulative link]
// With a = s - b_{c-1} > b = s - b_c:  sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), and
// b - a = -(b_c - b_{c-1}) does not depend on s. So the logarithm of every class is a sum of terms that
// neither overflow nor cancel; the outermost classes lack one side.
class OrdinalHeadImpl final : public torch::nn::Cloneable<OrdinalHeadImpl>, public Head {
 public:
  OrdinalHeadImpl(HeadConfig config, int64_t width, int64_t num_classes)
      : config_(config), width_(width), num_classes_(num_classes) {
    reset();
  }
  void reset() override {
    trunk_ =
        register_module("trunk", std::make_shared<HeadTrunkImpl>(config_, width_, 1, /*has_bias=*/false));
    std::vector<double> start(static_cast<size_t>(num_classes_ - 1));
    double below = 0.0;
    for (size_t k = 0; k < start.size(); ++k) {
      const double share = static_cast<double>(k + 1) / static_cast<double>(num_classes_);
      const double threshold = std::log(share / (1.0 - share));
      start[k] = k == 0 ? threshold : inverse_softplus(threshold - below);
      below = threshold;
    }
    threshold_K_ = register_parameter("threshold_K", at::tensor(start, at::kFloat));
  }
  at::Tensor logits(const at::Tensor& x_BD) override {
    const auto score_B1 = trunk_->forward(x_BD);
    const auto gap_G = at::softplus(threshold_K_.slice(0, 1));
    const auto first_1 = threshold_K_.slice(0, 0, 1);
    const auto bound_K = at::cat({first_1, first_1 + gap_G.cumsum(0)});
    const auto above_BK = score_B1 - bound_K;
    const auto reached_BK = at::log_sigmoid(above_BK);
    const auto missed_BK = at::log_sigmoid(-above_BK);
    const auto none_B1 = at::zeros_like(score_B1);
    const auto none_1 = at::zeros({1}, score_B1.options().requires_grad(false));
    const auto width_C = at::cat({none_1, at::log(-at::expm1(-gap_G)), none_1});
    return at::cat({none_B1, reached_BK}, 1) + at::cat({missed_BK, none_B1}, 1) + width_C;
  }
  int64_t num_scores() const override { return num_classes_; }
  HeadReading read(const at::Tensor& scores_BS) const override { return {scores_BS, {}, {}, {}}; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  HeadConfig config_;
  int64_t width_;
  int64_t num_classes_;
  std::shared_ptr<HeadTrunkImpl> trunk_;
  at::Tensor threshold_K_;  ///< the first one, then what softplus makes the gaps of
};

}  // namespace

ValueRange::ValueRange(const HeadConfig& config, const affect::LabelSpace& task)
    : bound_(config.bound), has_variance_(config.uncertainty), num_values_(task.num_classes()) {
  const auto& range = task.traits.range;
  const bool is_continuous = task.traits.kind == TaskKind::kContinuous;
  require(bound_ == OutputBound::kNone || (is_continuous && range.size() == 2), ErrorCode::kConfig,
          "heads." + task.task + ".bound: the task is not continuous with a range");
  require(!has_variance_ || is_continuous, ErrorCode::kConfig,
          "heads." + task.task +
              ".uncertainty: the task is not continuous; class probabilities say it by themselves");
  if (range.size() != 2) return;
  centre_ = 0.5 * (range[0] + range[1]);
  unit_ = 0.5 * (range[1] - range[0]);
}

HeadReading ValueRange::read(const at::Tensor& scores) const {
  auto value = scores.narrow(-1, 0, num_values_);
  if (bound_ == OutputBound::kTanh) value = value.tanh();
  if (bound_ == OutputBound::kSigmoid) value = 2.0 * value.sigmoid() - 1.0;
  HeadReading reading;
  reading.value_BC = value * unit_ + centre_;
  if (has_variance_)
    reading.log_variance_BC = scores.narrow(-1, num_values_, num_values_) + 2.0 * std::log(unit_);
  return reading;
}

const at::Tensor& HeadReading::main() const {
  if (logits_BC.defined()) return logits_BC;
  return label_logits_BC.defined() ? label_logits_BC : value_BC;
}

void HeadReading::put(const std::string& task, affect::ModelOutput& output) const {
  if (logits_BC.defined()) output.logits_BC[task] = logits_BC;
  if (label_logits_BC.defined()) output.label_logits_BC[task] = label_logits_BC;
  if (value_BC.defined()) output.value_BC[task] = value_BC;
  if (log_variance_BC.defined()) output.log_variance_BC[task] = log_variance_BC;
}

std::shared_ptr<Head> build_head(const HeadConfig& config, int64_t width, const affect::LabelSpace& task) {
  if (task.traits.kind != TaskKind::kOrdinal) return std::make_shared<LinearHead>(config, width, task);
  const ValueRange check(config, task);  // refuses what belongs to continuous tasks
  return std::make_shared<OrdinalHeadImpl>(config, width, task.num_classes());
}

}  // namespace limbic::nn
