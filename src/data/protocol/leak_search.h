#pragma once
#include <functional>
#include <string>
#include <vector>

#include "limbic/data/leaks.h"
#include "protocol/groups.h"

namespace limbic::data::detail {

/// Samples that must lie in one part, by number.
struct LeakGroups {
  LeakKind kind = LeakKind::kSample;
  std::vector<int32_t> group_of;  ///< of every sample, -1 = none
  int32_t size = 0;
  std::function<std::string(int64_t)> what;  ///< a row -> what its group is called
};

/// The groups of a kind; nothing for kinds that are not about groups.
LeakGroups leak_groups(LeakKind kind, const SampleTable& samples, const Parts& parts,
                       const LeakOptions& options);
/// Counts a leak and lists it while there is room.
void add_leak(LeakReport& report, Leak leak);
/// A leak between two rows, in the order of their parts.
Leak leak_between(LeakKind kind, std::string what, const SampleTable& samples, const Parts& parts, int64_t a,
                  int64_t b);

void find_groups(const LeakGroups& groups, const SampleTable& samples, const Parts& parts,
                 LeakReport& report);
void find_windows(const SampleTable& samples, const Parts& parts, const LeakOptions& options,
                  LeakReport& report);
void find_turns(const SampleTable& samples, const Parts& parts, LeakReport& report);
void find_official(const SampleTable& samples, const Parts& parts, LeakReport& report);

/// All kinds.
LeakReport search(const SampleTable& samples, const Parts& parts, const LeakOptions& options);
/// Leaves out what leaks of the kinds of options.policy.drop_leaks: training samples first. @return how many,
/// by kind
std::map<LeakKind, int64_t> drop_leaks(const SampleTable& samples, const LeakOptions& options, Parts& parts);

}  // namespace limbic::data::detail
