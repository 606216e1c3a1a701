#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "import/generic/feature_tables.h"
#include "import/words.h"
#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/suggest.h"
#include "limbic/data/table_config.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"
#include "store/manifest.h"

namespace limbic::data {
namespace table_import {

namespace fs = std::filesystem;

/// A row of the table: text by column.
struct TableRow {
  std::map<std::string, std::string> text;
  std::string where;  ///< path:line
};

std::string text_of_json(const nlohmann::json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<TableRow> read_rows(const std::string& path, std::vector<std::string>& columns) {
  std::vector<TableRow> rows;
  const std::string extension = extension_of(path);
  if (extension == "jsonl" || extension == "ndjson") {
    std::set<std::string> names;
    formats::JsonlReader reader(path);
    nlohmann::json object;
    while (reader.next(object)) {
      TableRow row;
      row.where = reader.where();
      for (const auto& item : object.items()) {
        row.text[item.key()] = text_of_json(item.value());
        names.insert(item.key());
      }
      rows.push_back(std::move(row));
    }
    columns.assign(names.begin(), names.end());
    return rows;
  }
  formats::CsvOptions options;
  if (extension == "tsv") options.separator = '\t';
  formats::CsvReader csv(path, options);
  columns = csv.columns();
  formats::CsvRow row;
  while (csv.next(row)) {
    TableRow read;
    read.where = row.where();
    for (size_t c = 0; c < columns.size(); ++c) read.text[columns[c]] = row.text(c);
    rows.push_back(std::move(read));
  }
  return rows;
}

/// A configured corpus with its table read and checked.
struct Corpus {
  TableConfig config;
  std::string root;   ///< folder of media and features
  std::string table;  ///< path
  std::vector<TableRow> rows;

  const std::string& cell(const TableRow& row, const std::string& column) const {
    static const std::string kEmpty;
    const auto at = row.text.find(column);
    return column.empty() || at == row.text.end() ? kEmpty : at->second;
  }
  double number(const TableRow& row, const std::string& column) const {
    const std::string& text = cell(row, column);
    try {
      size_t used = 0;
      const double value = std::stod(text, &used);
      if (used == text.size() && std::isfinite(value)) return value;
    } catch (const std::exception&) {
    }
    throw Error(ErrorCode::kData, fmt::format("{}: column '{}': '{}' is no number", row.where, column, text));
  }
};

void check_column(const std::string& column, const char* where, const std::string& table,
                  const std::vector<std::string>& columns) {
  if (column.empty() || std::find(columns.begin(), columns.end(), column) != columns.end()) return;
  throw Error(ErrorCode::kData, fmt::format("{}: no column '{}' ({}); there are {}{}", table, column, where,
                                            core::join(columns), core::did_you_mean(column, columns)));
}

/// "openface/{clip}.csv" -> "openface/a01.csv"
std::string expanded(const std::string& pattern, const TableRow& row) {
  std::string out;
  for (size_t at = 0; at < pattern.size();) {
    const size_t open = pattern.find('{', at);
    const size_t close = open == std::string::npos ? open : pattern.find('}', open);
    if (close == std::string::npos) return out + pattern.substr(at);
    const std::string column = pattern.substr(open + 1, close - open - 1);
    const auto text = row.text.find(column);
    require(text != row.text.end(), ErrorCode::kData,
            fmt::format("{}: '{}' names a column '{}' that is not there", row.where, pattern, column));
    out += pattern.substr(at, open - at) + text->second;
    at = close + 1;
  }
  return out;
}

std::string safe(const std::string& path, const std::string& where) {
  const auto reason = unsafe_path_reason(path);
  require(reason.empty(), ErrorCode::kData,
          fmt::format("{}: '{}' {}; expected a path inside the corpus", where, path, reason));
  return path;
}

/// Class of a row, empty where it is unknown.
std::string class_of(const Corpus& corpus, const TableRow& row, const std::string& task,
                     const LabelColumn& label) {
  const std::string& text = corpus.cell(row, label.column.empty() ? task : label.column);
  if (std::find(label.missing.begin(), label.missing.end(), text) != label.missing.end()) return "";
  const auto at = label.rename.find(text);
  return at == label.rename.end() ? text : at->second;
}

Sample sample_of(const Corpus& corpus, const TableRow& row, size_t row_idx) {
  const auto& columns = corpus.config.columns;
  Sample sample;
  sample.id = columns.id.empty() ? fmt::format("row_{:07}", row_idx + 1) : corpus.cell(row, columns.id);
  require(!sample.id.empty(), ErrorCode::kData, row.where + ": column '" + columns.id + "' is empty");
  sample.corpus = corpus.config.name;
  sample.subject = corpus.cell(row, columns.subject);
  sample.session = corpus.cell(row, columns.session);
  sample.dialogue = corpus.cell(row, columns.dialogue);
  sample.split = corpus.cell(row, columns.split);
  sample.clip = corpus.cell(row, columns.clip);
  if (sample.clip.empty()) sample.clip = corpus.cell(row, columns.media);
  if (sample.clip.empty()) sample.clip = sample.id;
  if (!columns.turn.empty()) {
    const double turn = corpus.number(row, columns.turn);
    require(turn >= 0 && turn == std::floor(turn) && turn < 1e9, ErrorCode::kData,
            fmt::format("{}: column '{}': {} is no turn; expected a whole number from 0", row.where,
                        columns.turn, turn));
    sample.turn = static_cast<int64_t>(turn);
  }
  if (!columns.start_s.empty())
    sample.t0 = core::Timestamp::from_seconds(corpus.number(row, columns.start_s));
  if (!columns.end_s.empty()) {
    sample.duration = core::Timestamp::from_seconds(corpus.number(row, columns.end_s)) - sample.t0;
    require(sample.t0.ticks >= 0 && sample.duration.ticks > 0, ErrorCode::kData,
            row.where + ": ends before it begins, or begins before 0");
  }
  for (const auto& [task, label] : corpus.config.labels) {
    if (const auto name = class_of(corpus, row, task, label); !name.empty()) sample.labels[task] = name;
  }
  for (const auto& [name, value] : corpus.config.values) {
    const std::string& column = value.column.empty() ? name : value.column;
    if (!corpus.cell(row, column).empty())
      sample.values[name] = value.scale * corpus.number(row, column) + value.offset;
  }
  for (const auto& column : corpus.config.attributes)
    if (!corpus.cell(row, column).empty()) sample.attributes[column] = corpus.cell(row, column);
  return sample;
}

/// Cuts what lasts longer than the sample; streams without a rate describe the whole.
RawStream part_of(const RawStream& stream, const Sample& sample) {
  if (stream.rate_hz <= 0 || sample.duration.ticks == 0) return stream;
  return cut_stream(stream, sample.t0, sample.t0 + sample.duration);
}

/// All samples of one media file (or one row without media): the file is read once.
std::vector<RawSample> read_group(const Corpus& corpus, const std::vector<size_t>& rows,
                                  ImportWorker& worker) {
  RawSample media;
  const auto& columns = corpus.config.columns;
  const std::string file = corpus.cell(corpus.rows[rows.front()], columns.media);
  std::string sha256;
  if (!file.empty()) {
    const std::string path = corpus.root + "/" + safe(file, corpus.rows[rows.front()].where);
    require(fs::is_regular_file(path), ErrorCode::kData,
            corpus.rows[rows.front()].where + ": no file " + path);
    sha256 = core::sha256_file(path);
    add_media(path, worker, media);
  }
  std::map<std::string, FeatureFrames> read;  // by path: segments of one recording share a file
  std::vector<RawSample> samples;
  for (const size_t i : rows) {
    const TableRow& row = corpus.rows[i];
    RawSample raw;
    raw.sample = sample_of(corpus, row, i);
    if (raw.sample.duration.ticks == 0) raw.sample.duration = media.sample.duration;
    raw.sample.source_path = file;
    raw.sample.source_sha256 = sha256;
    for (const auto& [name, stream] : media.streams) raw.streams[name] = part_of(stream, raw.sample);
    for (const auto& [name, source] : corpus.config.features) {
      const std::string path = corpus.root + "/" + safe(expanded(source.path, row), row.where);
      if (!fs::exists(path)) continue;  // the sample lacks the modality
      auto at = read.find(path);
      if (at == read.end())
        at = read.emplace(path, read_feature_file(path, source.format, source.rate_hz)).first;
      raw.streams[name] = part_of(at->second.stream(), raw.sample);
    }
    if (const auto& text = corpus.cell(row, columns.text); !text.empty()) {
      try {
        raw.streams[stream_name::kText] = text_stream(text);
      } catch (const Error& e) {
        throw e.in(row.where);
      }
    }
    samples.push_back(std::move(raw));
  }
  return samples;
}

/// Declares streams and classes from the table; the first file of every feature tells its columns.
DatasetInfo describe(const Corpus& corpus, const ImportOptions& options) {
  DatasetInfo info;
  const auto& config = corpus.config;
  info.name = config.name;
  info.licence = config.licence;
  info.citation = config.citation;
  info.importer = "table";
  info.known_defects = config.known_defects;
  for (const auto& [task, label] : config.labels) {
    affect::LabelSpace space{task, label.classes};
    if (space.classes.empty()) {
      std::set<std::string> seen;
      for (const auto& row : corpus.rows) seen.insert(class_of(corpus, row, task, label));
      seen.erase("");
      space.classes.assign(seen.begin(), seen.end());
      require(!space.classes.empty(), ErrorCode::kData, corpus.table + ": task '" + task + "' has no label");
    }
    info.label_spaces.push_back(std::move(space));
  }
  std::vector<std::string> files;
  bool has_text = false;
  for (const auto& row : corpus.rows) {
    if (const auto& file = corpus.cell(row, config.columns.media); !file.empty()) files.push_back(file);
    has_text = has_text || !corpus.cell(row, config.columns.text).empty();
  }
  declare_media(files, options, info);
  if (has_text) info.modalities[stream_name::kText] = text_modality();
  for (const auto& [name, source] : config.features) {
    require(info.modalities.count(name) == 0, ErrorCode::kConfig,
            "features." + name + ": is the name of a stream that media have");
    for (const auto& row : corpus.rows) {
      const std::string path = corpus.root + "/" + safe(expanded(source.path, row), row.where);
      if (!fs::exists(path)) continue;
      const auto frames = read_feature_file(path, source.format, source.rate_hz);
      info.modalities[name] = series_modality(frames.columns, frames.rate_hz);
      info.modalities[name].may_be_missing = true;
      info.modalities[name].device = frames.tool;
      break;
    }
    require(info.modalities.count(name) != 0, ErrorCode::kData,
            fmt::format("features.{}: no row of {} has a file {}", name, corpus.table, source.path));
  }
  return info;
}

ImportReport import_rows(std::shared_ptr<const Corpus> corpus, const std::string& source,
                         const std::string& out, const ImportOptions& options) {
  require(!corpus->rows.empty(), ErrorCode::kData, corpus->table + ": has no rows");
  // Rows of one media file are one item, in the order in which files appear.
  std::map<std::string, size_t> group_of_file;
  std::vector<std::vector<size_t>> groups;
  for (size_t i = 0; i < corpus->rows.size(); ++i) {
    const std::string& file = corpus->cell(corpus->rows[i], corpus->config.columns.media);
    const auto [at, is_new] =
        file.empty() ? std::pair{group_of_file.end(), true} : group_of_file.emplace(file, groups.size());
    if (is_new) groups.emplace_back();
    groups[is_new ? groups.size() - 1 : at->second].push_back(i);
  }
  std::vector<ImportItem> items;
  for (auto& rows : groups) {
    items.push_back({corpus->rows[rows.front()].where,
                     [corpus, rows](ImportWorker& worker) { return read_group(*corpus, rows, worker); }});
  }
  return run_import(source, out, describe(*corpus, options), std::move(items), options);
}

/// The first of `names` that is a column, else empty.
std::string first_column(const std::vector<std::string>& columns, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (std::find(columns.begin(), columns.end(), name) != columns.end()) return name;
  return "";
}

}  // namespace table_import

// A table with a YAML file that says what its columns mean: a corpus of one's own, without code.
ImportReport import_table(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace table_import;
  auto corpus = std::make_shared<Corpus>();
  corpus->config = config::load_file<TableConfig>(source);
  const std::string folder = fs::path(source).parent_path().string();
  const auto beside = [&](const std::string& path) {
    return fs::path(path).is_absolute() || folder.empty() ? path : folder + "/" + path;
  };
  corpus->root = beside(corpus->config.root);
  corpus->table = beside(corpus->config.table);
  std::vector<std::string> columns;
  corpus->rows = read_rows(corpus->table, columns);
  auto& keys = corpus->config.columns;
  auto check = [&](const char* name, std::string& column, const char*) {
    check_column(column, (std::string("columns.") + name).c_str(), corpus->table, columns);
  };
  keys.visit(check);
  for (const auto& [task, label] : corpus->config.labels)
    check_column(label.column.empty() ? task : label.column, "labels", corpus->table, columns);
  for (const auto& [name, value] : corpus->config.values)
    check_column(value.column.empty() ? name : value.column, "values", corpus->table, columns);
  for (const auto& column : corpus->config.attributes)
    check_column(column, "attributes", corpus->table, columns);
  return import_rows(corpus, source, out, options);
}

// A folder with metadata.csv, .tsv or .jsonl whose columns have the usual names.
ImportReport import_metadata(const std::string& source, const std::string& out,
                             const ImportOptions& options) {
  using namespace table_import;
  auto corpus = std::make_shared<Corpus>();
  for (const char* name : {"metadata.csv", "metadata.tsv", "metadata.jsonl", "manifest.csv"}) {
    if (corpus->table.empty() && fs::exists(source + "/" + name)) corpus->table = source + "/" + name;
  }
  require(!corpus->table.empty(), ErrorCode::kData,
          source + ": no metadata.csv, metadata.tsv or metadata.jsonl here");
  corpus->root = source;
  std::vector<std::string> columns;
  corpus->rows = read_rows(corpus->table, columns);
  auto& config = corpus->config;
  config.name = corpus_name(source, "metadata");
  auto& keys = config.columns;
  keys.id = first_column(columns, {"id", "utterance_id", "sample_id"});
  keys.subject = first_column(columns, {"subject", "speaker", "speaker_id", "subject_id", "actor", "person"});
  keys.session = first_column(columns, {"session", "session_id"});
  keys.dialogue = first_column(columns, {"dialogue", "dialogue_id", "conversation"});
  keys.turn = first_column(columns, {"turn", "turn_id"});
  keys.clip = first_column(columns, {"clip", "recording", "video_id"});
  keys.split = first_column(columns, {"split", "partition", "set"});
  keys.start_s = first_column(columns, {"start_s", "start", "start_time"});
  keys.end_s = first_column(columns, {"end_s", "end", "end_time"});
  keys.text = first_column(columns, {"text", "transcript", "transcription", "sentence"});
  keys.media = first_column(columns, {"file_name", "file", "filename", "path", "media"});
  const std::string label = first_column(columns, {options.label_task.c_str(), "label", "emotion"});
  if (!label.empty()) config.labels[options.label_task].column = label;
  for (const char* name : {"valence", "arousal", "dominance", "sentiment"})
    if (!first_column(columns, {name}).empty()) config.values[name].column = name;
  std::set<std::string> used{label};
  auto use = [&](const char*, std::string& column, const char*) { used.insert(column); };
  keys.visit(use);
  for (const auto& entry : config.values) used.insert(entry.first);
  for (const auto& column : columns)
    if (used.count(column) == 0) config.attributes.push_back(column);
  return import_rows(corpus, source, out, options);
}

// Sound, video and pictures below a folder, without labels.
ImportReport import_media(const std::string& source, const std::string& out, const ImportOptions& options) {
  DatasetInfo info;
  info.name = corpus_name(source, "media");
  info.importer = "media";
  info.known_defects = {"no labels; people are unknown"};
  std::vector<std::string> files;
  std::vector<ImportItem> items;
  for (const auto& file : list_files(source)) {
    if (file_kind(file) == FileKind::kOther) continue;
    files.push_back(file);
    items.push_back({file, [source, file, corpus = info.name](ImportWorker& worker) {
                       std::vector<RawSample> samples(1);
                       RawSample& raw = samples[0];
                       const std::string path = source + "/" + file;
                       raw.sample.id = file;
                       raw.sample.corpus = corpus;
                       raw.sample.clip = file;
                       raw.sample.source_path = file;
                       raw.sample.source_sha256 = core::sha256_file(path);
                       if (file_kind(file) == FileKind::kImage) {
                         // A picture without a face is a sample all the same.
                         raw.streams[stream_name::kFace] = read_face_pictures({path}, 0.0, worker);
                       } else {
                         add_media(path, worker, raw);
                       }
                       return samples;
                     }});
  }
  declare_media(files, options, info);
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
