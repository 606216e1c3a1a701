#include <array>

#include "import/acted/named_clips.h"
#include "limbic/core/error.h"

namespace limbic::data {
namespace emo_db_import {

struct Speaker {
  const char* id;
  const char* sex;
  const char* age;
};
constexpr std::array<Speaker, 10> kSpeakers{{{"03", "male", "31"},
                                             {"08", "female", "34"},
                                             {"09", "female", "21"},
                                             {"10", "male", "32"},
                                             {"11", "male", "26"},
                                             {"12", "male", "30"},
                                             {"13", "female", "32"},
                                             {"14", "female", "35"},
                                             {"15", "male", "25"},
                                             {"16", "female", "31"}}};
/// First letters of the German words.
const std::map<char, const char*>& emotions() {
  static const std::map<char, const char*> kEmotions{{'W', "anger"},  {'L', "boredom"},   {'E', "disgust"},
                                                     {'A', "fear"},   {'F', "happiness"}, {'T', "sadness"},
                                                     {'N', "neutral"}};
  return kEmotions;
}

NamedClip parse_name(const std::string& file) {
  const std::string stem = stem_of(file);
  const bool is_pattern = (stem.size() == 7 || stem.size() == 6) && (stem[2] == 'a' || stem[2] == 'b');
  require(is_pattern, ErrorCode::kData,
          "no EmoDB name; expected SSTTTEV (03a01Fa): speaker, text, emotion, version");
  NamedClip clip;
  Sample& sample = clip.sample;
  sample.subject = stem.substr(0, 2);
  for (const auto& speaker : kSpeakers) {
    if (sample.subject == speaker.id) sample.attributes = {{"sex", speaker.sex}, {"age", speaker.age}};
  }
  require(!sample.attributes.empty(), ErrorCode::kData,
          "speaker '" + sample.subject + "' is unknown; expected 03, 08 to 16");
  const auto emotion = emotions().find(stem[5]);
  require(emotion != emotions().end(), ErrorCode::kData,
          std::string("emotion '") + stem[5] + "' is unknown; expected one of W L E A F T N");
  sample.labels["emotion"] = emotion->second;
  sample.attributes["statement"] = stem.substr(2, 3);
  sample.attributes["version"] = stem.substr(6);
  return clip;
}

}  // namespace emo_db_import

// Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005: 535 of the recordings, 10
// actors.
ImportReport import_emo_db(const std::string& source, const std::string& out, const ImportOptions& options) {
  DatasetInfo info;
  info.name = "emo_db";
  info.licence = "free for research; see the database's site";
  info.citation = "F. Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005";
  info.importer = "emo_db";
  info.label_spaces = {
      {"emotion", {"neutral", "anger", "boredom", "disgust", "fear", "happiness", "sadness"}}};
  info.known_defects = {
      "ten actors and ten sentences: no spontaneous speech; group by subject, or the same voices train and "
      "test"};
  return import_named_clips(source, out, options, info, [](const std::string& file) {
    return std::optional<NamedClip>(emo_db_import::parse_name(file));
  });
}

}  // namespace limbic::data
