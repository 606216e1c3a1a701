#include <fmt/format.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <memory>

#include "import/physio/windows.h"
#include "import/words.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/file_bundle.h"

namespace limbic::data {
namespace gaze_graph_import {

constexpr double kRateHz = 30.0;
constexpr std::array<const char*, 6> kActivities{"browse", "play", "read", "search", "watch", "write"};

/// Lines "x,y".
std::vector<double> parse_points(const std::string& text, const std::string& where) {
  std::vector<double> points;
  int64_t line = 0;
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = std::min(text.find('\n', begin), text.size());
    const size_t next = end + 1;
    if (end > begin && text[end - 1] == '\r') --end;
    ++line;
    const char* at = text.data() + begin;
    const char* const stop = text.data() + end;
    if (at != stop) {
      for (int c = 0; c < 2; ++c) {
        double value = 0;
        const auto [after, error] = std::from_chars(at, stop, value);
        const bool is_last = c == 1;
        require(error == std::errc() && (is_last ? after == stop : after != stop && *after == ','),
                ErrorCode::kData, fmt::format("{}:{}: expected two numbers, x,y", where, line));
        points.push_back(value);
        at = after + (is_last ? 0 : 1);
      }
    }
    begin = next;
  }
  require(!points.empty(), ErrorCode::kData, where + ": no samples");
  return points;
}

}  // namespace gaze_graph_import

// GazeGraph's DesktopActivity (Lan et al. 2020): P<k>/P<k>_<ACTIVITY>.csv in a folder or in the zip.
ImportReport import_gaze_graph(const std::string& source, const std::string& out,
                               const ImportOptions& options) {
  using namespace gaze_graph_import;
  namespace fs = std::filesystem;
  DatasetInfo info;
  info.name = "gaze_graph";
  info.licence = "none given; cite the paper";
  info.citation =
      "G. Lan et al., GazeGraph: graph-based few-shot cognitive context sensing from human visual "
      "behavior, SenSys 2020";
  info.importer = "gaze_graph";
  note_windows(options, info);
  info.label_spaces = {{"activity", {kActivities.begin(), kActivities.end()}}};
  info.modalities["gaze"] =
      series_modality({"x", "y"}, kRateHz, "share of the scene picture; may leave [0, 1]");
  info.modalities["gaze"].role = "eye";
  info.modalities["gaze"].device = "Pupil Core";
  info.known_defects = {"eight people; no emotion labels, no event labels"};
  struct File {
    std::string name;  ///< relative to the corpus
    std::string bundle;
  };
  std::vector<File> files;
  std::map<std::string, std::shared_ptr<const formats::FileBundle>> bundles;
  if (fs::is_directory(source)) {
    for (const auto& file : list_files(source)) {
      if (extension_of(file) == "csv") files.push_back({file, ""});
      if (extension_of(file) != "zip") continue;
      bundles[file] = std::make_shared<formats::FileBundle>(source + "/" + file);
      for (const auto& name : bundles[file]->names())
        if (extension_of(name) == "csv") files.push_back({name, file});
    }
  }
  std::vector<ImportItem> items;
  for (const auto& file : files) {
    const std::string stem = stem_of(file.name);
    const size_t bar = stem.find('_');
    if (stem.empty() || stem[0] != 'P' || bar == std::string::npos) continue;
    const std::string activity = lower_case(stem.substr(bar + 1));
    const auto bundle = file.bundle.empty() ? nullptr : bundles.at(file.bundle);
    // An archive is read one file after the other.
    std::string text = bundle == nullptr ? "" : bundle->read(file.name);
    items.push_back(
        {file.name, [=, text = std::move(text)](ImportWorker& worker) {
           require(std::find(kActivities.begin(), kActivities.end(), activity) != kActivities.end(),
                   ErrorCode::kData,
                   file.name + ": activity '" + activity +
                       "' is unknown; expected BROWSE, PLAY, "
                       "READ, SEARCH, WATCH or WRITE");
           const std::string bytes =
               bundle == nullptr ? formats::FileBundle(fs::path(source + "/" + file.name).parent_path())
                                       .read(fs::path(file.name).filename().string())
                                 : text;
           RawSample whole;
           Sample& sample = whole.sample;
           sample.id = stem;
           sample.corpus = "gaze_graph";
           sample.subject = stem.substr(0, bar);
           sample.clip = stem;
           sample.labels["activity"] = activity;
           sample.source_path = file.bundle.empty() ? file.name : file.bundle;
           sample.source_sha256 = core::sha256_hex(bytes);
           whole.streams["gaze"] = series_stream(parse_points(bytes, source + "/" + file.name), 2, kRateHz);
           sample.duration = length_of(whole.streams["gaze"]);
           return cut_into_windows(whole, worker.options());
         }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
