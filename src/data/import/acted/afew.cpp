#include <algorithm>
#include <filesystem>

#include "import/acted/named_clips.h"
#include "limbic/core/error.h"

namespace limbic::data {
namespace afew_import {

const std::vector<std::string>& classes() {
  static const std::vector<std::string> kClasses{"angry",   "disgust", "fear",    "happy",
                                                 "neutral", "sad",     "surprise"};
  return kClasses;
}

/// ".../Train_AFEW/Angry/000046280.avi"; the test part has no class folders.
std::optional<NamedClip> parse_name(const std::string& file) {
  if (file_kind(file) != FileKind::kVideo) return std::nullopt;
  NamedClip clip;
  for (const auto& part : std::filesystem::path(file).parent_path()) {
    const std::string name = lower_case(part.string());
    for (const auto& [prefix, split] :
         {std::pair{"train", "train"}, std::pair{"val", "val"}, std::pair{"test", "test"}}) {
      if (name.rfind(prefix, 0) == 0) clip.sample.split = split;
    }
    if (std::find(classes().begin(), classes().end(), name) != classes().end())
      clip.sample.labels["emotion"] = name;
  }
  require(!clip.sample.split.empty(), ErrorCode::kData,
          "lies in no part; expected Train_AFEW/<class>/, Val_AFEW/<class>/ or Test_AFEW/");
  require(!clip.sample.labels.empty() || clip.sample.split == "test", ErrorCode::kData,
          "lies in no class folder; expected Angry, Disgust, Fear, Happy, Neutral, Sad or Surprise");
  // A number is unique within its part only.
  clip.sample.id = clip.sample.split + "_" + stem_of(file);
  return clip;
}

}  // namespace afew_import

// Acted Facial Expressions in the Wild, the EmotiW challenge's corpus (Dhall et al. 2012).
ImportReport import_afew(const std::string& source, const std::string& out, const ImportOptions& options) {
  DatasetInfo info;
  info.name = "afew";
  info.licence = "research only, by agreement with the EmotiW organisers";
  info.citation =
      "A. Dhall et al., Collecting Large, Richly Annotated Facial-Expression Databases from Movies, IEEE "
      "MultiMedia 19(3), 2012";
  info.importer = "afew";
  info.label_spaces = {{"emotion", afew_import::classes()}};
  info.known_defects = {"actors are not named: a person may be in train and val",
                        "the face that is meant is not marked; films overlap between versions"};
  return import_named_clips(source, out, options, info, afew_import::parse_name);
}

}  // namespace limbic::data
