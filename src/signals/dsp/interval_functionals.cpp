#include "limbic/signals/dsp/interval_functionals.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {

IntervalFunctionals::IntervalFunctionals(const std::vector<Column>& columns, std::vector<Interval> intervals)
    : intervals_(std::move(intervals)),
      by_start_(intervals_.size()),
      num_columns_(columns.size()),
      rows_(intervals_.size()) {
  for (const Interval& i : intervals_) {
    require(std::isfinite(i.start_s) && std::isfinite(i.end_s) && i.start_s <= i.end_s, ErrorCode::kConfig,
            "intervals: from " + std::to_string(i.start_s) + " to " + std::to_string(i.end_s) +
                " s; expected finite times, the end not before the start");
  }
  std::iota(by_start_.begin(), by_start_.end(), size_t{0});
  std::stable_sort(by_start_.begin(), by_start_.end(),
                   [this](size_t a, size_t b) { return intervals_[a].start_s < intervals_[b].start_s; });
  for (const Column& c : columns) {
    const auto add_column = [&](const char* suffix, const std::string& unit, const char* what) {
      out_.columns.push_back({c.name + suffix, unit, what + c.doc});
    };
    add_column("_mean", c.unit, "mean of: ");
    add_column("_sd", c.unit, "standard deviation of: ");
    add_column("_p5", c.unit, "5th percentile of: ");
    add_column("_p50", c.unit, "median of: ");
    add_column("_p95", c.unit, "95th percentile of: ");
    add_column("_range", c.unit, "highest minus lowest of: ");
    add_column("_slope", c.unit + "/s", "trend over time of: ");
  }
}

void IntervalFunctionals::take(Open& open, double middle_s, const double* values) {
  const bool keeps = open.num_frames % open.stride == 0;
  const double time_s = middle_s - intervals_[open.interval].start_s;
  for (size_t c = 0; c < num_columns_; ++c) {
    const double x = values[c];
    Course& course = open.courses[c];
    if (keeps) course.kept.push_back(static_cast<float>(x));
    if (!std::isfinite(x)) continue;
    // Welford's updates of means, squares and products.
    course.count += 1;
    const double dx = x - course.mean;
    const double dt = time_s - course.mean_time;
    course.mean += dx / course.count;
    course.mean_time += dt / course.count;
    course.squares += dx * (x - course.mean);
    course.time_squares += dt * (time_s - course.mean_time);
    course.products += dt * (x - course.mean);
    if (!(x >= course.least)) course.least = x;
    if (!(x <= course.most)) course.most = x;
  }
  ++open.num_frames;
  if (open.num_frames < kMostKept * open.stride) return;
  for (Course& course : open.courses) {
    for (size_t i = 0; 2 * i < course.kept.size(); ++i) course.kept[i] = course.kept[2 * i];
    course.kept.resize((course.kept.size() + 1) / 2);
  }
  open.stride *= 2;
}

void IntervalFunctionals::close(Open& open) {
  std::vector<double>& row = rows_[open.interval];
  for (Course& course : open.courses) {
    const bool has_values = course.count > 0;
    const auto ranks = percentiles({course.kept.begin(), course.kept.end()}, {5, 50, 95});
    row.push_back(has_values ? course.mean : kMissing);
    row.push_back(has_values ? std::sqrt(std::max(0.0, course.squares / course.count)) : kMissing);
    row.insert(row.end(), ranks.begin(), ranks.end());
    row.push_back(course.most - course.least);
    row.push_back(course.time_squares > 0 ? course.products / course.time_squares : kMissing);
    course.kept = {};
  }
}

void IntervalFunctionals::add(double start_s, double end_s, const double* values) {
  const double middle_s = 0.5 * (start_s + end_s);
  while (next_ < by_start_.size() && intervals_[by_start_[next_]].start_s <= middle_s) {
    open_.push_back({by_start_[next_++], 0, 1, std::vector<Course>(num_columns_)});
  }
  const auto is_over = [&](const Open& open) { return intervals_[open.interval].end_s <= middle_s; };
  for (Open& open : open_) is_over(open) ? close(open) : take(open, middle_s, values);
  open_.erase(std::remove_if(open_.begin(), open_.end(), is_over), open_.end());
}

void IntervalFunctionals::add(const Table& frames) {
  require(frames.num_columns() == num_columns_, ErrorCode::kInternal,
          "intervals: frames of " + std::to_string(frames.num_columns()) + " columns for " +
              std::to_string(num_columns_));
  for (size_t r = 0; r < frames.num_rows(); ++r)
    add(frames.start_s[r], frames.end_s[r], frames.values_RC.data() + r * num_columns_);
}

Table IntervalFunctionals::finish() {
  for (Open& open : open_) close(open);
  open_.clear();
  next_ = by_start_.size();
  for (size_t i = 0; i < intervals_.size(); ++i) {
    rows_[i].resize(out_.columns.size(), kMissing);
    out_.add_row(intervals_[i].start_s, intervals_[i].end_s, rows_[i]);
  }
  rows_.assign(intervals_.size(), {});
  return std::move(out_);
}

}  // namespace limbic::signals
