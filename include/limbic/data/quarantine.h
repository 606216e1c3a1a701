#pragma once
#include <cstdint>
#include <string>

namespace limbic::data {

/// When work that leaves bad items out must stop: more than 1 % of all (one is always allowed), or 100 in a
/// row. A corpus of which more is bad is not the corpus that was meant.
class QuarantineLimit {
 public:
  static constexpr int64_t kMaxInRow = 100;
  static constexpr double kMaxShare = 0.01;

  /// @param what  names the items in the message: "files", "samples"
  QuarantineLimit(std::string where, std::string what, int64_t num_items);
  void good() { num_in_row_ = 0; }
  /// @param is_new  false: an item that was counted before comes again; it counts in a row only
  /// @throws Error(kData) beyond a limit, naming the last item
  void bad(const std::string& item, const std::string& reason, bool is_new = true);
  int64_t num_bad() const { return num_bad_; }

 private:
  std::string where_;
  std::string what_;
  int64_t num_items_;
  int64_t num_bad_ = 0;
  int64_t num_in_row_ = 0;
};

/// A line of quarantine.jsonl. @param key  what names the item: "path" or "id"
std::string quarantine_line(const std::string& key, const std::string& item, const std::string& reason);

}  // namespace limbic::data
