#include "limbic/signals/table.h"

#include <algorithm>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::signals {

void Table::add_row(double row_start_s, double row_end_s, const std::vector<double>& values) {
  require(values.size() == columns.size(), ErrorCode::kInternal,
          "a table row has another width than its columns");
  start_s.push_back(row_start_s);
  end_s.push_back(row_end_s);
  values_RC.insert(values_RC.end(), values.begin(), values.end());
}

Table beside(const std::vector<const Table*>& parts) {
  Table all;
  for (const Table* part : parts) {
    require(part->num_rows() == parts.front()->num_rows(), ErrorCode::kInternal,
            "tables side by side differ in rows");
    all.columns.insert(all.columns.end(), part->columns.begin(), part->columns.end());
  }
  for (size_t r = 0; r < parts.front()->num_rows(); ++r) {
    std::vector<double> values;
    for (const Table* part : parts) {
      for (size_t c = 0; c < part->num_columns(); ++c) values.push_back(part->at(r, c));
    }
    all.add_row(parts.front()->start_s[r], parts.front()->end_s[r], values);
  }
  return all;
}

double overlap_s(const Interval& a, const Interval& b) {
  return std::max(0.0, std::min(a.end_s, b.end_s) - std::max(a.start_s, b.start_s));
}

size_t Table::column(const std::string& name) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
    names.push_back(columns[i].name);
  }
  throw Error(ErrorCode::kConfig, "no column '" + name + "'" + core::did_you_mean(name, names));
}

}  // namespace limbic::signals
