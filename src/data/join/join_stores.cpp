#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/data/join.h"
#include "limbic/data/store.h"

namespace limbic::data {
namespace {

using StorePtr = std::shared_ptr<const Store>;

/// Rows are lines of the store's manifest.
KeyedTable table_of(const Store& store) {
  KeyedTable table;
  table.name = store.path() + "/manifest.jsonl";
  const auto& samples = store.samples();
  for (const auto& space : store.info().label_spaces) table.labels[space.task];
  for (int64_t i = 0; i < samples.size(); ++i) {
    SampleKey key;
    key.corpus = samples.corpus(i);
    key.subject = samples.subject(i);
    key.session = samples.session(i);
    key.clip = samples.clip(i);
    key.t0 = samples.t0(i);
    key.duration = samples.duration(i);
    table.keys.push_back(std::move(key));
    table.lines.push_back(i + 1);
    for (auto& [task, values] : table.labels) values.emplace_back(samples.label(task, i));
  }
  return table;
}

/// What the joined store says of itself.
DatasetInfo joined_info(const std::vector<StorePtr>& stores) {
  DatasetInfo info = stores.front()->info();
  info.importer = "join";
  info.options.clear();
  for (size_t s = 0; s < stores.size(); ++s) {
    const auto& other = stores[s]->info();
    info.options[fmt::format("store_{}", s)] = other.name + " " + stores[s]->content_hash();
    if (s == 0) continue;
    require(other.clock == info.clock, ErrorCode::kData,
            fmt::format("{}: times count from {}, in {} from {}; expected one clock", stores[s]->path(),
                        other.clock, stores.front()->path(), info.clock));
    if (other.licence != info.licence && !other.licence.empty())
      info.licence += (info.licence.empty() ? "" : "; ") + other.licence;
    if (other.citation != info.citation && !other.citation.empty())
      info.citation += (info.citation.empty() ? "" : "; ") + other.citation;
    for (const auto& defect : other.known_defects) {
      if (std::find(info.known_defects.begin(), info.known_defects.end(), defect) == info.known_defects.end())
        info.known_defects.push_back(defect);
    }
    for (const auto& [name, modality] : other.modalities) {
      require(info.modalities.emplace(name, modality).second, ErrorCode::kData,
              fmt::format(
                  "{}: stream '{}' is in an earlier store too; expected every stream in one store, so import "
                  "one of them under another name",
                  stores[s]->path(), name));
    }
    for (const auto& space : other.label_spaces) {
      const auto same = std::find_if(info.label_spaces.begin(), info.label_spaces.end(),
                                     [&](const auto& known) { return known.task == space.task; });
      if (same == info.label_spaces.end()) {
        info.label_spaces.push_back(space);
      } else {
        require(same->classes == space.classes, ErrorCode::kData,
                fmt::format("{}: the classes of task '{}' are {}; in an earlier store {}", stores[s]->path(),
                            space.task, core::join(space.classes), core::join(same->classes)));
      }
    }
  }
  return info;
}

/// The frames of a stream that begin in [t0, t0 + duration) of the sample; the whole of what has no rate (a
/// still, a text) or no duration to be cut to.
RawStream cut(const affect::Stream& stream, const RawStream& whole, const Sample& sample, bool is_cut) {
  RawStream raw = whole;
  raw.values = stream.values;
  if (!is_cut || whole.rate_hz <= 0 || sample.duration.ticks <= 0) return raw;
  const double first = (sample.t0 - whole.t0).seconds() * whole.rate_hz;
  const double last = (sample.t0 + sample.duration - whole.t0).seconds() * whole.rate_hz;
  constexpr double kRounding = 1e-6;
  const int64_t size = stream.values.size(0);
  const int64_t begin = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(first - kRounding)), 0, size);
  const int64_t end = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(last - kRounding)), begin, size);
  raw.values = stream.values.slice(0, begin, end).contiguous();
  if (raw.valid_T.defined()) raw.valid_T = raw.valid_T.slice(0, begin, end).contiguous();
  raw.t0 = whole.t0 + core::Timestamp::from_seconds(static_cast<double>(begin) / whole.rate_hz);
  return raw;
}

void add_streams(const Store& store, int64_t row, const Sample& sample, bool is_cut,
                 std::map<std::string, RawStream>& streams) {
  for (const auto& [name, ref] : store.samples()[row].streams) {
    const auto stream = store.read_stream(row, name);
    RawStream whole;
    whole.rate_hz = ref.rate_hz;
    whole.t0 = ref.t0;
    if (!ref.valid.empty()) whole.valid_T = stream.valid_T;
    RawStream raw = cut(stream, whole, sample, is_cut);
    if (raw.values.size(0) > 0 || !is_cut) streams[name] = std::move(raw);
  }
}

}  // namespace

JoinStoresReport join_stores(const std::vector<std::string>& paths, const std::string& out,
                             const JoinOptions& options, bool replace) {
  require(paths.size() >= 2, ErrorCode::kConfig, "join: expected two stores at least");
  std::vector<StorePtr> stores;
  std::vector<KeyedTable> tables;
  for (const auto& path : paths) {
    stores.push_back(Store::open(path));
    tables.push_back(table_of(*stores.back()));
  }
  const auto joined = join(tables, options);
  const bool is_cut = options.time == TimeMatch::kOverlap &&
                      std::find(joined.by.begin(), joined.by.end(), KeyField::kTime) != joined.by.end();
  StoreWriter writer(out, joined_info(stores), replace);
  for (const auto& rows : joined.rows) {
    size_t first = 0;
    while (rows[first] < 0) ++first;
    Sample sample = stores[first]->samples()[rows[first]];
    sample.streams.clear();
    std::map<std::string, RawStream> streams;
    for (size_t s = first; s < stores.size(); ++s) {
      if (rows[s] < 0) continue;
      const Sample other = stores[s]->samples()[rows[s]];
      // Labels agree where both have them: join() has seen to it.
      sample.labels.insert(other.labels.begin(), other.labels.end());
      sample.values.insert(other.values.begin(), other.values.end());
      sample.attributes.insert(other.attributes.begin(), other.attributes.end());
      add_streams(*stores[s], rows[s], sample, is_cut && s != first, streams);
    }
    writer.add(std::move(sample), streams);
  }
  JoinStoresReport report;
  report.alone = joined.alone;
  report.num_samples = static_cast<int64_t>(joined.rows.size());
  report.content_hash = writer.finish();
  return report;
}

}  // namespace limbic::data
