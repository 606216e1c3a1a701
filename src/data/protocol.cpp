#include "limbic/data/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/rng.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace {

enum Part : int { kUnused = -1, kTrain = 0, kVal = 1, kTest = 2 };
constexpr std::array<const char*, 3> kPartNames{"train", "val", "test"};
constexpr size_t kMaxListed = 20;

const char* group_by_name(GroupBy by) {
  for (const auto& [value, name] : enum_names(by)) {
    if (value == by) return name;
  }
  return "?";
}

SampleField field_of(GroupBy by) {
  switch (by) {
    case GroupBy::kSubject:
      return SampleField::kSubject;
    case GroupBy::kSession:
      return SampleField::kSession;
    case GroupBy::kClip:
      return SampleField::kClip;
    case GroupBy::kSample:
      break;
  }
  return SampleField::kId;
}

std::string group_name(const SampleTable& samples, size_t i, GroupBy by) {
  return std::string(samples.text(field_of(by), static_cast<int64_t>(i)));
}

size_t num_samples(const SampleTable& samples) {
  return static_cast<size_t>(samples.size());
}

/// The group that stays whole; a sample whose group is unknown is its own (ids cannot start with a blank).
std::string whole_group(const SampleTable& samples, size_t i, GroupBy by) {
  const std::string name = group_name(samples, i, by);
  return name.empty() ? " " + std::string(samples.id(static_cast<int64_t>(i))) : name;
}

std::string listed(const std::vector<std::string>& names) {
  if (names.size() <= kMaxListed) return core::join(names);
  const std::vector<std::string> head(names.begin(), names.begin() + kMaxListed);
  return core::join(head) + fmt::format(" and {} more", names.size() - kMaxListed);
}

/// "actor_07" -> {"actor_", 7}
struct NumberedName {
  std::string prefix;
  int64_t number = 0;
};
std::optional<NumberedName> split_number(std::string_view name) {
  size_t begin = name.size();
  while (begin > 0 && name[begin - 1] >= '0' && name[begin - 1] <= '9') --begin;
  if (begin == name.size() || name.size() - begin > 15) return std::nullopt;
  return NumberedName{std::string(name.substr(0, begin)),
                      std::strtoll(std::string(name.substr(begin)).c_str(), nullptr, 10)};
}

/// Groups that an entry of a protocol names: the group of this name, else a number or a range of numbers.
std::vector<std::string> match_groups(const std::string& entry, const std::set<std::string>& groups) {
  if (groups.count(entry) != 0) return {entry};
  std::string low_text = entry;
  std::string high_text = entry;
  if (const size_t dash = entry.rfind('-'); dash != std::string::npos && dash > 0) {
    low_text = entry.substr(0, dash);
    high_text = entry.substr(dash + 1);
  }
  const auto low = split_number(low_text);
  const auto high = split_number(high_text);
  if (!low || !high || (!high->prefix.empty() && high->prefix != low->prefix)) return {};
  std::vector<std::string> matches;
  for (const auto& group : groups) {
    const auto name = split_number(group);
    if (!name || (!low->prefix.empty() && name->prefix != low->prefix)) continue;
    if (name->number >= low->number && name->number <= high->number) matches.push_back(group);
  }
  return matches;
}

void assign_groups(const SampleTable& samples, const GroupsProtocol& config, std::vector<int>& part_of) {
  std::set<std::string> groups;
  for (size_t i = 0; i < num_samples(samples); ++i) {
    if (auto name = group_name(samples, i, config.by); !name.empty()) groups.insert(std::move(name));
  }
  const std::string by = group_by_name(config.by);
  if (groups.empty())
    throw Error(ErrorCode::kData, "protocol groups: no sample has a " + by + "; use another `by:`");
  std::map<std::string, int> part_of_group;
  std::vector<std::string> unmatched;
  std::vector<std::string> twice;
  const std::array<const std::vector<std::string>*, 3> lists{&config.train, &config.val, &config.test};
  for (int part = kTrain; part <= kTest; ++part) {
    for (const auto& entry : *lists[static_cast<size_t>(part)]) {
      const auto matches = match_groups(entry, groups);
      if (matches.empty()) {
        unmatched.push_back(fmt::format("'{}' ({}){}", entry, kPartNames[static_cast<size_t>(part)],
                                        core::did_you_mean(entry, {groups.begin(), groups.end()})));
      }
      for (const auto& group : matches) {
        const auto [at, is_new] = part_of_group.emplace(group, part);
        if (!is_new && at->second != part) {
          twice.push_back(fmt::format("{} ({} and {})", group, kPartNames[static_cast<size_t>(at->second)],
                                      kPartNames[static_cast<size_t>(part)]));
        }
      }
    }
  }
  if (!unmatched.empty()) {
    throw Error(ErrorCode::kData, fmt::format("protocol groups: no {} is named {}; there are {}", by,
                                              core::join(unmatched), listed({groups.begin(), groups.end()})));
  }
  if (!twice.empty()) {
    throw Error(
        ErrorCode::kData,
        fmt::format("protocol groups: {} in two parts: {}; a {} belongs to one part", by, listed(twice), by));
  }
  for (size_t i = 0; i < num_samples(samples); ++i) {
    const auto at = part_of_group.find(group_name(samples, i, config.by));
    if (at != part_of_group.end()) part_of[i] = at->second;
  }
}

struct GroupOfSamples {
  std::string name;
  std::vector<size_t> members;
};

/// Groups among `candidates` in an order that depends on the seed alone.
std::vector<GroupOfSamples> shuffled_groups(const SampleTable& samples, const std::vector<size_t>& candidates,
                                            GroupBy by, uint64_t seed) {
  std::map<std::string, std::vector<size_t>> by_name;
  for (const size_t i : candidates) by_name[whole_group(samples, i, by)].push_back(i);
  std::vector<GroupOfSamples> groups;
  groups.reserve(by_name.size());
  for (auto& [name, members] : by_name) groups.push_back({name, std::move(members)});
  core::Rng rng(seed, 0x5051);
  rng.shuffle(groups);
  return groups;
}

/// Moves about `fraction` of the candidates to `part`, whole groups at a time. A group moves when that brings
/// the counts per class nearer to their targets; single samples so end within half a sample of every target.
void carve(const SampleTable& samples, const std::vector<size_t>& candidates, double fraction, GroupBy by,
           const std::string& stratify_by, uint64_t seed, int part, std::vector<int>& part_of) {
  const auto groups = shuffled_groups(samples, candidates, by, seed);
  if (groups.size() < 2) {
    throw Error(ErrorCode::kData,
                fmt::format("protocol: cannot carve a {} part out of {} {} group(s); expected at least 2",
                            kPartNames[static_cast<size_t>(part)], groups.size(), group_by_name(by)));
  }
  const auto class_of = [&](size_t i) {
    if (stratify_by.empty()) return std::string();
    return std::string(samples.label(stratify_by, static_cast<int64_t>(i)));
  };
  std::map<std::string, double> missing;  // target minus what the part has, per class
  for (const size_t i : candidates) missing[class_of(i)] += 1;
  for (auto& [name, count] : missing) count *= fraction;
  const auto gain = [&](const GroupOfSamples& group) {
    std::map<std::string, double> counts;
    for (const size_t i : group.members) counts[class_of(i)] += 1;
    double change = 0;
    for (const auto& [name, count] : counts) {
      const double need = missing[name];
      change += need * need - (need - count) * (need - count);
    }
    return change;
  };
  const auto take = [&](const GroupOfSamples& group) {
    for (const size_t i : group.members) {
      missing[class_of(i)] -= 1;
      part_of[i] = part;
    }
  };
  size_t num_taken = 0;
  for (const auto& group : groups) {
    if (num_taken + 1 == groups.size()) break;
    if (gain(group) <= 0) continue;
    take(group);
    ++num_taken;
  }
  if (num_taken == 0) {  // every group is larger than the part should be: the one that overshoots least
    take(*std::max_element(groups.begin(), groups.end(),
                           [&](const auto& a, const auto& b) { return gain(a) < gain(b); }));
  }
}

std::vector<size_t> members_of(const std::vector<int>& part_of, int part) {
  std::vector<size_t> members;
  for (size_t i = 0; i < part_of.size(); ++i) {
    if (part_of[i] == part) members.push_back(i);
  }
  return members;
}

void assign_official(const SampleTable& samples, const OfficialProtocol& config, std::vector<int>& part_of) {
  std::set<std::string> known;
  for (int64_t i = 0; i < samples.size(); ++i) {
    if (!samples.split(i).empty()) known.emplace(samples.split(i));
  }
  if (known.empty()) {
    throw Error(ErrorCode::kData,
                "protocol official: the corpus has no official split; use groups, group_kfold or fraction");
  }
  std::map<std::string, int> part_of_split;
  const auto claim = [&](const std::vector<std::string>& names, int part) {
    for (const auto& name : names) {
      if (known.count(name) == 0) {
        const std::vector<std::string> names_known(known.begin(), known.end());
        throw Error(ErrorCode::kData,
                    fmt::format("protocol official: no sample has the split '{}'; there are {}{}", name,
                                core::join(names_known), core::did_you_mean(name, names_known)));
      }
      const auto [at, is_new] = part_of_split.emplace(name, part);
      if (!is_new && at->second != part) {
        throw Error(
            ErrorCode::kData,
            fmt::format("protocol official: split '{}' is in {} and {}; it belongs to one part", name,
                        kPartNames[static_cast<size_t>(at->second)], kPartNames[static_cast<size_t>(part)]));
      }
    }
  };
  claim(config.train, kTrain);
  claim(config.test, kTest);
  if (const auto* named = std::get_if<NamedValidation>(&config.val)) claim(named->splits, kVal);
  for (size_t i = 0; i < num_samples(samples); ++i) {
    const auto at = part_of_split.find(std::string(samples.split(static_cast<int64_t>(i))));
    if (at != part_of_split.end()) part_of[i] = at->second;
  }
  if (const auto* carved = std::get_if<CarvedValidation>(&config.val)) {
    carve(samples, members_of(part_of, kTrain), carved->fraction, carved->by, carved->stratify_by,
          carved->seed, kVal, part_of);
  }
}

void assign_folds(const SampleTable& samples, const GroupKFoldProtocol& config, std::vector<int>& part_of) {
  std::vector<size_t> all(num_samples(samples));
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  auto groups = shuffled_groups(samples, all, config.by, config.seed);
  if (static_cast<int64_t>(groups.size()) < config.k) {
    throw Error(ErrorCode::kData,
                fmt::format("protocol group_kfold: {} {}(s) cannot make {} folds; expected k <= {}",
                            groups.size(), group_by_name(config.by), config.k, groups.size()));
  }
  // Largest first into the smallest fold keeps folds of nearly one size.
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.members.size() > b.members.size(); });
  std::vector<size_t> fold_size(static_cast<size_t>(config.k), 0);
  const auto test_fold = static_cast<size_t>(config.fold);
  const auto val_fold = static_cast<size_t>((config.fold + 1) % config.k);
  for (const auto& group : groups) {
    const auto fold =
        static_cast<size_t>(std::min_element(fold_size.begin(), fold_size.end()) - fold_size.begin());
    fold_size[fold] += group.members.size();
    const int part =
        fold == test_fold ? kTest : (config.validate_on_next && fold == val_fold ? kVal : kTrain);
    for (const size_t i : group.members) part_of[i] = part;
  }
}

void assign_fractions(const SampleTable& samples, const FractionProtocol& config, std::vector<int>& part_of) {
  std::fill(part_of.begin(), part_of.end(), static_cast<int>(kTrain));
  if (config.test > 0) {
    carve(samples, members_of(part_of, kTrain), config.test, config.by, config.stratify_by, config.seed,
          kTest, part_of);
  }
  if (config.val > 0) {
    carve(samples, members_of(part_of, kTrain), config.val / (1 - config.test), config.by, config.stratify_by,
          config.seed + 1, kVal, part_of);
  }
}

std::vector<std::string> names_in_two_parts(const SampleTable& samples, const std::vector<int>& part_of,
                                            GroupBy by) {
  std::map<std::string, int> first_part;
  std::set<std::string> twice;
  for (size_t i = 0; i < num_samples(samples); ++i) {
    const std::string name = group_name(samples, i, by);
    if (part_of[i] == kUnused || name.empty()) continue;
    const auto [at, is_new] = first_part.emplace(name, part_of[i]);
    if (!is_new && at->second != part_of[i]) twice.insert(name);
  }
  return {twice.begin(), twice.end()};
}

/// Leaks at the level that the protocol promises, and one recording in two parts whatever the protocol.
void refuse_leaks(const SampleTable& samples, const std::vector<int>& part_of, const std::string& type,
                  std::optional<GroupBy> promised) {
  std::vector<GroupBy> levels;
  if (promised && *promised != GroupBy::kSample) levels.push_back(*promised);
  if (promised != GroupBy::kClip && promised != GroupBy::kSample) levels.push_back(GroupBy::kClip);
  for (const auto level : levels) {
    const auto twice = names_in_two_parts(samples, part_of, level);
    if (twice.empty()) continue;
    throw Error(ErrorCode::kData,
                fmt::format("protocol {}: {} in two parts: {}; a {} belongs to one part", type,
                            group_by_name(level), listed(twice), group_by_name(level)));
  }
}

std::optional<GroupBy> promised_level(const ProtocolConfig& protocol) {
  if (const auto* groups = std::get_if<GroupsProtocol>(&protocol)) return groups->by;
  if (const auto* folds = std::get_if<GroupKFoldProtocol>(&protocol)) return folds->by;
  if (const auto* fraction = std::get_if<FractionProtocol>(&protocol)) return fraction->by;
  return std::nullopt;  // an official split may share subjects: that is the corpus's choice, and is described
}

bool expects_val(const ProtocolConfig& protocol) {
  if (const auto* groups = std::get_if<GroupsProtocol>(&protocol)) return !groups->val.empty();
  if (const auto* folds = std::get_if<GroupKFoldProtocol>(&protocol)) return folds->validate_on_next;
  if (const auto* fraction = std::get_if<FractionProtocol>(&protocol)) return fraction->val > 0;
  const auto* named = std::get_if<NamedValidation>(&std::get<OfficialProtocol>(protocol).val);
  return named == nullptr || !named->splits.empty();
}

bool expects_test(const ProtocolConfig& protocol) {
  if (const auto* groups = std::get_if<GroupsProtocol>(&protocol)) return !groups->test.empty();
  if (const auto* official = std::get_if<OfficialProtocol>(&protocol)) return !official->test.empty();
  if (const auto* fraction = std::get_if<FractionProtocol>(&protocol)) return fraction->test > 0;
  return true;
}

std::string describe_split(const SampleTable& samples, const Split& split, const std::string& type,
                           GroupBy by, size_t num_unused) {
  std::string text = type + ":";
  for (const auto* name : kPartNames) {
    const auto& part = split.part(name);
    std::set<std::string> groups;
    for (const int64_t i : part) groups.insert(group_name(samples, static_cast<size_t>(i), by));
    groups.erase("");
    text += fmt::format(" {} {}", name, part.size());
    if (by != GroupBy::kSample && !groups.empty())
      text += fmt::format(" ({} {}s)", groups.size(), group_by_name(by));
    text += ",";
  }
  text.pop_back();
  if (num_unused > 0) text += fmt::format(", unused {}", num_unused);
  return text;
}

}  // namespace

void GroupsProtocol::validate(config::Checks& checks) const {
  checks.expect(!train.empty(), "train", "must name at least one group");
}

void NamedValidation::validate(config::Checks& checks) const {
  checks.expect(!splits.empty(), "splits", "must name at least one official split");
}

void CarvedValidation::validate(config::Checks& checks) const {
  checks.expect(fraction > 0 && fraction < 1, "fraction", fmt::format("must be in (0, 1), got {}", fraction));
}

void OfficialProtocol::validate(config::Checks& checks) const {
  checks.expect(!train.empty(), "train", "must name at least one official split");
}

void GroupKFoldProtocol::validate(config::Checks& checks) const {
  const int64_t least = validate_on_next ? 3 : 2;
  checks.expect(k >= least, "k", fmt::format("must be at least {}, got {}", least, k));
  checks.expect(fold >= 0 && fold < k, "fold", fmt::format("must be in [0, k), got {}", fold));
}

void FractionProtocol::validate(config::Checks& checks) const {
  checks.expect(val >= 0 && val < 1, "val", fmt::format("must be in [0, 1), got {}", val));
  checks.expect(test >= 0 && test < 1, "test", fmt::format("must be in [0, 1), got {}", test));
  checks.expect(val + test < 1, "", fmt::format("val + test must be below 1, got {}", val + test));
}

const std::vector<int64_t>& Split::part(const std::string& name) const {
  if (name == "train") return train;
  if (name == "val") return val;
  if (name == "test") return test;
  throw Error(ErrorCode::kConfig, "'" + name + "' is no part of a split; expected train, val or test" +
                                      core::did_you_mean(name, {"train", "val", "test"}));
}

Split make_split(const SampleTable& samples, const ProtocolConfig& protocol) {
  std::vector<int> part_of(samples.size(), kUnused);
  std::string type;
  std::visit([&](const auto& config) { type = std::decay_t<decltype(config)>::kType; }, protocol);
  if (const auto* groups = std::get_if<GroupsProtocol>(&protocol)) {
    assign_groups(samples, *groups, part_of);
  } else if (const auto* official = std::get_if<OfficialProtocol>(&protocol)) {
    assign_official(samples, *official, part_of);
  } else if (const auto* folds = std::get_if<GroupKFoldProtocol>(&protocol)) {
    assign_folds(samples, *folds, part_of);
  } else {
    assign_fractions(samples, std::get<FractionProtocol>(protocol), part_of);
  }
  const auto promised = promised_level(protocol);
  refuse_leaks(samples, part_of, type, promised);

  Split split;
  size_t num_unused = 0;
  for (size_t i = 0; i < num_samples(samples); ++i) {
    if (part_of[i] == kTrain) split.train.push_back(static_cast<int64_t>(i));
    if (part_of[i] == kVal) split.val.push_back(static_cast<int64_t>(i));
    if (part_of[i] == kTest) split.test.push_back(static_cast<int64_t>(i));
    if (part_of[i] == kUnused) ++num_unused;
  }
  std::vector<std::string> empty_parts;
  if (split.train.empty()) empty_parts.emplace_back("train");
  if (expects_val(protocol) && split.val.empty()) empty_parts.emplace_back("val");
  if (expects_test(protocol) && split.test.empty()) empty_parts.emplace_back("test");
  if (!empty_parts.empty()) {
    throw Error(ErrorCode::kData,
                fmt::format("protocol {}: empty part(s): {}; of {} samples {} are in no part", type,
                            core::join(empty_parts), samples.size(), num_unused));
  }

  core::Sha256 hash;
  for (const auto* name : kPartNames) {
    hash.update(name, std::char_traits<char>::length(name));
    for (const int64_t i : split.part(name)) {
      const std::string line = "\n" + std::string(samples.id(i));
      hash.update(line.data(), line.size());
    }
    hash.update("\n\n", 2);
  }
  split.hash = hash.hex();
  split.description = describe_split(samples, split, type, promised.value_or(GroupBy::kSubject), num_unused);
  if (!promised) {
    const auto shared = names_in_two_parts(samples, part_of, GroupBy::kSubject);
    if (!shared.empty()) split.description += fmt::format("; {} subject(s) are in two parts", shared.size());
  }
  return split;
}

}  // namespace limbic::data
