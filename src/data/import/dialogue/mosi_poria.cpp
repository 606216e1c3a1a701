#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <set>

#include "import/dialogue/utterances.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace mosi_poria_import {

struct Table {
  const char* modality;
  size_t num_features;
};
constexpr std::array<Table, 3> kTables{{{"text", 100}, {"audio", 73}, {"video", 100}}};

/// A row of utterances.csv.
struct Utterance {
  Sample sample;
  int64_t row = 0;    ///< in the tables of its split
  int64_t label = 0;  ///< 1: sentiment >= 0
  int64_t line = 0;   ///< of utterances.csv
  std::string text;
  std::map<std::string, std::vector<double>> features;  ///< by modality
};

/// Rows that contradict each other, for one message.
class Conflicts {
 public:
  void add(const std::string& what) {
    if (++count_ <= kShown) shown_.push_back(what);
  }
  void require_none(const std::string& table) const {
    if (count_ == 0) return;
    throw Error(
        ErrorCode::kData,
        fmt::format(
            "{}: {} rows contradict utterances.csv: {}{}; rows were swapped or the files are of different "
            "versions, so nothing was joined",
            table, count_, core::join(shown_, "; "), count_ > kShown ? "; ..." : ""));
  }

 private:
  static constexpr size_t kShown = 10;
  size_t count_ = 0;
  std::vector<std::string> shown_;
};

std::vector<Utterance> read_utterances(const std::string& source) {
  std::vector<Utterance> utterances;
  formats::CsvReader csv(source + "/utterances.csv");
  formats::CsvRow row;
  std::set<std::string> ids;
  std::set<std::pair<std::string, int64_t>> rows;
  while (csv.next(row)) {
    Utterance one;
    Sample& sample = one.sample;
    sample.id = row.text("id");
    const std::string& video = row.text("video");
    const int64_t segment = row.integer("segment");
    require(sample.id == fmt::format("{}_{}", video, segment), ErrorCode::kData,
            fmt::format("{}: id {} is not video {} and segment {}", row.where(), sample.id, video, segment));
    require(ids.insert(sample.id).second, ErrorCode::kData,
            fmt::format("{}: a second utterance {}", row.where(), sample.id));
    sample.corpus = "mosi";
    sample.subject = video;  // one speaker a video, and no two videos are known to share one
    sample.dialogue = video;
    sample.clip = sample.id;  // published as a clip each; there are no times to tell them apart by
    sample.turn = segment;
    sample.split = row.text("split");
    require(sample.split == "train" || sample.split == "test", ErrorCode::kData,
            fmt::format("{}: split '{}'; expected train or test", row.where(), sample.split));
    one.row = row.integer("row");
    require(one.row >= 0 && rows.insert({sample.split, one.row}).second, ErrorCode::kData,
            fmt::format("{}: row {} of {} is another utterance's, too", row.where(), one.row, sample.split));
    one.label = row.integer("label");
    one.line = row.line();
    const double sentiment = row.real("sentiment");
    require(std::abs(sentiment) <= 3, ErrorCode::kData,
            fmt::format("{}: sentiment {}; expected -3 to 3", row.where(), sentiment));
    require(one.label == (sentiment >= 0 ? 1 : 0), ErrorCode::kData,
            fmt::format("{}: label {} and sentiment {} contradict each other; expected 1 from 0 on",
                        row.where(), one.label, sentiment));
    sample.values["sentiment"] = sentiment;
    sample.labels["sentiment"] = sentiment > 0 ? "positive" : sentiment < 0 ? "negative" : "neutral";
    sample.labels["polarity"] = one.label == 1 ? "not_negative" : "negative";
    sample.attributes["standard_split"] = row.text("standard_split");
    sample.attributes["segment"] = std::to_string(segment);
    utterances.push_back(std::move(one));
  }
  require(!utterances.empty(), ErrorCode::kData, source + "/utterances.csv: no utterances");
  return utterances;
}

/// Transcripts in the order of the file: text_train.csv and text_test.csv name them by their row.
std::vector<std::string> read_transcripts(const std::string& source, std::vector<Utterance>& utterances) {
  const std::string path = source + "/transcripts.csv";
  formats::CsvOptions plain;
  plain.has_header = false;
  formats::CsvReader csv(path, plain);
  formats::CsvRow row;
  std::vector<std::string> ids;
  std::map<std::string, std::pair<std::string, int64_t>> by_id;  // text and label
  while (csv.next(row)) {
    require(row.size() == 4, ErrorCode::kData,
            fmt::format("{}: {} fields; expected id, text, video, label", row.where(), row.size()));
    require(by_id.emplace(row.text(0), std::pair(row.text(1), row.integer(3))).second, ErrorCode::kData,
            fmt::format("{}: a second transcript of {}", row.where(), row.text(0)));
    ids.push_back(row.text(0));
  }
  Conflicts conflicts;
  for (Utterance& one : utterances) {
    const auto found = by_id.find(one.sample.id);
    if (found == by_id.end())
      conflicts.add(fmt::format("utterances.csv:{}: {} has no transcript", one.line, one.sample.id));
    else if (found->second.second != one.label)
      conflicts.add(fmt::format("utterances.csv:{}: {} has label {}, its transcript {}", one.line,
                                one.sample.id, one.label, found->second.second));
    else
      one.text = found->second.first;
  }
  conflicts.require_none(path);
  return ids;
}

/// A table without a header: features and, behind them, the label; or, before them, the row of
/// transcripts.csv.
std::vector<std::vector<double>> read_rows(const std::string& path, size_t num_columns) {
  formats::CsvOptions plain;
  plain.has_header = false;
  formats::CsvReader csv(path, plain);
  formats::CsvRow row;
  std::vector<std::vector<double>> rows;
  while (csv.next(row)) {
    require(row.size() == num_columns, ErrorCode::kData,
            fmt::format("{}: {} fields; expected {}", row.where(), row.size(), num_columns));
    std::vector<double> values(num_columns);
    for (size_t i = 0; i < num_columns; ++i) values[i] = row.real(i);
    rows.push_back(std::move(values));
  }
  return rows;
}

/// The features of one split and modality go to the utterances that name their rows; every label must agree.
void join_table(const std::string& source, const Table& table, const std::string& split,
                std::vector<Utterance>& utterances) {
  const std::string path = fmt::format("{}/{}/{}_{}0.csv", source, table.modality, table.modality, split);
  auto rows = read_rows(path, table.num_features + 1);
  std::vector<bool> is_taken(rows.size());
  Conflicts conflicts;
  for (Utterance& one : utterances) {
    if (one.sample.split != split) continue;
    if (one.row >= static_cast<int64_t>(rows.size())) {
      conflicts.add(fmt::format("utterances.csv:{}: {} is row {}, but there are {} rows", one.line,
                                one.sample.id, one.row, rows.size()));
      continue;
    }
    std::vector<double>& row = rows[static_cast<size_t>(one.row)];
    if (row.back() != static_cast<double>(one.label)) {
      conflicts.add(fmt::format("row {} has label {}, {} (utterances.csv:{}) has {}", one.row, row.back(),
                                one.sample.id, one.line, one.label));
      continue;
    }
    row.pop_back();
    is_taken[static_cast<size_t>(one.row)] = true;
    one.features[table.modality] = std::move(row);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!is_taken[i] && !rows[i].empty()) conflicts.add(fmt::format("row {} belongs to no utterance", i));
  }
  conflicts.require_none(path);
}

/// text_train.csv and text_test.csv say which transcript each row of text features is: a key that does not
/// lean on any order.
void check_text_rows(const std::string& source, const std::string& split,
                     const std::vector<std::string>& transcripts, const std::vector<Utterance>& utterances) {
  const std::string path = fmt::format("{}/text_{}.csv", source, split);
  if (!std::filesystem::exists(path)) return;
  const size_t num_features = kTables[0].num_features;
  const auto rows = read_rows(path, num_features + 1);
  std::map<std::string, const std::vector<double>*> by_id;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double transcript = rows[i].front();
    require(transcript >= 0 && transcript < static_cast<double>(transcripts.size()) &&
                transcript == std::floor(transcript),
            ErrorCode::kData,
            fmt::format("{}:{}: row {} of transcripts.csv; it has {}", path, i + 1, transcript,
                        transcripts.size()));
    by_id[transcripts[static_cast<size_t>(transcript)]] = &rows[i];
  }
  Conflicts conflicts;
  for (const Utterance& one : utterances) {
    if (one.sample.split != split) continue;
    const auto found = by_id.find(one.sample.id);
    if (found == by_id.end()) {
      conflicts.add(fmt::format("no features of {} (utterances.csv:{})", one.sample.id, one.line));
      continue;
    }
    const auto& features = one.features.at("text");
    bool is_same = true;
    // The tables were printed with different numbers of digits.
    for (size_t f = 0; f < num_features; ++f)
      is_same = is_same && std::abs((*found->second)[f + 1] - features[f]) <=
                               1e-5 * std::max(1.0, std::abs(features[f]));
    if (!is_same)
      conflicts.add(fmt::format("row {} of text/text_{}0.csv is not {} (utterances.csv:{})", one.row, split,
                                one.sample.id, one.line));
  }
  conflicts.require_none(path);
}

}  // namespace mosi_poria_import

// Utterance features of S. Poria et al., ACL 2017, as tables; utterances.csv says which row is which
// utterance.
ImportReport import_mosi_poria(const std::string& source, const std::string& out,
                               const ImportOptions& options) {
  using namespace mosi_poria_import;
  require(std::filesystem::exists(source + "/utterances.csv"), ErrorCode::kData,
          source +
              "/utterances.csv: missing; expected columns id, video, segment, split, row, label, sentiment, "
              "standard_split");
  DatasetInfo info;
  info.name = "mosi_poria";
  info.licence = "research use (CMU-MOSI); the features' repository has no licence of its own";
  info.citation =
      "A. Zadeh et al., MOSI: Multimodal Corpus of Sentiment Intensity, IEEE Intelligent Systems 31(6), "
      "2016; features: S. Poria et al., "
      "Context-Dependent Sentiment Analysis in User-Generated Videos, ACL 2017";
  info.importer = "mosi_poria";
  info.label_spaces = {{"sentiment", {"negative", "neutral", "positive"}},
                       {"polarity", {"negative", "not_negative"}}};
  info.modalities[stream_name::kText] = text_modality();
  info.known_defects = {
      "features of text and video were learned with the labels of this train split: do not evaluate them on "
      "standard_split, 590 of whose "
      "686 test utterances are in train here",
      "utterances have no times in these tables; turns are the corpus' segment numbers, and some are "
      "missing"};
  auto utterances = read_utterances(source);
  const auto transcripts = read_transcripts(source, utterances);
  for (const Table& table : kTables) {
    std::vector<std::string> columns;
    for (size_t i = 0; i < table.num_features; ++i)
      columns.push_back(fmt::format("{}_{:03}", table.modality, i));
    info.modalities[fmt::format("{}_features", table.modality)] = series_modality(std::move(columns), 0.0);
    for (const std::string split : {"train", "test"}) join_table(source, table, split, utterances);
  }
  for (const std::string split : {"train", "test"}) check_text_rows(source, split, transcripts, utterances);
  const std::string sha256 = core::sha256_file(source + "/utterances.csv");
  std::vector<ImportItem> items;
  for (Utterance& one : utterances) {
    one.sample.source_path = "utterances.csv";
    one.sample.source_sha256 = sha256;
    items.push_back({"utterances.csv", [one = std::move(one)](ImportWorker&) {
                       std::vector<RawSample> samples(1);
                       samples[0].sample = one.sample;
                       samples[0].streams[stream_name::kText] = text_stream(one.text);
                       for (const auto& [modality, features] : one.features)
                         samples[0].streams[modality + "_features"] =
                             series_stream(features, features.size(), 0.0);
                       return samples;
                     }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
