#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limbic/core/time.h"

namespace limbic::data {

/// What says which moment of which recording of whom a row is about. Empty = the table does not know.
struct SampleKey {
  std::string corpus;
  std::string subject;
  std::string session;
  std::string clip;
  std::optional<core::Timestamp> t0;
  core::Timestamp duration;  ///< 0 = a moment, or unknown
};

enum class KeyField { kCorpus, kSubject, kSession, kClip, kTime };
constexpr auto enum_names(KeyField) {
  return std::array<std::pair<KeyField, const char*>, 5>{{{KeyField::kCorpus, "corpus"},
                                                          {KeyField::kSubject, "subject"},
                                                          {KeyField::kSession, "session"},
                                                          {KeyField::kClip, "clip"},
                                                          {KeyField::kTime, "time"}}};
}

/// Rows with keys: a modality's features, labels or predictions. What the rows hold stays with the caller, by
/// row.
struct KeyedTable {
  std::string name;  ///< of the file, for messages
  std::vector<SampleKey> keys;
  std::vector<int64_t> lines;                              ///< of every row in the file, from 1
  std::map<std::string, std::vector<std::string>> labels;  ///< name -> of every row; empty = unknown

  std::string where(int64_t row) const;  ///< "EDA_labels.csv:17"
};

/// Which columns of a CSV file are keys; empty = it has none of these.
struct KeyColumns {
  std::string corpus{};
  std::string subject{};
  std::string session{};
  std::string clip{};
  std::string t0_s{};
  std::string duration_s{};
  std::vector<std::string> labels{};  ///< columns that other tables may know too, and must agree on
};
/// @throws Error(kData) `path:line: ...`
KeyedTable read_keyed_csv(const std::string& path, const KeyColumns& columns);

enum class JoinMode { kInner, kLeft, kOuter };
constexpr auto enum_names(JoinMode) {
  return std::array<std::pair<JoinMode, const char*>, 3>{
      {{JoinMode::kInner, "inner"}, {JoinMode::kLeft, "left"}, {JoinMode::kOuter, "outer"}}};
}

/// When two times are one: both ends within the tolerance, or enough of the shorter covered by the other.
enum class TimeMatch { kSame, kOverlap };
constexpr auto enum_names(TimeMatch) {
  return std::array<std::pair<TimeMatch, const char*>, 2>{
      {{TimeMatch::kSame, "same"}, {TimeMatch::kOverlap, "overlap"}}};
}

struct JoinOptions {
  JoinMode mode = JoinMode::kInner;
  /// Fields to compare. One that not every table knows cannot be compared and is left out.
  std::vector<KeyField> by{KeyField::kCorpus, KeyField::kSubject, KeyField::kSession, KeyField::kClip,
                           KeyField::kTime};
  TimeMatch time = TimeMatch::kSame;
  double tolerance_s = 0.001;  ///< kSame: how far starts (and ends, where both are known) may differ
  double min_overlap = 0.5;    ///< kOverlap: share of the shorter one, in (0, 1]
};

/// What belongs together.
struct JoinResult {
  std::vector<std::vector<int64_t>> rows;  ///< (joined row, table): a row of the table, -1 = it has none
  std::vector<std::string>
      alone;                 ///< "labels.csv:3 (subject p1, clip v2): no partner in eda.csv", all of them
  std::vector<KeyField> by;  ///< the fields that were compared
};

/// Joins tables by what their rows are about. There is no join by position: files of different order, with a
/// row more or a row less, join as well as any others. The order is that of the first table; under kOuter
/// further rows follow. Under kOverlap a row of a later table may serve several of the first (a whole clip's
/// features, its windows), each taking the one that covers most of it.
/// @throws Error(kData) with the rows as table:line when a table has a key twice, when two rows fit equally
/// well, when
///         tables disagree on a label (there is no option that prefers one), or when no field can be compared
JoinResult join(const std::vector<KeyedTable>& tables, const JoinOptions& options = {});

/// What came of joining stores.
struct JoinStoresReport {
  std::string content_hash;
  int64_t num_samples = 0;
  std::vector<std::string> alone;
};
/// Makes one store of the streams of several: the samples and labels of the first, with the streams that the
/// others have of the same moments (cut to them where theirs are longer). Labels that both know must agree.
/// @throws Error(kData) as join(); a stream that two stores have
JoinStoresReport join_stores(const std::vector<std::string>& paths, const std::string& out,
                             const JoinOptions& options, bool replace = false);

}  // namespace limbic::data
