#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "limbic/formats/eaf.h"

namespace limbic::formats::detail {

/// The ids and time slots that a file's annotations get when it is written, and the check that they follow
/// the rules of ELAN. @throws Error(kData) from the constructor
class EafSlotPlan {
 public:
  static constexpr size_t kNone = SIZE_MAX;
  struct Slot {
    int64_t ms = 0;
    bool is_aligned = true;
  };

  /// @param path  for messages
  /// @param file  outlives the plan
  EafSlotPlan(const std::string& path, const EafFile& file);

  /// Id of annotation `i` of tier `t`.
  const std::string& name(size_t t, size_t i) const { return names_[t][i]; }
  /// Its two slots; kNone for reference annotations.
  std::pair<size_t, size_t> slots_of(size_t t, size_t i) const { return slots_of_[t][i]; }
  /// Slots in order of time.
  const std::vector<size_t>& order() const { return order_; }
  const Slot& slot(size_t index) const { return slots_[index]; }
  std::string slot_id(size_t index) const { return prefix_ + std::to_string(number_[index]); }
  /// The highest N of the annotations named "aN".
  int64_t last_number() const;
  /// Takes an id, which all kinds of elements share; false when it is taken.
  bool reserve(const std::string& id) { return ids_.insert(id).second; }

 private:
  struct At {
    size_t tier = 0;
    size_t index = 0;
    bool operator<(const At& other) const {
      return tier != other.tier ? tier < other.tier : index < other.index;
    }
  };
  /// The last word of a time subdivision, whose end is its parent's.
  struct LastWord {
    At at;
    size_t start_slot = 0;
  };

  [[noreturn]] void fail(size_t t, const std::string& what) const;
  EafConstraint constraint_of(size_t t) const;
  void check_tiers();
  void take_id(const std::string& id, const char* what);
  void name_annotations();
  void find_children();
  int64_t to_ms(size_t t, double time_s) const;
  size_t add_slot(int64_t ms, bool is_aligned);
  void place(At at);
  void subdivide(At whole, size_t start_slot);
  void finish(At at, size_t start_slot, size_t end_slot);
  void check_inside(At at) const;
  void check_overlap(size_t t) const;
  void order_slots();

  const EafAnnotation& annotation(At at) const { return file_.tiers[at.tier].annotations[at.index]; }

  std::string path_;
  const EafFile& file_;
  std::unordered_map<std::string, size_t> tiers_;
  std::set<std::string> ids_;
  std::vector<std::vector<std::string>> names_;
  std::unordered_map<std::string, At> by_name_;
  std::vector<std::map<std::string, std::vector<size_t>>>
      children_;                                   ///< of tier: parent annotation -> its own
  std::vector<std::vector<size_t>> subdivisions_;  ///< of tier: the tiers that subdivide it
  std::vector<std::vector<std::pair<size_t, size_t>>> slots_of_;
  std::map<At, std::vector<LastWord>> last_words_;
  std::vector<Slot> slots_;
  std::vector<size_t> order_;
  std::vector<size_t> number_;
  std::string prefix_ = "ts";
};

}  // namespace limbic::formats::detail
