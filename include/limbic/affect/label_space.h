#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace limbic::affect {

/// The classes of one task, in the order of the model's outputs.
struct LabelSpace {
  std::string task;                  ///< e.g. "emotion"
  std::vector<std::string> classes;  ///< unique names; the index is the label

  int64_t num_classes() const { return static_cast<int64_t>(classes.size()); }
  /// Index of `name`. @throws Error(kData) with the nearest name
  int64_t index_of(const std::string& name) const;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "name of the task");
    v("classes", classes, "class names in the order of the outputs");
  }
};

}  // namespace limbic::affect
