#include <array>

#include "import/acted/named_clips.h"
#include "limbic/core/error.h"

namespace limbic::data {
namespace tess_import {

struct Word {
  const char* code;
  const char* emotion;
};
constexpr std::array<Word, 7> kEmotions{{{"angry", "angry"},
                                         {"disgust", "disgust"},
                                         {"fear", "fear"},
                                         {"happy", "happy"},
                                         {"neutral", "neutral"},
                                         {"ps", "pleasant surprise"},
                                         {"sad", "sad"}}};

NamedClip parse_name(const std::string& file) {
  const auto parts = split_text(stem_of(file), '_');
  require(parts.size() == 3, ErrorCode::kData,
          "no TESS name; expected SPEAKER_word_emotion (OAF_back_angry)");
  NamedClip clip;
  // One file of the release is spelled "OA_bite_neutral".
  clip.sample.subject = parts[0] == "OA" ? "OAF" : parts[0];
  require(clip.sample.subject == "OAF" || clip.sample.subject == "YAF", ErrorCode::kData,
          "speaker '" + parts[0] + "' is unknown; expected OAF or YAF");
  clip.sample.attributes = {{"sex", "female"}, {"age", clip.sample.subject == "OAF" ? "64" : "26"}};
  for (const auto& entry : kEmotions) {
    if (parts[2] == entry.code) clip.sample.labels["emotion"] = entry.emotion;
  }
  require(!clip.sample.labels.empty(), ErrorCode::kData,
          "emotion '" + parts[2] + "' is unknown; expected angry, disgust, fear, happy, neutral, ps or sad");
  clip.transcript = "Say the word " + parts[1];
  return clip;
}

}  // namespace tess_import

// Toronto emotional speech set: 200 words x 7 emotions x 2 women (Pichora-Fuller & Dupuis 2020).
ImportReport import_tess(const std::string& source, const std::string& out, const ImportOptions& options) {
  DatasetInfo info;
  info.name = "tess";
  info.licence = "CC BY-NC-ND 4.0";
  info.citation =
      "M. K. Pichora-Fuller, K. Dupuis, Toronto emotional speech set (TESS), Borealis, 2020, "
      "doi:10.5683/SP2/E8H2MF";
  info.importer = "tess";
  info.label_spaces = {
      {"emotion", {"angry", "disgust", "fear", "happy", "neutral", "pleasant surprise", "sad"}}};
  info.known_defects = {
      "two speakers only: results within them say nothing about other people",
      "the archive holds a second copy of every file in a nested folder in some mirrors: import one"};
  return import_named_clips(source, out, options, info, [](const std::string& file) {
    return std::optional<NamedClip>(tess_import::parse_name(file));
  });
}

}  // namespace limbic::data
