#include "limbic/data/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/formats/csv.h"

namespace limbic::data {
namespace {

constexpr size_t kMaxListedRows = 20;

std::string SampleKey::*text_member(KeyField field) {
  switch (field) {
    case KeyField::kCorpus:
      return &SampleKey::corpus;
    case KeyField::kSubject:
      return &SampleKey::subject;
    case KeyField::kSession:
      return &SampleKey::session;
    case KeyField::kClip:
      return &SampleKey::clip;
    case KeyField::kTime:
      break;
  }
  return nullptr;
}

const char* field_name(KeyField field) {
  for (const auto& [value, name] : enum_names(field)) {
    if (value == field) return name;
  }
  return "?";
}

bool knows(const KeyedTable& table, KeyField field) {
  if (field == KeyField::kTime)
    return std::any_of(table.keys.begin(), table.keys.end(),
                       [](const auto& key) { return key.t0.has_value(); });
  const auto member = text_member(field);
  return std::any_of(table.keys.begin(), table.keys.end(),
                     [&](const auto& key) { return !(key.*member).empty(); });
}

std::string listed_rows(const std::vector<std::string>& rows) {
  const size_t num = std::min(rows.size(), kMaxListedRows);
  std::string text = core::join({rows.begin(), rows.begin() + static_cast<int64_t>(num)}, "; ");
  if (rows.size() > num) text += fmt::format("; and {} more", rows.size() - num);
  return text;
}

/// Joins table after table to the rows so far.
class Joiner {
 public:
  Joiner(const std::vector<KeyedTable>& tables, const JoinOptions& options)
      : tables_(tables), options_(options) {
    require(!tables.empty(), ErrorCode::kInternal, "join: no tables");
    require(options.min_overlap > 0 && options.min_overlap <= 1 && options.tolerance_s >= 0,
            ErrorCode::kConfig, "join: min_overlap must be in (0, 1] and tolerance_s at least 0");
    for (const auto& table : tables) {
      bool is_whole = table.lines.size() == table.keys.size();
      for (const auto& [name, values] : table.labels)
        is_whole = is_whole && values.size() == table.keys.size();
      require(is_whole, ErrorCode::kInternal, table.name + ": columns of different length");
    }
    std::vector<std::string> unknown;
    for (const KeyField field : options.by) {
      const bool is_common =
          std::all_of(tables.begin(), tables.end(), [&](const auto& table) { return knows(table, field); });
      if (is_common) result_.by.push_back(field);
      if (!is_common) unknown.emplace_back(field_name(field));
    }
    const bool has_key = std::any_of(result_.by.begin(), result_.by.end(), [](KeyField f) {
      return f == KeyField::kSubject || f == KeyField::kSession || f == KeyField::kClip;
    });
    require(
        has_key, ErrorCode::kData,
        fmt::format(
            "join: {} not known to every table; expected a subject, session or clip that all of them name; "
            "rows are never joined by their position",
            core::join(unknown)));
    uses_time_ = std::find(result_.by.begin(), result_.by.end(), KeyField::kTime) != result_.by.end();
  }

  JoinResult run() {
    for (const auto& table : tables_) refuse_doubles(table);
    const auto num_first = static_cast<int64_t>(tables_.front().keys.size());
    for (int64_t row = 0; row < num_first; ++row) {
      std::vector<int64_t> joined(tables_.size(), -1);
      joined[0] = row;
      result_.rows.push_back(std::move(joined));
    }
    for (size_t t = 1; t < tables_.size(); ++t) add_table(t);
    refuse_conflicts();
    if (options_.mode == JoinMode::kInner) {
      const auto lacks_one = [](const auto& joined) {
        return std::count(joined.begin(), joined.end(), -1) > 0;
      };
      result_.rows.erase(std::remove_if(result_.rows.begin(), result_.rows.end(), lacks_one),
                         result_.rows.end());
    }
    return std::move(result_);
  }

 private:
  std::string text_key(const SampleKey& key) const {
    std::string text;
    for (const KeyField field : result_.by) {
      if (field == KeyField::kTime) continue;
      text += key.*text_member(field);
      text += '\0';
    }
    return text;
  }

  std::string named(const SampleKey& key) const {
    std::string text;
    for (const KeyField field : result_.by) {
      text += text.empty() ? "" : ", ";
      if (field == KeyField::kTime) {
        text += key.t0 ? fmt::format("{:.3f} s", key.t0->seconds()) : "no time";
      } else {
        text += fmt::format("{} {}", field_name(field), key.*text_member(field));
      }
    }
    return text;
  }

  /// How well two times agree: larger is better, negative = not at all.
  double agreement(const SampleKey& a, const SampleKey& b) const {
    if (!uses_time_) return 1;
    if (!a.t0 || !b.t0) return !a.t0 && !b.t0 ? 1 : -1;
    if (options_.time == TimeMatch::kSame) {
      const double start_s = std::abs((*a.t0 - *b.t0).seconds());
      const bool has_ends = a.duration.ticks > 0 && b.duration.ticks > 0;
      const double end_s = has_ends ? std::abs((*a.t0 + a.duration - *b.t0 - b.duration).seconds()) : 0.0;
      return std::max(start_s, end_s) <= options_.tolerance_s ? 1 : -1;
    }
    // A moment counts as covered by the window it lies in.
    const int64_t begin = std::max(a.t0->ticks, b.t0->ticks);
    const int64_t end = std::min((*a.t0 + a.duration).ticks, (*b.t0 + b.duration).ticks);
    const int64_t shorter = std::min(a.duration.ticks, b.duration.ticks);
    if (shorter == 0) return begin <= end ? 1 : -1;
    const double share = static_cast<double>(end - begin) / static_cast<double>(shorter);
    // Whole coverage of a window by two is decided by how much they have in common altogether.
    return share < options_.min_overlap ? -1 : static_cast<double>(end - begin);
  }

  void refuse_doubles(const KeyedTable& table) const {
    std::vector<std::string> doubles;
    std::set<std::pair<int64_t, int64_t>> found;
    for (const auto& [text, group] : candidates_of(table)) {
      const auto& rows = group.rows;
      for (size_t k = 1; k < rows.size(); ++k) {
        const auto& a = table.keys[static_cast<size_t>(rows[k - 1])];
        const auto& b = table.keys[static_cast<size_t>(rows[k])];
        const bool is_same_time =
            !uses_time_ || (!a.t0 && !b.t0) ||
            (a.t0 && b.t0 && std::abs((*a.t0 - *b.t0).seconds()) <= options_.tolerance_s &&
             std::abs((a.duration - b.duration).seconds()) <= options_.tolerance_s);
        if (is_same_time) found.emplace(rows[k - 1], rows[k]);
      }
    }
    for (const auto& [a, b] : found)
      doubles.push_back(fmt::format("{} and {} ({})", table.where(a), table.where(b),
                                    named(table.keys[static_cast<size_t>(a)])));
    require(doubles.empty(), ErrorCode::kData,
            fmt::format("{}: {} key(s) twice: {}; expected every key once, so name a further column",
                        table.name, doubles.size(), listed_rows(doubles)));
  }

  /// A key of a joined row: of the first table that has it.
  const SampleKey& key_of(const std::vector<int64_t>& joined, size_t num_tables, size_t& table) const {
    for (table = 0; table + 1 < num_tables && joined[table] < 0;) ++table;
    return tables_[table].keys[static_cast<size_t>(joined[table])];
  }

  /// Rows with one key but for the time, in the order of it.
  struct Candidates {
    std::vector<int64_t> rows;
    int64_t longest = 0;  ///< ticks
  };
  int64_t start_of(const KeyedTable& table, int64_t row) const {
    const auto& t0 = table.keys[static_cast<size_t>(row)].t0;
    return uses_time_ && t0 ? t0->ticks : 0;
  }
  std::unordered_map<std::string, Candidates> candidates_of(const KeyedTable& table) const {
    std::unordered_map<std::string, Candidates> groups;
    for (int64_t row = 0; row < static_cast<int64_t>(table.keys.size()); ++row) {
      const auto& key = table.keys[static_cast<size_t>(row)];
      auto& group = groups[text_key(key)];
      group.rows.push_back(row);
      group.longest = std::max(group.longest, key.duration.ticks);
    }
    for (auto& [text, group] : groups) {
      std::stable_sort(group.rows.begin(), group.rows.end(),
                       [&](int64_t a, int64_t b) { return start_of(table, a) < start_of(table, b); });
    }
    return groups;
  }

  void add_table(size_t t) {
    const auto& table = tables_[t];
    const auto groups = candidates_of(table);
    std::vector<int64_t> num_used(table.keys.size(), 0);
    std::vector<std::string> ambiguous;
    for (auto& joined : result_.rows) {
      size_t of_table = 0;
      const SampleKey& key = key_of(joined, t, of_table);
      const std::string where = tables_[of_table].where(joined[of_table]);
      const auto group = groups.find(text_key(key));
      double best = -1;
      int64_t second = -1;
      if (group != groups.end()) {
        const auto& rows = group->second.rows;
        const int64_t slack =
            group->second.longest + core::Timestamp::from_seconds(options_.tolerance_s).ticks;
        const auto starts_before = [&](int64_t row, int64_t ticks) { return start_of(table, row) < ticks; };
        const bool is_timed = uses_time_ && key.t0;
        auto at = !is_timed
                      ? rows.begin()
                      : std::lower_bound(rows.begin(), rows.end(), key.t0->ticks - slack, starts_before);
        for (; at != rows.end(); ++at) {
          const int64_t row = *at;
          if (is_timed && start_of(table, row) > (*key.t0 + key.duration).ticks + slack) break;
          const double fit = agreement(key, table.keys[static_cast<size_t>(row)]);
          if (fit < 0) continue;
          if (fit > best) {
            best = fit;
            joined[t] = row;
            second = -1;
          } else if (fit == best) {
            second = row;
          }
        }
      }
      if (second >= 0)
        ambiguous.push_back(fmt::format("{} fits {} and {} ({})", where, table.where(joined[t]),
                                        table.where(second), named(key)));
      if (joined[t] < 0) {
        result_.alone.push_back(fmt::format("{} ({}): no partner in {}", where, named(key), table.name));
      } else if (++num_used[static_cast<size_t>(joined[t])] > 1 && options_.time == TimeMatch::kSame) {
        ambiguous.push_back(
            fmt::format("{} fits a second row, {} ({})", table.where(joined[t]), where, named(key)));
      }
    }
    require(ambiguous.empty(), ErrorCode::kData,
            fmt::format("join: {} row(s) fit more than one: {}; lower the tolerance or name a further key",
                        ambiguous.size(), listed_rows(ambiguous)));
    for (size_t row = 0; row < num_used.size(); ++row) {
      if (num_used[row] > 0) continue;
      const auto at = static_cast<int64_t>(row);
      result_.alone.push_back(fmt::format("{} ({}): no partner in {}", table.where(at),
                                          named(table.keys[row]), tables_.front().name));
      if (options_.mode != JoinMode::kOuter) continue;
      std::vector<int64_t> joined(tables_.size(), -1);
      joined[t] = at;
      result_.rows.push_back(std::move(joined));
    }
  }

  void refuse_conflicts() const {
    std::set<std::string> names;
    for (const auto& table : tables_) {
      for (const auto& [name, values] : table.labels) names.insert(name);
    }
    std::vector<std::string> conflicts;
    for (const auto& joined : result_.rows) {
      for (const auto& name : names) {
        size_t first = tables_.size();
        for (size_t t = 0; t < tables_.size(); ++t) {
          const auto values = tables_[t].labels.find(name);
          if (joined[t] < 0 || values == tables_[t].labels.end()) continue;
          const std::string& value = values->second[static_cast<size_t>(joined[t])];
          if (value.empty()) continue;
          if (first == tables_.size()) {
            first = t;
            continue;
          }
          const std::string& other = tables_[first].labels.at(name)[static_cast<size_t>(joined[first])];
          if (value == other) continue;
          conflicts.push_back(fmt::format(
              "{}: {} says {}, {} says {} ({})", name, tables_[first].where(joined[first]), other,
              tables_[t].where(joined[t]), value, named(tables_[t].keys[static_cast<size_t>(joined[t])])));
        }
      }
    }
    require(
        conflicts.empty(), ErrorCode::kData,
        fmt::format("join: {} label(s) contradict each other: {}; correct the tables, neither is preferred",
                    conflicts.size(), listed_rows(conflicts)));
  }

  const std::vector<KeyedTable>& tables_;
  const JoinOptions& options_;
  bool uses_time_ = false;
  JoinResult result_;
};

}  // namespace

std::string KeyedTable::where(int64_t row) const {
  return fmt::format("{}:{}", name, lines[static_cast<size_t>(row)]);
}

KeyedTable read_keyed_csv(const std::string& path, const KeyColumns& columns) {
  formats::CsvReader csv(path);
  formats::CsvRow row;
  KeyedTable table;
  table.name = path;
  for (const auto& name : columns.labels) table.labels[name];
  while (csv.next(row)) {
    const auto text = [&](const std::string& column) {
      return column.empty() ? std::string() : row.text(column);
    };
    SampleKey key;
    key.corpus = text(columns.corpus);
    key.subject = text(columns.subject);
    key.session = text(columns.session);
    key.clip = text(columns.clip);
    if (!columns.t0_s.empty()) key.t0 = core::Timestamp::from_seconds(row.real(columns.t0_s));
    if (!columns.duration_s.empty())
      key.duration = core::Timestamp::from_seconds(row.real(columns.duration_s));
    require(key.duration.ticks >= 0, ErrorCode::kData, row.where() + ": a negative duration");
    table.keys.push_back(std::move(key));
    table.lines.push_back(row.line());
    for (auto& [name, values] : table.labels) values.push_back(row.text(name));
  }
  return table;
}

JoinResult join(const std::vector<KeyedTable>& tables, const JoinOptions& options) {
  return Joiner(tables, options).run();
}

}  // namespace limbic::data
