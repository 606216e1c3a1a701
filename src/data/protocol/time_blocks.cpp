#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "limbic/core/error.h"
#include "protocol/groups.h"

namespace limbic::data::detail {
namespace {

/// Goes over a recording's rows in one direction and leaves out those near to a row of a higher part that
/// came before.
/// @param reach  of a row: the tick up to which it covers the way, already with the gap
template <class Start, class Reach>
int64_t sweep(const std::vector<int64_t>& rows, size_t begin, size_t end, Parts& parts, const Start& start,
              const Reach& reach) {
  constexpr int64_t kNowhere = std::numeric_limits<int64_t>::min();
  int64_t covered_by_test = kNowhere;
  int64_t covered_by_val = kNowhere;
  int64_t num_purged = 0;
  for (size_t k = begin; k != end; begin < end ? ++k : --k) {
    const int64_t row = begin < end ? rows[k] : rows[k - 1];
    int8_t& part = parts[static_cast<size_t>(row)];
    if (part == kTest) {
      covered_by_test = std::max(covered_by_test, reach(row));
    } else if (part != kUnused) {
      const int64_t covered = part == kVal ? covered_by_test : std::max(covered_by_test, covered_by_val);
      if (covered != kNowhere && start(row) < covered) {
        part = kUnused;
        ++num_purged;
      } else if (part == kVal) {
        covered_by_val = std::max(covered_by_val, reach(row));
      }
    }
  }
  return num_purged;
}

}  // namespace

std::vector<int64_t> rows_by_recording(const SampleTable& samples, const Grouping& recordings) {
  std::vector<int64_t> rows;
  rows.reserve(static_cast<size_t>(samples.size()));
  for (int64_t i = 0; i < samples.size(); ++i) {
    if (recordings.of(i) >= 0) rows.push_back(i);
  }
  std::sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) {
    if (recordings.of(a) != recordings.of(b)) return recordings.of(a) < recordings.of(b);
    if (samples.t0(a) != samples.t0(b)) return samples.t0(a) < samples.t0(b);
    if (samples.duration(a) != samples.duration(b)) return samples.duration(b) < samples.duration(a);
    return a < b;
  });
  return rows;
}

int64_t purge_near(const SampleTable& samples, double gap_s, Parts& parts) {
  const Grouping recordings(samples, GroupBy::kClip);
  const auto rows = rows_by_recording(samples, recordings);
  const int64_t gap = core::Timestamp::from_seconds(gap_s).ticks;
  // A window covers one tick at least: two points at one instant are the same instant.
  const auto start = [&](int64_t i) { return samples.t0(i).ticks; };
  const auto end_of = [&](int64_t i) {
    return samples.t0(i).ticks + std::max<int64_t>(1, samples.duration(i).ticks);
  };
  int64_t num_purged = 0;
  for (size_t begin = 0; begin < rows.size();) {
    size_t end = begin;
    while (end < rows.size() && recordings.of(rows[end]) == recordings.of(rows[begin])) ++end;
    // A validating window that goes frees nobody: what lay near it stays out, so that the order does not
    // matter.
    num_purged += sweep(rows, begin, end, parts, start, [&](int64_t i) { return end_of(i) + gap; });
    num_purged += sweep(
        rows, end, begin, parts, [&](int64_t i) { return -end_of(i); },
        [&](int64_t i) { return gap - start(i); });
    begin = end;
  }
  return num_purged;
}

void assign(const SampleTable& samples, const TimeBlocksProtocol& config, Parts& parts, std::string& lead) {
  const Grouping units(samples, config.per);
  const Grouping recordings(samples, GroupBy::kClip);
  const std::string per = name_of(config.per);
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < samples.size(); ++i) {
    require(
        units.of(i) >= 0 && recordings.of(i) >= 0, ErrorCode::kData,
        fmt::format("protocol time_blocks: sample '{}' has no {}; blocks are cut out of recordings, so every "
                    "sample names its own",
                    samples.id(i), units.of(i) < 0 ? per : "clip"));
    rows.push_back(i);
  }
  std::vector<int32_t> rank(static_cast<size_t>(recordings.size()));
  const auto order = recordings.sorted();
  for (size_t k = 0; k < order.size(); ++k) rank[static_cast<size_t>(order[k])] = static_cast<int32_t>(k);
  std::sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) {
    if (units.of(a) != units.of(b)) return units.of(a) < units.of(b);
    const int32_t rank_a = rank[static_cast<size_t>(recordings.of(a))];
    const int32_t rank_b = rank[static_cast<size_t>(recordings.of(b))];
    if (rank_a != rank_b) return rank_a < rank_b;
    if (samples.t0(a) != samples.t0(b)) return samples.t0(a) < samples.t0(b);
    return samples.id(a) < samples.id(b);
  });
  const int64_t val_block =
      std::holds_alternative<NextValidation>(config.val) ? (config.fold + 1) % config.k : -1;
  for (size_t begin = 0; begin < rows.size();) {
    size_t end = begin;
    bool has_times = false;
    while (end < rows.size() && units.of(rows[end]) == units.of(rows[begin])) {
      has_times = has_times || samples.t0(rows[end]) != samples.t0(rows[begin]) ||
                  recordings.of(rows[end]) != recordings.of(rows[begin]);
      ++end;
    }
    const auto size = static_cast<int64_t>(end - begin);
    require(size == 1 || has_times, ErrorCode::kData,
            fmt::format(
                "protocol time_blocks: the {} samples of {} {} all begin at {:.3f} s; expected windows at "
                "different times",
                size, per, units.name(units.of(rows[begin])), samples.t0(rows[begin]).seconds()));
    for (int64_t k = 0; k < size; ++k) {
      const int64_t block = k * config.k / size;
      parts[static_cast<size_t>(rows[begin + static_cast<size_t>(k)])] = block == config.fold ? kTest
                                                                         : block == val_block ? kVal
                                                                                              : kTrain;
    }
    begin = end;
  }
  const int64_t num_purged = purge_near(samples, config.gap_s, parts);
  lead = fmt::format("block {} of {} of every {}, {} windows purged within {:g} s", config.fold, config.k,
                     per, num_purged, config.gap_s);
}

}  // namespace limbic::data::detail
