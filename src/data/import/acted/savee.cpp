#include <array>
#include <filesystem>

#include "import/acted/named_clips.h"
#include "limbic/core/error.h"

namespace limbic::data {
namespace savee_import {

struct Letters {
  const char* letters;
  const char* emotion;
};
constexpr std::array<Letters, 7> kEmotions{{{"a", "anger"},
                                            {"d", "disgust"},
                                            {"f", "fear"},
                                            {"h", "happiness"},
                                            {"n", "neutral"},
                                            {"sa", "sadness"},
                                            {"su", "surprise"}}};
constexpr std::array<const char*, 4> kSpeakers{"DC", "JE", "JK", "KL"};

/// "DC_a01.wav", or "a01.wav" in a folder DC.
NamedClip parse_name(const std::string& file) {
  std::string stem = stem_of(file);
  std::string speaker;
  if (stem.size() > 3 && stem[2] == '_') {
    speaker = stem.substr(0, 2);
    stem = stem.substr(3);
  } else {
    speaker = std::filesystem::path(file).parent_path().filename().string();
  }
  require(std::find(kSpeakers.begin(), kSpeakers.end(), speaker) != kSpeakers.end(), ErrorCode::kData,
          "no SAVEE name; expected DC_a01 or a file a01 in a folder DC, JE, JK or KL");
  const size_t digits = stem.find_first_of("0123456789");
  const std::string letters = stem.substr(0, digits);
  const std::string number = digits == std::string::npos ? "" : stem.substr(digits);
  NamedClip clip;
  for (const auto& entry : kEmotions) {
    if (letters == entry.letters) clip.sample.labels["emotion"] = entry.emotion;
  }
  require(!clip.sample.labels.empty() && !number.empty() && number.size() <= 2 &&
              number.find_first_not_of("0123456789") == std::string::npos,
          ErrorCode::kData,
          "'" + stem + "' is no SAVEE sentence; expected one of a d f h n sa su and a number (a01)");
  // Sound ("a01") and video ("a1") of one sentence are one clip.
  clip.sample.clip = speaker + "_" + letters + (number.size() == 1 ? "0" : "") + number;
  clip.sample.id = clip.sample.clip + (file_kind(file) == FileKind::kVideo ? "_video" : "");
  clip.sample.subject = speaker;
  clip.sample.attributes["sex"] = "male";
  return clip;
}

}  // namespace savee_import

// Surrey Audio-Visual Expressed Emotion: 480 utterances of four men (Jackson & Haq 2014).
ImportReport import_savee(const std::string& source, const std::string& out, const ImportOptions& options) {
  DatasetInfo info;
  info.name = "savee";
  info.licence = "research only, after registration with the University of Surrey";
  info.citation = "P. Jackson, S. Haq, Surrey Audio-Visual Expressed Emotion (SAVEE) database, 2014";
  info.importer = "savee";
  info.label_spaces = {
      {"emotion", {"anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"}}};
  info.known_defects = {"four men only; twice as many neutral clips as of any emotion",
                        "faces carry painted markers in the videos"};
  return import_named_clips(source, out, options, info, [](const std::string& file) {
    return std::optional<NamedClip>(savee_import::parse_name(file));
  });
}

}  // namespace limbic::data
