#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/suggest.h"
#include "limbic/data/protocol.h"
#include "limbic/data/store.h"
#include "protocol/leak_search.h"

namespace limbic::data {
namespace {

using detail::kPartNames;
using detail::Parts;

constexpr size_t kMaxLeaksInMessage = 20;

const char* type_name(const ProtocolConfig& protocol) {
  return std::visit([](const auto& config) { return std::decay_t<decltype(config)>::kType; }, protocol);
}

bool expects_val(const ProtocolConfig& protocol) {
  if (const auto* groups = std::get_if<GroupsProtocol>(&protocol)) return !groups->val.empty();
  if (const auto* folds = std::get_if<GroupKFoldProtocol>(&protocol))
    return !std::holds_alternative<NoValidation>(folds->val);
  if (const auto* one = std::get_if<LeaveOneOutProtocol>(&protocol))
    return !std::holds_alternative<NoValidation>(one->val);
  if (const auto* blocks = std::get_if<TimeBlocksProtocol>(&protocol))
    return !std::holds_alternative<NoValidation>(blocks->val);
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

/// What descriptions count.
GroupBy counted_groups(const ProtocolConfig& protocol) {
  if (const auto* groups = std::get_if<GroupsProtocol>(&protocol)) return groups->by;
  if (const auto* folds = std::get_if<GroupKFoldProtocol>(&protocol)) return folds->by;
  if (const auto* one = std::get_if<LeaveOneOutProtocol>(&protocol)) return one->by;
  if (const auto* fraction = std::get_if<FractionProtocol>(&protocol)) return fraction->by;
  return GroupBy::kSubject;
}

void refuse_leaks(const LeakReport& report, const LeakPolicy& policy, const std::string& type) {
  const auto is_allowed = [&](LeakKind kind) {
    return std::find(policy.allow_leaks.begin(), policy.allow_leaks.end(), kind) != policy.allow_leaks.end();
  };
  int64_t total = 0;
  std::vector<std::string> kinds;
  std::string per_kind;
  for (const auto& [kind, count] : report.counts) {
    if (is_allowed(kind)) continue;
    total += count;
    kinds.emplace_back(leak_name(kind));
    per_kind += fmt::format("{}{} {}", per_kind.empty() ? "" : ", ", leak_name(kind), count);
  }
  if (total == 0) return;
  std::string text = fmt::format("protocol {}: {} leak(s) ({}):", type, total, per_kind);
  size_t num_listed = 0;
  for (const auto& leak : report.leaks) {
    if (is_allowed(leak.kind) || num_listed == kMaxLeaksInMessage) continue;
    text += fmt::format("{} [{}] {}", num_listed++ == 0 ? "" : ";", leak_name(leak.kind), text_of(leak));
  }
  if (total > static_cast<int64_t>(num_listed))
    text += fmt::format("; and {} more", total - static_cast<int64_t>(num_listed));
  throw Error(
      ErrorCode::kData,
      text + fmt::format(
                 "; group by what is shared, or say split.allow_leaks: [{}] and every result will say so",
                 core::join(kinds)));
}

std::string describe_split(const SampleTable& samples, const Split& split, const std::string& type,
                           const std::string& lead, GroupBy by, int64_t num_unused) {
  std::string text = type + ":";
  if (!lead.empty()) text += " " + lead + ";";
  const detail::Grouping groups(samples, by);
  for (const auto* name : kPartNames) {
    const auto& part = split.part(name);
    std::vector<bool> is_in(static_cast<size_t>(groups.size()), false);
    for (const int64_t i : part) {
      if (groups.of(i) >= 0) is_in[static_cast<size_t>(groups.of(i))] = true;
    }
    const auto num_groups = std::count(is_in.begin(), is_in.end(), true);
    text += fmt::format(" {} {}", name, part.size());
    if (by != GroupBy::kSample && num_groups > 0)
      text += fmt::format(" ({} {}{})", num_groups, by == GroupBy::kCorpus ? "corpora" : detail::name_of(by),
                          by == GroupBy::kCorpus ? "" : "s");
    text += ",";
  }
  text.pop_back();
  if (num_unused > 0) text += fmt::format(", unused {}", num_unused);
  for (const auto& [kind, count] : split.num_dropped) {
    if (count > 0) text += fmt::format("; {} dropped that leak ({})", count, leak_name(kind));
  }
  for (const auto& [kind, count] : split.leaks.counts)
    text += fmt::format("; LEAKS {} {}(s), allowed by the recipe", count, leak_name(kind));
  return text;
}

void hash_split(const SampleTable& samples, Split& split) {
  core::Sha256 hash;
  for (const auto* name : kPartNames) {
    core::Sha256 of_part;
    hash.update(name, std::char_traits<char>::length(name));
    for (const int64_t i : split.part(name)) {
      const std::string line = "\n" + std::string(samples.id(i));
      hash.update(line.data(), line.size());
      of_part.update(line.data() + 1, line.size() - 1);
      of_part.update("\n", 1);
    }
    hash.update("\n\n", 2);
    split.part_hashes[name] = of_part.hex();
  }
  split.hash = hash.hex();
}

Split make_split_with(const SampleTable& samples, const ProtocolConfig& protocol,
                      const LeakOptions& options) {
  Parts parts(static_cast<size_t>(samples.size()), detail::kUnused);
  const std::string type = type_name(protocol);
  std::string lead;
  std::visit([&](const auto& config) { detail::assign(samples, config, parts, lead); }, protocol);
  Split split;
  split.num_dropped = detail::drop_leaks(samples, options, parts);
  split.leaks = detail::search(samples, parts, options);
  refuse_leaks(split.leaks, options.policy, type);

  split.train = detail::members_of(parts, detail::kTrain);
  split.val = detail::members_of(parts, detail::kVal);
  split.test = detail::members_of(parts, detail::kTest);
  const int64_t num_unused =
      samples.size() - static_cast<int64_t>(split.train.size() + split.val.size() + split.test.size());
  std::vector<std::string> empty_parts;
  if (split.train.empty()) empty_parts.emplace_back("train");
  if (expects_val(protocol) && split.val.empty()) empty_parts.emplace_back("val");
  if (expects_test(protocol) && split.test.empty()) empty_parts.emplace_back("test");
  if (!empty_parts.empty()) {
    throw Error(ErrorCode::kData,
                fmt::format("protocol {}: empty part(s): {}; of {} samples {} are in no part", type,
                            core::join(empty_parts), samples.size(), num_unused));
  }
  hash_split(samples, split);
  split.description = describe_split(samples, split, type, lead, counted_groups(protocol), num_unused);
  return split;
}

bool is_constant(const at::Tensor& values) {
  const auto size = values.nbytes();
  const auto step = static_cast<size_t>(values.element_size());
  const auto* bytes = static_cast<const char*>(values.data_ptr());
  return size <= step || std::memcmp(bytes, bytes + step, size - step) == 0;
}

/// Equal in all their streams, and in one at least that is more than a blank.
bool is_copy(const Store& store, int64_t a, int64_t b) {
  bool says_something = false;
  for (const auto& name : store.samples().stream_names()) {
    if (name == stream_name::kText || name == stream_name::kAnnotation) continue;
    if (!store.samples().has_stream(name, a) || !store.samples().has_stream(name, b)) continue;
    const at::Tensor x = store.read(a, name);
    const at::Tensor y = store.read(b, name);
    if (x.sizes() != y.sizes() || x.scalar_type() != y.scalar_type()) return false;
    if (x.nbytes() > 0 && std::memcmp(x.data_ptr(), y.data_ptr(), x.nbytes()) != 0) return false;
    says_something = says_something || !is_constant(x);
  }
  return says_something;
}

}  // namespace

const std::vector<int64_t>& Split::part(const std::string& name) const {
  if (name == "train") return train;
  if (name == "val") return val;
  if (name == "test") return test;
  throw Error(ErrorCode::kConfig, "'" + name + "' is no part of a split; expected train, val or test" +
                                      core::did_you_mean(name, {"train", "val", "test"}));
}

Split make_split(const SampleTable& samples, const ProtocolConfig& protocol) {
  return make_split_with(samples, protocol, leak_options(protocol));
}

Split make_split(const Store& store, const ProtocolConfig& protocol) {
  auto options = leak_options(protocol);
  options.is_copy = [&store](int64_t a, int64_t b) { return is_copy(store, a, b); };
  return make_split_with(store.samples(), protocol, options);
}

FoldCount num_folds(const SampleTable& samples, const ProtocolConfig& protocol) {
  const auto inner_of = [](const FoldValidation& val) {
    const auto* inner = std::get_if<InnerKFoldValidation>(&val);
    return inner == nullptr ? 1 : inner->k;
  };
  if (const auto* folds = std::get_if<GroupKFoldProtocol>(&protocol)) return {folds->k, inner_of(folds->val)};
  if (const auto* blocks = std::get_if<TimeBlocksProtocol>(&protocol)) return {blocks->k, 1};
  if (const auto* one = std::get_if<LeaveOneOutProtocol>(&protocol))
    return {detail::Grouping(samples, one->by).size(), inner_of(one->val)};
  return {};
}

ProtocolConfig at_fold(ProtocolConfig protocol, int64_t outer, int64_t inner) {
  const auto set_inner = [inner](FoldValidation& val) {
    if (auto* nested = std::get_if<InnerKFoldValidation>(&val)) nested->fold = inner;
  };
  if (auto* folds = std::get_if<GroupKFoldProtocol>(&protocol)) {
    folds->fold = outer;
    set_inner(folds->val);
  } else if (auto* blocks = std::get_if<TimeBlocksProtocol>(&protocol)) {
    blocks->fold = outer;
  } else if (auto* one = std::get_if<LeaveOneOutProtocol>(&protocol)) {
    one->fold = outer;
    one->leave.clear();
    set_inner(one->val);
  } else {
    throw Error(ErrorCode::kInternal, "at_fold: the protocol has no folds");
  }
  return protocol;
}

}  // namespace limbic::data
