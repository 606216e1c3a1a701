#include "limbic/data/combine.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace {

/// A name for every member, each once.
std::vector<std::string> member_names(const std::vector<CorpusMember>& members) {
  std::vector<std::string> names;
  std::map<std::string, int> uses;
  std::set<std::string> hashes;
  for (const auto& member : members) {
    const auto& name = member.store->info().name;
    require(hashes.insert(member.store->content_hash()).second, ErrorCode::kData,
            member.store->path() + ": comes twice among the stores to combine");
    const int use = ++uses[name];
    names.push_back(use == 1 ? name : fmt::format("{}#{}", name, use));
  }
  return names;
}

void check_map(const CorpusMember& member, const std::string& task, const LabelMap& map) {
  const auto& space = member.store->label_space(task);
  const std::string where = fmt::format("{}: label map of task '{}'", member.store->path(), task);
  require(!map.task.empty() && !map.classes.empty(), ErrorCode::kConfig, where + ": has no task or classes");
  for (const auto& [label, name] : map.class_of_label) {
    require(std::find(space.classes.begin(), space.classes.end(), label) != space.classes.end(),
            ErrorCode::kConfig,
            fmt::format("{}: the task has no class '{}'{}", where, label,
                        core::did_you_mean(label, space.classes)));
    require(std::find(map.classes.begin(), map.classes.end(), name) != map.classes.end(), ErrorCode::kConfig,
            fmt::format("{}: task '{}' has no class '{}'{}", where, map.task, name,
                        core::did_you_mean(name, map.classes)));
  }
}

/// Adds the tasks of one corpus to those of all.
void unite_tasks(const CorpusMember& member, std::vector<affect::LabelSpace>& all) {
  for (const auto& [task, map] : member.label_maps) check_map(member, task, map);
  std::set<std::string> own;
  for (const auto& space : member.store->info().label_spaces) {
    const auto map = member.label_maps.find(space.task);
    const auto becomes = map == member.label_maps.end() ? space : map->second.label_space();
    require(own.insert(becomes.task).second, ErrorCode::kConfig,
            fmt::format("{}: two of its tasks become '{}'", member.store->path(), becomes.task));
    const auto known =
        std::find_if(all.begin(), all.end(), [&](const auto& s) { return s.task == becomes.task; });
    if (known == all.end()) {
      all.push_back(becomes);
    } else if (known->classes != becomes.classes) {
      throw Error(
          ErrorCode::kData,
          fmt::format("{}: task '{}' has the classes {}; in the stores before {}: map both to one task",
                      member.store->path(), becomes.task, core::join(becomes.classes),
                      core::join(known->classes)));
    }
  }
}

void unite_modalities(const CorpusMember& member, std::map<std::string, RawModality>& all) {
  for (const auto& [name, modality] : member.store->info().modalities) {
    const auto [at, is_new] = all.emplace(name, modality);
    if (is_new) continue;
    auto& united = at->second;
    const auto want_same = [&, &stream = name](bool is_same, const char* what, const auto& before,
                                               const auto& here) {
      require(is_same, ErrorCode::kData,
              fmt::format("{}: modality '{}' has the {} {}; in the stores before {}: import one of them "
                          "with other options",
                          member.store->path(), stream, what, here, before));
    };
    want_same(united.kind == modality.kind, "kind", united.kind, modality.kind);
    want_same(united.frame_shape == modality.frame_shape, "frame shape",
              fmt::format("[{}]", fmt::join(united.frame_shape, ", ")),
              fmt::format("[{}]", fmt::join(modality.frame_shape, ", ")));
    want_same(united.columns == modality.columns, "columns", core::join(united.columns),
              core::join(modality.columns));
    want_same(united.unit == modality.unit, "unit", united.unit, modality.unit);
    if (united.rate_hz != modality.rate_hz) united.rate_hz = 0;
    if (united.role != modality.role) united.role.clear();
    if (united.device != modality.device) united.device.clear();
    united.may_be_missing |= modality.may_be_missing;
  }
}

/// A scale is known of all when every corpus that has the value declares it in the same unit.
void unite_values(const std::vector<CorpusMember>& members, std::map<std::string, ValueRange>& all) {
  std::set<std::string> undeclared;
  for (const auto& member : members) {
    const auto& values = member.store->info().values;
    for (const auto& name : member.store->samples().value_names())
      if (values.count(name) == 0) undeclared.insert(name);
    for (const auto& [name, range] : values) {
      const auto [at, is_new] = all.emplace(name, range);
      if (at->second.unit != range.unit) undeclared.insert(name);
      at->second.min = std::min(at->second.min, range.min);
      at->second.max = std::max(at->second.max, range.max);
    }
  }
  for (const auto& name : undeclared) all.erase(name);
}

DatasetInfo united_info(const std::vector<CorpusMember>& members, const std::vector<std::string>& names) {
  DatasetInfo info;
  info.importer = "combine";
  info.clock = members.front().store->info().clock;
  const auto append = [](std::string& all, const std::string& text, const char* separator) {
    if (!text.empty()) all += (all.empty() ? "" : separator) + text;
  };
  for (size_t i = 0; i < members.size(); ++i) {
    const auto& own = members[i].store->info();
    append(info.name, names[i], " + ");
    append(info.licence, own.licence.empty() ? "" : names[i] + ": " + own.licence, "; ");
    append(info.citation, own.citation.empty() ? "" : names[i] + ": " + own.citation, "; ");
    if (own.clock != info.clock) info.clock = "recording";
    for (const auto& defect : own.known_defects) info.known_defects.push_back(names[i] + ": " + defect);
    unite_tasks(members[i], info.label_spaces);
    unite_modalities(members[i], info.modalities);
  }
  unite_values(members, info.values);
  return info;
}

/// The sample as it is called among all.
Sample renamed(Sample sample, const std::string& name, const std::map<std::string, LabelMap>& maps) {
  const std::string prefix = name + "/";
  sample.id = prefix + sample.id;
  if (sample.corpus.empty()) sample.corpus = name;
  for (auto* key : {&sample.subject, &sample.session, &sample.dialogue, &sample.clip})
    if (!key->empty()) *key = prefix + *key;
  for (auto& [stream, ref] : sample.streams) {
    ref.shard = prefix + ref.shard;
    ref.tensor = sample.id + "/" + stream;
    if (!ref.valid.empty()) ref.valid = ref.tensor + "/valid";
  }
  std::map<std::string, std::string> labels;
  for (const auto& [task, label] : sample.labels) {
    const auto map = maps.find(task);
    if (map == maps.end()) {
      labels[task] = label;
      continue;
    }
    const auto known = map->second.class_of_label.find(label);
    if (known != map->second.class_of_label.end()) labels[map->second.task] = known->second;
  }
  sample.labels = std::move(labels);
  return sample;
}

/// What the maps add to the hash: other labels are other data.
std::string text_of(const std::map<std::string, LabelMap>& maps) {
  auto node = nlohmann::json::object();
  for (const auto& [task, map] : maps) node[task] = {map.task, map.classes, map.class_of_label};
  return node.dump() + "\n";
}

}  // namespace

std::shared_ptr<const Store> combine_stores(const std::vector<CorpusMember>& members) {
  require(!members.empty(), ErrorCode::kConfig, "no stores to combine");
  for (const auto& member : members)
    require(member.store != nullptr, ErrorCode::kInternal, "combine_stores: a store is null");
  const auto names = member_names(members);
  std::shared_ptr<Store> all(new Store());
  all->info_ = united_info(members, names);
  std::string identity = "limbic combined stores 1\n";
  SampleTableBuilder table;
  for (size_t i = 0; i < members.size(); ++i) {
    const auto& store = members[i].store;
    all->path_ += (i == 0 ? "" : " + ") + store->path();
    all->members_.push_back(store);
    all->member_begins_.push_back(table.size());
    identity += names[i] + "\n" + store->content_hash() + "\n" + text_of(members[i].label_maps);
    for (const auto& sample : store->samples()) table.add(renamed(sample, names[i], members[i].label_maps));
  }
  all->samples_ = table.finish();
  all->content_hash_ = core::sha256_hex(identity);
  return all;
}

}  // namespace limbic::data
