#include "limbic/data/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <vector>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "store/dataset_file.h"
#include "store/shard_set.h"
#include "store/staging.h"

namespace limbic::data {
namespace {

constexpr int64_t kMaxParts = 99999;
constexpr const char* kPartsFolder = "parts";
constexpr const char* kQuarantineFile = "quarantine.jsonl";

bool read_part_number(std::string_view text, int64_t& out) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && result.ec == std::errc() && result.ptr == text.data() + text.size();
}

/// "00003-of-00016"; nothing for other names.
bool parse_part_name(const std::string& name, ImportPart& part) {
  const std::string_view text(name);
  const size_t middle = text.find("-of-");
  return middle != std::string_view::npos && read_part_number(text.substr(0, middle), part.index) &&
         read_part_number(text.substr(middle + 4), part.count) && part.index >= 0 &&
         part.index < part.count && part.count <= kMaxParts &&
         name == std::filesystem::path(part_path("", part)).filename().string();
}

/// The parts that are there, in order. @throws Error(kData) unless they are all parts of one division
std::vector<std::string> find_parts(const std::string& store) {
  std::vector<ImportPart> parts;
  for (const auto& entry : std::filesystem::directory_iterator(store + "/" + kPartsFolder)) {
    const std::string name = entry.path().filename().string();
    if (core::is_temp_name(name)) continue;
    ImportPart part;
    require(parse_part_name(name, part) && entry.is_directory(), ErrorCode::kData,
            entry.path().string() + ": is no part of an import; expected a name such as 00003-of-00016");
    parts.push_back(part);
  }
  require(!parts.empty(), ErrorCode::kData,
          store + "/parts: no part is there; make them with `limbic data import ... --shard i/n`");
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  const int64_t count = parts.front().count;
  for (const auto& part : parts) {
    require(part.count == count, ErrorCode::kData,
            fmt::format("{}/parts: parts of {} and of {}; expected one division: remove the others", store,
                        count, part.count));
  }
  std::vector<bool> has_part(static_cast<size_t>(count), false);
  for (const auto& part : parts) has_part[static_cast<size_t>(part.index)] = true;
  std::vector<std::string> missing;
  for (int64_t i = 0; i < count; ++i)
    if (!has_part[static_cast<size_t>(i)]) missing.push_back(std::to_string(i));
  if (!missing.empty()) {
    const size_t num_missing = missing.size();
    if (num_missing > 20) missing.resize(20);
    throw Error(ErrorCode::kData,
                fmt::format("{}/parts: {} of {} parts are missing: {}{}; make them with `--shard {}/{}`",
                            store, num_missing, count, core::join(missing), num_missing > 20 ? "..." : "",
                            missing.front(), count));
  }
  std::vector<std::string> paths;
  for (const auto& part : parts) paths.push_back(part_path(store, part));
  return paths;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// A second name for a file; a copy where the file system has no links.
void link_file(const std::string& from, const std::string& to) {
  std::error_code ec;
  std::filesystem::create_hard_link(from, to, ec);
  if (!ec) return;
  std::filesystem::copy_file(from, to, ec);
  if (ec) throw Error(ErrorCode::kStorage, fmt::format("{}: cannot copy to {}: {}", from, to, ec.message()));
}

/// Adds a part's samples and shards to the store in the making.
void add_part(const std::string& path, LoadedStore& part, StoreStaging& staging, int64_t& num_shards,
              std::string& quarantine) {
  std::map<std::string, std::string> new_names;
  for (const auto& [name, num_bytes] : part.facts.shards) {
    new_names[name] = fmt::format("{:05}.safetensors", num_shards++);
    link_file(path + "/shards/" + name, staging.temp() + "/shards/" + new_names[name]);
  }
  for (auto sample : part.samples) {
    for (auto& [name, ref] : sample.streams) ref.shard = new_names.at(ref.shard);
    try {
      staging.claim(sample.id);
      staging.add(sample);
    } catch (const Error& e) {
      throw e.in(path + " and a part before it");
    }
  }
  if (is_regular_file(path + "/" + kQuarantineFile))
    quarantine += core::read_file(path + "/" + kQuarantineFile);
}

/// Moves the files of `from` into `store`, dataset.yaml last: with it the store is there. What was there but
/// the parts goes, dataset.yaml first.
void publish_into(const std::string& from, const std::string& store) {
  std::error_code ec;
  std::filesystem::remove(store + "/" + kInfoFile, ec);
  for (const auto& name : names_in(store))
    if (name != kPartsFolder) std::filesystem::remove_all(store + "/" + name, ec);
  const auto move = [&](const std::string& name) {
    std::filesystem::rename(from + "/" + name, store + "/" + name, ec);
    if (ec) throw Error(ErrorCode::kStorage, store + ": cannot move " + name + " here: " + ec.message());
  };
  for (const auto& name : names_in(from))
    if (name != kInfoFile) move(name);
  core::sync_tree(store);
  move(kInfoFile);
  core::sync_tree(store);
}

/// In one step; killed while their files go, the folder has a name that the next merge sweeps.
void remove_parts(const std::string& store) {
  const std::string folder = store + "/" + kPartsFolder;
  const std::string doomed = core::temp_name_for(folder);
  std::error_code ec;
  std::filesystem::rename(folder, doomed, ec);
  if (!ec) std::filesystem::remove_all(doomed, ec);
  if (ec) throw Error(ErrorCode::kStorage, folder + ": merged, but cannot be removed: " + ec.message());
}

}  // namespace

ImportPart parse_import_part(const std::string& text) {
  ImportPart part;
  const size_t slash = std::min(text.find('/'), text.size());
  const std::string_view view(text);
  const bool is_part = slash < text.size() && read_part_number(view.substr(0, slash), part.index) &&
                       read_part_number(view.substr(slash + 1), part.count);
  require(is_part && part.count >= 1 && part.count <= kMaxParts && part.index >= 0 && part.index < part.count,
          ErrorCode::kConfig,
          fmt::format("--shard {}: expected i/n with 0 <= i < n <= {}, such as 0/16 or "
                      "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT",
                      text, kMaxParts));
  return part;
}

std::string part_path(const std::string& store, const ImportPart& part) {
  return fmt::format("{}/{}/{:05}-of-{:05}", store, kPartsFolder, part.index, part.count);
}

MergeReport merge_parts(const std::string& path, bool replace) {
  std::string store = path;
  while (store.size() > 1 && store.back() == '/') store.pop_back();
  const std::string folder = store + "/" + kPartsFolder;
  const bool is_store = is_regular_file(store + "/" + kInfoFile);
  core::sweep_stale_temps(std::filesystem::path(store).parent_path().string(),
                          std::filesystem::path(store).filename().string());
  if (std::filesystem::is_directory(store)) core::sweep_stale_temps(store);
  MergeReport report;
  if (!std::filesystem::is_directory(folder)) {
    require(is_store, ErrorCode::kData,
            folder + ": no such folder; make parts with `limbic data import ... --out " + store +
                " --shard i/n`");
    const auto merged = Store::open(store);
    return {merged->content_hash(), merged->size(), 0};
  }
  std::optional<StoreStaging> staging;
  std::string info_sha256;
  std::string quarantine;
  int64_t num_shards = 0;
  const auto parts = find_parts(store);
  for (const auto& part : parts) {
    std::vector<Problem> problems;
    auto loaded = load_store(part, problems);
    const bool is_empty = loaded && problems.size() == 1 && problems.front().code == "empty";
    if (!problems.empty() && !is_empty) throw_first(problems, part);
    if (!staging) {
      staging.emplace(store, loaded->info, false);
      info_sha256 = loaded->facts.info_sha256;
    }
    require(
        loaded->facts.info_sha256 == info_sha256, ErrorCode::kData,
        fmt::format("{}/{}: differs from that of {}; parts must be imported from the same corpus with the "
                    "same options",
                    part, kInfoFile, parts.front()));
    add_part(part, *loaded, *staging, num_shards, quarantine);
  }
  if (!quarantine.empty()) core::write_file(staging->temp() + "/" + kQuarantineFile, quarantine);
  report.content_hash = staging->seal();
  report.num_samples = staging->size();
  report.num_parts = static_cast<int64_t>(parts.size());
  const bool is_same = is_store && have_same_files(staging->temp(), store, kPartsFolder);
  require(!is_store || is_same || replace, ErrorCode::kStorage,
          store + ": a store with other content is there; remove it or say --replace");
  if (!is_same) publish_into(staging->temp(), store);
  remove_parts(store);
  return report;
}

}  // namespace limbic::data
