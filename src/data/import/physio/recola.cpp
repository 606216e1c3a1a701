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

namespace limbic::data {
namespace recola_import {

struct Corpus {
  std::map<std::string, ContinuousRecording> recordings;
  std::map<std::string, std::string> physiology;  ///< by recording
  std::vector<std::string> annotation_columns;
};

bool has_word(const std::string& path, const char* word) {
  return lower_case(path).find(word) != std::string::npos;
}

/// What a file is, its folders say: the corpus's own layout (RECOLA-Annotation/emotional_behaviour/arousal/
/// P16.csv) and that of AVEC 2015 and 2016 (ratings_gold_standard/arousal/train_1.arff).
Corpus find_files(const std::string& source) {
  Corpus corpus;
  for (const std::string& file : list_files(source)) {
    const std::string id = stem_of(file);
    const std::string extension = extension_of(file);
    const std::string folders = file.substr(0, file.find_last_of('/') + 1);
    const bool is_table = extension == "csv" || extension == "arff";
    // P16, or train_1; lists and metadata beside them are no recordings.
    const bool is_recording =
        (id.size() >= 2 && id[0] == 'P' && id.find_first_not_of("0123456789", 1) == std::string::npos) ||
        id.rfind("train_", 0) == 0 || id.rfind("dev_", 0) == 0 || id.rfind("test_", 0) == 0;
    if (!is_recording) continue;
    const std::string dimension = has_word(folders, "arousal")   ? "arousal"
                                  : has_word(folders, "valence") ? "valence"
                                                                 : "";
    const auto put = [&](std::string& slot) {
      require(
          slot.empty(), ErrorCode::kData,
          fmt::format("{}: {} and {} are the same thing of recording {}; keep one", source, slot, file, id));
      slot = file;
    };
    if (extension == "wav") {
      put(corpus.recordings[id].sound);
    } else if (is_table && has_word(folders, "features")) {
      put(corpus.recordings[id].features[feature_stream_name(file)]);
    } else if (is_table && !dimension.empty() && has_word(folders, "gold")) {
      put(corpus.recordings[id].ratings[dimension]["gold"]);
    } else if (is_table && !dimension.empty() &&
               (has_word(folders, "emotional") || has_word(folders, "individual"))) {
      put(corpus.recordings[id].ratings[dimension]["raters"]);
    } else if (is_table && (has_word(folders, "physio") || has_word(folders, "biosignals"))) {
      corpus.recordings[id];
      std::string& known = corpus.physiology[id];
      // AVEC gives it filtered too: what the sensor said comes first.
      if (known.empty() || has_word(known, "filtered"))
        known = file;
      else if (!has_word(folders, "filtered"))
        put(known);
    }
  }
  return corpus;
}

/// Names of a table of ratings: "gold.arousal", or one a rater, "FM1.arousal".
std::vector<std::string> names_of(const TimedTable& table, const std::string& kind,
                                  const std::string& dimension, const std::string& path) {
  std::vector<std::string> names;
  if (kind == "gold") {
    require(table.columns.size() == 1, ErrorCode::kData,
            fmt::format("{}: {} columns of a gold standard; expected one", path, table.columns.size()));
    return {"gold." + dimension};
  }
  for (const std::string& rater : table.columns) {
    require(!rater.empty(), ErrorCode::kData, path + ": no header; expected time and the raters' names");
    names.push_back(rater + "." + dimension);
  }
  return names;
}

/// Columns of skin conductance and heart, by their name; others are left.
void add_physiology(const std::string& path, RawSample& whole) {
  const TimedTable table = read_timed_table(path);
  for (size_t c = 0; c < table.columns.size(); ++c) {
    const std::string stream = table.columns[c] == "EDA" ? "eda" : table.columns[c] == "ECG" ? "ecg" : "";
    if (stream.empty()) continue;
    std::vector<double> values;
    for (size_t t = 0; t < table.num_rows(); ++t)
      values.push_back(table.values_TF[t * table.columns.size() + c]);
    whole.streams[stream] =
        series_stream(values, 1, table.rate_hz, core::Timestamp::from_seconds(table.t0_s));
  }
}

std::vector<RawSample> read_recording(const std::string& source, const std::string& id, const Corpus& corpus,
                                      const DatasetInfo& info, const ImportOptions& options) {
  const ContinuousRecording& recording = corpus.recordings.at(id);
  RawSample whole;
  Sample& sample = whole.sample;
  sample.id = sample.subject = sample.clip = id;
  sample.corpus = "recola";
  if (const size_t underscore = id.find('_'); underscore != std::string::npos)
    sample.split = id.substr(0, underscore);
  core::Sha256 hash;
  const auto note = [&](const std::string& file) {
    const std::string digest = core::sha256_file(source + "/" + file);
    hash.update(digest.data(), digest.size());
    if (sample.source_path.empty()) sample.source_path = file;
    return source + "/" + file;
  };
  AnnotationTrack track;
  for (const auto& [dimension, kinds] : recording.ratings) {
    for (const auto& [kind, file] : kinds) {
      const std::string path = note(file);
      const TimedTable table = read_timed_table(path);
      const std::vector<std::string> names = names_of(table, kind, dimension, path);
      for (size_t c = 0; c < names.size(); ++c) track.add(names[c], table, c, path);
    }
  }
  if (!track.empty()) whole.streams[stream_name::kAnnotation] = track.stream(corpus.annotation_columns);
  for (const auto& [stream, file] : recording.features) note(file);
  add_features(source, recording, info, whole);
  if (const auto physiology = corpus.physiology.find(id); physiology != corpus.physiology.end())
    add_physiology(note(physiology->second), whole);
  if (!recording.sound.empty()) whole.streams[stream_name::kAudioWave] = read_sound(note(recording.sound));
  sample.source_sha256 = hash.hex();
  for (const auto& [name, stream] : whole.streams)
    sample.duration = std::max(sample.duration, stream.t0 + length_of(stream));
  std::vector<RawSample> samples = cut_into_windows(whole, options);
  for (RawSample& window : samples) add_mean_ratings(corpus.annotation_columns, window);
  return samples;
}

}  // namespace recola_import

// RECOLA (Ringeval et al. 2013) in its own layout or that of AVEC 2015 and 2016: 5 minutes of a person in a
// dyad, rated 25 times a second in arousal and valence. A sample is a window. The layouts were read in the
// challenges' papers and in programs that use them.
ImportReport import_recola(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace recola_import;
  auto corpus = std::make_shared<Corpus>(find_files(source));
  require(!corpus->recordings.empty(), ErrorCode::kData,
          source +
              ": no recordings; expected folders with P16.csv ... or train_1.arff ... as RECOLA or AVEC has "
              "them");
  auto info = std::make_shared<DatasetInfo>();
  info->name = "recola";
  info->licence = "research only, on request";
  info->citation =
      "F. Ringeval et al., Introducing the RECOLA Multimodal Corpus of Remote Collaborative and Affective "
      "Interactions, EmoSPACE 2013";
  info->importer = "recola";
  info->known_defects = {
      "ratings lag behind what was shown by the raters' reaction time (2 to 6 s): they are not shifted here",
      "who talked with whom is not in the files: a recording is its own subject",
      "sample values are means over the window: of the gold standard, else of all raters"};
  std::set<std::string> columns;
  bool has_sound = false;
  for (const auto& [id, recording] : corpus->recordings) {
    has_sound = has_sound || !recording.sound.empty();
    for (const auto& [dimension, kinds] : recording.ratings) {
      for (const auto& [kind, file] : kinds) {
        const std::string path = source + "/" + file;
        for (const std::string& name : names_of(read_timed_table(path, 2), kind, dimension, path))
          columns.insert(name);
      }
    }
  }
  corpus->annotation_columns.assign(columns.begin(), columns.end());
  declare_features(source, corpus->recordings, *info);
  if (!columns.empty()) {
    RawModality& modality = info->modalities[stream_name::kAnnotation];
    modality = series_modality(corpus->annotation_columns, 0);
    modality.may_be_missing = true;
  }
  if (has_sound) info->modalities[stream_name::kAudioWave] = wave_modality();
  if (!corpus->physiology.empty()) {
    for (const char* stream : {"eda", "ecg"}) {
      info->modalities[stream] = series_modality({stream}, 0, "as the device gives");
      info->modalities[stream].may_be_missing = true;
    }
  }
  note_windows(options, *info);
  std::vector<ImportItem> items;
  for (const auto& [id, recording] : corpus->recordings) {
    items.push_back({id, [source, id = id, corpus, info, &options](ImportWorker&) {
                       return read_recording(source, id, *corpus, *info, options);
                     }});
  }
  return run_import(source, out, *info, std::move(items), options);
}

}  // namespace limbic::data
