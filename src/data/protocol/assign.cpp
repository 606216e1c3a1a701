#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "protocol/groups.h"

namespace limbic::data::detail {
namespace {

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

/// Which of the groups an entry of a protocol means: those of this name, else of a number or a range of
/// numbers.
class NameMatcher {
 public:
  explicit NameMatcher(const Grouping& groups) : groups_(groups), order_(groups.sorted()) {
    for (const int32_t g : order_) {
      by_name_[std::string(groups.bare_name(g))].push_back(g);
      if (groups.has_corpora()) corpora_.insert(std::string(groups.corpus(g)));
      numbered_.push_back(split_number(groups.bare_name(g)));
    }
  }

  std::vector<int32_t> match(const std::string& entry) const {
    if (auto matches = match_within("", entry); !matches.empty()) return matches;
    const size_t slash = entry.find('/');
    if (slash == std::string::npos || corpora_.count(entry.substr(0, slash)) == 0) return {};
    return match_within(entry.substr(0, slash), entry.substr(slash + 1));
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const int32_t g : order_) all.push_back(groups_.name(g));
    return all;
  }

 private:
  std::vector<int32_t> match_within(const std::string& corpus, const std::string& entry) const {
    const auto is_of_corpus = [&](int32_t g) { return corpus.empty() || groups_.corpus(g) == corpus; };
    std::vector<int32_t> matches;
    if (const auto at = by_name_.find(entry); at != by_name_.end()) {
      std::copy_if(at->second.begin(), at->second.end(), std::back_inserter(matches), is_of_corpus);
      return matches;
    }
    std::string low_text = entry;
    std::string high_text = entry;
    if (const size_t dash = entry.rfind('-'); dash != std::string::npos && dash > 0) {
      low_text = entry.substr(0, dash);
      high_text = entry.substr(dash + 1);
    }
    const auto low = split_number(low_text);
    const auto high = split_number(high_text);
    if (!low || !high || (!high->prefix.empty() && high->prefix != low->prefix)) return {};
    for (size_t k = 0; k < order_.size(); ++k) {
      const auto& name = numbered_[k];
      if (!name || !is_of_corpus(order_[k]) || (!low->prefix.empty() && name->prefix != low->prefix))
        continue;
      if (name->number >= low->number && name->number <= high->number) matches.push_back(order_[k]);
    }
    return matches;
  }

  const Grouping& groups_;
  std::vector<int32_t> order_;
  std::map<std::string, std::vector<int32_t>> by_name_;
  std::set<std::string> corpora_;
  std::vector<std::optional<NumberedName>> numbered_;  ///< in the order of order_
};

/// Who validates in a fold that is not the next one: moves training samples to the validation part.
void assign_validation(const SampleTable& samples, const FoldValidation& val, Parts& parts) {
  if (const auto* carved = std::get_if<CarvedValidation>(&val)) {
    carve(samples, members_of(parts, kTrain), *carved, kVal, parts);
  } else if (const auto* inner = std::get_if<InnerKFoldValidation>(&val)) {
    auto groups = shuffled_groups(samples, members_of(parts, kTrain), inner->by, inner->seed);
    if (static_cast<int64_t>(groups.size()) < inner->k) {
      throw Error(ErrorCode::kData,
                  fmt::format("protocol inner_kfold: {} {}(s) cannot make {} folds; expected k <= {}",
                              groups.size(), name_of(inner->by), inner->k, groups.size()));
    }
    const auto fold_of = fold_of_groups(groups, inner->k);
    for (size_t g = 0; g < groups.size(); ++g) {
      if (fold_of[g] != inner->fold) continue;
      for (const int64_t i : groups[g].members) parts[static_cast<size_t>(i)] = kVal;
    }
  }
}

std::string inner_lead(const FoldValidation& val) {
  const auto* inner = std::get_if<InnerKFoldValidation>(&val);
  return inner == nullptr ? "" : fmt::format(", inner fold {} of {}", inner->fold, inner->k);
}

}  // namespace

void assign(const SampleTable& samples, const GroupsProtocol& config, Parts& parts, std::string&) {
  const Grouping groups(samples, config.by);
  const std::string by = name_of(config.by);
  if (groups.size() == 0)
    throw Error(ErrorCode::kData, "protocol groups: no sample has a " + by + "; use another `by:`");
  const NameMatcher matcher(groups);
  std::vector<int8_t> part_of_group(static_cast<size_t>(groups.size()), kUnused);
  std::vector<std::string> unmatched;
  std::vector<std::string> twice;
  const std::array<const std::vector<std::string>*, 3> lists{&config.train, &config.val, &config.test};
  for (size_t part = 0; part < lists.size(); ++part) {
    for (const auto& entry : *lists[part]) {
      const auto matches = matcher.match(entry);
      if (matches.empty()) {
        unmatched.push_back(
            fmt::format("'{}' ({}){}", entry, kPartNames[part], core::did_you_mean(entry, matcher.names())));
      }
      for (const int32_t g : matches) {
        int8_t& at = part_of_group[static_cast<size_t>(g)];
        if (at != kUnused && at != static_cast<int8_t>(part)) {
          twice.push_back(fmt::format("{} ({} and {})", groups.name(g), kPartNames[static_cast<size_t>(at)],
                                      kPartNames[part]));
        } else {
          at = static_cast<int8_t>(part);
        }
      }
    }
  }
  if (!unmatched.empty()) {
    throw Error(ErrorCode::kData, fmt::format("protocol groups: no {} is named {}; there are {}", by,
                                              core::join(unmatched), listed(matcher.names())));
  }
  if (!twice.empty()) {
    throw Error(
        ErrorCode::kData,
        fmt::format("protocol groups: {} in two parts: {}; a {} belongs to one part", by, listed(twice), by));
  }
  for (int64_t i = 0; i < samples.size(); ++i) {
    if (groups.of(i) >= 0) parts[static_cast<size_t>(i)] = part_of_group[static_cast<size_t>(groups.of(i))];
  }
}

void assign(const SampleTable& samples, const OfficialProtocol& config, Parts& parts, std::string&) {
  const Grouping splits(samples, SampleField::kSplit, /*within_corpus=*/false);
  if (splits.size() == 0) {
    throw Error(ErrorCode::kData,
                "protocol official: the corpus has no official split; use groups, group_kfold or fraction");
  }
  std::map<std::string, int32_t> known;
  std::vector<std::string> names_known;
  for (const int32_t g : splits.sorted()) {
    names_known.push_back(splits.name(g));
    known[names_known.back()] = g;
  }
  std::vector<int8_t> part_of_split(static_cast<size_t>(splits.size()), kUnused);
  const auto claim = [&](const std::vector<std::string>& names, Part part) {
    for (const auto& name : names) {
      const auto found = known.find(name);
      if (found == known.end()) {
        throw Error(ErrorCode::kData,
                    fmt::format("protocol official: no sample has the split '{}'; there are {}{}", name,
                                core::join(names_known), core::did_you_mean(name, names_known)));
      }
      int8_t& at = part_of_split[static_cast<size_t>(found->second)];
      if (at != kUnused && at != part) {
        throw Error(ErrorCode::kData,
                    fmt::format("protocol official: split '{}' is in {} and {}; it belongs to one part", name,
                                kPartNames[static_cast<size_t>(at)], kPartNames[static_cast<size_t>(part)]));
      }
      at = part;
    }
  };
  claim(config.train, kTrain);
  claim(config.test, kTest);
  if (const auto* named = std::get_if<NamedValidation>(&config.val)) claim(named->splits, kVal);
  for (int64_t i = 0; i < samples.size(); ++i) {
    if (splits.of(i) >= 0) parts[static_cast<size_t>(i)] = part_of_split[static_cast<size_t>(splits.of(i))];
  }
  if (const auto* carved = std::get_if<CarvedValidation>(&config.val))
    carve(samples, members_of(parts, kTrain), *carved, kVal, parts);
}

void assign(const SampleTable& samples, const GroupKFoldProtocol& config, Parts& parts, std::string& lead) {
  std::vector<int64_t> all(static_cast<size_t>(samples.size()));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  auto groups = shuffled_groups(samples, all, config.by, config.seed);
  if (static_cast<int64_t>(groups.size()) < config.k) {
    throw Error(ErrorCode::kData,
                fmt::format("protocol group_kfold: {} {}(s) cannot make {} folds; expected k <= {}",
                            groups.size(), name_of(config.by), config.k, groups.size()));
  }
  const auto fold_of = fold_of_groups(groups, config.k);
  const bool next_validates = std::holds_alternative<NextValidation>(config.val);
  const int64_t val_fold = (config.fold + 1) % config.k;
  for (size_t g = 0; g < groups.size(); ++g) {
    const Part part =
        fold_of[g] == config.fold ? kTest : (next_validates && fold_of[g] == val_fold ? kVal : kTrain);
    for (const int64_t i : groups[g].members) parts[static_cast<size_t>(i)] = part;
  }
  assign_validation(samples, config.val, parts);
  lead = fmt::format("fold {} of {}{}", config.fold, config.k, inner_lead(config.val));
}

void assign(const SampleTable& samples, const FractionProtocol& config, Parts& parts, std::string&) {
  std::fill(parts.begin(), parts.end(), static_cast<int8_t>(kTrain));
  CarvedValidation draw{config.test, config.seed, config.stratify_by, config.by};
  if (config.test > 0) carve(samples, members_of(parts, kTrain), draw, kTest, parts);
  draw.fraction = config.val / (1 - config.test);
  draw.seed = config.seed + 1;
  if (config.val > 0) carve(samples, members_of(parts, kTrain), draw, kVal, parts);
}

void assign(const SampleTable& samples, const LeaveOneOutProtocol& config, Parts& parts, std::string& lead) {
  const Grouping groups(samples, config.by);
  const std::string by = name_of(config.by);
  const auto order = groups.sorted();
  if (order.size() < 2) {
    throw Error(ErrorCode::kData,
                fmt::format("protocol leave_one_out: {} {}(s); expected at least 2, one to leave out "
                            "and one to train on",
                            order.size(), by));
  }
  size_t left = static_cast<size_t>(config.fold);
  if (!config.leave.empty()) {
    const NameMatcher matcher(groups);
    const auto matches = matcher.match(config.leave);
    if (matches.size() != 1) {
      throw Error(ErrorCode::kData,
                  fmt::format("protocol leave_one_out: {} {}s are named '{}'; expected one of {}{}",
                              matches.size(), by, config.leave, listed(matcher.names()),
                              core::did_you_mean(config.leave, matcher.names())));
    }
    left = static_cast<size_t>(std::find(order.begin(), order.end(), matches.front()) - order.begin());
  }
  require(left < order.size(), ErrorCode::kData,
          fmt::format("protocol leave_one_out: fold {} of {} {}s; expected 0 to {}", left, order.size(), by,
                      order.size() - 1));
  const int32_t tested = order[left];
  const int32_t next =
      std::holds_alternative<NextValidation>(config.val) ? order[(left + 1) % order.size()] : -1;
  for (int64_t i = 0; i < samples.size(); ++i) {
    const int32_t g = groups.of(i);
    if (g >= 0) parts[static_cast<size_t>(i)] = g == tested ? kTest : g == next ? kVal : kTrain;
  }
  assign_validation(samples, config.val, parts);
  lead = fmt::format("leaves out {} {} ({} of {}){}", by, groups.name(tested), left, order.size(),
                     inner_lead(config.val));
}

}  // namespace limbic::data::detail
