#include "store/staging.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "store/dataset_file.h"
#include "store/shard_set.h"

namespace limbic::data {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> files_below(const std::string& directory, const std::string& ignored) {
  std::vector<std::string> files;
  for (auto at = fs::recursive_directory_iterator(directory); at != fs::recursive_directory_iterator();
       ++at) {
    const std::string file = at->path().lexically_relative(directory).string();
    if (!ignored.empty() && file == ignored)
      at.disable_recursion_pending();
    else if (!at->is_directory())
      files.push_back(file);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

bool have_same_files(const std::string& a, const std::string& b, const std::string& ignored) {
  const auto files = files_below(a, "");
  if (files != files_below(b, ignored)) return false;
  return std::all_of(files.begin(), files.end(), [&](const std::string& file) {
    return is_regular_file(b + "/" + file) &&
           fs::file_size(a + "/" + file) == fs::file_size(b + "/" + file) &&
           core::sha256_file(a + "/" + file) == core::sha256_file(b + "/" + file);
  });
}

void throw_first(const std::vector<Problem>& problems, const std::string& path) {
  const auto& first = problems.front();
  std::string message =
      first.message.rfind(first.where, 0) == 0 ? first.message : first.where + ": " + first.message;
  if (problems.size() > 1) {
    message += fmt::format(" (and {} more problems: `limbic data check {}`)", problems.size() - 1, path);
  }
  throw Error(ErrorCode::kData, message);
}

bool IdSet::insert(const std::string& id) {
  const std::string hex = core::sha256_hex(id);
  Key key{};
  std::from_chars(hex.data(), hex.data() + 16, key.high, 16);
  std::from_chars(hex.data() + 16, hex.data() + 32, key.low, 16);
  return keys_.insert(key).second;
}

std::optional<LoadedStore> load_store(const std::string& path, std::vector<Problem>& problems) {
  const auto add = [&problems](const std::string& code, const std::string& where,
                               const std::string& message) {
    problems.push_back({Severity::kError, code, where, message});
  };
  const std::string info_path = path + "/" + kInfoFile;
  const std::string manifest_path = path + "/" + kManifestFile;
  std::error_code ec;
  if (!fs::is_directory(path, ec)) {
    add("no_store", path, "no such store; expected a directory that `limbic data import` made");
    return std::nullopt;
  }
  bool has_files = true;
  for (const auto& file : {info_path, manifest_path}) {
    if (is_regular_file(file)) continue;
    has_files = false;
    const bool has_parts = fs::is_directory(path + "/parts", ec);
    add("no_store", file,
        has_parts ? "missing: only parts are there; put them together with `limbic data merge`"
                  : "missing or not a regular file; expected a directory that `limbic data import` made");
  }
  if (!has_files) return std::nullopt;

  LoadedStore loaded;
  std::map<std::string, std::string> bad_shards;
  const ShardSet shards(path);
  const auto is_sound = [&](const Sample& sample) {
    bool all_sound = true;
    for (const auto& [name, ref] : sample.streams) {
      if (bad_shards.count(ref.shard) > 0) {
        all_sound = false;
        continue;
      }
      try {
        const auto& shard = shards.at(ref.shard);
        loaded.facts.shards[ref.shard] = shard.num_bytes();
        const auto defect = stream_defect(name, ref, loaded.info.modalities.at(name), shard);
        if (defect.empty()) continue;
        add("stream", fmt::format("{}: sample '{}'", manifest_path, sample.id), defect);
      } catch (const Error& e) {
        bad_shards.emplace(ref.shard, e.what());
        add("shard", path + "/shards/" + ref.shard, e.what());
      }
      all_sound = false;
    }
    return all_sound;
  };
  try {
    loaded.info = read_info(path, loaded.facts.info_sha256);
    loaded.samples = read_manifest(manifest_path, loaded.info, problems, loaded.facts.manifest, is_sound);
  } catch (const Error& e) {
    add("dataset", info_path, e.what());
    return std::nullopt;
  }
  if (loaded.samples.empty()) add("empty", manifest_path, "no usable sample");
  return loaded;
}

StoreStaging::StoreStaging(std::string path, DatasetInfo info, bool may_be_empty)
    : path_(std::move(path)),
      temp_(core::temp_name_for(path_)),
      info_(std::move(info)),
      may_be_empty_(may_be_empty) {
  info_.schema_version = kStoreSchema;
  if (const auto defect = info_defect(info_); !defect.empty())
    throw Error(ErrorCode::kInternal, "StoreWriter: " + defect);
  std::error_code ec;
  fs::create_directories(temp_ + "/shards", ec);
  if (ec) throw Error(ErrorCode::kStorage, path_ + ": cannot write here: " + ec.message());
  manifest_.open(temp_ + "/" + kManifestFile, std::ios::binary);
}

StoreStaging::~StoreStaging() {
  if (is_released_) return;
  std::error_code ec;
  fs::remove_all(temp_, ec);
}

void StoreStaging::claim(const std::string& id) {
  require(ids_.insert(id), ErrorCode::kData, "sample '" + id + "': id used twice");
}

void StoreStaging::add(const Sample& sample) {
  manifest_ << manifest_line(sample) << '\n';
  require(manifest_.good(), ErrorCode::kStorage, path_ + ": cannot write the manifest");
  ++size_;
}

std::string StoreStaging::seal() {
  require(size_ > 0 || may_be_empty_, ErrorCode::kData, path_ + ": no samples; nothing was imported");
  manifest_.close();
  require(manifest_.good(), ErrorCode::kStorage, path_ + ": cannot write the manifest");
  core::write_file(temp_ + "/" + kInfoFile, config::dump(info_));
  std::vector<Problem> problems;
  const auto loaded = load_store(temp_, problems);
  if (!(size_ == 0 && problems.size() == 1) && !problems.empty()) throw_first(problems, path_);
  if (size_ > 0) write_index(temp_, loaded->samples, loaded->facts);
  return content_hash_of(loaded->facts.info_sha256, loaded->facts.manifest.samples_sha256);
}

}  // namespace limbic::data
