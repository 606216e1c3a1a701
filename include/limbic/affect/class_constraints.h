#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/affect/ontology.h"

namespace limbic::affect {

/// Two classes of different tasks that cannot hold at once.
struct Contradiction {
  int64_t task_a = 0;  ///< into tasks(), task_a < task_b
  int64_t class_a = 0;
  int64_t task_b = 0;
  int64_t class_b = 0;
};

/// A sample's position as a regression gave it, each in [-1, 1].
struct AffectValues {
  std::optional<double> valence{};
  std::optional<double> arousal{};
  std::optional<double> dominance{};
};

/// One class for every task.
struct JointChoice {
  std::vector<int64_t> classes;  ///< per task; -1 where a probability is not finite
  double log_score = 0.0;        ///< see decode()
  bool is_consistent =
      true;  ///< false: every assignment contradicts itself, the classes are the plain maxima
};

/// What the ontology says about the classes of several tasks together: happy and negative contradict each
/// other, surprise and negative do not. What classes mean says Ontology::class_meaning(); one that means
/// nothing is free. Two classes contradict each other when all pairs of their concepts do. Const methods are
/// thread-safe.
class ClassConstraints {
 public:
  /// @param corpus  whose spellings of the labels count, or empty
  /// @throws Error(kConfig) when no class of a task means anything
  ClassConstraints(const Ontology& ontology, std::vector<LabelSpace> tasks, const std::string& corpus = "");

  const std::vector<LabelSpace>& tasks() const { return tasks_; }
  const std::vector<Contradiction>& contradictions() const { return contradictions_; }
  bool contradicts(int64_t task_a, int64_t class_a, int64_t task_b, int64_t class_b) const;
  /// The mean of the class' concepts; nothing for a class that means nothing.
  const std::optional<Vad>& vad(int64_t task, int64_t class_idx) const;
  /// "task: class" of the classes that mean nothing.
  std::vector<std::string> meaningless() const;

  /// The most probable assignment without contradiction, exactly (depth first with an admissible bound): the
  /// largest
  ///
  ///   sum_t log p_t(c_t)  -  sum_t sum_axis (value - vad_t(c_t))^2 / (2 sigma^2)
  ///
  /// over the axes whose value is known (a class that means nothing has no second term). Deterministic. A
  /// task whose probabilities are not all finite takes no part.
  /// @param probabilities  per task, one per class, in [0, 1]
  /// @param sigma          > 0: how far a value may lie from its class
  JointChoice decode(const std::vector<std::vector<double>>& probabilities, const AffectValues& values = {},
                     double sigma = 0.5) const;

 private:
  struct Search;
  size_t flat(int64_t task, int64_t class_idx) const {
    return first_[static_cast<size_t>(task)] + static_cast<size_t>(class_idx);
  }

  std::vector<LabelSpace> tasks_;
  std::vector<size_t> first_;  ///< per task, of its classes in the flat lists
  std::vector<std::optional<Vad>> vads_;
  std::vector<std::vector<bool>> is_contradiction_;  ///< (all classes, all classes)
  std::vector<Contradiction> contradictions_;
};

}  // namespace limbic::affect
