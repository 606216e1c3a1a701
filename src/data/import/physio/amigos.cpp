#include <fmt/format.h>

#include <array>
#include <cmath>

#include "import/physio/windows.h"
#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/mat.h"

namespace limbic::data {
namespace amigos_import {

constexpr double kRate_hz = 128.0;
constexpr double kBaseline_s = 5.0;  ///< before every video, in joined_data
constexpr double kRated_s = 20.0;    ///< length of an externally rated segment
constexpr uint64_t kNumChannels = 17;

/// What the 17 columns of joined_data are.
const std::vector<std::string> kEeg = {"AF3", "F7", "F3", "FC5", "T7", "P7", "O1",
                                       "O2",  "P8", "T8", "FC6", "F4", "F8", "AF4"};
const std::vector<std::string> kEcg = {"right_arm", "left_arm"};

/// Columns of labels_selfassessment: five scales of 1 to 9, then a mark for each emotion.
constexpr std::array<const char*, 5> kScales = {"arousal", "valence", "dominance", "liking", "familiarity"};
const std::vector<std::string> kEmotions = {"neutral", "disgust", "happiness", "surprise",
                                            "anger",   "fear",    "sadness"};

/// Columns [first, first + count) of a (T, 17) array from the end of the baseline on; MATLAB stores column by
/// column.
RawStream columns_of(const formats::MatVariable& data, uint64_t first, uint64_t count) {
  const uint64_t rows = data.shape[0];
  const auto skip = static_cast<uint64_t>(kBaseline_s * kRate_hz);
  std::vector<double> values;
  values.reserve((rows - skip) * count);
  for (uint64_t t = skip; t < rows; ++t)
    for (uint64_t c = first; c < first + count; ++c) values.push_back(data.values[t + c * rows]);
  return series_stream(values, count, kRate_hz, core::Timestamp::from_seconds(kBaseline_s));
}

bool has_values(const RawStream& stream) {
  return stream.values.isfinite().any().item<bool>();
}

void read_self_assessment(const formats::MatVariable& ratings, const std::string& where, Sample& sample) {
  require(ratings.values.size() == kScales.size() + kEmotions.size(), ErrorCode::kData,
          fmt::format("{}: {} ratings; expected 12: five scales and seven emotions", where,
                      ratings.values.size()));
  for (size_t i = 0; i < kScales.size(); ++i) {
    const double value = ratings.values[i];
    if (std::isnan(value) || value == 0) continue;
    require(value >= 1 && value <= 9, ErrorCode::kData,
            fmt::format("{}: {} {}; expected 1 to 9", where, kScales[i], value));
    sample.values[kScales[i]] = value;
  }
  std::string chosen;
  int num_chosen = 0;
  for (size_t i = 0; i < kEmotions.size(); ++i) {
    const double mark = ratings.values[kScales.size() + i];
    if (std::isnan(mark)) continue;
    require(mark == 0 || mark == 1, ErrorCode::kData,
            fmt::format("{}: {} is {}; expected 0 or 1", where, kEmotions[i], mark));
    sample.values[kEmotions[i]] = mark;
    if (mark == 1) chosen = kEmotions[i], ++num_chosen;
  }
  if (num_chosen == 1) sample.labels["emotion"] = chosen;
}

std::vector<RawSample> read_participant(const std::string& source, const std::string& file,
                                        const ImportOptions& options) {
  const std::string path = source + "/" + file;
  const formats::MatFile mat = formats::read_mat(path);
  const std::string sha256 = core::sha256_file(path);
  const std::string subject = stem_of(file).substr(std::string("Data_Preprocessed_").size());
  std::vector<RawSample> samples;
  bool has_any = false;
  for (int video = 1; video <= 20; ++video) {
    const formats::MatVariable* data = mat.find(fmt::format("joined_data{{{}}}", video));
    const formats::MatVariable* id = mat.find(fmt::format("VideoIDs{{{}}}", video));
    const formats::MatVariable* self = mat.find(fmt::format("labels_selfassessment{{{}}}", video));
    const formats::MatVariable* others = mat.find(fmt::format("labels_ext_annotation{{{}}}", video));
    has_any = has_any || data != nullptr;
    if (data == nullptr) continue;  // not everybody saw the long videos
    const std::string where = fmt::format("{}: video {}", path, video);
    require(data->shape.size() == 2 && data->shape[1] == kNumChannels, ErrorCode::kData,
            fmt::format("{}: joined_data of {} columns; expected 17: 14 of EEG, 2 of ECG, GSR", where,
                        data->shape.size() == 2 ? data->shape[1] : 0));
    require(static_cast<double>(data->shape[0]) > kBaseline_s * kRate_hz, ErrorCode::kData,
            fmt::format("{}: {} samples, less than the 5 s of baseline", where, data->shape[0]));
    RawSample whole;
    Sample& sample = whole.sample;
    const std::string name = id != nullptr && id->is_text ? id->text : fmt::format("{}", video);
    sample.id = fmt::format("{}_{}", subject, name);
    sample.corpus = "amigos";
    sample.subject = subject;
    sample.session = video <= 16 ? "short_videos" : "long_videos";
    sample.clip = sample.id;
    sample.attributes["video"] = name;
    sample.t0 = core::Timestamp::from_seconds(kBaseline_s);
    sample.duration =
        core::Timestamp::from_seconds(static_cast<double>(data->shape[0]) / kRate_hz - kBaseline_s);
    sample.source_path = file;
    sample.source_sha256 = sha256;
    if (self != nullptr) read_self_assessment(*self, where, sample);
    for (auto& [stream, part] : {std::make_pair("eeg", columns_of(*data, 0, kEeg.size())),
                                 std::make_pair("ecg", columns_of(*data, kEeg.size(), kEcg.size())),
                                 std::make_pair("eda", columns_of(*data, kNumChannels - 1, 1))}) {
      if (has_values(part)) whole.streams[stream] = part;
    }
    if (others != nullptr) {
      require(others->shape.size() == 2 && others->shape[1] == 3, ErrorCode::kData,
              fmt::format("{}: labels_ext_annotation of {} columns; expected segment, valence, arousal",
                          where, others->shape.size() == 2 ? others->shape[1] : 0));
      const uint64_t rows = others->shape[0];
      std::vector<double> ratings;
      for (uint64_t r = 0; r < rows; ++r) {
        for (uint64_t c = 1; c < 3; ++c) ratings.push_back(others->values[r + c * rows]);
      }
      whole.streams[stream_name::kAnnotation] =
          series_stream(ratings, 2, 1 / kRated_s, core::Timestamp::from_seconds(kBaseline_s));
    }
    for (RawSample& window : cut_into_windows(whole, options)) samples.push_back(std::move(window));
  }
  require(has_any, ErrorCode::kData,
          path + ": no joined_data{1} to {20}; expected AMIGOS's preprocessed cells of 17 columns");
  return samples;
}

}  // namespace amigos_import

// AMIGOS (Miranda-Correa et al. 2018), Data_Preprocessed_P01.mat to P40.mat: 16 short and 4 long videos each.
// A sample is a window of a video. The layout was read in the corpus's readme and in programs that use it.
ImportReport import_amigos(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace amigos_import;
  DatasetInfo info;
  info.name = "amigos";
  info.licence = "research only, on request";
  info.citation =
      "J. A. Miranda-Correa et al., AMIGOS: A Dataset for Affect, Personality and Mood Research on "
      "Individuals "
      "and Groups, IEEE Transactions on Affective Computing 12(2), 2021";
  info.importer = "amigos";
  info.label_spaces = {{"emotion", kEmotions}};
  info.modalities["eeg"] = series_modality(kEeg, kRate_hz, "microvolts");
  info.modalities["ecg"] = series_modality(kEcg, kRate_hz, "as the device gives");
  info.modalities["eda"] = series_modality({"eda"}, kRate_hz, "as the device gives");
  info.modalities[stream_name::kAnnotation] = series_modality({"gold.valence", "gold.arousal"}, 1 / kRated_s);
  for (auto& [name, modality] : info.modalities) modality.may_be_missing = true;
  info.known_defects = {
      "8, 24, 28 and 32 lack the long videos; some recordings lack channels",
      "several emotions may be marked for one video: only a single mark makes the label 'emotion'",
      "external ratings are of segments of 20 s; the last of a video begins 20 s before its end, not on the "
      "grid"};
  note_windows(options, info);
  std::vector<ImportItem> items;
  for (const std::string& file : list_files(source)) {
    if (extension_of(file) != "mat" || stem_of(file).rfind("Data_Preprocessed_P", 0) != 0) continue;
    items.push_back(
        {file, [source, file, &options](ImportWorker&) { return read_participant(source, file, options); }});
  }
  require(!items.empty(), ErrorCode::kData, source + ": no Data_Preprocessed_P01.mat ... in it");
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
