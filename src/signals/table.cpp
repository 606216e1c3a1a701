#include "limbic/signals/table.h"

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

size_t Table::column(const std::string& name) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
    names.push_back(columns[i].name);
  }
  throw Error(ErrorCode::kConfig, "no column '" + name + "'" + core::did_you_mean(name, names));
}

}  // namespace limbic::signals
