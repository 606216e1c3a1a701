#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "import/dialogue/utterances.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"

namespace limbic::data {
namespace iemocap_import {

constexpr uint64_t kMaxTableBytes = 16 << 20;

struct Code {
  const char* code;
  const char* emotion;
};
constexpr std::array<Code, 11> kEmotions{{{"ang", "angry"},
                                          {"hap", "happy"},
                                          {"exc", "excited"},
                                          {"sad", "sad"},
                                          {"fru", "frustrated"},
                                          {"fea", "fearful"},
                                          {"sur", "surprised"},
                                          {"neu", "neutral"},
                                          {"dis", "disgusted"},
                                          {"oth", "other"},
                                          {"xxx", "no_agreement"}}};

/// One turn of an EmoEvaluation file.
struct Turn {
  std::string id;  ///< "Ses01F_impro01_F000"
  double start_s = 0;
  double end_s = 0;
  std::string emotion;
  std::array<double, 3> vad{};                ///< valence, activation, dominance, each 1 to 5
  std::map<std::string, std::string> raters;  ///< attribute -> "E2=neutral E3=angry,frustrated"
};

/// A name such as "Ses01F_impro01": session 1, whose woman wears the markers.
struct DialogueName {
  std::string name;
  char marked = 'F';
};

[[noreturn]] void fail(const std::string& path, size_t line, const std::string& what) {
  throw Error(ErrorCode::kData, fmt::format("{}:{}: {}", path, line, what));
}

std::vector<std::string> lines_of(const std::string& path) {
  const std::string text = core::read_file(path, kMaxTableBytes);
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(without_blanks(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  return lines;
}

std::vector<std::string> parts_of(const std::string& text, char separator) {
  auto parts = split_text(text, separator);
  for (auto& part : parts) part = without_blanks(part);
  return parts;
}

/// "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]"
Turn read_head(const std::string& path, size_t line, const std::string& text, const std::string& dialogue) {
  constexpr const char* kExpected = "expected [START - END] <tab> TURN <tab> EMOTION <tab> [V, A, D]";
  const auto fields = parts_of(text, '\t');
  if (fields.size() != 4 || fields[0].size() < 2 || fields[0].back() != ']' || fields[3].size() < 2 ||
      fields[3].front() != '[' || fields[3].back() != ']')
    fail(path, line, kExpected);
  Turn turn;
  const auto times = parts_of(fields[0].substr(1, fields[0].size() - 2), '-');
  const auto start_s = times.size() == 2 ? parse_real(times[0]) : std::nullopt;
  const auto end_s = times.size() == 2 ? parse_real(times[1]) : std::nullopt;
  if (!start_s || !end_s || *start_s < 0 || *end_s < *start_s)
    fail(path, line, fmt::format("the time {}; {}", fields[0].substr(0, 60), kExpected));
  turn.start_s = *start_s;
  turn.end_s = *end_s;
  turn.id = fields[1];
  const bool is_of_dialogue = turn.id.size() > dialogue.size() + 2 && turn.id.rfind(dialogue + "_", 0) == 0;
  const char who = is_of_dialogue ? turn.id[turn.id.rfind('_') + 1] : '?';
  if (who != 'F' && who != 'M')
    fail(path, line,
         fmt::format("turn '{}'; expected {}_F000 or {}_M000", turn.id.substr(0, 60), dialogue, dialogue));
  const auto code =
      std::find_if(kEmotions.begin(), kEmotions.end(), [&](const Code& c) { return fields[2] == c.code; });
  if (code == kEmotions.end())
    fail(path, line,
         fmt::format("emotion '{}'; expected ang, hap, exc, sad, fru, fea, sur, neu, dis, oth or xxx",
                     fields[2].substr(0, 20)));
  turn.emotion = code->emotion;
  const auto numbers = parts_of(fields[3].substr(1, fields[3].size() - 2), ',');
  for (size_t i = 0; i < turn.vad.size(); ++i) {
    const auto value = numbers.size() == turn.vad.size() ? parse_real(numbers[i]) : std::nullopt;
    if (!value || *value < 0 || *value > 5.5)
      fail(path, line, fmt::format("ratings {}; {}", fields[3].substr(0, 60), kExpected));
    turn.vad[i] = *value;
  }
  return turn;
}

/// "C-E2:\tNeutral; Sadness;\t()" and "A-E3:\tval 3; act 2; dom  3;\t()": what one rater (E: evaluator, F, M:
/// the actor) said.
void read_rater(const std::string& text, Turn& turn) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon < 3) return;
  const std::string rater = text.substr(2, colon - 2);
  const std::string rest = text.substr(colon + 1);
  const std::string said = rest.substr(0, std::min(rest.find('('), rest.size()));
  const auto add = [&](const char* attribute, const std::string& value) {
    std::string& all = turn.raters[attribute];
    all += (all.empty() ? "" : " ") + rater + "=" + value;
  };
  std::string emotions;
  for (const std::string& word : parts_of(said, ';')) {
    if (word.empty()) continue;
    if (text[0] == 'C') {
      std::string name = lower_case(word);
      std::replace(name.begin(), name.end(), ' ', '_');
      emotions += (emotions.empty() ? "" : ",") + name;
      continue;
    }
    const std::string axis = word.substr(0, 3);
    const auto value = parse_real(word.substr(3));
    if (!value) continue;  // raters left some out
    if (axis == "val") add("raters_valence", fmt::format("{}", *value));
    if (axis == "act") add("raters_activation", fmt::format("{}", *value));
    if (axis == "dom") add("raters_dominance", fmt::format("{}", *value));
  }
  if (!emotions.empty()) add("raters_emotion", emotions);
}

/// Turns in order of time.
std::vector<Turn> read_evaluation(const std::string& path, const std::string& dialogue) {
  std::vector<Turn> turns;
  std::set<std::string> ids;
  const auto lines = lines_of(path);
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    if (line.empty() || line[0] == '%') continue;
    if (line[0] == '[') {
      turns.push_back(read_head(path, i + 1, line, dialogue));
      if (!ids.insert(turns.back().id).second)
        fail(path, i + 1, fmt::format("a second turn {}", turns.back().id));
    } else if (line.size() > 3 && (line[0] == 'C' || line[0] == 'A') && line[1] == '-') {
      if (turns.empty()) fail(path, i + 1, "a rating before the first turn");
      read_rater(line, turns.back());
    } else {
      fail(path, i + 1,
           fmt::format("'{}'; expected a turn, ratings (C-E2: ..., A-E3: ...) or a comment (%)",
                       line.substr(0, 40)));
    }
  }
  std::stable_sort(turns.begin(), turns.end(),
                   [](const Turn& a, const Turn& b) { return a.start_s < b.start_s; });
  return turns;
}

/// "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me."; other lines are noises and remarks.
std::map<std::string, std::string> read_transcripts(const std::string& path) {
  std::map<std::string, std::string> texts;
  for (const std::string& line : lines_of(path)) {
    const size_t open = line.find(" [");
    const size_t close = line.find("]:");
    if (line.rfind("Ses", 0) != 0 || open == std::string::npos || close == std::string::npos || close < open)
      continue;
    texts.emplace(line.substr(0, open), without_blanks(std::string_view(line).substr(close + 2)));
  }
  return texts;
}

/// Faces of both people of a dialogue, left and right.
std::vector<RawStream> read_faces(const std::string& path, ImportWorker& worker) {
  return read_face_regions(path, {{0.0, 0.0, 0.5, 1.0}, {0.5, 0.0, 1.0, 1.0}}, worker);
}

std::vector<RawSample> read_dialogue(const std::string& source, const std::string& evaluation,
                                     const CorpusFiles& files, const std::string& name,
                                     ImportWorker& worker) {
  const std::string path = source + "/" + evaluation;
  const std::string transcript = files.find("transcriptions", name + ".txt");
  const auto texts =
      transcript.empty() ? std::map<std::string, std::string>() : read_transcripts(source + "/" + transcript);
  const std::string video = files.find("DivX", name + ".avi");
  const auto faces = video.empty() ? std::vector<RawStream>() : read_faces(source + "/" + video, worker);
  const char marked = name[5];
  const std::string sha256 = core::sha256_file(path);
  std::vector<RawSample> samples;
  for (const Turn& turn : read_evaluation(path, name)) {
    RawSample& raw = samples.emplace_back();
    Sample& sample = raw.sample;
    const char who = turn.id[turn.id.rfind('_') + 1];
    sample.id = turn.id;
    sample.corpus = "iemocap";
    sample.session = name.substr(0, 5);
    sample.subject = sample.session + who;
    sample.dialogue = name;
    sample.clip = name;
    sample.turn = static_cast<int64_t>(samples.size()) - 1;
    sample.t0 = core::Timestamp::from_seconds(turn.start_s);
    const core::Timestamp end = core::Timestamp::from_seconds(turn.end_s);
    sample.duration = end - sample.t0;
    sample.labels["emotion"] = turn.emotion;
    sample.values = {{"valence", turn.vad[0]}, {"activation", turn.vad[1]}, {"dominance", turn.vad[2]}};
    sample.attributes = turn.raters;
    sample.attributes["sex"] = who == 'F' ? "female" : "male";
    sample.attributes["scenario"] = name.substr(7);
    sample.attributes["style"] = name.compare(7, 5, "impro") == 0 ? "improvised" : "scripted";
    sample.attributes["wears_markers"] = who == marked ? "true" : "false";
    sample.source_path = evaluation;
    sample.source_sha256 = sha256;
    if (const auto text = texts.find(turn.id); text != texts.end()) {
      raw.streams[stream_name::kText] = text_stream(text->second);
      raw.streams[stream_name::kText].t0 = sample.t0;
    }
    if (const std::string wav = files.find(name, turn.id + ".wav"); !wav.empty()) {
      RawStream& sound = raw.streams[stream_name::kAudioWave] = read_sound(source + "/" + wav);
      sound.t0 = sound.t0 + sample.t0;
      sample.source_path = wav;
      sample.source_sha256 = core::sha256_file(source + "/" + wav);
    }
    if (!faces.empty()) {
      RawStream face = cut_stream(faces[who == marked ? 0 : 1], sample.t0, end);
      if (face.values.size(0) > 0) raw.streams[stream_name::kFace] = std::move(face);
    }
  }
  return samples;
}

/// "Ses01F_impro01", "Ses03M_script01_1"
bool is_dialogue_name(const std::string& name) {
  return name.size() > 8 && name.rfind("Ses", 0) == 0 && name[3] >= '0' && name[3] <= '9' && name[4] >= '0' &&
         name[4] <= '9' && (name[5] == 'F' || name[5] == 'M') && name[6] == '_';
}

}  // namespace iemocap_import

// C. Busso et al. 2008. Session1 to Session5 at any depth: dialog/EmoEvaluation, dialog/transcriptions,
// dialog/avi/DivX, sentences/wav.
ImportReport import_iemocap(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace iemocap_import;
  DatasetInfo info;
  info.name = "iemocap";
  info.licence =
      "release form of the Signal Analysis and Interpretation Laboratory, USC: research, no redistribution";
  info.citation =
      "C. Busso et al., IEMOCAP: Interactive emotional dyadic motion capture database, Language Resources "
      "and Evaluation 42(4), 2008";
  info.importer = "iemocap";
  affect::LabelSpace emotions{"emotion", {}};
  for (const Code& code : kEmotions) emotions.classes.push_back(code.emotion);
  info.label_spaces = {emotions};
  info.known_defects = {
      "2,507 of 10,039 turns have no_agreement, and other, fearful, disgusted are rare: papers train on 4 or "
      "6 classes of the rest",
      "valence, activation and dominance are means of raters on a scale of 1 to 5",
      "no official split: group by session, or the same two people train and test",
      "turns of the two people overlap in time, and each microphone hears both",
      "video shows both people side by side; the one who wears markers (the letter of the dialogue's name) "
      "is taken to be on the left"};
  const auto files = std::make_shared<const CorpusFiles>(source);
  std::vector<ImportItem> items;
  std::vector<std::string> missing;
  bool has_text = false;
  bool has_sound_files = false;
  bool has_video = false;
  for (const std::string& file : files->all()) {
    const std::string name = stem_of(file);
    if (extension_of(file) != "txt" || !is_dialogue_name(name) ||
        files->find("EmoEvaluation", name + ".txt") != file)
      continue;
    has_text = has_text || !files->find("transcriptions", name + ".txt").empty();
    has_sound_files = has_sound_files || files->has_file_in(name, "wav");
    const bool is_filmed = !files->find("DivX", name + ".avi").empty();
    if (!is_filmed) missing.push_back(name);
    has_video = has_video || is_filmed;
    items.push_back({file, [source, file, files, name](ImportWorker& worker) {
                       return read_dialogue(source, file, *files, name, worker);
                     }});
  }
  require(!items.empty(), ErrorCode::kData,
          source + ": no Session*/dialog/EmoEvaluation/Ses*.txt here; expected IEMOCAP_full_release");
  // By name, whatever the folders above are called.
  std::sort(items.begin(), items.end(),
            [](const ImportItem& a, const ImportItem& b) { return stem_of(a.path) < stem_of(b.path); });
  if (has_text) info.modalities[stream_name::kText] = text_modality();
  if (has_sound_files) info.modalities[stream_name::kAudioWave] = wave_modality();
  if (has_video) {
    info.modalities[stream_name::kFace] = face_modality(options, false);
    info.options = {{"face_size", std::to_string(options.face_size)},
                    {"face_channels", std::to_string(options.face_channels)},
                    {"face_rate_hz", fmt::format("{}", options.face_rate_hz)}};
    report_missing("iemocap", missing, items.size(), info);
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
