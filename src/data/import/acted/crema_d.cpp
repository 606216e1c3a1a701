#include <array>
#include <filesystem>

#include "import/acted/named_clips.h"
#include "limbic/core/error.h"
#include "limbic/formats/csv.h"

namespace limbic::data {
namespace crema_d_import {

struct Code {
  const char* code;
  const char* meaning;
};
constexpr std::array<Code, 6> kEmotions{{{"ANG", "anger"},
                                         {"DIS", "disgust"},
                                         {"FEA", "fear"},
                                         {"HAP", "happy"},
                                         {"NEU", "neutral"},
                                         {"SAD", "sad"}}};
constexpr std::array<Code, 4> kLevels{
    {{"LO", "low"}, {"MD", "medium"}, {"HI", "high"}, {"XX", "unspecified"}}};
constexpr std::array<Code, 12> kSentences{{{"IEO", "It's eleven o'clock"},
                                           {"TIE", "That is exactly what happened"},
                                           {"IOM", "I'm on my way to the meeting"},
                                           {"IWW", "I wonder what this is about"},
                                           {"TAI", "The airplane is almost full"},
                                           {"MTI", "Maybe tomorrow it will be cold"},
                                           {"IWL", "I would like a new alarm clock"},
                                           {"ITH", "I think I have a doctor's appointment"},
                                           {"DFA", "Don't forget a jacket"},
                                           {"ITS", "I think I've seen this before"},
                                           {"TSI", "The surface is slick"},
                                           {"WSI", "We'll stop in a couple of minutes"}}};

template <size_t N>
std::string meaning_of(const std::array<Code, N>& codes, const std::string& code, const char* what) {
  std::string known;
  for (const auto& entry : codes) {
    if (code == entry.code) return entry.meaning;
    known += (known.empty() ? "" : ", ") + std::string(entry.code);
  }
  throw Error(ErrorCode::kData, std::string(what) + " '" + code + "' is unknown; expected " + known);
}

/// Actor -> what VideoDemographics.csv says; empty when the file is not there.
std::map<std::string, std::map<std::string, std::string>> read_people(const std::string& source) {
  std::map<std::string, std::map<std::string, std::string>> people;
  const std::string path = source + "/VideoDemographics.csv";
  if (!std::filesystem::exists(path)) return people;
  formats::CsvReader csv(path);
  formats::CsvRow row;
  while (csv.next(row)) {
    auto& person = people[row.text("ActorID")];
    for (const auto& [key, column] : {std::pair{"age", "Age"}, std::pair{"sex", "Sex"},
                                      std::pair{"race", "Race"}, std::pair{"ethnicity", "Ethnicity"}}) {
      if (csv.has_column(column)) person[key] = row.text(column);
    }
    person["sex"] = lower_case(person["sex"]);
  }
  return people;
}

}  // namespace crema_d_import

// Names: 1001_DFA_ANG_XX = actor, sentence, emotion, level (Cao et al. 2014;
// github.com/CheyneyComputerScience/ CREMA-D).
ImportReport import_crema_d(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace crema_d_import;
  DatasetInfo info;
  info.name = "crema_d";
  info.licence = "Open Database License; contents under the Database Contents License";
  info.citation =
      "H. Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE Trans. Affective "
      "Computing 5(4), 2014";
  info.importer = "crema_d";
  info.label_spaces = {
      {"emotion", {"anger", "disgust", "fear", "happy", "neutral", "sad"}},
      {"intensity", {"low", "medium", "high", "unspecified"}},
  };
  info.known_defects = {"1076_MTI_SAD_XX has no sound",
                        "labels are what the actor was told; crowd ratings often differ",
                        "no official split: group by subject, or the same voices train and test"};
  const auto people = read_people(source);
  return import_named_clips(source, out, options, info, [&](const std::string& file) {
    const auto parts = split_text(stem_of(file), '_');
    if (parts.size() != 4 || parts[0].size() != 4 ||
        parts[0].find_first_not_of("0123456789") != std::string::npos) {
      throw Error(ErrorCode::kData,
                  "no CREMA-D name; expected ACTOR_SENTENCE_EMOTION_LEVEL (1001_DFA_ANG_XX)");
    }
    NamedClip clip;
    Sample& sample = clip.sample;
    // Sound and video of one performance are one clip; their ids differ.
    sample.clip = stem_of(file);
    sample.id = file_kind(file) == FileKind::kVideo ? sample.clip + "_video" : sample.clip;
    sample.subject = parts[0];
    clip.transcript = meaning_of(kSentences, parts[1], "sentence");
    sample.labels["emotion"] = meaning_of(kEmotions, parts[2], "emotion");
    // "X" is an old spelling of "XX" in a few names.
    sample.labels["intensity"] = meaning_of(kLevels, parts[3] == "X" ? "XX" : parts[3], "level");
    sample.attributes["statement"] = parts[1];
    if (const auto at = people.find(parts[0]); at != people.end())
      sample.attributes.insert(at->second.begin(), at->second.end());
    return std::optional<NamedClip>(clip);
  });
}

}  // namespace limbic::data
