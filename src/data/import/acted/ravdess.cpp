#include <fmt/format.h>

#include <array>
#include <set>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"

namespace limbic::data {
namespace {

constexpr std::array<const char*, 3> kRavdessModalities{"audio_video", "video", "audio"};
constexpr std::array<const char*, 2> kRavdessChannels{"speech", "song"};
constexpr std::array<const char*, 8> kRavdessEmotions{"neutral", "calm",    "happy",   "sad",
                                                      "angry",   "fearful", "disgust", "surprised"};
constexpr std::array<const char*, 2> kRavdessIntensities{"normal", "strong"};
constexpr std::array<const char*, 2> kRavdessStatements{"kids", "dogs"};
constexpr const char* kRavdessPattern =
    "03-01-EE-II-SS-RR-AA (modality-channel-emotion-intensity-statement-repetition-actor)";

template <size_t N>
affect::LabelSpace space_of(const char* task, const std::array<const char*, N>& names) {
  return {task, {names.begin(), names.end()}};
}

std::vector<RawSample> read_ravdess_file(const std::string& source, const std::string& file,
                                         ImportWorker& worker) {
  const std::string path = source + "/" + file;
  const RavdessName name = parse_ravdess_name(file);
  RawSample raw;
  Sample& sample = raw.sample;
  sample.id = stem_of(file);
  sample.corpus = "ravdess";
  sample.subject = fmt::format("actor_{:02}", name.actor);
  sample.clip = sample.id.substr(3);  // the performance: its audio and video files are the same event
  sample.labels = {{"emotion", name.emotion}, {"intensity", name.intensity}, {"statement", name.statement}};
  sample.attributes = {
      {"sex", name.sex}, {"channel", name.channel}, {"repetition", std::to_string(name.repetition)}};
  sample.source_path = file;
  sample.source_sha256 = core::sha256_file(path);
  add_media(path, worker, raw);
  std::vector<RawSample> samples;
  samples.push_back(std::move(raw));
  return samples;
}

}  // namespace

RavdessName parse_ravdess_name(const std::string& file_name) {
  const std::string stem = stem_of(file_name);
  std::array<int64_t, 7> field{};
  bool is_pattern = stem.size() == 20;
  for (size_t i = 0; is_pattern && i < field.size(); ++i) {
    const char tens = stem[3 * i];
    const char ones = stem[3 * i + 1];
    is_pattern =
        tens >= '0' && tens <= '9' && ones >= '0' && ones <= '9' && (i == 6 || stem[3 * i + 2] == '-');
    field[i] = (tens - '0') * 10 + (ones - '0');
  }
  if (!is_pattern)
    throw Error(ErrorCode::kData, file_name + ": no RAVDESS name; expected " + kRavdessPattern);
  struct Range {
    const char* name;
    int64_t high;
  };
  constexpr std::array<Range, 7> kRanges{{{"modality", 3},
                                          {"channel", 2},
                                          {"emotion", 8},
                                          {"intensity", 2},
                                          {"statement", 2},
                                          {"repetition", 2},
                                          {"actor", 24}}};
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] >= 1 && field[i] <= kRanges[i].high) continue;
    throw Error(ErrorCode::kData,
                fmt::format("{}: {} {:02} is unknown; expected 01 to {:02} in {}", file_name, kRanges[i].name,
                            field[i], kRanges[i].high, kRavdessPattern));
  }
  const auto pick = [&](const auto& names, size_t i) {
    return std::string(names[static_cast<size_t>(field[i] - 1)]);
  };
  RavdessName name;
  name.modality = pick(kRavdessModalities, 0);
  name.channel = pick(kRavdessChannels, 1);
  name.emotion = pick(kRavdessEmotions, 2);
  name.intensity = pick(kRavdessIntensities, 3);
  name.statement = pick(kRavdessStatements, 4);
  name.repetition = field[5];
  name.actor = field[6];
  name.sex = field[6] % 2 == 1 ? "male" : "female";
  return name;
}

ImportReport import_ravdess(const std::string& source, const std::string& out, const ImportOptions& options) {
  DatasetInfo info;
  info.name = "ravdess";
  info.licence = "CC BY-NC-SA 4.0; commercial licences from the authors";
  info.citation =
      "Livingstone SR, Russo FA (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song "
      "(RAVDESS). PLoS ONE "
      "13(5): e0196391.";
  info.importer = "ravdess";
  info.label_spaces = {space_of("emotion", kRavdessEmotions), space_of("intensity", kRavdessIntensities),
                       space_of("statement", kRavdessStatements)};
  info.known_defects = {"neutral has no strong intensity, so half as many clips as the other emotions",
                        "acted by professionals with two sentences: no spontaneous speech",
                        "no official split: group by subject, or the same voices train and test"};
  std::vector<ImportItem> items;
  std::set<std::string> stems;
  std::vector<std::string> files;
  for (const auto& file : list_files(source)) {
    const FileKind kind = file_kind(file);
    if (kind != FileKind::kAudio && kind != FileKind::kVideo) continue;
    if (!stems.insert(stem_of(file)).second) {
      throw Error(ErrorCode::kData,
                  source + "/" + file + ": a second file of this name; import one copy of the corpus");
    }
    files.push_back(file);
    items.push_back(
        {file, [source, file](ImportWorker& worker) { return read_ravdess_file(source, file, worker); }});
  }
  declare_media(files, options, info);
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
