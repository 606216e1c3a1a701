#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/mat.h"

namespace limbic::data {
namespace lund2013_import {

constexpr const char* kMarker = "_labelled_";
const std::vector<std::string>& coders() {
  static const std::vector<std::string> kCoders{"MN", "RA"};
  return kCoders;
}

/// What one coder's file says: gaze and an event for each sample.
struct Coding {
  double rate_hz = 0;
  std::vector<double> gaze;  ///< (T, 2) pixels; NaN where the track was lost
  std::vector<double>
      labels;  ///< 1 fixation 2 saccade 3 post-saccadic oscillation 4 pursuit 5 blink 6 undefined
  std::map<std::string, std::string> attributes;
};

Coding read_coding(const std::string& path) {
  const auto file = formats::read_mat(path);
  const auto variable = [&](const char* name) -> const formats::MatVariable& {
    const auto* found = file.find(std::string("ETdata.") + name);
    require(found != nullptr, ErrorCode::kData, fmt::format("{}: ETdata.{} is missing", path, name));
    return *found;
  };
  const auto number = [&](const char* name, size_t i) {
    const auto& values = variable(name).values;
    require(i < values.size(), ErrorCode::kData, fmt::format("{}: ETdata.{} is too short", path, name));
    return values[i];
  };
  const auto& pos = variable("pos");
  require(pos.shape.size() == 2 && pos.shape[1] == 6, ErrorCode::kData,
          path + ": ETdata.pos has no 6 columns (time, -, -, x, y, label)");
  Coding coding;
  coding.rate_hz = number("sampFreq", 0);
  require(coding.rate_hz > 0 && coding.rate_hz <= 1e5, ErrorCode::kData,
          path + ": ETdata.sampFreq is no rate");
  const size_t n = pos.shape[0];
  for (size_t i = 0; i < n; ++i) {
    const double x = pos.values[3 * n + i];
    const double y = pos.values[4 * n + i];
    const bool is_lost = x == 0 && y == 0;
    for (const double v : {x, y}) coding.gaze.push_back(is_lost ? std::nan("") : v);
    coding.labels.push_back(pos.values[5 * n + i]);
  }
  coding.attributes = {{"screen_m", fmt::format("{} x {}", number("screenDim", 0), number("screenDim", 1))},
                       {"screen_px", fmt::format("{} x {}", number("screenRes", 0), number("screenRes", 1))},
                       {"distance_m", fmt::format("{}", number("viewDist", 0))}};
  return coding;
}

/// The same numbers for as long as both go on: a coder's file may end some samples early.
bool is_same_gaze(const std::vector<double>& a, const std::vector<double>& b) {
  const auto num = static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return num > 0 && std::equal(a.begin(), a.begin() + num, b.begin(),
                               [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

/// One recording with every coder's labels, joined by person and stimulus.
RawSample read_recording(const std::string& source, const std::string& name,
                         const std::map<std::string, std::string>& file_of_coder) {
  RawSample raw;
  Sample& sample = raw.sample;
  std::map<std::string, Coding> codings;
  const Coding* longest = nullptr;
  core::Sha256 hash;
  for (const auto& [coder, file] : file_of_coder) {
    const std::string path = source + "/" + file;
    const Coding& coding = codings[coder] = read_coding(path);
    const std::string digest = core::sha256_file(path);
    hash.update(digest.data(), digest.size());
    if (longest == nullptr) sample.source_path = file;
    require(longest == nullptr ||
                (coding.rate_hz == longest->rate_hz && is_same_gaze(coding.gaze, longest->gaze)),
            ErrorCode::kData, path + ": holds other gaze than the file of the other coder");
    if (longest == nullptr || coding.gaze.size() > longest->gaze.size()) longest = &coding;
  }
  const size_t width = coders().size();
  std::vector<double> annotation(longest->labels.size() * width, std::nan(""));
  for (size_t c = 0; c < width; ++c) {
    const auto& labels = codings[coders()[c]].labels;
    for (size_t i = 0; i < labels.size(); ++i) annotation[i * width + c] = labels[i];
  }
  const size_t bar = name.find('_');
  sample.id = name;
  sample.corpus = "lund2013";
  sample.subject = name.substr(0, bar);
  sample.clip = name;
  sample.attributes = longest->attributes;
  if (bar != std::string::npos) sample.attributes["stimulus"] = name.substr(bar + 1);
  sample.source_sha256 = hash.hex();
  raw.streams["gaze"] = series_stream(longest->gaze, 2, longest->rate_hz);
  raw.streams[stream_name::kAnnotation] = series_stream(annotation, width, longest->rate_hz);
  sample.duration = length_of(raw.streams["gaze"]);
  return raw;
}

}  // namespace lund2013_import

// Hand-labelled eye movements (Andersson et al. 2017), files <person>_<stimulus>_labelled_<coder>.mat. A
// correction ("..._FIX_MN") takes the place of the file that it corrects.
ImportReport import_lund2013(const std::string& source, const std::string& out,
                             const ImportOptions& options) {
  using namespace lund2013_import;
  std::map<std::string, std::map<std::string, std::string>> recordings;
  std::map<std::string, bool> is_fix;
  for (const auto& file : list_files(source)) {
    const std::string stem = stem_of(file);
    const size_t at = stem.find(kMarker);
    if (extension_of(file) != "mat" || at == std::string::npos) continue;
    std::string coder = stem.substr(at + std::string(kMarker).size());
    const bool fixes = coder.rfind("FIX_", 0) == 0;
    if (fixes) coder = coder.substr(4);
    require(std::find(coders().begin(), coders().end(), coder) != coders().end(), ErrorCode::kData,
            source + "/" + file + ": coder '" + coder + "' is unknown; expected MN or RA");
    const std::string name = stem.substr(0, at);
    auto& taken = recordings[name][coder];
    if (!taken.empty() && !fixes && is_fix[name + coder]) continue;
    require(taken.empty() || fixes, ErrorCode::kData,
            source + "/" + file + ": a second file of this recording and coder beside " + taken);
    taken = file;
    is_fix[name + coder] = fixes;
  }
  DatasetInfo info;
  info.name = "lund2013";
  info.licence = "GPL-3.0 (the repository)";
  info.citation =
      "R. Andersson et al., One algorithm to rule them all? An evaluation and discussion of ten eye movement "
      "event-detection algorithms, Behavior Research Methods 49, 2017";
  info.importer = "lund2013";
  info.modalities["gaze"] = series_modality({"x_px", "y_px"}, 500.0, "pixels");
  info.modalities["gaze"].may_be_missing = true;
  info.modalities["gaze"].role = "eye";
  std::vector<std::string> columns;
  for (const auto& coder : coders()) columns.push_back(coder + ".event");
  info.modalities[stream_name::kAnnotation] = series_modality(
      columns, 500.0,
      "1 fixation 2 saccade 3 post-saccadic oscillation 4 smooth pursuit 5 blink 6 undefined");
  info.modalities[stream_name::kAnnotation].may_be_missing = true;
  info.known_defects = {
      "UH29_img_Europe of coder MN was mislabelled; the correction of Zemblys 2018 is used where it is there",
      "x = y = 0 is a lost track"};
  std::vector<ImportItem> items;
  for (const auto& [name, file_of_coder] : recordings) {
    items.push_back({name, [source, name = name, file_of_coder = file_of_coder](ImportWorker&) {
                       std::vector<RawSample> samples;
                       samples.push_back(read_recording(source, name, file_of_coder));
                       return samples;
                     }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
