#include "limbic/data/quarantine.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "limbic/core/error.h"

namespace limbic::data {

QuarantineLimit::QuarantineLimit(std::string where, std::string what, int64_t num_items)
    : where_(std::move(where)), what_(std::move(what)), num_items_(num_items) {}

void QuarantineLimit::bad(const std::string& item, const std::string& reason, bool is_new) {
  ++num_in_row_;
  if (is_new) ++num_bad_;
  const double most = std::max(1.0, kMaxShare * static_cast<double>(num_items_));
  if (num_in_row_ < kMaxInRow && static_cast<double>(num_bad_) <= most) return;
  throw Error(ErrorCode::kData,
              fmt::format("{}: {} of {} {} are bad ({} in a row), the last: {}: {}; expected at most 1 % and "
                          "fewer than {} in a row: look at the corpus first",
                          where_, num_bad_, num_items_, what_, num_in_row_, item, reason, kMaxInRow));
}

std::string quarantine_line(const std::string& key, const std::string& item, const std::string& reason) {
  nlohmann::ordered_json line;
  line[key] = item;
  line["reason"] = reason;
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace limbic::data
