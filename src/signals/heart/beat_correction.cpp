#include "limbic/signals/heart/beat_correction.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace limbic::signals {
namespace {

/// The finite values of a centred window that slides over a series, sorted; shorter at the ends.
class SortedWindow {
 public:
  SortedWindow(const std::vector<double>& x, int64_t width) : x_(x), half_(width / 2) {
    for (int64_t i = 0; i < half_; ++i) add(i);
  }
  /// Moves to the window around `i`; to be called for 0, 1, 2...
  void move_to(int64_t i) {
    add(i + half_);
    drop(i - half_ - 1);
  }
  /// Percentile with linear interpolation; NaN when the window is empty.
  double percentile(double percent) const {
    if (sorted_.empty()) return kMissing;
    const double rank = percent / 100 * static_cast<double>(sorted_.size() - 1);
    const auto low = static_cast<size_t>(rank);
    const size_t high = std::min(low + 1, sorted_.size() - 1);
    return sorted_[low] + (rank - static_cast<double>(low)) * (sorted_[high] - sorted_[low]);
  }

 private:
  bool has(int64_t i) const {
    return i >= 0 && i < static_cast<int64_t>(x_.size()) && std::isfinite(x_[static_cast<size_t>(i)]);
  }
  void add(int64_t i) {
    if (!has(i)) return;
    const double v = x_[static_cast<size_t>(i)];
    sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), v), v);
  }
  void drop(int64_t i) {
    if (has(i)) sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), x_[static_cast<size_t>(i)]));
  }

  const std::vector<double>& x_;
  int64_t half_;
  std::vector<double> sorted_;
};

/// alpha times the quartile deviation of |x| around each element.
std::vector<double> thresholds(const std::vector<double>& x, const CorrectionConfig& config) {
  std::vector<double> sizes(x.size());
  std::transform(x.begin(), x.end(), sizes.begin(), [](double v) { return std::abs(v); });
  SortedWindow window(sizes, config.threshold_beats);
  std::vector<double> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    window.move_to(static_cast<int64_t>(i));
    const double spread = 0.5 * (window.percentile(75) - window.percentile(25));
    out[i] = std::isfinite(spread) ? std::max(config.alpha * spread, config.min_threshold_s)
                                   : config.min_threshold_s;
  }
  return out;
}

/// What the rules of Lipponen & Tarvainen look at, an element an interval; 0 for a difference that is
/// missing.
struct IntervalSpace {
  std::vector<double> median_s;
  std::vector<double> median_threshold_s;  ///< Th2
  std::vector<double> change;              ///< dRR / Th1
  std::vector<double> deviation;           ///< mRR / Th2

  IntervalSpace(const std::vector<double>& ibi_s, const CorrectionConfig& config)
      : median_s(ibi_s.size()), change(ibi_s.size(), kMissing), deviation(ibi_s.size(), kMissing) {
    SortedWindow window(ibi_s, config.median_beats);
    for (size_t i = 0; i < ibi_s.size(); ++i) {
      window.move_to(static_cast<int64_t>(i));
      median_s[i] = window.percentile(50);
      if (i > 0) change[i] = ibi_s[i] - ibi_s[i - 1];
      deviation[i] = ibi_s[i] - median_s[i];
      if (deviation[i] < 0) deviation[i] *= 2;
    }
    scale(change, thresholds(change, config));
    median_threshold_s = thresholds(deviation, config);
    scale(deviation, median_threshold_s);
  }

  double change_at(size_t i) const { return i < change.size() ? change[i] : 0; }

 private:
  static void scale(std::vector<double>& x, const std::vector<double>& by) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::isfinite(x[i]) ? x[i] / by[i] : 0;
  }
};

std::vector<double> intervals_of(const std::vector<Beat>& beats) {
  std::vector<double> out;
  out.reserve(beats.size());
  for (const auto& beat : beats) out.push_back(beat.ibi_s);
  return out;
}

int64_t num_artefacts(const std::vector<IntervalClass>& classes) {
  return static_cast<int64_t>(classes.size()) -
         std::count(classes.begin(), classes.end(), IntervalClass::kNormal);
}

bool is_linked(const std::vector<Beat>& beats, size_t i) {
  return i < beats.size() && std::isfinite(beats[i].ibi_s);
}

/// Removes, adds and moves beats as the classes of their intervals ask; the ends of runs stay where they are.
void apply(const std::vector<IntervalClass>& classes, CorrectedBeats& series) {
  const std::vector<Beat> old = std::move(series.beats);
  std::vector<bool> is_moved;  // of series.beats
  series.beats.clear();
  std::vector<BeatFlag> move_to(old.size(), BeatFlag::kNormal);
  for (size_t i = 1; i < old.size(); ++i) {
    const bool is_ectopic = classes[i] == IntervalClass::kEctopic;
    const size_t beat = is_ectopic ? i - 1 : i;
    if ((is_ectopic || classes[i] == IntervalClass::kLongShort) && is_linked(old, beat) &&
        is_linked(old, beat + 1) && move_to[beat] == BeatFlag::kNormal) {
      move_to[beat] = is_ectopic ? BeatFlag::kEctopic : BeatFlag::kLongShort;
      ++(is_ectopic ? series.counts.num_ectopic : series.counts.num_long_short);
    }
  }
  double pending_s = 0;  // interval of a beat that was taken out, to be added to the next one's
  for (size_t i = 0; i < old.size(); ++i) {
    Beat beat = old[i];
    if (classes[i] == IntervalClass::kExtra && is_linked(old, i) && is_linked(old, i + 1)) {
      pending_s += beat.ibi_s;
      beat.flag = BeatFlag::kExtra;
      beat.ibi_s = kMissing;
      series.removed.push_back(beat);
      ++series.counts.num_extra;
      continue;
    }
    beat.ibi_s += pending_s;
    pending_s = 0;
    if (classes[i] == IntervalClass::kMissed && is_linked(old, i)) {
      Beat added;
      added.flag = BeatFlag::kInserted;
      added.ibi_s = 0.5 * beat.ibi_s;
      added.time_s = beat.time_s - added.ibi_s;
      series.beats.push_back(added);
      is_moved.push_back(false);
      beat.ibi_s = added.ibi_s;
      ++series.counts.num_missed;
    }
    if (move_to[i] != BeatFlag::kNormal) beat.flag = move_to[i];
    series.beats.push_back(beat);
    is_moved.push_back(move_to[i] != BeatFlag::kNormal);
  }
  // Beats in a row that move share the time between the two that stay.
  auto& beats = series.beats;
  for (size_t first = 1; first < beats.size(); ++first) {
    if (!is_moved[first]) continue;
    size_t next = first;
    while (next < beats.size() && is_moved[next]) ++next;
    const double step =
        (beats[next].time_s - beats[first - 1].time_s) / static_cast<double>(next - first + 1);
    for (size_t i = first; i <= next; ++i) {
      if (i < next) beats[i].time_s = beats[i - 1].time_s + step;
      beats[i].ibi_s = step;
    }
    first = next;
  }
}

void lipponen_tarvainen(CorrectedBeats& series, const CorrectionConfig& config) {
  int64_t before = -1;
  for (int64_t pass = 0; pass < config.max_passes; ++pass) {
    const auto classes = classify_intervals(intervals_of(series.beats), config);
    const int64_t count = num_artefacts(classes);
    if (count == 0 || (before >= 0 && count >= before)) return;
    before = count;
    apply(classes, series);
  }
}

void reject(Beat& beat, ArtefactCounts& counts) {
  beat.ibi_s = kMissing;
  beat.flag = BeatFlag::kRejected;
  ++counts.num_rejected;
}

/// An interval is compared with the last accepted one of its run, the first of a run with the median around.
void malik(CorrectedBeats& series, const CorrectionConfig& config) {
  const auto ibi_s = intervals_of(series.beats);
  SortedWindow window(ibi_s, config.median_beats);
  double reference_s = kMissing;
  for (size_t i = 0; i < ibi_s.size(); ++i) {
    window.move_to(static_cast<int64_t>(i));
    if (!std::isfinite(ibi_s[i])) {
      reference_s = kMissing;
      continue;
    }
    if (!std::isfinite(reference_s)) reference_s = window.percentile(50);
    if (std::abs(ibi_s[i] - reference_s) > config.malik_ratio * reference_s) {
      reject(series.beats[i], series.counts);
    } else {
      reference_s = ibi_s[i];
    }
  }
}

/// Intervals that stand alone among gaps and poor beats are chance more often than heart.
void drop_short_runs(CorrectedBeats& series, int64_t min_intervals) {
  auto& beats = series.beats;
  for (size_t first = 0; first < beats.size();) {
    size_t last = first;
    while (is_linked(beats, last)) ++last;
    if (static_cast<int64_t>(last - first) < min_intervals) {
      for (size_t i = first; i < last; ++i) reject(beats[i], series.counts);
    }
    first = std::max(last, first + 1);
  }
}

}  // namespace

void CorrectionConfig::validate(config::Checks& checks) const {
  checks.expect(min_ibi_s > 0 && std::isfinite(min_ibi_s), "min_ibi_s", "must be positive");
  checks.expect(max_ibi_s > min_ibi_s && std::isfinite(max_ibi_s), "max_ibi_s", "must be above min_ibi_s");
  checks.expect(min_run_intervals >= 1 && min_run_intervals <= 1000, "min_run_intervals",
                "must be in [1, 1000]");
  checks.expect(alpha > 0 && std::isfinite(alpha), "alpha", "must be positive");
  checks.expect(threshold_beats >= 5 && threshold_beats % 2 == 1 && threshold_beats < 100000,
                "threshold_beats", "must be odd and at least 5");
  checks.expect(median_beats >= 3 && median_beats % 2 == 1 && median_beats < 100000, "median_beats",
                "must be odd and at least 3");
  checks.expect(std::isfinite(ectopic_slope) && ectopic_slope >= 0, "ectopic_slope", "must not be negative");
  checks.expect(std::isfinite(ectopic_offset) && ectopic_offset >= 0, "ectopic_offset",
                "must not be negative");
  checks.expect(min_threshold_s > 0 && std::isfinite(min_threshold_s), "min_threshold_s", "must be positive");
  checks.expect(max_passes >= 1 && max_passes <= 1000, "max_passes", "must be in [1, 1000]");
  checks.expect(malik_ratio > 0 && malik_ratio < 1, "malik_ratio", "must be in (0, 1)");
}

std::vector<IntervalClass> classify_intervals(const std::vector<double>& ibi_s,
                                              const CorrectionConfig& config) {
  std::vector<IntervalClass> classes(ibi_s.size(), IntervalClass::kNormal);
  std::vector<bool> is_done(ibi_s.size() + 2, false);
  const IntervalSpace space(ibi_s, config);
  const auto change = [&](size_t i) { return space.change_at(i); };

  // Ectopic beats first: the pair of intervals that they make would look like a long and a short one.
  for (size_t i = 2; i < ibi_s.size(); ++i) {
    const double here = change(i);
    const double limit = config.ectopic_slope * std::abs(here) + config.ectopic_offset;
    const bool is_ectopic = (here > 1 && std::max(change(i - 1), change(i + 1)) < -limit) ||
                            (here < -1 && std::min(change(i - 1), change(i + 1)) > limit);
    if (!is_ectopic || is_done[i]) continue;
    classes[i] = IntervalClass::kEctopic;
    is_done[i - 1] = is_done[i] = is_done[i + 1] = true;
  }
  for (size_t i = 1; i < ibi_s.size(); ++i) {
    if (is_done[i] || std::abs(change(i)) <= 1) continue;
    // The next interval too when it stands out more from its follower.
    const size_t last = std::abs(change(i + 1)) < std::abs(change(i + 2)) ? i + 1 : i;
    for (size_t j = i; j <= last && j < ibi_s.size(); ++j) {
      if (is_done[j] || !std::isfinite(ibi_s[j])) continue;
      const bool is_long = change(j) > 1 && std::min(change(j + 1), change(j + 2)) < -1;
      const bool is_short = change(j) < -1 && std::max(change(j + 1), change(j + 2)) > 1;
      if (!is_long && !is_short && std::abs(space.deviation[j]) <= 3) continue;
      is_done[j] = true;
      const double th = space.median_threshold_s[j];
      const double together = j + 1 < ibi_s.size() ? ibi_s[j] + ibi_s[j + 1] : kMissing;
      if (is_short && std::abs(together - space.median_s[j]) < th) {
        classes[j] = IntervalClass::kExtra;
        is_done[j + 1] = true;
      } else if (is_long && std::abs(0.5 * ibi_s[j] - space.median_s[j]) < th) {
        classes[j] = IntervalClass::kMissed;
      } else {
        classes[j] = IntervalClass::kLongShort;
      }
    }
  }
  return classes;
}

CorrectedBeats correct_beats(const std::vector<Beat>& beats, const CorrectionConfig& config) {
  config::ThrowingChecks checks("heart.correction");
  config.validate(checks);
  CorrectedBeats out;
  out.beats = beats;
  for (size_t i = 0; i < out.beats.size(); ++i) {
    const bool is_poor = beats[i].flag == BeatFlag::kPoor || (i > 0 && beats[i - 1].flag == BeatFlag::kPoor);
    if (is_poor || i == 0) out.beats[i].ibi_s = kMissing;
  }
  drop_short_runs(out, config.min_run_intervals);
  if (config.method == BeatCorrection::kLipponenTarvainen) lipponen_tarvainen(out, config);
  if (config.method == BeatCorrection::kMalik) malik(out, config);
  for (auto& beat : out.beats) {
    if (beat.ibi_s < config.min_ibi_s || beat.ibi_s > config.max_ibi_s) reject(beat, out.counts);
  }
  return out;
}

}  // namespace limbic::signals
