#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace limbic::affect {

/// What the target of a task is.
enum class TaskKind {
  kSingleLabel,  ///< one class of several
  kMultiLabel,   ///< every label holds, does not hold, or is unknown, by itself: action units
  kOrdinal,      ///< one class of several that have an order
  kContinuous,   ///< numbers: valence and arousal
};
constexpr auto enum_names(TaskKind) {
  return std::array<std::pair<TaskKind, const char*>, 4>{{{TaskKind::kSingleLabel, "single_label"},
                                                          {TaskKind::kMultiLabel, "multi_label"},
                                                          {TaskKind::kOrdinal, "ordinal"},
                                                          {TaskKind::kContinuous, "continuous"}}};
}

/// What a task is beside the names of its outputs.
struct TaskTraits {
  TaskKind kind = TaskKind::kSingleLabel;
  std::vector<double> range{};  ///< continuous: {least, largest} value; empty = not bounded
  double rate_hz = 0.0;         ///< continuous: values a second; 0 = one a sample

  template <class Visitor>
  void visit(Visitor& v) {
    v("kind", kind, "single_label, multi_label, ordinal or continuous");
    v("range", range, "continuous: [least, largest] value; empty = not bounded");
    v("rate_hz", rate_hz, "continuous: values a second; 0 = one a sample");
  }
};

/// One task: the names of the model's outputs, in their order. Classes, labels or dimensions, as the kind is.
struct LabelSpace {
  std::string task;                  ///< e.g. "emotion"
  std::vector<std::string> classes;  ///< unique names; the index is the label
  TaskTraits traits{};               ///< not part of a store's description; a bundle has it beside

  /// One class of several is right: single label and ordinal. Everything that reads class scores fits.
  bool has_classes() const {
    return traits.kind == TaskKind::kSingleLabel || traits.kind == TaskKind::kOrdinal;
  }
  bool is_framewise() const { return traits.rate_hz > 0; }
  int64_t num_classes() const { return static_cast<int64_t>(classes.size()); }
  /// Index of `name`. @throws Error(kData) with the nearest name
  int64_t index_of(const std::string& name) const;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "name of the task");
    v("classes", classes, "names in the order of the outputs");
  }
};

}  // namespace limbic::affect
