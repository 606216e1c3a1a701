#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "limbic/eval/metrics.h"

namespace limbic::eval {

/// Which samples are drawn as one.
struct Grouping {
  std::vector<size_t> group;  ///< of every sample
  size_t num_groups = 0;
};

/// By subject, where there is one and `by_subject` is set.
template <class Sample>
Grouping group_samples(const std::vector<Sample>& samples, bool by_subject) {
  Grouping result;
  std::map<std::string, size_t> of_subject;
  for (const Sample& p : samples) {
    size_t group = result.num_groups;
    if (by_subject && !p.subject.empty()) group = of_subject.emplace(p.subject, group).first->second;
    if (group == result.num_groups) ++result.num_groups;
    result.group.push_back(group);
  }
  return result;
}

/// How often each group is drawn -> the measure.
using ValueOfDraw = std::function<double(const std::vector<int64_t>& times_drawn)>;

/// See bootstrap_interval. What `value` is asked depends on the number of groups and the options alone: once
/// each group, the draws, and, where the method wants them, each group left out; always in this order.
Interval interval_of(size_t num_groups, const ValueOfDraw& value, const BootstrapOptions& options);

}  // namespace limbic::eval
