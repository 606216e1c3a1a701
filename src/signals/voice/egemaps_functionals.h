#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace limbic::signals {

/// Mean over three neighbouring frames of N columns; the frames at the ends are repeated.
template <size_t N>
class ThreeFrameMean {
 public:
  using Row = std::array<float, N>;
  /// @param non_zero  mean of the values that are not 0; 0 stays 0
  explicit ThreeFrameMean(bool non_zero) : non_zero_(non_zero) {}

  bool has_frames() const { return num_ > 0; }
  /// Calls put(row) for every row that is known.
  template <class Put>
  void push(const Row& next, Put put) {
    if (num_ == 0) {
      before_ = here_ = next;
    } else {
      put(mean(before_, here_, next));
      before_ = here_;
      here_ = next;
    }
    ++num_;
  }
  /// The row of the last frame.
  template <class Put>
  void finish(Put put) {
    if (num_ > 0) put(mean(before_, here_, here_));
  }
  /// finish() and the row that repeats the last frame.
  template <class Put>
  void finish_and_repeat(Put put) {
    finish(put);
    if (num_ > 0) put(mean(here_, here_, here_));
  }

 private:
  Row mean(const Row& a, const Row& b, const Row& c) const {
    Row out{};
    for (size_t i = 0; i < N; ++i) {
      if (!non_zero_) {
        out[i] = (b[i] + a[i] + c[i]) / 3.0f;
      } else if (b[i] != 0) {
        const float num = 1.0f + (a[i] != 0 ? 1.0f : 0.0f) + (c[i] != 0 ? 1.0f : 0.0f);
        out[i] = (b[i] + a[i] + c[i]) / num;
      }
    }
    return out;
  }

  bool non_zero_;
  int64_t num_ = 0;
  Row before_{};
  Row here_{};
};

/// Mean and standard deviation in one pass (Welford).
struct RunningMoments {
  double num = 0;
  double mean = 0;
  double squares = 0;

  void add(double x) {
    num += 1;
    const double away = x - mean;
    mean += away / num;
    squares += away * (x - mean);
  }
  /// Population deviation / mean (the deviation itself where the mean is 0).
  double relative_deviation() const;
};

/// amean, stddevNorm, percentiles 20, 50, 80, their range, and mean and deviation of rising and falling
/// slopes: the ten functionals of F0 and loudness, in order. Zeros for an empty contour.
std::array<double, 10> contour_functionals(const std::vector<float>& x);

/// Peaks of a contour per second.
double peaks_per_second(const std::vector<float>& x);

struct SegmentStatistics {
  double per_second = 0;
  double mean_s = 0;
  double deviation_s = 0;
};
/// Stretches of values that are 0 (`zero` = true) or are not, at least three frames long.
SegmentStatistics segment_statistics(const std::vector<float>& x, bool zero);

}  // namespace limbic::signals
