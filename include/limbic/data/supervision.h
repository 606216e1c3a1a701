#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/data/store.h"
#include "limbic/data/target_config.h"

namespace limbic::data {

// Note [Levels of supervision]
// A training sample's target of a task is labelled (kFullSupervision), made by rules and sensors (kWeak...)
// or unknown (kNo...), see affect::Supervision. TaskSupervision says so for every row of the store; the
// training loader hands it out as Targets::level_B, weight_B, soft_BC and withheld_B. Validation and test
// never have one. What a sample's label really is goes to withheld_B, for audits alone: where the label is
// hidden, and, with label noise, where it may be wrong.

/// What the labels of a budget are counted in.
enum class BudgetBy { kSample, kSubject };
constexpr auto enum_names(BudgetBy) {
  return std::array<std::pair<BudgetBy, const char*>, 2>{
      {{BudgetBy::kSample, "sample"}, {BudgetBy::kSubject, "subject"}}};
}

/// How many training samples of a task keep their label. Samples are drawn at random from every class, by its
/// share of all (largest remainder; none of them loses all labels while there are enough); subjects are drawn
/// at random, whole, until there are enough labels. The same seed gives a smaller budget a part of a larger
/// one's labels (but for rounding).
struct BudgetConfig {
  double share = 1.0;
  int64_t count = 0;
  BudgetBy by = BudgetBy::kSample;

  template <class Visitor>
  void visit(Visitor& v) {
    v("share", share, "of the training samples with a label, how many keep it", config::in_range(0.0, 1.0));
    v("count", count, "number of samples that keep their label, instead of share; 0 = by share",
      config::at_least(0));
    v("by", by, "sample: from every class alike; subject: all of some subjects, none of the others");
  }
  void validate(config::Checks& checks) const;
  bool is_all() const { return share >= 1 && count == 0; }
};

/// Labels that are wrong with a known probability, to measure what noise does to a method.
struct LabelNoiseConfig {
  double rate = 0.0;
  std::map<std::string, double> rates;
  std::map<std::string, std::string> to;

  template <class Visitor>
  void visit(Visitor& v) {
    v("rate", rate, "probability that a label is replaced by another class, each alike (symmetric noise)",
      config::in_range(0.0, 1.0));
    v("rates", rates, "class -> its own probability, instead of rate", config::in_range(0.0, 1.0));
    v("to", to, "class -> the class that it is replaced by; missing ones: any other class");
  }
  bool is_on() const;
};

/// What the training samples of one task are taught with, by row of the store. Rows of other parts are
/// unknown here and nothing is known of them.
struct TaskSupervision {
  std::vector<int8_t> levels;     ///< affect::Supervision
  std::vector<int32_t> classes;   ///< what the loss sees, -1 = unknown; empty where the task has no classes
  std::vector<int32_t> withheld;  ///< the true class where `classes` hides or may not tell it, else -1
  /// Of weak rows, both empty without any: probabilities (rows, C), and how sure they are, in [0, 1].
  std::vector<float> soft_RC;
  std::vector<float> weights;

  bool has_weak() const { return !soft_RC.empty(); }
  /// Rows of the level.
  int64_t count(int8_t level) const;
};
/// By task; a task that is not there keeps all its labels.
using Supervisions = std::map<std::string, std::shared_ptr<const TaskSupervision>>;

/// The class of every sample as the store has it: position i is indices[i], -1 = unknown.
/// @param target  null: the task is of the store's labels
/// @throws Error(kConfig) for a task without classes
std::vector<int32_t> known_classes(const Store& store, const std::vector<int64_t>& indices,
                                   const affect::LabelSpace& task, const TargetConfig* target = nullptr);

/// The labels that a budget leaves to the samples of a part, with label noise. Draws depend on the seed, the
/// labels and the rows alone.
/// @throws Error(kConfig) noise for a task without classes or of classes that it lacks; Error(kData) a budget
/// by subject where a sample names none
TaskSupervision supervise(const Store& store, const std::vector<int64_t>& indices,
                          const affect::LabelSpace& task, const TargetConfig* target,
                          const BudgetConfig& budget, const LabelNoiseConfig& noise, uint64_t seed);

}  // namespace limbic::data
