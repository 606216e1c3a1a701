#include "voice/egemaps_functionals.h"

#include <algorithm>
#include <cmath>

#include "voice/egemaps_frames.h"

namespace limbic::signals {
namespace {

constexpr float kPeakThreshold = 0.1f;  ///< of the contour's range
constexpr int64_t kMinSegment = 3;
constexpr int64_t kMinPause = 2;
constexpr size_t kMaxSegments = 1000;  ///< openSMILE counts no more

struct Extremum {
  bool is_max;
  float y;
  int64_t x;
};
using Extrema = std::vector<Extremum>;

Extrema all_extrema(const std::vector<float>& x) {
  Extrema out;
  for (size_t i = 2; i + 2 < x.size(); ++i) {
    if (x[i] > x[i - 1] && x[i] > x[i + 1]) out.push_back({true, x[i], static_cast<int64_t>(i)});
    if (x[i] < x[i - 1] && x[i] < x[i + 1]) out.push_back({false, x[i], static_cast<int64_t>(i)});
  }
  return out;
}

Extrema kept(const Extrema& all, const std::vector<bool>& drop) {
  Extrema out;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!drop[i]) out.push_back(all[i]);
  }
  return out;
}

/// Maxima that rise less than the threshold go, unless they are a slow rise's new top (5 % over the last).
Extrema without_small_maxima(const Extrema& all, float first, float threshold) {
  std::vector<bool> drop(all.size(), false);
  float last_value = first;
  float last_min = first;
  float last_max = first;
  int64_t last_max_at = -1;
  bool min_since = false;
  for (size_t i = 0; i < all.size(); ++i) {
    const Extremum& e = all[i];
    const bool is_small_step = std::abs(e.y - last_value) < threshold;
    if (!e.is_max) {
      if (!is_small_step) {
        min_since = true;
        last_min = e.y;
      }
    } else if (is_small_step && e.y - last_min < threshold) {
      drop[i] = true;
    } else {
      bool is_new_max = true;
      if (is_small_step) {
        if (static_cast<double>(e.y) > static_cast<double>(last_max) * 1.05) {
          if (last_max_at >= 0) drop[static_cast<size_t>(last_max_at)] = true;
        } else if (!min_since) {
          drop[i] = true;
          is_new_max = false;
        }
      }
      if (is_new_max) {
        last_max = e.y;
        last_max_at = static_cast<int64_t>(i);
      }
      min_since = false;
    }
    last_value = e.y;
  }
  return kept(all, drop);
}

Extrema without_small_minima(const Extrema& all, float first, float threshold) {
  std::vector<bool> drop(all.size(), false);
  float last_max = first;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].is_max) {
      last_max = all[i].y;
    } else {
      drop[i] = last_max - all[i].y < threshold;
    }
  }
  return kept(all, drop);
}

/// Of neighbours of one kind the more extreme stays.
Extrema alternating(const Extrema& all) {
  Extrema out;
  for (const Extremum& e : all) {
    if (out.empty() || out.back().is_max != e.is_max) {
      out.push_back(e);
    } else if (e.is_max ? e.y > out.back().y : e.y < out.back().y) {
      out.back() = e;
    }
  }
  return out;
}

Extrema extrema_of(const std::vector<float>& x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const float threshold = kPeakThreshold * (*high - *low);
  return alternating(
      without_small_minima(without_small_maxima(all_extrema(x), x[0], threshold), x[0], threshold));
}

struct SlopeSums {
  double sum = 0;
  double num = 0;
  std::vector<double> between;  ///< extrema; the slope after the last one counts in the mean only

  double mean() const { return num > 0 ? sum / num : 0.0; }
  double deviation() const {
    double squares = 0;
    for (const double s : between) squares += (s - mean()) * (s - mean());
    return num > 0 ? std::sqrt(squares / num) : 0.0;
  }
  void add(double slope) {
    sum += slope;
    num += 1;
  }
};

/// Slopes per second between neighbouring extrema, from the first value and to the last one. Falling slopes
/// are positive where they fall, except the one after the last maximum: openSMILE gives it its sign.
void slopes_of(const std::vector<float>& x, SlopeSums& rising, SlopeSums& falling) {
  double last_max = x[0];
  double last_min = x[0];
  int64_t max_at = 0;
  int64_t min_at = 0;
  int last_kind = -1;
  for (const Extremum& e : extrema_of(x)) {
    (e.is_max ? last_max : last_min) = e.y;
    (e.is_max ? max_at : min_at) = e.x;
    const int64_t run = e.is_max ? max_at - min_at : min_at - max_at;
    if (run <= 0) continue;
    SlopeSums& sums = e.is_max ? rising : falling;
    sums.between.push_back((last_max - last_min) / (static_cast<double>(run) * kEgemapsHop_s));
    sums.add(sums.between.back());
    last_kind = e.is_max ? 1 : 0;
  }
  const auto last = static_cast<int64_t>(x.size()) - 1;
  const double end = x.back();
  if (last_kind == 1 && last > max_at) {
    falling.add((end - last_max) / (static_cast<double>(last - max_at) * kEgemapsHop_s));
  } else if (last_kind == 0 && last > min_at) {
    rising.add((end - last_min) / (static_cast<double>(last - min_at) * kEgemapsHop_s));
  } else if (last_kind == -1) {
    const double slope = (end - static_cast<double>(x[0])) / static_cast<double>(x.size());  // per frame
    if (slope != 0) (slope > 0 ? rising : falling).add(slope);
  }
}

double percentile_of(const std::vector<float>& sorted, double fraction) {
  const double place = fraction * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(std::floor(place));
  const auto high = static_cast<size_t>(std::ceil(place));
  const double share = place - static_cast<double>(low);
  return static_cast<double>(sorted[low]) * (1.0 - share) + static_cast<double>(sorted[high]) * share;
}

}  // namespace

double RunningMoments::relative_deviation() const {
  if (num == 0 || !(squares > 0)) return 0.0;
  return std::sqrt(squares / num) / (mean != 0 ? mean : 1.0);
}

std::array<double, 10> contour_functionals(const std::vector<float>& x) {
  if (x.empty()) return {};
  RunningMoments moments;
  for (const float v : x) moments.add(static_cast<double>(v));
  std::vector<float> sorted = x;
  std::sort(sorted.begin(), sorted.end());
  const double p20 = percentile_of(sorted, 0.2);
  const double p50 = percentile_of(sorted, 0.5);
  const double p80 = percentile_of(sorted, 0.8);
  SlopeSums rising;
  SlopeSums falling;
  slopes_of(x, rising, falling);
  return {moments.mean,
          moments.relative_deviation(),
          p20,
          p50,
          p80,
          p80 - p20,
          rising.mean(),
          rising.deviation(),
          falling.mean(),
          falling.deviation()};
}

double peaks_per_second(const std::vector<float>& x) {
  if (x.empty()) return 0.0;
  const Extrema extrema = extrema_of(x);
  const auto num = std::count_if(extrema.begin(), extrema.end(), [](const Extremum& e) { return e.is_max; });
  return static_cast<double>(num) / (static_cast<double>(x.size()) * kEgemapsHop_s);
}

// Note [Segments as openSMILE counts them]
// A segment is certain at its third frame and over at the second frame of a pause; single frames of pause are
// bridged. Its length is one frame short of the frames in it.
SegmentStatistics segment_statistics(const std::vector<float>& x, bool zero) {
  enum class State { kOutside, kMaybe, kInside };
  std::vector<int64_t> lengths;
  State state = State::kOutside;
  int64_t start = 0;
  int64_t inside = 0;
  int64_t outside = 0;
  const auto end_at = [&](int64_t end) {
    if (lengths.size() < kMaxSegments) lengths.push_back(end - start);
  };
  const auto n = static_cast<int64_t>(x.size());
  for (int64_t i = 0; i < n; ++i) {
    if ((x[static_cast<size_t>(i)] == 0) == zero) {
      if (state == State::kOutside) {
        ++inside;
        start = i;
        state = State::kMaybe;
      } else {
        outside = 0;
        if (state == State::kMaybe && ++inside >= kMinSegment) {
          inside = 0;
          state = State::kInside;
        }
      }
    } else if (state != State::kOutside) {
      if (state == State::kInside) inside = 0;
      if (++outside < kMinPause) continue;
      if (state == State::kInside) end_at(i - outside);
      state = State::kOutside;
      inside = outside = 0;
    }
  }
  if (state == State::kInside) end_at(n - outside - 1);

  SegmentStatistics out;
  if (n == 0) return out;
  RunningMoments moments;
  for (const int64_t length : lengths) moments.add(static_cast<double>(length));
  out.per_second = moments.num / (static_cast<double>(n) * kEgemapsHop_s);
  out.mean_s = moments.mean * kEgemapsHop_s;
  out.deviation_s = moments.num > 0 ? std::sqrt(moments.squares / moments.num) * kEgemapsHop_s : 0.0;
  return out;
}

}  // namespace limbic::signals
