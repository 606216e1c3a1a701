#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "protocol/leak_search.h"

namespace limbic::data::detail {

void find_windows(const SampleTable& samples, const Parts& parts, const LeakOptions& options,
                  LeakReport& report) {
  const Grouping recordings(samples, GroupBy::kClip);
  const auto rows = rows_by_recording(samples, recordings);
  const int64_t context = core::Timestamp::from_seconds(options.policy.context_s).ticks;
  constexpr int64_t kNone = -1;
  for (size_t begin = 0; begin < rows.size();) {
    // Of each part: the row that reaches furthest among those that began so far.
    std::array<int64_t, 3> furthest{kNone, kNone, kNone};
    const auto end_of = [&](int64_t i) { return (samples.t0(i) + samples.duration(i)).ticks; };
    std::array<int64_t, 2> overlap{kNone, kNone};
    std::array<int64_t, 2> nearest{kNone, kNone};
    int64_t least_gap = context;
    size_t end = begin;
    for (; end < rows.size() && recordings.of(rows[end]) == recordings.of(rows[begin]); ++end) {
      const int64_t row = rows[end];
      const int8_t part = parts[static_cast<size_t>(row)];
      if (part == kUnused) continue;
      for (size_t p = 0; p < furthest.size(); ++p) {
        const int64_t other = furthest[p];
        if (static_cast<int8_t>(p) == part || other == kNone) continue;
        const int64_t gap = samples.t0(row).ticks - end_of(other);
        if (gap < 0) {
          if (overlap[0] == kNone) overlap = {other, row};
        } else if (gap < least_gap &&
                   (samples.duration(row).ticks > 0 || samples.duration(other).ticks > 0)) {
          least_gap = gap;
          nearest = {other, row};
        }
      }
      int64_t& of_part = furthest[static_cast<size_t>(part)];
      if (of_part == kNone || end_of(row) > end_of(of_part)) of_part = row;
    }
    const auto add = [&](LeakKind kind, const std::array<int64_t, 2>& pair, const std::string& how) {
      add_leak(
          report,
          leak_between(kind,
                       fmt::format("recording {}: {:.3f} to {:.3f} s and {:.3f} to {:.3f} s {}",
                                   recordings.name_of_row(pair[0]), samples.t0(pair[0]).seconds(),
                                   core::Timestamp{end_of(pair[0])}.seconds(), samples.t0(pair[1]).seconds(),
                                   core::Timestamp{end_of(pair[1])}.seconds(), how),
                       samples, parts, pair[0], pair[1]));
    };
    if (overlap[0] != kNone) add(LeakKind::kOverlap, overlap, "overlap; one");
    if (nearest[0] != kNone) {
      add(LeakKind::kContext, nearest,
          fmt::format("are {:.3f} s apart, context {:g} s; one", core::Timestamp{least_gap}.seconds(),
                      options.policy.context_s));
    }
    begin = end;
  }
}

void find_turns(const SampleTable& samples, const Parts& parts, LeakReport& report) {
  const Grouping dialogues(samples, GroupBy::kDialogue);
  if (dialogues.size() == 0) return;
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < samples.size(); ++i) {
    if (dialogues.of(i) >= 0 && samples.turn(i) != kNoTurn && parts[static_cast<size_t>(i)] != kUnused)
      rows.push_back(i);
  }
  std::sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) {
    if (dialogues.of(a) != dialogues.of(b)) return dialogues.of(a) < dialogues.of(b);
    return samples.turn(a) != samples.turn(b) ? samples.turn(a) < samples.turn(b) : a < b;
  });
  int32_t last_reported = -1;
  for (size_t k = 1; k < rows.size(); ++k) {
    const int64_t a = rows[k - 1];
    const int64_t b = rows[k];
    const int32_t dialogue = dialogues.of(b);
    if (dialogues.of(a) != dialogue || dialogue == last_reported) continue;
    if (samples.turn(b) - samples.turn(a) > 1 ||
        parts[static_cast<size_t>(a)] == parts[static_cast<size_t>(b)])
      continue;
    last_reported = dialogue;
    add_leak(report, leak_between(LeakKind::kTurn,
                                  fmt::format("dialogue {}: turns {} and {} follow each other; one",
                                              dialogues.name(dialogue), samples.turn(a), samples.turn(b)),
                                  samples, parts, a, b));
  }
}

void find_official(const SampleTable& samples, const Parts& parts, LeakReport& report) {
  const Grouping splits(samples, SampleField::kSplit, /*within_corpus=*/true);
  constexpr int64_t kNone = -1;
  const auto num_splits = static_cast<size_t>(splits.size());
  std::array<std::vector<int64_t>, 3> first_row;
  for (auto& rows : first_row) rows.assign(num_splits, kNone);
  bool has_tested = false;
  for (int64_t i = 0; i < samples.size(); ++i) {
    const int8_t part = parts[static_cast<size_t>(i)];
    if (part == kTest) has_tested = true;
    if (part == kUnused || splits.of(i) < 0) continue;
    int64_t& first = first_row[static_cast<size_t>(part)][static_cast<size_t>(splits.of(i))];
    if (first == kNone) first = i;
  }
  for (size_t g = 0; g < num_splits; ++g) {
    std::string name(splits.bare_name(static_cast<int32_t>(g)));
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (name.find("test") == std::string::npos) continue;
    const int64_t trains = first_row[kTrain][g];
    const int64_t validates = first_row[kVal][g];
    // A corpus with two test splits (FER2013) may validate on one of them and test on the other.
    const bool selects_on_test = validates != kNone && (!has_tested || first_row[kTest][g] != kNone);
    if (trains == kNone && !selects_on_test) continue;
    const int64_t row = trains != kNone ? trains : validates;
    add_leak(report, {LeakKind::kOfficial,
                      "official split " + splits.name(static_cast<int32_t>(g)),
                      kPartNames[static_cast<size_t>(parts[static_cast<size_t>(row)])],
                      "the corpus's own test part",
                      {std::string(samples.id(row))}});
  }
}

}  // namespace limbic::data::detail
