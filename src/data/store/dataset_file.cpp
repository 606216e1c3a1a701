#include "store/dataset_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "store/manifest.h"

namespace limbic::data {
namespace {

constexpr uint64_t kMaxInfoBytes = uint64_t{1} << 20;

std::string spaces_defect(const DatasetInfo& info) {
  std::set<std::string> tasks;
  for (const auto& space : info.label_spaces) {
    if (space.task.empty() || !tasks.insert(space.task).second)
      return "label_spaces: task '" + space.task + "' is empty or used twice";
    const std::set<std::string> classes(space.classes.begin(), space.classes.end());
    if (classes.empty() || classes.size() != space.classes.size() || classes.count("") != 0) {
      return "label_spaces: classes of '" + space.task + "' must be unique names, at least one";
    }
  }
  return "";
}

std::string modalities_defect(const DatasetInfo& info) {
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

}  // namespace

std::string info_defect(const DatasetInfo& info) {
  if (info.schema_version < kOldestStoreSchema || info.schema_version > kStoreSchema) {
    return fmt::format("schema_version {}; this limbic reads {} to {}: import the corpus again",
                       info.schema_version, kOldestStoreSchema, kStoreSchema);
  }
  if (info.name.empty()) return "name is empty";
  if (info.clock != "recording" && info.clock != "clip" && info.clock != "unix")
    return "clock: '" + info.clock + "'; expected recording, clip or unix";
  if (auto defect = spaces_defect(info); !defect.empty()) return defect;
  for (const auto& [name, range] : info.values) {
    if (!std::isfinite(range.min) || !std::isfinite(range.max) || range.min >= range.max)
      return fmt::format("values.{}: min {} must be below max {}", name, range.min, range.max);
  }
  return modalities_defect(info);
}

DatasetInfo read_info(const std::string& store, std::string& sha256) {
  const std::string path = store + "/" + kInfoFile;
  const std::string text = core::read_file(path, kMaxInfoBytes);
  // A store is one piece: a `base:` would read a file that somebody else's manifest chose.
  require(text.rfind("base:", 0) != 0 && text.find("\nbase:") == std::string::npos, ErrorCode::kData,
          path + ": `base:` is not allowed in a store");
  sha256 = core::sha256_hex(text);
  DatasetInfo info;
  try {
    info = config::load_text<DatasetInfo>(text, path);
  } catch (const Error& e) {  // to a config's reader it is a wrong config
    throw Error(ErrorCode::kData, e.what());
  }
  const auto defect = info_defect(info);
  require(defect.empty(), ErrorCode::kData, path + ": " + defect);
  return info;
}

std::string content_hash_of(const std::string& info_sha256, const std::string& samples_sha256) {
  return core::sha256_hex("limbic store 2\n" + info_sha256 + "\n" + samples_sha256 + "\n");
}

}  // namespace limbic::data
