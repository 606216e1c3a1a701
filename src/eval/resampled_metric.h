#pragma once
#include <map>
#include <string>
#include <vector>

#include "limbic/eval/predict.h"
#include "resample.h"

namespace limbic::eval {

/// Groups of samples that are drawn as one in several sets of predictions: by subject, or by id.
class SharedGroups {
 public:
  explicit SharedGroups(bool by_subject) : by_subject_(by_subject) {}
  /// The groups of the samples; further ones are numbered on.
  template <class Sample>
  std::vector<size_t> groups_of(const std::vector<Sample>& samples) {
    std::vector<size_t> groups;
    for (const Sample& sample : samples) {
      const bool has_subject = by_subject_ && !sample.subject.empty();
      const std::string key = has_subject ? "s" + sample.subject : "i" + sample.id;
      groups.push_back(number_.emplace(key, number_.size()).first->second);
    }
    return groups;
  }
  std::vector<size_t> groups_of(const TaskPredictions& task) {
    return task.labels.has_classes() ? groups_of(task.predictions) : groups_of(task.values);
  }
  size_t size() const { return number_.size(); }

 private:
  bool by_subject_;
  std::map<std::string, size_t> number_;
};

/// The metric when each group of samples counts as often as it was drawn. Refers to `task`.
/// @param groups  of every sample. @throws Error(kConfig) for a metric that the task does not have
ValueOfDraw resampled_metric(const TaskPredictions& task, const std::string& metric,
                             const std::vector<size_t>& groups, size_t num_groups);

}  // namespace limbic::eval
