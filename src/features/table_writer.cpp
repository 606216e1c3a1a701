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
  CsvTable(const std::string& path, const std::vector<signals::Column>& columns, bool is_instant)
      : csv_(path, names_of(columns, is_instant)), is_instant_(is_instant) {}

  void add(const signals::Table& rows) override {
    for (size_t r = 0; r < rows.num_rows(); ++r) {
      csv_.add(rows.start_s[r]);
      if (!is_instant_) csv_.add(rows.end_s[r]);
      for (size_t c = 0; c < rows.num_columns(); ++c) csv_.add(rows.at(r, c));
      csv_.end_row();
    }
  }
  void finish() override { csv_.finish(); }

 private:
  static std::vector<std::string> names_of(const std::vector<signals::Column>& columns, bool is_instant) {
    auto names = time_columns(is_instant);
    for (const auto& column : columns) names.push_back(column.name);
    return names;
  }

  formats::CsvWriter csv_;
  bool is_instant_;
};

/// Keeps the columns until the end: an array's length stands before its values.
class NpzTable final : public TableWriter {
 public:
  NpzTable(const std::string& path, const std::vector<signals::Column>& columns, bool is_instant)
      : npz_(path),
        time_names_(time_columns(is_instant)),
        times_(time_names_.size()),
        values_(columns.size()) {
    for (const auto& column : columns) names_.push_back(column.name);
  }

  void add(const signals::Table& rows) override {
    times_[0].insert(times_[0].end(), rows.start_s.begin(), rows.start_s.end());
    if (times_.size() == 2) times_[1].insert(times_[1].end(), rows.end_s.begin(), rows.end_s.end());
    for (size_t r = 0; r < rows.num_rows(); ++r) {
      for (size_t c = 0; c < values_.size(); ++c) values_[c].push_back(rows.at(r, c));
    }
  }
  void finish() override {
    const auto add_array = [this](const std::string& name, std::vector<double>& values) {
      npz_.add(name, {values.size()}, values);
      std::vector<double>().swap(values);
    };
    for (size_t i = 0; i < times_.size(); ++i) add_array(time_names_[i], times_[i]);
    for (size_t c = 0; c < values_.size(); ++c) add_array(names_[c], values_[c]);
    npz_.finish();
  }

 private:
  formats::NpzWriter npz_;
  std::vector<std::string> time_names_;
  std::vector<std::string> names_;
  std::vector<std::vector<double>> times_;
  std::vector<std::vector<double>> values_;
};

/// A table with its sidecar.
class DescribedTable final : public TableWriter {
 public:
  DescribedTable(std::unique_ptr<TableWriter> table, std::string sidecar, nlohmann::json description)
      : table_(std::move(table)), sidecar_(std::move(sidecar)), description_(std::move(description)) {}

  void add(const signals::Table& rows) override { table_->add(rows); }
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
    const std::string& path, const std::vector<signals::Column>& columns, bool is_instant,
    const std::vector<std::pair<std::string, std::string>>& facts) {
  check_table_path(path);
  const std::string extension = fs::path(path).extension().string();
  std::unique_ptr<TableWriter> table;
  if (extension == ".csv") table = std::make_unique<CsvTable>(path, columns, is_instant);
  if (extension == ".npz") table = std::make_unique<NpzTable>(path, columns, is_instant);
  nlohmann::json description = {{"Columns", describe(columns)}};
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
