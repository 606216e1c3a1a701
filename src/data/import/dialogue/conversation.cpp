#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "import/dialogue/conversation_config.h"
#include "import/dialogue/conversation_media.h"
#include "import/dialogue/utterances.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/eaf.h"

namespace limbic::data {
namespace conversation_import {

namespace fs = std::filesystem;
using formats::EafAnnotation;
using formats::EafFile;
using formats::EafTier;

/// A conversation: one .eaf and the media files beside it.
struct Session {
  std::string name;                ///< its folder, or folder and .eaf where the folder has several
  std::string eaf;                 ///< relative to the source
  std::vector<std::string> media;  ///< relative to the source
};

std::vector<Session> find_sessions(const std::string& source) {
  std::map<std::string, std::vector<std::string>> folders;
  for (const std::string& file : list_files(source)) {
    const fs::path path(file);
    if (path.filename().string().rfind("._", 0) != 0) folders[path.parent_path().string()].push_back(file);
  }
  std::vector<Session> sessions;
  for (const auto& [folder, files] : folders) {
    std::vector<std::string> eafs;
    std::vector<std::string> media;
    for (const std::string& file : files) {
      if (extension_of(file) == "eaf") eafs.push_back(file);
      if (file_kind(file) == FileKind::kAudio || file_kind(file) == FileKind::kVideo) media.push_back(file);
    }
    for (const std::string& eaf : eafs) {
      Session session;
      session.name =
          eafs.size() == 1 && !folder.empty() ? folder : (folder.empty() ? "" : folder + "/") + stem_of(eaf);
      session.eaf = eaf;
      session.media = media;
      sessions.push_back(std::move(session));
    }
  }
  return sessions;
}

/// Tiers without a rater are everybody's.
bool is_of_rater(const ConversationConfig& config, const EafTier& tier) {
  return config.annotator.empty() || tier.annotator.empty() || tier.annotator == config.annotator;
}

/// Whose tier it is: by conversation.yaml, by ELAN's PARTICIPANT, or by the tier's name ("emotion@P1").
std::string person_of(const ConversationConfig& config, const EafTier& tier) {
  const auto named = config.participants.find(tier.id);
  if (named != config.participants.end()) return named->second;
  if (!tier.participant.empty()) return tier.participant;
  const size_t at = tier.id.rfind('@');
  return at == std::string::npos ? "" : tier.id.substr(at + 1);
}

/// What a person says between two times: every annotation of a text tier that lies there for more than half
/// of its length.
std::string text_between(const std::vector<const EafTier*>& tiers, double start_s, double end_s) {
  std::vector<std::pair<double, std::string>> said;
  for (const EafTier* tier : tiers) {
    for (const EafAnnotation& one : tier->annotations) {
      if (one.start_s >= end_s) break;  // they are in order of time
      const double common_s = std::min(end_s, one.end_s) - std::max(start_s, one.start_s);
      const std::string text = without_blanks(one.value);
      if (!text.empty() && common_s > 0 && common_s > 0.5 * (one.end_s - one.start_s))
        said.emplace_back(one.start_s, text);
    }
  }
  std::stable_sort(said.begin(), said.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [time_s, words] : said) text += (text.empty() ? "" : " ") + words;
  return text;
}

/// Mean of a tier of numbers over [start, end), weighted by time. @throws Error(kData) for a label that is no
/// number
std::optional<double> value_between(const std::string& path, const EafTier& tier, double start_s,
                                    double end_s) {
  double sum = 0;
  double total_s = 0;
  for (const EafAnnotation& one : tier.annotations) {
    if (one.start_s >= end_s) break;
    const double common_s = std::min(end_s, one.end_s) - std::max(start_s, one.start_s);
    if (common_s <= 0) continue;
    const auto value = parse_real(one.value);
    require(value.has_value(), ErrorCode::kData,
            fmt::format("{}: tier '{}' at {} s: '{}' is no number", path, tier.id, one.start_s,
                        one.value.substr(0, 40)));
    sum += *value * common_s;
    total_s += common_s;
  }
  return total_s > 0 ? std::optional(sum / total_s) : std::nullopt;
}

/// A labelled stretch before its streams are cut.
struct Stretch {
  Sample sample;
  std::string person;
  double start_s = 0;
  double end_s = 0;
};

/// The tiers of one person by what they hold.
struct PersonTiers {
  std::vector<const EafTier*> labels;
  std::vector<const EafTier*> texts;
  std::map<std::string, std::vector<const EafTier*>> values;
};

std::map<std::string, PersonTiers> sort_tiers(const std::string& path, const ConversationConfig& config,
                                              const EafFile& eaf) {
  std::map<std::string, PersonTiers> people;
  for (const EafTier& tier : eaf.tiers) {
    if (!is_of_rater(config, tier)) continue;
    const bool is_label = matches_any(config.label_tiers, tier.id);
    const bool is_text = !is_label && matches_any(config.text_tiers, tier.id);
    std::string value;
    for (const auto& [name, patterns] : config.value_tiers) {
      if (matches_any(patterns, tier.id)) value = name;
    }
    if (tier.annotations.empty() || (!is_label && !is_text && value.empty())) continue;
    const std::string person = person_of(config, tier);
    require(!person.empty(), ErrorCode::kData,
            fmt::format("{}: tier '{}' says nothing of whose it is; set its participant in ELAN, call it "
                        "'{}@NAME', or name it under "
                        "`participants` in conversation.yaml",
                        path, tier.id, tier.id));
    if (!value.empty())
      people[person].values[value].push_back(&tier);
    else
      (is_label ? people[person].labels : people[person].texts).push_back(&tier);
  }
  return people;
}

/// Labels of one person that hold at the same time come from two raters: which of them is right is not ours
/// to say.
void require_one_rater(const std::string& path, const std::vector<const EafTier*>& tiers) {
  for (size_t a = 0; a < tiers.size(); ++a) {
    for (size_t b = a + 1; b < tiers.size(); ++b) {
      size_t j = 0;
      for (const EafAnnotation& one : tiers[a]->annotations) {
        const auto& others = tiers[b]->annotations;
        while (j < others.size() && others[j].end_s <= one.start_s) ++j;
        require(j == others.size() || others[j].start_s >= one.end_s, ErrorCode::kData,
                fmt::format("{}: tiers '{}' and '{}' both label one person at {} s; choose with "
                            "`label_tiers` or `annotator` in "
                            "conversation.yaml",
                            path, tiers[a]->id, tiers[b]->id, one.start_s));
      }
    }
  }
}

std::vector<Stretch> read_stretches(const std::string& path, const Session& session,
                                    const ConversationConfig& config, const EafFile& eaf,
                                    const std::map<std::string, PersonTiers>& people) {
  std::vector<Stretch> stretches;
  for (const auto& [person, tiers] : people) {
    require_one_rater(path, tiers.labels);
    for (const EafTier* tier : tiers.labels) {
      for (const EafAnnotation& one : tier->annotations) {
        const std::string label = lower_case(without_blanks(eaf.label_of(*tier, one, config.language)));
        if (label.empty() || one.end_s <= one.start_s || one.start_s < 0) continue;
        Stretch stretch;
        Sample& sample = stretch.sample;
        sample.id = fmt::format("{}/{}/{}", session.name, tier->id, one.id);
        sample.subject = config.names_are_seats ? session.name + "/" + person : person;
        sample.session = session.name;
        sample.dialogue = session.name;
        sample.clip = session.name;
        sample.labels[config.task] = label;
        if (!tier->annotator.empty()) sample.attributes["annotator"] = tier->annotator;
        sample.attributes["tier"] = tier->id;
        for (const auto& [name, value_tiers] : tiers.values) {
          for (const EafTier* values : value_tiers) {
            if (const auto value = value_between(path, *values, one.start_s, one.end_s))
              sample.values[name] = *value;
          }
        }
        stretch.person = person;
        stretch.start_s = one.start_s;
        stretch.end_s = one.end_s;
        stretches.push_back(std::move(stretch));
      }
    }
  }
  std::stable_sort(stretches.begin(), stretches.end(),
                   [](const Stretch& a, const Stretch& b) { return a.start_s < b.start_s; });
  return stretches;
}

std::vector<RawSample> read_session(const std::string& source, const Session& session,
                                    const ConversationConfig& config, ImportWorker& worker) {
  const std::string path = source + "/" + session.eaf;
  const EafFile eaf = formats::read_eaf(path);
  const auto people = sort_tiers(path, config, eaf);
  const auto stretches = read_stretches(path, session, config, eaf, people);
  const std::string sha256 = core::sha256_file(path);
  std::map<std::string, std::map<std::string, RawStream>> recordings;
  std::vector<RawSample> samples;
  for (const Stretch& stretch : stretches) {
    auto [recording, is_new] = recordings.try_emplace(stretch.person);
    if (is_new)
      recording->second = read_recording({source, session.eaf, stretch.person, people.size() == 1}, config,
                                         eaf, session.media, worker);
    RawSample& raw = samples.emplace_back();
    raw.sample = stretch.sample;
    Sample& sample = raw.sample;
    sample.corpus = config.name;
    sample.turn = static_cast<int64_t>(samples.size()) - 1;
    sample.t0 = core::Timestamp::from_seconds(stretch.start_s);
    const core::Timestamp end = core::Timestamp::from_seconds(stretch.end_s);
    sample.duration = end - sample.t0;
    sample.source_path = session.eaf;
    sample.source_sha256 = sha256;
    const std::string text = text_between(people.at(stretch.person).texts, stretch.start_s, stretch.end_s);
    if (!text.empty()) {
      raw.streams[stream_name::kText] = text_stream(text);
      raw.streams[stream_name::kText].t0 = sample.t0;
    }
    for (const auto& [name, whole] : recording->second) {
      RawStream part = cut_stream(whole, sample.t0, end);
      if (part.values.size(0) > 0) raw.streams[name] = std::move(part);
    }
  }
  return samples;
}

/// The labels of all conversations, sorted: the classes where conversation.yaml names none.
std::vector<std::string> labels_of(const std::string& source, const std::vector<Session>& sessions,
                                   const ConversationConfig& config, bool skip_bad) {
  std::set<std::string> labels;
  for (const Session& session : sessions) {
    EafFile eaf;
    try {
      eaf = formats::read_eaf(source + "/" + session.eaf);
    } catch (const Error&) {
      if (!skip_bad) throw;
      continue;  // the import will quarantine it
    }
    for (const EafTier& tier : eaf.tiers) {
      if (!is_of_rater(config, tier) || !matches_any(config.label_tiers, tier.id)) continue;
      for (const EafAnnotation& one : tier.annotations) {
        const std::string label = lower_case(without_blanks(eaf.label_of(tier, one, config.language)));
        if (!label.empty()) labels.insert(label);
      }
    }
  }
  return {labels.begin(), labels.end()};
}

}  // namespace conversation_import

// Layout of dyadic corpora such as CG-MER: a folder a conversation with ELAN's .eaf, and sound and video of
// each person; conversation.yaml in the source says what is called how.
ImportReport import_conversation(const std::string& source, const std::string& out,
                                 const ImportOptions& options) {
  using namespace conversation_import;
  const ConversationConfig config = read_conversation_config(source);
  const auto sessions = find_sessions(source);
  require(!sessions.empty(), ErrorCode::kData,
          source +
              ": no .eaf file here; expected a folder for each conversation with an .eaf and its sound and "
              "video");
  DatasetInfo info;
  info.name = config.name;
  info.licence = config.licence;
  info.citation = config.citation;
  info.importer = "conversation";
  info.known_defects = config.known_defects;
  const auto classes =
      config.classes.empty() ? labels_of(source, sessions, config, options.skip_bad) : config.classes;
  require(!classes.empty(), ErrorCode::kData,
          fmt::format("{}: no tier of the .eaf files is called {} or holds labels; set `label_tiers` in "
                      "conversation.yaml",
                      source, fmt::join(config.label_tiers, " or ")));
  info.label_spaces = {{config.task, classes}};
  info.modalities[stream_name::kText] = text_modality();
  std::vector<std::string> media;
  std::vector<ImportItem> items;
  for (const Session& session : sessions) {
    media.insert(media.end(), session.media.begin(), session.media.end());
    items.push_back({session.eaf, [source, session, config](ImportWorker& worker) {
                       return read_session(source, session, config, worker);
                     }});
  }
  declare_media(media, options, info);
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
