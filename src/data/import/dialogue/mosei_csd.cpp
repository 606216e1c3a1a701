#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>

#include "import/pipeline.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/suggest.h"
#include "limbic/formats/hdf5.h"

namespace limbic::data {
namespace mosei_csd_import {

namespace fs = std::filesystem;

/// Columns of CMU-MOSEI's "All Labels"; CMU-MOSI's "Opinion Segment Labels" has the first alone.
constexpr const char* kColumns[] = {"sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear"};

/// A computational sequence: <name>/data/<video>/{features (T, F), intervals (T, 2) in seconds}.
struct Sequence {
  std::string file;    ///< relative to the source
  std::string name;    ///< "FACET_4.2"
  std::string stream;  ///< "facet_4_2"
  formats::Hdf5Node data;
  bool is_text = false;
  uint64_t num_features = 1;
};

struct Corpus {
  std::vector<Sequence> sequences;
  std::unique_ptr<Sequence> labels;
  std::map<std::string, std::string> fold_of;  ///< by video
  std::string sha256;                          ///< of the labels' file
};

/// Segments of one video, or rows of features, by their times.
struct Interval {
  double start_s = 0;
  double end_s = 0;
  uint64_t row = 0;
};

std::string stream_name_of(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_word)
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    else if (!out.empty() && out.back() != '_')
      out += '_';
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out;
}

/// Rows with a time in order of time; pauses of the aligner without length are kept out.
std::vector<Interval> read_intervals(const formats::Hdf5Node& entry) {
  const formats::NpyArray array = entry.child("intervals").read();
  const auto shape = entry.child("features").shape();
  require(array.shape.size() == 2 && array.shape[1] == 2 && !shape.empty() && shape[0] == array.shape[0],
          ErrorCode::kData,
          fmt::format("{}: intervals of shape ({}) for features of ({}); expected (T, 2) and (T, F)",
                      entry.path(), fmt::join(array.shape, ", "), fmt::join(shape, ", ")));
  std::vector<Interval> intervals;
  for (uint64_t row = 0; row < array.shape[0]; ++row) {
    const Interval interval{array.values[2 * row], array.values[2 * row + 1], row};
    require(std::isfinite(interval.start_s) && std::isfinite(interval.end_s) &&
                interval.start_s <= interval.end_s && std::abs(interval.start_s) < 1e6 &&
                std::abs(interval.end_s) < 1e6,
            ErrorCode::kData,
            fmt::format("{}: row {}: interval {} to {} s; expected start <= end", entry.path(), row,
                        interval.start_s, interval.end_s));
    intervals.push_back(interval);
  }
  std::stable_sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) {
    return std::make_pair(a.start_s, a.end_s) < std::make_pair(b.start_s, b.end_s);
  });
  return intervals;
}

/// The entry of a video's segment: under its own key where the file is aligned already ("video[3]"), else the
/// video's.
std::optional<formats::Hdf5Node> entry_of(const Sequence& sequence, const std::string& video,
                                          uint64_t segment) {
  const std::string aligned = fmt::format("{}[{}]", video, segment);
  if (sequence.data.has(aligned)) return sequence.data.child(aligned);
  if (sequence.data.has(video)) return sequence.data.child(video);
  return std::nullopt;
}

/// What of a sequence lies in a segment: every row whose interval overlaps it, by time and never by place.
std::optional<RawStream> read_part(const Sequence& sequence, const formats::Hdf5Node& entry,
                                   const Interval& segment) {
  std::vector<Interval> rows;
  uint64_t first = UINT64_MAX, last = 0;
  for (const Interval& row : read_intervals(entry)) {
    if (row.end_s <= segment.start_s || row.start_s >= segment.end_s) continue;
    rows.push_back(row);
    first = std::min(first, row.row);
    last = std::max(last, row.row);
  }
  if (rows.empty()) return std::nullopt;
  const formats::NpyArray array = entry.child("features").read_rows(first, last - first + 1);
  if (sequence.is_text) {
    std::string text;
    for (const Interval& row : rows) {
      const std::string& word = array.text[row.row - first];
      if (word.empty() || word == "sp") continue;  // the aligner's short pause
      text += (text.empty() ? "" : " ") + word;
    }
    if (text.empty()) return std::nullopt;
    return text_stream(text);
  }
  const uint64_t width = array.values.size() / std::max<uint64_t>(1, array.shape[0]);
  require(width == sequence.num_features, ErrorCode::kData,
          fmt::format("{}: {} features; expected {} as in the rest of {}", entry.path(), width,
                      sequence.num_features, sequence.file));
  std::vector<double> values;
  values.reserve(rows.size() * width);
  for (const Interval& row : rows) {
    for (uint64_t f = 0; f < width; ++f) {
      const double value = array.values[(row.row - first) * width + f];
      values.push_back(std::isfinite(value) ? value : std::nan(""));  // COVAREP has infinite logarithms
    }
  }
  // Words have no rate: theirs is the mean one.
  const double start_s = std::max(0.0, rows.front().start_s);
  const double span_s = rows.size() > 1 ? rows.back().start_s - rows.front().start_s : 0;
  const double rate_hz = span_s > 0 ? static_cast<double>(rows.size() - 1) / span_s
                                    : 1 / std::max(1e-3, segment.end_s - segment.start_s);
  return series_stream(values, width, rate_hz, core::Timestamp::from_seconds(start_s));
}

/// Every sequence of every file; which holds labels, its name says.
void find_sequences(const std::string& source, Corpus& corpus) {
  std::vector<std::string> files;
  if (fs::is_regular_file(source))
    files = {""};
  else
    for (const std::string& file : list_files(source)) {
      const std::string extension = extension_of(file);
      if (extension == "csd" || extension == "hdf5" || extension == "h5") files.push_back(file);
    }
  std::set<std::string> streams;
  for (const std::string& file : files) {
    const std::string path = file.empty() ? source : source + "/" + file;
    const formats::Hdf5Node root = formats::open_hdf5(path);
    for (const std::string& name : root.names()) {
      const formats::Hdf5Node group = root.child(name);
      if (!group.is_group()) continue;
      // The SDK puts metadata beside data; merged files (MultiBench) leave that level out.
      const formats::Hdf5Node data = group.has("data") ? group.child("data") : group;
      Sequence sequence{file, name, stream_name_of(name), data};
      const std::vector<std::string> videos = data.is_group() ? data.names() : std::vector<std::string>();
      require(
          !videos.empty() && data.has(videos[0] + "/features") && data.has(videos[0] + "/intervals"),
          ErrorCode::kData,
          fmt::format("{}: /{}: not a computational sequence; expected data/<video>/features and intervals",
                      path, name));
      const formats::Hdf5Node features = data.child(videos[0] + "/features");
      const std::string dtype = features.dtype();
      sequence.is_text = dtype.substr(0, 2) == "|S" || dtype == "|T";
      const auto shape = features.shape();
      for (size_t d = 1; d < shape.size(); ++d) sequence.num_features *= shape[d];
      if (sequence.stream.find("label") != std::string::npos) {
        require(corpus.labels == nullptr, ErrorCode::kData,
                fmt::format("{}: /{}: a second sequence of labels beside /{}; keep one", path, name,
                            corpus.labels == nullptr ? "" : corpus.labels->name));
        corpus.labels = std::make_unique<Sequence>(sequence);
        corpus.sha256 = core::sha256_file(path);
        continue;
      }
      if (sequence.is_text && sequence.stream.find("word") != std::string::npos)
        sequence.stream = stream_name::kText;
      require(streams.insert(sequence.stream).second, ErrorCode::kData,
              fmt::format("{}: /{}: a second sequence for stream {}; keep one", path, name, sequence.stream));
      corpus.sequences.push_back(std::move(sequence));
    }
  }
  require(corpus.labels != nullptr, ErrorCode::kData,
          source + ": no labels; expected a .csd with 'All Labels' or 'Opinion Segment Labels'");
}

/// Adds ids of one part. @param where  of the list, for messages
void add_fold(const std::string& where, const std::string& fold, const std::vector<std::string>& videos,
              Corpus& corpus) {
  for (const std::string& video : videos) {
    const auto [at, is_new] = corpus.fold_of.emplace(video, fold);
    require(is_new || at->second == fold, ErrorCode::kData,
            fmt::format("{}: video {} is in {} and in {}: parts must not share videos", where, video,
                        at->second, fold));
  }
}

/// Official parts, where a list lies in the folder: the SDK's *_std_folds.py (its lists of quoted names are
/// read, nothing is run), or train.txt, valid.txt and test.txt with a video a line.
void find_folds(const std::string& source, Corpus& corpus) {
  if (!fs::is_directory(source)) return;
  for (const std::string& file : list_files(source)) {
    const std::string path = source + "/" + file;
    const std::string stem = stem_of(file);
    if (extension_of(file) == "txt" && (stem == "train" || stem == "valid" || stem == "test")) {
      std::ifstream lines(path);
      std::vector<std::string> videos;
      for (std::string line; std::getline(lines, line);) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (!line.empty()) videos.push_back(line);
      }
      add_fold(path, stem, videos, corpus);
    } else if (extension_of(file) == "py" && stem.find("std_folds") != std::string::npos) {
      const std::string text = core::read_file(path, 16 << 20);
      for (const std::string fold : {"train", "valid", "test"}) {
        const size_t name = text.find("standard_" + fold + "_fold");
        if (name == std::string::npos) continue;
        const size_t open = text.find('[', name), close = text.find(']', name);
        require(open != std::string::npos && close != std::string::npos && open < close, ErrorCode::kData,
                fmt::format("{}: standard_{}_fold is not a list of names", path, fold));
        std::vector<std::string> videos;
        for (size_t at = open; at < close;) {
          const size_t begin = text.find_first_of("'\"", at);
          if (begin == std::string::npos || begin > close) break;
          const size_t end = text.find(text[begin], begin + 1);
          require(end != std::string::npos && end < close, ErrorCode::kData,
                  fmt::format("{}: standard_{}_fold: a quote is never closed", path, fold));
          videos.push_back(text.substr(begin + 1, end - begin - 1));
          at = end + 1;
        }
        add_fold(path, fold, videos, corpus);
      }
    }
  }
}

std::vector<RawSample> read_video(const Corpus& corpus, const std::string& key) {
  const formats::Hdf5Node entry = corpus.labels->data.child(key);
  const formats::NpyArray labels = entry.child("features").read();
  const uint64_t width = corpus.labels->num_features;
  const std::vector<Interval> segments = read_intervals(entry);
  // Aligned files have a key a segment.
  const size_t bracket = key.find('[');
  const std::string video = key.substr(0, bracket);
  std::vector<RawSample> samples;
  for (size_t turn = 0; turn < segments.size(); ++turn) {
    const Interval& segment = segments[turn];
    const auto where = [&] { return fmt::format("{}: {}: row {}", corpus.labels->file, key, segment.row); };
    require(segment.start_s >= 0 && segment.end_s > segment.start_s, ErrorCode::kData,
            fmt::format("{}: segment {} to {} s; expected 0 <= start < end", where(), segment.start_s,
                        segment.end_s));
    const double* row = labels.values.data() + segment.row * width;
    if (turn > 0 && segments[turn - 1].start_s == segment.start_s &&
        segments[turn - 1].end_s == segment.end_s) {
      const double* before = labels.values.data() + segments[turn - 1].row * width;
      require(std::equal(row, row + width, before), ErrorCode::kData,
              fmt::format("{} and row {}: other labels for the same segment {} to {} s", where(),
                          segments[turn - 1].row, segment.start_s, segment.end_s));
      continue;
    }
    RawSample raw;
    Sample& sample = raw.sample;
    const uint64_t number =
        bracket == std::string::npos ? segment.row : std::strtoull(key.c_str() + bracket + 1, nullptr, 10);
    sample.id = fmt::format("{}_{:03}", video, number);
    sample.corpus = "mosei_csd";
    sample.subject = sample.clip = sample.dialogue = video;
    if (const auto fold = corpus.fold_of.find(video); fold != corpus.fold_of.end())
      sample.split = fold->second;
    sample.turn = bracket == std::string::npos ? static_cast<int64_t>(turn) : static_cast<int64_t>(number);
    sample.t0 = core::Timestamp::from_seconds(segment.start_s);
    sample.duration = core::Timestamp::from_seconds(segment.end_s - segment.start_s);
    for (uint64_t c = 0; c < width; ++c) {
      const double low = c == 0 ? -3 : 0;
      if (std::isnan(row[c])) continue;
      require(row[c] >= low && row[c] <= 3, ErrorCode::kData,
              fmt::format("{}: {} {}; expected {} to 3", where(), kColumns[c], row[c], low));
      sample.values[kColumns[c]] = row[c];
    }
    if (const auto value = sample.values.find("sentiment"); value != sample.values.end())
      sample.labels["sentiment"] = value->second > 0   ? "positive"
                                   : value->second < 0 ? "negative"
                                                       : "neutral";
    sample.source_path = corpus.labels->file;
    sample.source_sha256 = corpus.sha256;
    for (const Sequence& sequence : corpus.sequences) {
      const auto features = entry_of(sequence, video, number);
      if (!features) continue;
      if (auto part = read_part(sequence, *features, segment))
        raw.streams[sequence.stream] = std::move(*part);
    }
    samples.push_back(std::move(raw));
  }
  return samples;
}

}  // namespace mosei_csd_import

// CMU-MOSEI and CMU-MOSI as computational sequences of the CMU Multimodal SDK (Zadeh et al. 2018): .csd
// files, which are HDF5. A sample is a labelled segment; its frames are those whose intervals overlap it. The
// layout was read in the SDK's documentation and in programs that use it, not in the corpus itself.
ImportReport import_mosei_csd(const std::string& source, const std::string& out,
                              const ImportOptions& options) {
  using namespace mosei_csd_import;
  auto corpus = std::make_shared<Corpus>();
  find_sequences(source, *corpus);
  find_folds(source, *corpus);
  const uint64_t width = corpus->labels->num_features;
  require(width >= 1 && width <= std::size(kColumns), ErrorCode::kData,
          fmt::format("{}: {} columns of labels; expected 1 (CMU-MOSI) or 7 (CMU-MOSEI)",
                      corpus->labels->file, width));
  DatasetInfo info;
  info.name = width == 1 ? "cmu_mosi" : "cmu_mosei";
  info.licence = "research; see the CMU Multimodal SDK";
  info.citation =
      "A. Zadeh et al., Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset and Interpretable "
      "Dynamic "
      "Fusion Graph, ACL 2018";
  info.importer = "mosei_csd";
  info.label_spaces = {{"sentiment", {"negative", "neutral", "positive"}}};
  info.known_defects = {
      "who speaks is not given: a subject is a video, and one speaker may have made several",
      "sequences of words have no rate: theirs is the mean one of the segment",
      "infinite values (COVAREP's logarithms) count as missing"};
  for (const Sequence& sequence : corpus->sequences) {
    if (sequence.is_text) {
      info.modalities[sequence.stream] = text_modality();
      continue;
    }
    RawModality modality;
    modality.frame_shape = {static_cast<int64_t>(sequence.num_features)};
    modality.may_be_missing = true;
    info.modalities[sequence.stream] = modality;
  }
  std::vector<ImportItem> items;
  for (const std::string& key : corpus->labels->data.names())
    items.push_back({key, [corpus, key](ImportWorker&) { return read_video(*corpus, key); }});
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
