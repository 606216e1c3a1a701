#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/table.h"

namespace limbic::signals {

/// Statistics of frames by interval: of each column x the columns x_mean, x_sd (population), x_p5, x_p50,
/// x_p95, x_range (highest minus lowest) and x_slope (least squares, per second), over the frames whose
/// middle lies in [start_s, end_s). Missing values are left out; a statistic without values is missing.
/// Frames may come in pieces, by time; only open intervals are kept, and of an interval of more than
/// kMostKept frames the percentiles are those of every second (fourth, eighth...) frame.
class IntervalFunctionals {
 public:
  static constexpr size_t kMostKept = 1 << 17;

  /// @param intervals  in any order, may overlap
  /// @throws Error(kConfig) for an interval that is not finite or ends before it starts
  IntervalFunctionals(const std::vector<Column>& columns, std::vector<Interval> intervals);

  /// One frame with a value a column.
  void add(double start_s, double end_s, const double* values);
  void add(const Table& frames);
  /// One row an interval, in the order given. Frames that come later do not count.
  Table finish();

 private:
  /// Running sums of one column over time, and the values for percentiles.
  struct Course {
    double count = 0;
    double mean = 0;
    double squares = 0;  ///< of deviations
    double mean_time = 0;
    double time_squares = 0;
    double products = 0;
    double least = kMissing;
    double most = kMissing;
    std::vector<float> kept;
  };
  struct Open {
    size_t interval;
    size_t num_frames = 0;
    size_t stride = 1;
    std::vector<Course> courses;
  };
  void take(Open& open, double middle_s, const double* values);
  void close(Open& open);

  std::vector<Interval> intervals_;
  std::vector<size_t> by_start_;
  size_t next_ = 0;  ///< in by_start_
  size_t num_columns_;
  std::vector<Open> open_;
  std::vector<std::vector<double>> rows_;  ///< of closed intervals
  Table out_;
};

}  // namespace limbic::signals
