#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>

#include "import/pipeline.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/csv.h"

namespace limbic::data {
namespace {

constexpr int64_t kFerSize = 48;
constexpr std::array<const char*, 7> kFerEmotions{"angry", "disgust",  "fear",   "happy",
                                                  "sad",   "surprise", "neutral"};

/// The official split of a Kaggle usage ("PublicTest") or of a name that begins with it.
std::string fer_split(const std::string& name, const std::string& where) {
  if (name.rfind("Training", 0) == 0) return "train";
  if (name.rfind("PublicTest", 0) == 0) return "public_test";
  if (name.rfind("PrivateTest", 0) == 0) return "private_test";
  throw Error(ErrorCode::kData, where + ": '" + name +
                                    "' is no split of FER2013; expected Training, PublicTest or PrivateTest");
}

const char* fer_emotion(int64_t label, const std::string& where) {
  if (label < 0 || label >= static_cast<int64_t>(kFerEmotions.size())) {
    throw Error(ErrorCode::kData, fmt::format("{}: label {} is out of range; expected 0 to {}", where, label,
                                              kFerEmotions.size() - 1));
  }
  return kFerEmotions[static_cast<size_t>(label)];
}

RawSample fer_sample(const std::string& id, const std::string& split, const char* emotion,
                     const std::string& source_path, const uint8_t* pixels) {
  RawSample raw;
  raw.sample.id = id;
  raw.sample.corpus = "fer2013";
  raw.sample.split = split;
  raw.sample.labels = {{"emotion", emotion}};
  raw.sample.source_path = source_path;
  RawStream face;
  face.values = at::empty({1, 1, kFerSize, kFerSize}, at::TensorOptions(at::kByte));
  std::memcpy(face.values.data_ptr(), pixels, static_cast<size_t>(kFerSize * kFerSize));
  raw.streams[stream_name::kFace] = std::move(face);
  return raw;
}

/// A row of NAME_index.csv: a JPEG file inside NAME.jpgs.
void add_pack(const std::string& source, const std::string& name, std::vector<ImportItem>& items) {
  const std::string pack_name = name + ".jpgs";
  const auto pack = std::make_shared<const std::string>(core::read_file(source + "/" + pack_name));
  formats::CsvReader csv(source + "/" + name + "_index.csv");
  formats::CsvRow row;
  std::set<std::string> ids;
  while (csv.next(row)) {
    const std::string image = row.text("name");
    const std::string split = fer_split(image, row.where());
    const char* emotion = fer_emotion(row.integer("label"), row.where());
    if (row.text("label_name") != emotion) {
      throw Error(ErrorCode::kData, fmt::format("{}: label {} is '{}', but label_name says '{}'", row.where(),
                                                row.integer("label"), emotion, row.text("label_name")));
    }
    const int64_t offset = row.integer("offset");
    const int64_t length = row.integer("length");
    const auto size = static_cast<int64_t>(pack->size());
    if (offset < 0 || length < 1 || offset > size || length > size - offset) {
      throw Error(ErrorCode::kData, fmt::format("{}: bytes [{}, {} + {}) lie outside {} ({} bytes)",
                                                row.where(), offset, offset, length, pack_name, size));
    }
    const std::string path = pack_name + "/" + image;
    // Two numbers of the known pack stand for two pictures each, with different labels.
    std::string id = stem_of(image);
    if (ids.count(id) != 0) id += std::string("_") + emotion;
    if (!ids.insert(id).second)
      throw Error(ErrorCode::kData, row.where() + ": '" + image + "' is listed twice");
    items.push_back({path, [=](ImportWorker& worker) {
                       const auto* bytes = reinterpret_cast<const uint8_t*>(pack->data()) + offset;
                       media::Image decoded;
                       worker.images().decode(bytes, static_cast<size_t>(length), path, decoded);
                       if (decoded.width != kFerSize || decoded.height != kFerSize || decoded.channels != 1) {
                         throw Error(ErrorCode::kData,
                                     fmt::format("{}: {}x{} with {} channel(s); expected 48x48 grey", path,
                                                 decoded.width, decoded.height, decoded.channels));
                       }
                       std::vector<RawSample> samples;
                       samples.push_back(fer_sample(id, split, emotion, path, decoded.data.data()));
                       samples.back().sample.source_sha256 =
                           core::sha256_hex({pack->data() + offset, static_cast<size_t>(length)});
                       return samples;
                     }});
  }
}

/// A row of Kaggle's csv: 2304 numbers in one field.
void add_kaggle_csv(const std::string& path, const std::string& relative, std::vector<ImportItem>& items) {
  formats::CsvReader csv(path);
  formats::CsvRow row;
  int64_t row_idx = 0;
  while (csv.next(row)) {
    const std::string usage = row.text("Usage");
    const std::string where = fmt::format("{}:{}", relative, row.line());
    const std::string split = fer_split(usage, where);
    const char* emotion = fer_emotion(row.integer("emotion"), where);
    const std::string id = fmt::format("{}_{:05}", usage, row_idx++);
    items.push_back(
        {where, [where, id, split, emotion, relative, text = row.text("pixels")](ImportWorker&) {
           std::array<uint8_t, kFerSize * kFerSize> pixels{};
           const char* at = text.data();
           const char* const end = at + text.size();
           size_t count = 0;
           for (; at < end; ++count) {
             const auto [after, error] = std::from_chars(at, end, pixels[std::min(count, pixels.size() - 1)]);
             if (error != std::errc() || (after < end && *after != ' ')) {
               throw Error(ErrorCode::kData, where + ": pixels: expected numbers from 0 to 255");
             }
             at = after;
             while (at < end && *at == ' ') ++at;
           }
           if (count != pixels.size()) {
             throw Error(ErrorCode::kData, fmt::format("{}: {} pixels; expected 2304", where, count));
           }
           std::vector<RawSample> samples;
           samples.push_back(fer_sample(id, split, emotion, relative, pixels.data()));
           samples.back().sample.source_sha256 = core::sha256_hex(text);
           return samples;
         }});
  }
}

}  // namespace

ImportReport import_fer2013(const std::string& source, const std::string& out, const ImportOptions& options) {
  namespace fs = std::filesystem;
  DatasetInfo info;
  info.name = "fer2013";
  info.licence = "research use (ICML 2013 challenge, Kaggle)";
  info.citation =
      "Goodfellow IJ et al. (2013). Challenges in representation learning: a report on three machine "
      "learning contests. "
      "ICONIP 2013.";
  info.importer = "fer2013";
  info.label_spaces = {{"emotion", {kFerEmotions.begin(), kFerEmotions.end()}}};
  info.modalities[stream_name::kFace] = {"images", 0.0, "grey, 0 to 255", {1, kFerSize, kFerSize}};
  info.known_defects = {"labels are noisy: people agree with them in about 65 of 100 images",
                        "the same pictures appear several times, also across splits and with other labels",
                        "some pictures are blank or show no face",
                        "people are unknown: splits cannot be grouped by subject"};
  std::vector<ImportItem> items;
  std::string folder = source;
  if (fs::is_regular_file(source)) {
    folder = fs::path(source).parent_path().string();
    add_kaggle_csv(source, fs::path(source).filename().string(), items);
  } else {
    for (const char* name : {"train", "val", "test"}) {
      if (fs::exists(source + "/" + name + "_index.csv")) add_pack(source, name, items);
    }
    for (const char* name : {"fer2013.csv", "icml_face_data.csv"}) {
      if (items.empty() && fs::exists(source + "/" + name)) add_kaggle_csv(source + "/" + name, name, items);
    }
  }
  if (items.empty()) {
    throw Error(
        ErrorCode::kData,
        source + ": no FER2013 here; expected train_index.csv and train.jpgs, or Kaggle's fer2013.csv");
  }
  return run_import(folder, out, info, std::move(items), options);
}

}  // namespace limbic::data
