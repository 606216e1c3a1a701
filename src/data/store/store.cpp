#include "limbic/data/store.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/suggest.h"
#include "limbic/formats/safetensors.h"
#include "store/manifest.h"

namespace limbic::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kStoreSchema = 1;
constexpr uint64_t kShardBytes = uint64_t{128} << 20;
constexpr size_t kShardTensors = 16384;  ///< bounds a shard's header
constexpr const char* kInfoFile = "dataset.yaml";
constexpr const char* kManifestFile = "manifest.jsonl";

at::ScalarType scalar_type_of_kind(const std::string& kind) {
  if (kind == "wave") return at::kShort;
  return kind == "series" ? at::kFloat : at::kByte;
}

bool is_regular_file(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

/// What dataset.yaml says about itself; empty when it is sound.
std::string info_defect(const DatasetInfo& info) {
  if (info.schema_version != kStoreSchema) {
    return fmt::format("schema_version {}; this limbic reads {}: import the corpus again",
                       info.schema_version, kStoreSchema);
  }
  if (info.name.empty()) return "name is empty";
  std::set<std::string> tasks;
  for (const auto& space : info.label_spaces) {
    if (space.task.empty() || !tasks.insert(space.task).second)
      return "label_spaces: task '" + space.task + "' is empty or used twice";
    const std::set<std::string> classes(space.classes.begin(), space.classes.end());
    if (classes.empty() || classes.size() != space.classes.size() || classes.count("") != 0) {
      return "label_spaces: classes of '" + space.task + "' must be unique names, at least one";
    }
  }
  for (const auto& [name, modality] : info.modalities) {
    if (dtype_of_kind(modality.kind) == nullptr) {
      return "modalities." + name + ".kind: '" + modality.kind + "'; expected wave, images, series or text";
    }
    const size_t num_dims = modality.kind == "series" ? 1 : (modality.kind == "images" ? 3 : 0);
    if (modality.frame_shape.size() != num_dims ||
        std::any_of(modality.frame_shape.begin(), modality.frame_shape.end(),
                    [](int64_t n) { return n < 1; })) {
      return fmt::format("modalities.{}.frame_shape: expected {} positive numbers for {}", name, num_dims,
                         modality.kind);
    }
  }
  return "";
}

std::string store_hash(const std::string& directory) {
  return core::sha256_hex("limbic store\n" + core::sha256_file(directory + "/" + kInfoFile) + "\n" +
                          core::sha256_file(directory + "/" + kManifestFile) + "\n");
}

std::vector<std::string> files_below(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_directory()) files.push_back(entry.path().lexically_relative(directory).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool have_same_files(const std::string& a, const std::string& b) {
  const auto files = files_below(a);
  if (files != files_below(b)) return false;
  return std::all_of(files.begin(), files.end(), [&](const std::string& file) {
    return is_regular_file(b + "/" + file) &&
           fs::file_size(a + "/" + file) == fs::file_size(b + "/" + file) &&
           core::sha256_file(a + "/" + file) == core::sha256_file(b + "/" + file);
  });
}

}  // namespace

struct Store::Shards {
  std::map<std::string, formats::SafetensorsShard> by_name;
};

Store::Store() : shards_(std::make_unique<Shards>()) {}
Store::~Store() = default;

namespace {

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

}  // namespace

std::shared_ptr<const Store> Store::open_lenient(const std::string& path, std::vector<Problem>& problems) {
  const auto add = [&problems](const std::string& code, const std::string& where,
                               const std::string& message) {
    problems.push_back({Severity::kError, code, where, message});
  };
  const std::string info_path = path + "/" + kInfoFile;
  const std::string manifest_path = path + "/" + kManifestFile;
  std::error_code ec;
  if (!fs::is_directory(path, ec)) {
    add("no_store", path, "no such store; expected a directory that `limbic data import` made");
    return nullptr;
  }
  for (const auto& file : {info_path, manifest_path}) {
    if (!is_regular_file(file))
      add("no_store", file,
          "missing or not a regular file; expected a directory that `limbic data import` made");
  }
  if (!problems.empty()) return nullptr;

  std::shared_ptr<Store> store(new Store());
  store->path_ = path;
  std::vector<Sample> samples;
  try {
    // A store is one piece: a `base:` would read a file that somebody else's manifest chose.
    const std::string info_text = core::read_file(info_path, uint64_t{1} << 20);
    if (info_text.rfind("base:", 0) == 0 || info_text.find("\nbase:") != std::string::npos) {
      add("dataset", info_path, "`base:` is not allowed in a store");
      return nullptr;
    }
    store->info_ = config::load_text<DatasetInfo>(info_text, info_path);
    if (const auto defect = info_defect(store->info_); !defect.empty()) {
      add("dataset", info_path, defect);
      return nullptr;
    }
    samples = read_manifest(manifest_path, store->info_, problems);
    store->content_hash_ = store_hash(path);
  } catch (const Error& e) {
    add("dataset", info_path, e.what());
    return nullptr;
  }

  SampleTableBuilder table;
  std::map<std::string, std::string> bad_shards;
  auto& shards = store->shards_->by_name;
  for (auto& sample : samples) {
    const std::string where = fmt::format("{}: sample '{}'", manifest_path, sample.id);
    bool is_sound = true;
    for (const auto& [name, ref] : sample.streams) {
      if (shards.count(ref.shard) == 0 && bad_shards.count(ref.shard) == 0) {
        const std::string shard_path = path + "/shards/" + ref.shard;
        try {
          require(is_regular_file(shard_path), ErrorCode::kData,
                  shard_path + ": missing or not a regular file");
          shards.emplace(ref.shard, formats::SafetensorsShard(shard_path));
        } catch (const Error& e) {
          bad_shards.emplace(ref.shard, e.what());
          add("shard", shard_path, e.what());
        }
      }
      const auto shard = shards.find(ref.shard);
      std::string defect = "streams." + name + ": its shard cannot be read";
      if (shard != shards.end())
        defect = stream_defect(name, ref, store->info_.modalities.at(name), shard->second);
      if (defect.empty()) continue;
      is_sound = false;
      if (shard != shards.end()) add("stream", where, defect);
    }
    if (!is_sound) continue;
    table.add(sample);
  }
  store->samples_ = table.finish();
  if (store->samples_.empty()) add("empty", manifest_path, "no usable sample");
  return store;
}

std::shared_ptr<const Store> Store::open(const std::string& path) {
  std::vector<Problem> problems;
  auto store = open_lenient(path, problems);
  if (problems.empty()) return store;
  const auto& first = problems.front();
  std::string message =
      first.message.rfind(first.where, 0) == 0 ? first.message : first.where + ": " + first.message;
  if (problems.size() > 1) {
    message += fmt::format(" (and {} more problems: `limbic data check {}`)", problems.size() - 1, path);
  }
  throw Error(ErrorCode::kData, message);
}

StreamRef Store::stream_of(int64_t sample_idx, const std::string& stream) const {
  try {
    return samples_.stream(stream, sample_idx);
  } catch (const Error& e) {
    throw e.in(path_);
  }
}

at::Tensor Store::read(int64_t sample_idx, const std::string& stream) const {
  const StreamRef ref = stream_of(sample_idx, stream);
  return shards_->by_name.at(ref.shard).view(ref.tensor);
}

affect::Stream Store::read_stream(int64_t sample_idx, const std::string& stream) const {
  affect::Stream out;
  out.modality = stream;
  const StreamRef ref = stream_of(sample_idx, stream);
  out.values = shards_->by_name.at(ref.shard).view(ref.tensor);
  out.t0 = ref.t0;
  out.rate_hz = ref.rate_hz;
  out.valid_T = ref.valid.empty() ? at::ones({ref.num_frames}, at::TensorOptions(at::kBool))
                                  : shards_->by_name.at(ref.shard).view(ref.valid);
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

struct StoreWriter::Impl {
  std::string path;
  std::string temp;
  DatasetInfo info;
  bool replace = false;
  bool is_finished = false;
  std::string manifest;
  std::set<std::string> ids;
  int64_t num_shards = 0;
  std::unique_ptr<formats::SafetensorsWriter> shard;
  std::string shard_name;

  void close_shard() {
    if (shard != nullptr) shard->finish();
    shard.reset();
  }
  void want_shard() {
    if (shard != nullptr && (shard->num_bytes() >= kShardBytes || shard->num_tensors() >= kShardTensors))
      close_shard();
    if (shard != nullptr) return;
    shard_name = fmt::format("{:05}.safetensors", num_shards++);
    shard = std::make_unique<formats::SafetensorsWriter>(temp + "/shards/" + shard_name);
  }
};

StoreWriter::StoreWriter(std::string path, DatasetInfo info, bool replace) : impl_(std::make_unique<Impl>()) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  impl_->path = std::move(path);
  impl_->info = std::move(info);
  impl_->replace = replace;
  if (const auto defect = info_defect(impl_->info); !defect.empty()) {
    throw Error(ErrorCode::kInternal, "StoreWriter: " + defect);
  }
  // Said before hours of import, not after.
  std::error_code ec;
  if (fs::exists(impl_->path, ec) && !is_regular_file(impl_->path + "/" + kInfoFile) &&
      !(fs::is_directory(impl_->path, ec) && fs::is_empty(impl_->path, ec))) {
    throw Error(ErrorCode::kStorage, impl_->path + ": exists and is no store; choose another --out");
  }
  impl_->temp = core::temp_name_for(impl_->path);
  fs::create_directories(impl_->temp + "/shards", ec);
  if (ec) throw Error(ErrorCode::kStorage, impl_->path + ": cannot write here: " + ec.message());
}

StoreWriter::~StoreWriter() {
  if (impl_->is_finished) return;
  impl_->shard.reset();
  std::error_code ec;
  fs::remove_all(impl_->temp, ec);
}

void StoreWriter::add(Sample sample, const std::map<std::string, RawStream>& streams) {
  const std::string where = "sample '" + sample.id + "'";
  if (!impl_->ids.insert(sample.id).second) throw Error(ErrorCode::kData, where + ": id used twice");
  sample.streams.clear();
  for (const auto& [name, stream] : streams) {
    const auto modality = impl_->info.modalities.find(name);
    if (modality == impl_->info.modalities.end()) {
      throw Error(ErrorCode::kInternal, where + ": the dataset declares no modality '" + name + "'");
    }
    const auto shape = stream.values.sizes();
    const auto& frame_shape = modality->second.frame_shape;
    if (shape.size() != frame_shape.size() + 1 ||
        !std::equal(frame_shape.begin(), frame_shape.end(), shape.begin() + 1) ||
        stream.values.scalar_type() != scalar_type_of_kind(modality->second.kind)) {
      throw Error(ErrorCode::kData, fmt::format("{}: {}: {} of shape [{}] does not fit the dataset", where,
                                                name, stream.values.toString(), fmt::join(shape, ", ")));
    }
    impl_->want_shard();
    StreamRef ref;
    ref.shard = impl_->shard_name;
    ref.tensor = sample.id + "/" + name;
    ref.rate_hz = stream.rate_hz;
    ref.t0 = stream.t0;
    ref.num_frames = stream.values.size(0);
    const at::Tensor values = stream.values.contiguous();
    ref.crc32 = core::crc32(values.data_ptr(), values.nbytes());
    impl_->shard->add(ref.tensor, values);
    if (stream.valid_T.defined() && !stream.valid_T.all().item<bool>()) {
      ref.valid = ref.tensor + "/valid";
      impl_->shard->add(ref.valid, stream.valid_T);
    }
    sample.streams[name] = std::move(ref);
  }
  impl_->manifest += manifest_line(sample) + "\n";
}

void StoreWriter::add_file(const std::string& name, const std::string& text) {
  core::write_file(impl_->temp + "/" + name, text);
}

int64_t StoreWriter::size() const {
  return static_cast<int64_t>(impl_->ids.size());
}

std::string StoreWriter::finish() {
  Impl& w = *impl_;
  require(!w.ids.empty(), ErrorCode::kData, w.path + ": no samples; nothing was imported");
  w.close_shard();
  core::write_file(w.temp + "/" + kInfoFile, config::dump(w.info));
  core::write_file(w.temp + "/" + kManifestFile, w.manifest);
  const std::string hash = Store::open(w.temp)->content_hash();
  std::error_code ec;
  if (fs::exists(w.path, ec) && !fs::is_empty(w.path, ec)) {
    if (have_same_files(w.temp, w.path)) {
      fs::remove_all(w.temp, ec);
      w.is_finished = true;
      return hash;
    }
    if (!w.replace) {
      throw Error(ErrorCode::kStorage,
                  w.path + ": a store with other content is there; choose another --out or say --replace");
    }
  }
  if (fs::exists(w.path, ec)) {
    const std::string old = core::temp_name_for(w.path);
    fs::rename(w.path, old, ec);
    if (ec) throw Error(ErrorCode::kStorage, w.path + ": cannot move the old store away: " + ec.message());
    try {
      core::publish_directory(w.temp, w.path);
    } catch (const Error&) {
      fs::rename(old, w.path, ec);
      throw;
    }
    fs::remove_all(old, ec);
  } else {
    core::publish_directory(w.temp, w.path);
  }
  w.is_finished = true;
  return hash;
}

}  // namespace limbic::data
