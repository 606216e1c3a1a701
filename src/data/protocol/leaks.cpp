#include "limbic/data/leaks.h"

#include <fmt/format.h>

#include <algorithm>

#include "limbic/core/error.h"
#include "protocol/leak_search.h"

namespace limbic::data {
namespace detail {
namespace {

/// Far more than anybody reads; all are counted.
constexpr int64_t kMaxListedLeaks = 1000;

bool wants(const LeakOptions& options, LeakKind kind) {
  return options.by_nature.count(kind) == 0;
}

}  // namespace

void add_leak(LeakReport& report, Leak leak) {
  if (++report.counts[leak.kind] <= kMaxListedLeaks) report.leaks.push_back(std::move(leak));
}

Leak leak_between(LeakKind kind, std::string what, const SampleTable& samples, const Parts& parts, int64_t a,
                  int64_t b) {
  if (parts[static_cast<size_t>(a)] > parts[static_cast<size_t>(b)]) std::swap(a, b);
  const auto part_name = [&](int64_t i) {
    return kPartNames[static_cast<size_t>(parts[static_cast<size_t>(i)])];
  };
  return {kind,
          std::move(what),
          part_name(a),
          part_name(b),
          {std::string(samples.id(a)), std::string(samples.id(b))}};
}

LeakReport search(const SampleTable& samples, const Parts& parts, const LeakOptions& options) {
  LeakReport report;
  for (const auto& [kind, name] : enum_names(LeakKind{})) {
    if (!wants(options, kind)) continue;
    if (const auto groups = leak_groups(kind, samples, parts, options); groups.size > 0)
      find_groups(groups, samples, parts, report);
  }
  if (wants(options, LeakKind::kTurn)) find_turns(samples, parts, report);
  if (wants(options, LeakKind::kOverlap) || wants(options, LeakKind::kContext))
    find_windows(samples, parts, options, report);
  if (wants(options, LeakKind::kOfficial)) find_official(samples, parts, report);
  return report;
}

std::map<LeakKind, int64_t> drop_leaks(const SampleTable& samples, const LeakOptions& options, Parts& parts) {
  std::map<LeakKind, int64_t> num_dropped;
  for (const LeakKind kind : options.policy.drop_leaks) {
    int64_t& num = num_dropped[kind];
    if (kind == LeakKind::kOverlap || kind == LeakKind::kContext) {
      num += purge_near(samples, kind == LeakKind::kContext ? options.policy.context_s : 0.0, parts);
      continue;
    }
    const auto groups = leak_groups(kind, samples, parts, options);
    require(
        groups.what != nullptr || groups.size > 0 || kind == LeakKind::kPerson ||
            kind == LeakKind::kAugmented,
        ErrorCode::kConfig,
        fmt::format("split.drop_leaks: '{}' cannot be cured by leaving samples out; choose another protocol",
                    leak_name(kind)));
    std::vector<int8_t> highest(static_cast<size_t>(groups.size), kUnused);
    for (size_t i = 0; i < groups.group_of.size(); ++i) {
      if (groups.group_of[i] >= 0)
        highest[static_cast<size_t>(groups.group_of[i])] =
            std::max(highest[static_cast<size_t>(groups.group_of[i])], parts[i]);
    }
    for (size_t i = 0; i < groups.group_of.size(); ++i) {
      if (groups.group_of[i] < 0 || parts[i] == kUnused) continue;
      if (parts[i] == highest[static_cast<size_t>(groups.group_of[i])]) continue;
      parts[i] = kUnused;
      ++num;
    }
  }
  return num_dropped;
}

}  // namespace detail

const char* leak_name(LeakKind kind) {
  for (const auto& [value, name] : enum_names(kind)) {
    if (value == kind) return name;
  }
  return "?";
}

std::string text_of(const Leak& leak) {
  const auto example = [&](size_t k) {
    return k < leak.examples.size() ? " (" + leak.examples[k] + ")" : std::string();
  };
  return leak.what + " is in " + leak.part_a + example(0) + " and " + leak.part_b + example(1);
}

int64_t LeakReport::total() const {
  int64_t sum = 0;
  for (const auto& [kind, count] : counts) sum += count;
  return sum;
}

std::map<std::string, int64_t> LeakReport::counts_by_name() const {
  std::map<std::string, int64_t> by_name;
  for (const auto& [kind, count] : counts) by_name[leak_name(kind)] = count;
  return by_name;
}

LeakOptions leak_options(const ProtocolConfig& protocol) {
  LeakOptions options;
  options.policy = std::visit([](const auto& config) { return config.leaks; }, protocol);
  if (std::holds_alternative<TimeBlocksProtocol>(protocol)) {
    options.by_nature = {LeakKind::kSubject, LeakKind::kPerson,    LeakKind::kSession, LeakKind::kDialogue,
                         LeakKind::kTurn,    LeakKind::kRecording, LeakKind::kSource,  LeakKind::kOfficial};
  }
  if (std::holds_alternative<GroupKFoldProtocol>(protocol) ||
      std::holds_alternative<LeaveOneOutProtocol>(protocol))
    options.by_nature = {LeakKind::kOfficial};
  const auto groups_sessions = [](const auto& config) { return config.by == GroupBy::kSession; };
  if (const auto* groups = std::get_if<GroupsProtocol>(&protocol))
    options.groups_sessions = groups_sessions(*groups);
  if (const auto* folds = std::get_if<GroupKFoldProtocol>(&protocol))
    options.groups_sessions = groups_sessions(*folds);
  if (const auto* one = std::get_if<LeaveOneOutProtocol>(&protocol))
    options.groups_sessions = groups_sessions(*one);
  if (const auto* parts = std::get_if<FractionProtocol>(&protocol))
    options.groups_sessions = groups_sessions(*parts);
  return options;
}

LeakReport find_leaks(const SampleTable& samples, const Split& split, const LeakOptions& options) {
  detail::Parts parts(static_cast<size_t>(samples.size()), detail::kUnused);
  LeakReport report;
  const std::array<const std::vector<int64_t>*, 3> lists{&split.train, &split.val, &split.test};
  for (size_t p = 0; p < lists.size(); ++p) {
    for (const int64_t i : *lists[p]) {
      require(i >= 0 && i < samples.size(), ErrorCode::kInternal, "find_leaks: no such sample");
      int8_t& at = parts[static_cast<size_t>(i)];
      if (at != detail::kUnused && at != static_cast<int8_t>(p)) {
        const std::string id(samples.id(i));
        detail::add_leak(report, {LeakKind::kSample,
                                  "sample " + id,
                                  detail::kPartNames[static_cast<size_t>(at)],
                                  detail::kPartNames[p],
                                  {id, id}});
      }
      at = static_cast<int8_t>(p);
    }
  }
  LeakReport found = detail::search(samples, parts, options);
  for (const auto& [kind, count] : found.counts) report.counts[kind] += count;
  report.leaks.insert(report.leaks.end(), found.leaks.begin(), found.leaks.end());
  return report;
}

}  // namespace limbic::data
