#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/data/store.h"
#include "limbic/formats/safetensors.h"
#include "store/dataset_file.h"
#include "store/shard_set.h"
#include "store/staging.h"

namespace limbic::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kShardBytes = uint64_t{128} << 20;
constexpr size_t kShardTensors = 16384;  ///< bounds a shard's header

at::ScalarType scalar_type_of_kind(const std::string& kind) {
  if (kind == "wave") return at::kShort;
  return kind == "series" ? at::kFloat : at::kByte;
}

}  // namespace

struct StoreWriter::Impl {
  Impl(std::string path, DatasetInfo info, bool may_be_empty)
      : staging(std::move(path), std::move(info), may_be_empty) {}

  StoreStaging staging;
  bool replace = false;
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
    shard = std::make_unique<formats::SafetensorsWriter>(staging.temp() + "/shards/" + shard_name);
  }
};

StoreWriter::StoreWriter(std::string path, DatasetInfo info, bool replace, bool may_be_empty) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  // Said before hours of import, not after.
  std::error_code ec;
  if (fs::exists(path, ec) && !is_regular_file(path + "/" + kInfoFile) &&
      !(fs::is_directory(path, ec) && fs::is_empty(path, ec))) {
    throw Error(ErrorCode::kStorage, path + ": exists and is no store; choose another --out");
  }
  impl_ = std::make_unique<Impl>(std::move(path), std::move(info), may_be_empty);
  impl_->replace = replace;
}

StoreWriter::~StoreWriter() = default;

void StoreWriter::add(Sample sample, const std::map<std::string, RawStream>& streams) {
  const std::string where = "sample '" + sample.id + "'";
  const auto& modalities = impl_->staging.info().modalities;
  impl_->staging.claim(sample.id);
  sample.streams.clear();
  for (const auto& [name, stream] : streams) {
    const auto modality = modalities.find(name);
    if (modality == modalities.end()) {
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
  impl_->staging.add(sample);
}

void StoreWriter::add_file(const std::string& name, const std::string& text) {
  core::write_file(impl_->staging.temp() + "/" + name, text);
}

int64_t StoreWriter::size() const {
  return impl_->staging.size();
}

std::string StoreWriter::finish() {
  StoreStaging& staging = impl_->staging;
  impl_->close_shard();
  const std::string hash = staging.seal();
  const std::string& path = staging.path();
  std::error_code ec;
  if (fs::exists(path, ec) && !fs::is_empty(path, ec)) {
    if (have_same_files(staging.temp(), path)) return hash;
    if (!impl_->replace) {
      throw Error(ErrorCode::kStorage,
                  path + ": a store with other content is there; choose another --out or say --replace");
    }
  }
  if (fs::exists(path, ec)) {
    const std::string old = core::temp_name_for(path);
    fs::rename(path, old, ec);
    if (ec) throw Error(ErrorCode::kStorage, path + ": cannot move the old store away: " + ec.message());
    try {
      core::publish_directory(staging.temp(), path);
    } catch (const Error&) {
      fs::rename(old, path, ec);
      throw;
    }
    fs::remove_all(old, ec);
  } else {
    try {
      core::publish_directory(staging.temp(), path);
    } catch (const Error&) {
      // Another process may have written the same meanwhile.
      if (fs::exists(path, ec) && have_same_files(staging.temp(), path)) return hash;
      throw;
    }
  }
  staging.release();
  return hash;
}

}  // namespace limbic::data
