#include "limbic/features/table_writer.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/core/error.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"
#include "limbic/formats/npy.h"

namespace limbic::features {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> time_columns(bool is_instant) {
  return is_instant ? std::vector<std::string>{"time_s"} : std::vector<std::string>{"start_s", "end_s"};
}

nlohmann::json describe(const std::vector<signals::Column>& columns) {
  nlohmann::json description = nlohmann::json::object();
  for (const auto& column : columns)
    description[column.name] = {{"Description", column.doc}, {"Units", column.unit}};
  return description;
}

class CsvTable final : public TableWriter {
 public:
  CsvTable(const std::string& path, const TableLayout& layout)
      : csv_(path, names_of(layout)), layout_(layout) {}

  void add(const signals::Table& rows, const std::string& file) override {
    for (size_t r = 0; r < rows.num_rows(); ++r) {
      if (layout_.has_file) csv_.add(file);
      csv_.add(rows.start_s[r]);
      if (!layout_.is_instant) csv_.add(rows.end_s[r]);
      for (size_t c = 0; c < rows.num_columns(); ++c) csv_.add(rows.at(r, c));
      csv_.end_row();
    }
  }
  void finish() override { csv_.finish(); }

 private:
  static std::vector<std::string> names_of(const TableLayout& layout) {
    std::vector<std::string> names;
    if (layout.has_file) names.emplace_back("file");
    for (auto& name : time_columns(layout.is_instant)) names.push_back(std::move(name));
    for (const auto& column : layout.columns) names.push_back(column.name);
    return names;
  }

  formats::CsvWriter csv_;
  TableLayout layout_;
};

/// Keeps the columns until the end: an array's length stands before its values.
class NpzTable final : public TableWriter {
 public:
  NpzTable(const std::string& path, const TableLayout& layout)
      : npz_(path),
        layout_(layout),
        time_names_(time_columns(layout.is_instant)),
        times_(time_names_.size()),
        values_(layout.columns.size()) {}

  void add(const signals::Table& rows, const std::string& file) override {
    if (layout_.has_file) files_.insert(files_.end(), rows.num_rows(), file);
    times_[0].insert(times_[0].end(), rows.start_s.begin(), rows.start_s.end());
    if (times_.size() == 2) times_[1].insert(times_[1].end(), rows.end_s.begin(), rows.end_s.end());
    for (size_t r = 0; r < rows.num_rows(); ++r) {
      for (size_t c = 0; c < values_.size(); ++c) values_[c].push_back(rows.at(r, c));
    }
  }
  void finish() override {
    if (layout_.has_file) npz_.add("file", files_);
    const auto add_array = [this](const std::string& name, std::vector<double>& values) {
      npz_.add(name, {values.size()}, values);
      std::vector<double>().swap(values);
    };
    for (size_t i = 0; i < times_.size(); ++i) add_array(time_names_[i], times_[i]);
    for (size_t c = 0; c < values_.size(); ++c) add_array(layout_.columns[c].name, values_[c]);
    npz_.finish();
  }

 private:
  formats::NpzWriter npz_;
  TableLayout layout_;
  std::vector<std::string> time_names_;
  std::vector<std::string> files_;
  std::vector<std::vector<double>> times_;
  std::vector<std::vector<double>> values_;
};

/// A table with its sidecar.
class DescribedTable final : public TableWriter {
 public:
  DescribedTable(std::unique_ptr<TableWriter> table, std::string sidecar, nlohmann::json description)
      : table_(std::move(table)), sidecar_(std::move(sidecar)), description_(std::move(description)) {}

  void add(const signals::Table& rows, const std::string& file) override { table_->add(rows, file); }
  void finish() override {
    formats::write_json(sidecar_, description_);
    table_->finish();
  }

 private:
  std::unique_ptr<TableWriter> table_;
  std::string sidecar_;
  nlohmann::json description_;
};

}  // namespace

void check_table_path(const std::string& path) {
  const std::string extension = fs::path(path).extension().string();
  require(extension == ".csv" || extension == ".npz", ErrorCode::kConfig,
          path + ": unknown kind of table; expected a name ending in .csv or .npz");
}

std::unique_ptr<TableWriter> TableWriter::create(
    const std::string& path, const TableLayout& layout,
    const std::vector<std::pair<std::string, std::string>>& facts) {
  check_table_path(path);
  const std::string extension = fs::path(path).extension().string();
  std::unique_ptr<TableWriter> table;
  if (extension == ".csv") table = std::make_unique<CsvTable>(path, layout);
  if (extension == ".npz") table = std::make_unique<NpzTable>(path, layout);
  nlohmann::json description = {{"Columns", describe(layout.columns)}};
  for (const auto& [name, value] : facts) description[name] = value;
  return std::make_unique<DescribedTable>(
      std::move(table), fs::path(path).replace_extension(".json").string(), std::move(description));
}

void write_events(const std::string& path, const signals::EventTable& events) {
  std::vector<std::string> columns{"onset", "duration", "label"};
  for (const auto& column : events.columns) columns.push_back(column.name);
  formats::CsvWriterOptions options;
  if (fs::path(path).extension() == ".tsv") options.separator = '\t';
  formats::CsvWriter csv(path, columns, options);
  for (const auto& event : events.events) {
    csv.add(event.onset_s).add(event.duration_s).add(event.label);
    for (size_t c = 0; c < events.columns.size(); ++c)
      csv.add(c < event.values.size() ? event.values[c] : signals::kMissing);
    csv.end_row();
  }
  csv.finish();
}

}  // namespace limbic::features
