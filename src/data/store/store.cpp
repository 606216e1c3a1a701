#include "limbic/data/store.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/log.h"
#include "limbic/core/suggest.h"
#include "store/dataset_file.h"
#include "store/shard_set.h"
#include "store/staging.h"

namespace limbic::data {

bool is_regular_file(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

const formats::SafetensorsShard& ShardSet::at(const std::string& name) const {
  {
    const std::shared_lock lock(mutex_);
    const auto found = by_name_.find(name);
    if (found != by_name_.end()) return *found->second;
  }
  const std::unique_lock lock(mutex_);
  auto& shard = by_name_[name];
  if (shard == nullptr) {
    const std::string path = directory_ + "/shards/" + name;
    try {
      require(is_regular_file(path), ErrorCode::kData, path + ": missing or not a regular file");
      shard = std::make_unique<const formats::SafetensorsShard>(path);
    } catch (...) {
      by_name_.erase(name);
      throw;
    }
  }
  return *shard;
}

/// What is wrong with a stream's place in its shard; empty when it can be read.
std::string stream_defect(const std::string& name, const StreamRef& ref, const RawModality& modality,
                          const formats::SafetensorsShard& shard) {
  if (!shard.contains(ref.tensor)) {
    return fmt::format(
        "streams.{}: shards/{} has no tensor '{}'{}", name, ref.shard, ref.tensor,
        core::did_you_mean(ref.tensor,
                           shard.names().size() < 1000 ? shard.names() : std::vector<std::string>{}));
  }
  const auto& info = shard.info(ref.tensor);
  if (info.dtype != dtype_of_kind(modality.kind)) {
    return fmt::format("streams.{}: tensor '{}' is {}; {} wants {}", name, ref.tensor, info.dtype,
                       modality.kind, dtype_of_kind(modality.kind));
  }
  std::vector<int64_t> shape{ref.num_frames};
  shape.insert(shape.end(), modality.frame_shape.begin(), modality.frame_shape.end());
  if (info.shape != shape) {
    return fmt::format("streams.{}: tensor '{}' has shape [{}]; expected [{}]", name, ref.tensor,
                       fmt::join(info.shape, ", "), fmt::join(shape, ", "));
  }
  if (info.crc32 && *info.crc32 != ref.crc32) {
    return fmt::format(
        "streams.{}: shards/{} holds another '{}' (crc {:08x}) than the manifest means ({:08x})", name,
        ref.shard, ref.tensor, *info.crc32, ref.crc32);
  }
  if (ref.valid.empty()) return "";
  if (!shard.contains(ref.valid) || shard.info(ref.valid).dtype != "BOOL" ||
      shard.info(ref.valid).shape != std::vector<int64_t>{ref.num_frames}) {
    return fmt::format("streams.{}: '{}' is no bool tensor of {} frames", name, ref.valid, ref.num_frames);
  }
  return "";
}

struct Store::Shards : ShardSet {
  using ShardSet::ShardSet;
};

Store::Store() = default;
Store::~Store() = default;

std::shared_ptr<const Store> Store::open_lenient(const std::string& path, std::vector<Problem>& problems) {
  auto loaded = load_store(path, problems);
  if (!loaded) return nullptr;
  IndexFacts facts;
  std::string reason;
  const auto indexed = read_index(path, loaded->info, loaded->facts.info_sha256, facts, reason);
  const std::string index_path = path + "/" + kIndexFile;
  if (indexed && (!have_same_samples(*indexed, loaded->samples) ||
                  facts.manifest.samples_sha256 != loaded->facts.manifest.samples_sha256)) {
    problems.push_back({Severity::kError, "index", index_path,
                        "says something else than manifest.jsonl; remove it or import the corpus again"});
  } else if (!indexed && reason != "missing") {
    problems.push_back({Severity::kWarning, "index", index_path,
                        reason + "; the manifest is read instead, which is slower; import the corpus again"});
  }
  std::shared_ptr<Store> store(new Store());
  store->path_ = path;
  store->content_hash_ = content_hash_of(loaded->facts.info_sha256, loaded->facts.manifest.samples_sha256);
  store->info_ = std::move(loaded->info);
  store->samples_ = std::move(loaded->samples);
  store->shards_ = std::make_unique<Shards>(path);
  return store;
}

std::shared_ptr<const Store> Store::open(const std::string& path) {
  std::string reason;
  if (is_regular_file(path + "/" + kInfoFile) && is_regular_file(path + "/" + kManifestFile)) {
    std::shared_ptr<Store> store(new Store());
    std::string info_sha256;
    IndexFacts facts;
    store->info_ = read_info(path, info_sha256);
    if (auto samples = read_index(path, store->info_, info_sha256, facts, reason)) {
      for (const auto& [name, num_bytes] : facts.shards) {
        const std::string shard = path + "/shards/" + name;
        require(is_regular_file(shard), ErrorCode::kData, shard + ": missing or not a regular file");
        require(std::filesystem::file_size(shard) == num_bytes, ErrorCode::kData,
                fmt::format("{}: {} bytes; expected {}: the data changed on disk, import it again", shard,
                            std::filesystem::file_size(shard), num_bytes));
      }
      store->path_ = path;
      store->samples_ = std::move(*samples);
      store->content_hash_ = content_hash_of(info_sha256, facts.manifest.samples_sha256);
      store->shards_ = std::make_unique<Shards>(path);
      return store;
    }
    log::debug("store_index_unused", {{"store", path}, {"reason", reason}});
  }
  std::vector<Problem> problems;
  auto loaded = open_lenient(path, problems);
  problems.erase(std::remove_if(problems.begin(), problems.end(),
                                [](const auto& p) { return p.severity != Severity::kError; }),
                 problems.end());
  if (!problems.empty()) throw_first(problems, path);
  return loaded;
}

/// A stream's tensors in the shard that holds them, checked against what the manifest says of them.
const formats::SafetensorsShard& Store::shard_of(int64_t sample_idx, const std::string& stream,
                                                 const StreamRef& ref) const {
  const auto& shard = shards_->at(ref.shard);
  const auto defect = stream_defect(stream, ref, info_.modalities.at(stream), shard);
  if (!defect.empty()) {
    throw Error(ErrorCode::kData,
                fmt::format("{}/{}: sample '{}': {}", path_, kManifestFile, samples_.id(sample_idx), defect));
  }
  return shard;
}

StreamRef Store::stream_of(int64_t sample_idx, const std::string& stream) const {
  try {
    return samples_.stream(stream, sample_idx);
  } catch (const Error& e) {
    throw e.in(path_);
  }
}

const Store* Store::member_of(int64_t sample_idx, int64_t& row) const {
  if (members_.empty()) return nullptr;
  require(sample_idx >= 0 && sample_idx < size(), ErrorCode::kInternal, path_ + ": no such sample");
  const auto next = std::upper_bound(member_begins_.begin(), member_begins_.end(), sample_idx);
  const auto at = static_cast<size_t>(next - member_begins_.begin()) - 1;
  row = sample_idx - member_begins_[at];
  return members_[at].get();
}

at::Tensor Store::read(int64_t sample_idx, const std::string& stream) const {
  int64_t row = 0;
  if (const Store* member = member_of(sample_idx, row)) return member->read(row, stream);
  const StreamRef ref = stream_of(sample_idx, stream);
  return shard_of(sample_idx, stream, ref).view(ref.tensor);
}

affect::Stream Store::read_stream(int64_t sample_idx, const std::string& stream) const {
  int64_t row = 0;
  if (const Store* member = member_of(sample_idx, row)) return member->read_stream(row, stream);
  affect::Stream out;
  out.modality = stream;
  const StreamRef ref = stream_of(sample_idx, stream);
  const auto& shard = shard_of(sample_idx, stream, ref);
  out.values = shard.view(ref.tensor);
  out.t0 = ref.t0;
  out.rate_hz = ref.rate_hz;
  out.valid_T =
      ref.valid.empty() ? at::ones({ref.num_frames}, at::TensorOptions(at::kBool)) : shard.view(ref.valid);
  return out;
}

uint32_t Store::checksum(int64_t sample_idx, const std::string& stream) const {
  const at::Tensor values = read(sample_idx, stream);
  return core::crc32(values.data_ptr(), values.nbytes());
}

int64_t Store::index_of(const std::string& id) const {
  const int64_t at = samples_.find(id);
  if (at >= 0) return at;
  std::vector<std::string> known;
  for (int64_t i = 0; i < samples_.size() && i < 100000; ++i) known.emplace_back(samples_.id(i));
  throw Error(ErrorCode::kData, path_ + ": no sample '" + id + "'" + core::did_you_mean(id, known));
}

const affect::LabelSpace& Store::label_space(const std::string& task) const {
  std::vector<std::string> known;
  for (const auto& space : info_.label_spaces) {
    if (space.task == task) return space;
    known.push_back(space.task);
  }
  throw Error(ErrorCode::kData, fmt::format("{}: no task '{}'; the store has {}{}", path_, task,
                                            core::join(known), core::did_you_mean(task, known)));
}

}  // namespace limbic::data
