#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <functional>
#include <set>

#include "import/acted/named_clips.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/npy.h"

namespace limbic::data {
namespace affect_net_import {

namespace fs = std::filesystem;

/// 8 none, 9 uncertain and 10 no face are no expressions: such pictures have no label.
constexpr std::array<const char*, 8> kExpressions{"neutral", "happiness", "sadness", "surprise",
                                                  "fear",    "disgust",   "anger",   "contempt"};
constexpr int64_t kNoFace = 10;
constexpr double kNotAnnotated = -2.0;

/// One annotated picture.
struct Picture {
  std::string file;  ///< relative to the corpus
  std::string split;
  std::function<void(Sample&)> annotate;
  std::optional<vision::Box> box;  ///< of the face; none: the picture is a face
};

void set_annotation(Sample& sample, int64_t expression, double valence, double arousal) {
  require(expression >= 0 && expression <= kNoFace, ErrorCode::kData,
          fmt::format("expression {}; expected 0 to 10", expression));
  if (expression < static_cast<int64_t>(kExpressions.size()))
    sample.labels["emotion"] = kExpressions[static_cast<size_t>(expression)];
  for (const auto& [name, value] : {std::pair{"valence", valence}, std::pair{"arousal", arousal}}) {
    if (value == kNotAnnotated) continue;
    require(value >= -1 && value <= 1, ErrorCode::kData,
            fmt::format("{} {}; expected [-1, 1], or -2 for none", name, value));
    sample.values[name] = value;
  }
}

/// training.csv, validation.csv: one picture a line, with the face's box.
void read_list(const std::string& source, const std::string& list, const std::string& split,
               std::vector<Picture>& pictures) {
  formats::CsvReader csv(source + "/" + list);
  formats::CsvRow row;
  const std::string folder = fs::path(list).parent_path().string();
  while (csv.next(row)) {
    const std::string name = row.text("subDirectory_filePath");
    std::string file;
    for (const std::string& below : {folder, std::string(), std::string("Manually_Annotated_Images"),
                                     std::string("Manually_Annotated/Manually_Annotated_Images")}) {
      const std::string candidate = below.empty() ? name : below + "/" + name;
      if (fs::exists(source + "/" + candidate)) {
        file = candidate;
        break;
      }
    }
    if (file.empty()) continue;
    const int64_t expression = row.integer("expression");
    if (expression == kNoFace) continue;
    Picture picture;
    picture.file = file;
    picture.split = split;
    picture.box =
        vision::Box{static_cast<float>(row.real("face_x")), static_cast<float>(row.real("face_y")),
                    static_cast<float>(row.real("face_width")), static_cast<float>(row.real("face_height"))};
    const double valence = row.real("valence");
    const double arousal = row.real("arousal");
    picture.annotate = [=, where = row.where()](Sample& sample) {
      try {
        set_annotation(sample, expression, valence, arousal);
      } catch (const Error& e) {
        throw e.in(where);
      }
    };
    pictures.push_back(std::move(picture));
  }
}

/// One number in an .npy, which the release stores as text.
double read_number(const std::string& path) {
  const auto array = formats::read_npy(path);
  if (array.values.size() == 1) return array.values.front();
  if (array.text.size() == 1) {
    try {
      return std::stod(array.text.front());
    } catch (const std::exception&) {
    }
  }
  throw Error(ErrorCode::kData, path + ": expected one number");
}

/// {train,val}_set/images/N.jpg with annotations/N_{exp,val,aro}.npy: faces are cropped already.
void read_set(const std::string& source, const std::string& set, const std::string& split,
              std::vector<Picture>& pictures) {
  for (const auto& file : list_files(source + "/" + set + "/images")) {
    if (file_kind(file) != FileKind::kImage) continue;
    Picture picture;
    picture.file = set + "/images/" + file;
    picture.split = split;
    picture.annotate = [prefix = source + "/" + set + "/annotations/" + stem_of(file)](Sample& sample) {
      try {
        set_annotation(sample, static_cast<int64_t>(read_number(prefix + "_exp.npy")),
                       read_number(prefix + "_val.npy"), read_number(prefix + "_aro.npy"));
      } catch (const Error& e) {
        throw e.in(prefix);
      }
    };
    pictures.push_back(std::move(picture));
  }
}

RawSample read_picture(const std::string& source, const Picture& picture, ImportWorker& worker) {
  RawSample raw;
  Sample& sample = raw.sample;
  const std::string path = source + "/" + picture.file;
  sample.id = picture.split + "/" + fs::path(picture.file).filename().string();
  sample.corpus = "affect_net";
  sample.clip = sample.id;
  sample.split = picture.split;
  picture.annotate(sample);
  sample.source_path = picture.file;
  sample.source_sha256 = core::sha256_file(path);
  raw.streams[stream_name::kFace] = read_face_at(path, picture.box, worker);
  return raw;
}

}  // namespace affect_net_import

// AffectNet (Mollahosseini et al. 2017): the lists of the full release, or the folders of AffectNet-8.
ImportReport import_affect_net(const std::string& source, const std::string& out,
                               const ImportOptions& options) {
  using namespace affect_net_import;
  std::vector<Picture> pictures;
  for (const auto& [set, split] : {std::pair{"train_set", "train"}, std::pair{"val_set", "val"}})
    if (fs::is_directory(source + "/" + set + "/images")) read_set(source, set, split, pictures);
  for (const std::string& folder : {std::string(), std::string("Manually_Annotated_file_lists/")}) {
    for (const auto& [list, split] : {std::pair{"training.csv", "train"}, std::pair{"validation.csv", "val"}})
      if (fs::exists(source + "/" + folder + list)) read_list(source, folder + list, split, pictures);
  }
  require(!pictures.empty(), ErrorCode::kData,
          source +
              ": no AffectNet here; expected train_set/images and annotations, or training.csv and "
              "validation.csv beside the pictures");
  DatasetInfo info;
  info.name = "affect_net";
  info.licence = "research only, by agreement with the authors";
  info.citation =
      "A. Mollahosseini et al., AffectNet: A Database for Facial Expression, Valence, and Arousal Computing "
      "in the Wild, IEEE Trans. Affective Computing 10(1), 2019";
  info.importer = "affect_net";
  info.label_spaces = {{"emotion", {kExpressions.begin(), kExpressions.end()}}};
  info.known_defects = {"people are unknown: one person may be in train and val",
                        "one annotator a picture; happiness is half of the training part",
                        "the test part was never released: val is what papers report"};
  std::vector<ImportItem> items;
  std::vector<std::string> files;
  for (const auto& picture : pictures) {
    files.push_back(picture.file);
    items.push_back({picture.file, [source, picture](ImportWorker& worker) {
                       std::vector<RawSample> samples;
                       samples.push_back(read_picture(source, picture, worker));
                       return samples;
                     }});
  }
  declare_media(files, options, info);
  info.options.erase("find_faces");  // boxes are given
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
