#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "import/physio/continuous.h"
#include "import/physio/windows.h"
#include "import/pipeline.h"
#include "import/words.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/csv.h"

namespace limbic::data {
namespace sewa_import {

const std::vector<std::string> kColumns = {"gold.arousal", "gold.valence", "gold.liking"};

/// "Train_DE_01" (2018 and 2019) or "Train_01" (2017).
struct RecordingName {
  std::string split;    ///< "train", "devel", "test"
  std::string culture;  ///< "de", "hu", "cn"; empty in 2017
};
std::optional<RecordingName> parse_name(const std::string& id) {
  const std::string lower = lower_case(id);
  const size_t first = lower.find('_'), last = lower.rfind('_');
  if (first == std::string::npos || last + 1 == lower.size() ||
      lower.find_first_not_of("0123456789", last + 1) != std::string::npos)
    return std::nullopt;
  RecordingName name{lower.substr(0, first), first == last ? "" : lower.substr(first + 1, last - first - 1)};
  if (name.split != "train" && name.split != "devel" && name.split != "dev" && name.split != "test")
    return std::nullopt;
  return name;
}

std::map<std::string, ContinuousRecording> find_files(const std::string& source) {
  std::map<std::string, ContinuousRecording> recordings;
  for (const std::string& file : list_files(source)) {
    const std::string id = stem_of(file);
    if (!parse_name(id)) continue;
    const std::string extension = extension_of(file);
    const std::string folders = lower_case(file.substr(0, file.find_last_of('/') + 1));
    const bool is_table = extension == "csv" || extension == "arff";
    const auto put = [&](std::string& slot) {
      require(
          slot.empty(), ErrorCode::kData,
          fmt::format("{}: {} and {} are the same thing of recording {}; keep one", source, slot, file, id));
      slot = file;
    };
    if (extension == "wav") {
      put(recordings[id].sound);
    } else if (is_table && folders.find("features") != std::string::npos) {
      put(recordings[id].features[feature_stream_name(file)]);
    } else if (is_table && folders.find("labels") != std::string::npos) {
      put(recordings[id].ratings["all"]["gold"]);
    } else if (extension == "csv" && folders.find("transcri") != std::string::npos) {
      put(recordings[id].transcript);
    }
  }
  return recordings;
}

/// Arousal, valence and liking by the header's names, without one in this order.
void read_labels(const std::string& path, AnnotationTrack& track) {
  const TimedTable table = read_timed_table(path);
  for (size_t c = 0; c < table.columns.size(); ++c) {
    const std::string name = table.columns[c].empty() && c < kColumns.size()
                                 ? kColumns[c]
                                 : "gold." + lower_case(table.columns[c]);
    require(std::find(kColumns.begin(), kColumns.end(), name) != kColumns.end(), ErrorCode::kData,
            fmt::format("{}: column {} '{}'; expected arousal, valence and liking", path, c + 1,
                        table.columns[c]));
    track.add(name, table, c, path);
  }
}

struct Utterance {
  double start_s = 0;
  std::string text;
};

/// "start;end;text" a line, in seconds; a header is passed over.
std::vector<Utterance> read_transcript(const std::string& path) {
  formats::CsvOptions options;
  options.has_header = false;
  options.allow_ragged = true;
  options.quote = '\0';
  options.separator = ';';
  formats::CsvReader csv(path, options);
  formats::CsvRow row;
  std::vector<Utterance> utterances;
  bool is_first = true;
  while (csv.next(row)) {
    const bool is_header = is_first && row.text(size_t{0}).find_first_of("0123456789") == std::string::npos;
    is_first = false;
    if (is_header) continue;
    require(row.size() >= 3, ErrorCode::kData,
            fmt::format("{}: {} fields; expected start;end;text", row.where(), row.size()));
    const double start_s = row.real(size_t{0});
    require(row.real(size_t{1}) >= start_s, ErrorCode::kData,
            row.where() + ": an utterance that ends before it begins");
    std::string text = row.text(size_t{2});
    for (size_t i = 3; i < row.size(); ++i) text += ";" + row.text(i);
    utterances.push_back({start_s, text});
  }
  std::stable_sort(utterances.begin(), utterances.end(),
                   [](const Utterance& a, const Utterance& b) { return a.start_s < b.start_s; });
  return utterances;
}

std::vector<RawSample> read_recording(const std::string& source, const std::string& id,
                                      const ContinuousRecording& recording, const DatasetInfo& info,
                                      const ImportOptions& options) {
  RawSample whole;
  Sample& sample = whole.sample;
  sample.id = sample.subject = sample.clip = id;
  sample.corpus = "sewa";
  const RecordingName name = parse_name(id).value();
  sample.split = name.split == "dev" ? "devel" : name.split;
  if (!name.culture.empty()) sample.attributes["culture"] = name.culture;
  core::Sha256 hash;
  const auto note = [&](const std::string& file) {
    const std::string digest = core::sha256_file(source + "/" + file);
    hash.update(digest.data(), digest.size());
    if (sample.source_path.empty()) sample.source_path = file;
    return source + "/" + file;
  };
  AnnotationTrack track;
  for (const auto& [dimension, kinds] : recording.ratings) {
    for (const auto& [kind, file] : kinds) read_labels(note(file), track);
  }
  if (!track.empty()) whole.streams[stream_name::kAnnotation] = track.stream(kColumns);
  for (const auto& [stream, file] : recording.features) note(file);
  add_features(source, recording, info, whole);
  if (!recording.sound.empty()) whole.streams[stream_name::kAudioWave] = read_sound(note(recording.sound));
  std::vector<Utterance> utterances;
  if (!recording.transcript.empty()) utterances = read_transcript(note(recording.transcript));
  sample.source_sha256 = hash.hex();
  for (const auto& [stream_id, stream] : whole.streams)
    sample.duration = std::max(sample.duration, stream.t0 + length_of(stream));
  std::vector<RawSample> samples = cut_into_windows(whole, options);
  for (RawSample& window : samples) {
    add_mean_ratings(kColumns, window);
    const double start_s = window.sample.t0.seconds();
    const double end_s = start_s + window.sample.duration.seconds();
    std::string text;
    for (const Utterance& utterance : utterances) {
      if (utterance.start_s >= start_s && utterance.start_s < end_s)
        text += (text.empty() ? "" : " ") + utterance.text;
    }
    if (!text.empty()) window.streams[stream_name::kText] = text_stream(text);
  }
  return samples;
}

}  // namespace sewa_import

// SEWA as AVEC 2017, 2018 and 2019 gave it out: labels/Train_DE_01.csv (name;timestamp;arousal;valence;liking
// ten times a second), folders *features* of csv files, audio/*.wav, transcriptions. A sample is a window.
// The layout was read in the challenges' baseline scripts; that of the transcripts (start;end;text) only in
// papers.
ImportReport import_sewa(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace sewa_import;
  const auto recordings = std::make_shared<std::map<std::string, ContinuousRecording>>(find_files(source));
  require(
      !recordings->empty(), ErrorCode::kData,
      source + ": no recordings; expected labels/Train_DE_01.csv and folders of features as AVEC has them");
  auto info = std::make_shared<DatasetInfo>();
  info->name = "sewa";
  info->licence = "research only, on request";
  info->citation =
      "J. Kossaifi et al., SEWA DB: A Rich Database for Audio-Visual Emotion and Sentiment Research in the "
      "Wild, "
      "IEEE Transactions on Pattern Analysis and Machine Intelligence 43(3), 2021";
  info->importer = "sewa";
  info->known_defects = {
      "who talked with whom is not in the challenges' files: a recording is its own subject",
      "labels of the test part were not given out",
      "ratings lag behind what was shown by the raters' reaction time: they are not shifted here",
      "sample values are means over the window"};
  declare_features(source, *recordings, *info);
  bool has_labels = false, has_sound = false, has_text = false;
  for (const auto& [id, recording] : *recordings) {
    has_labels = has_labels || !recording.ratings.empty();
    has_sound = has_sound || !recording.sound.empty();
    has_text = has_text || !recording.transcript.empty();
  }
  if (has_labels) {
    info->modalities[stream_name::kAnnotation] = series_modality(kColumns, 0);
    info->modalities[stream_name::kAnnotation].may_be_missing = true;
  }
  if (has_sound) info->modalities[stream_name::kAudioWave] = wave_modality();
  if (has_text) info->modalities[stream_name::kText] = text_modality();
  note_windows(options, *info);
  std::vector<ImportItem> items;
  for (const auto& [id, recording] : *recordings) {
    items.push_back({id, [source, id = id, recordings, info, &options](ImportWorker&) {
                       return read_recording(source, id, recordings->at(id), *info, options);
                     }});
  }
  return run_import(source, out, *info, std::move(items), options);
}

}  // namespace limbic::data
