#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "protocol/groups.h"

namespace limbic::data::detail {
namespace {

/// Classes of a task by number, in the order of their names; the first is "no label".
std::vector<int32_t> class_numbers(const SampleTable& samples, const std::string& task) {
  std::vector<int32_t> class_of(static_cast<size_t>(samples.size()), 0);
  if (task.empty()) return class_of;
  std::unordered_map<std::string_view, int32_t> number;
  for (int64_t i = 0; i < samples.size(); ++i) number.emplace(samples.label(task, i), 0);
  std::vector<std::string_view> names;
  for (const auto& [name, unused] : number) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (size_t c = 0; c < names.size(); ++c) number[names[c]] = static_cast<int32_t>(c);
  for (int64_t i = 0; i < samples.size(); ++i)
    class_of[static_cast<size_t>(i)] = number.at(samples.label(task, i));
  return class_of;
}

/// How far a part is from the counts per class that it should have.
class ClassTargets {
 public:
  ClassTargets(std::vector<int32_t> class_of, const std::vector<int64_t>& candidates, double fraction)
      : class_of_(std::move(class_of)) {
    for (const int64_t i : candidates) {
      const auto c = static_cast<size_t>(class_of_[static_cast<size_t>(i)]);
      if (missing_.size() <= c) missing_.resize(c + 1, 0.0);
      missing_[c] += 1;
    }
    for (double& count : missing_) count *= fraction;
    counts_.resize(missing_.size(), 0.0);
  }

  /// By how much the squared distance falls when the group is taken.
  double gain(const GroupOfSamples& group) {
    touched_.clear();
    for (const int64_t i : group.members) {
      const int32_t c = class_of_[static_cast<size_t>(i)];
      if (counts_[static_cast<size_t>(c)] == 0) touched_.push_back(c);
      counts_[static_cast<size_t>(c)] += 1;
    }
    std::sort(touched_.begin(), touched_.end());
    double change = 0;
    for (const int32_t c : touched_) {
      double& count = counts_[static_cast<size_t>(c)];
      const double need = missing_[static_cast<size_t>(c)];
      change += need * need - (need - count) * (need - count);
      count = 0;
    }
    return change;
  }

  void take(const GroupOfSamples& group) {
    for (const int64_t i : group.members)
      missing_[static_cast<size_t>(class_of_[static_cast<size_t>(i)])] -= 1;
  }

 private:
  std::vector<int32_t> class_of_;
  std::vector<double> missing_;  ///< target minus what the part has
  std::vector<double> counts_;   ///< zero between calls
  std::vector<int32_t> touched_;
};

}  // namespace

std::vector<GroupOfSamples> shuffled_groups(const SampleTable& samples,
                                            const std::vector<int64_t>& candidates, GroupBy by,
                                            uint64_t seed) {
  const Grouping grouping(samples, by);
  std::vector<std::vector<int64_t>> members(static_cast<size_t>(grouping.size()));
  std::vector<int64_t> alone;
  for (const int64_t i : candidates) {
    if (grouping.of(i) < 0) {
      alone.push_back(i);
    } else {
      members[static_cast<size_t>(grouping.of(i))].push_back(i);
    }
  }
  // The order before the shuffle is that of names, so it does not depend on the order of the samples.
  std::sort(alone.begin(), alone.end(), [&](int64_t a, int64_t b) { return samples.id(a) < samples.id(b); });
  std::vector<GroupOfSamples> groups;
  for (const int64_t i : alone) groups.push_back({{i}});
  for (const int32_t g : grouping.sorted()) {
    if (!members[static_cast<size_t>(g)].empty())
      groups.push_back({std::move(members[static_cast<size_t>(g)])});
  }
  core::Rng rng(seed, 0x5051);
  rng.shuffle(groups);
  return groups;
}

std::vector<int64_t> fold_of_groups(std::vector<GroupOfSamples>& groups, int64_t k) {
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.members.size() > b.members.size(); });
  std::vector<size_t> fold_size(static_cast<size_t>(k), 0);
  std::vector<int64_t> fold_of;
  fold_of.reserve(groups.size());
  for (const auto& group : groups) {
    const auto fold = std::min_element(fold_size.begin(), fold_size.end()) - fold_size.begin();
    fold_size[static_cast<size_t>(fold)] += group.members.size();
    fold_of.push_back(fold);
  }
  return fold_of;
}

void carve(const SampleTable& samples, const std::vector<int64_t>& candidates, const CarvedValidation& config,
           Part part, Parts& parts) {
  const auto groups = shuffled_groups(samples, candidates, config.by, config.seed);
  if (groups.size() < 2) {
    throw Error(ErrorCode::kData,
                fmt::format("protocol: cannot carve a {} part out of {} {} group(s); expected at least 2",
                            kPartNames[static_cast<size_t>(part)], groups.size(), name_of(config.by)));
  }
  ClassTargets targets(class_numbers(samples, config.stratify_by), candidates, config.fraction);
  const auto take = [&](const GroupOfSamples& group) {
    targets.take(group);
    for (const int64_t i : group.members) parts[static_cast<size_t>(i)] = part;
  };
  // A group moves when that brings the counts per class nearer to their targets; single samples so end within
  // half a sample of every target.
  size_t num_taken = 0;
  for (const auto& group : groups) {
    if (num_taken + 1 == groups.size()) break;
    if (targets.gain(group) <= 0) continue;
    take(group);
    ++num_taken;
  }
  if (num_taken == 0) {  // every group is larger than the part should be: the one that overshoots least
    take(*std::max_element(groups.begin(), groups.end(),
                           [&](const auto& a, const auto& b) { return targets.gain(a) < targets.gain(b); }));
  }
}

std::vector<int64_t> members_of(const Parts& parts, Part part) {
  std::vector<int64_t> members;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == part) members.push_back(static_cast<int64_t>(i));
  }
  return members;
}

}  // namespace limbic::data::detail
