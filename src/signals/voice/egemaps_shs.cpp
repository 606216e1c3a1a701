#include "voice/egemaps_shs.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include "dsp/constants.h"

namespace limbic::signals {
namespace {

constexpr double kLowest_hz = 25.0;
constexpr double kMinPitch_hz = 55.0;
constexpr double kMaxPitch_hz = 1000.0;
constexpr int kHarmonics = 15;
constexpr double kCompression = 0.85;
constexpr int64_t kPeakReach = 2;  ///< bins around a peak of the spectrum that survive

/// Keeps the peaks of a magnitude spectrum and kPeakReach bins around them, as long as there are peaks on
/// both sides; what lies before the first and after the last peak stays.
void keep_peaks(std::vector<double>& a) {
  const auto n = static_cast<int64_t>(a.size());
  int64_t last_peak = -1;
  int64_t num_peaks = 0;
  const auto at = [&](int64_t i) { return a[static_cast<size_t>(i)]; };
  const auto clear = [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) a[static_cast<size_t>(i)] = 0;
  };
  for (int64_t i = 0; i < n; ++i) {
    // Only bins behind the one looked at are cleared, so comparisons see the original values.
    const bool rises = i == 0 || at(i) > at(i - 1);
    const bool falls = i == n - 1 || (i == 0 ? at(i) > at(i + 1) : at(i) >= at(i + 1));
    if (!rises || !falls) continue;
    if (num_peaks > 0) clear(last_peak + kPeakReach + 1, i - kPeakReach);
    last_peak = i;
    ++num_peaks;
  }
  // openSMILE looks at the wrong peak when there is only one.
  if (num_peaks == 1) clear(kPeakReach + 1, n);
}

Lanes positive(Lanes x) {
  const Lanes::Pair zero{};
  return {x.low > zero ? x.low : zero, x.high > zero ? x.high : zero};
}

}  // namespace

EgemapsShs::EgemapsShs(const EgemapsGrid& grid) : num_bins_(grid.num_bins) {
  const auto n = static_cast<size_t>(num_bins_);
  std::vector<double> octave(n);
  for (size_t i = 1; i < n; ++i) octave[i] = std::log2(grid.hz(static_cast<int64_t>(i)));
  octave[0] = 2.0 * octave[1] - octave[2];
  low_octave_ = std::log2(kLowest_hz);
  octave_step_ = (octave[n - 1] - low_octave_) / static_cast<double>(n - 1);

  // Natural cubic spline: forward sweep u = (up, down, carry), then backwards with `back`.
  knots_.assign(n, Knot{0, 0, 0, 0});
  for (size_t i = 1; i + 1 < n; ++i) {
    const double left = octave[i] - octave[i - 1];
    const double right = octave[i + 1] - octave[i];
    const double sigma = left / (left + right);
    const double p = 1.0 / (sigma * knots_[i - 1].back + 2.0);
    knots_[i] = {6.0 * p / (right * (left + right)), 6.0 * p / (left * (left + right)), p * sigma,
                 (sigma - 1.0) * p};
  }
  const double points_per_octave = static_cast<double>(n) / (octave[n - 1] - low_octave_);
  const double threshold = points_per_octave * std::log2(65.0 / 50.0) - 1.0;
  size_t upper = 1;
  for (size_t i = 0; i < n; ++i) {
    const double x = low_octave_ + static_cast<double>(i) * octave_step_;
    while (upper + 1 < n && octave[upper] < x) ++upper;
    const double range = octave[upper] - octave[upper - 1];
    const double a = (octave[upper] - x) / range;
    const double b = 1.0 - a;
    const double slant = 3.0 * (static_cast<double>(i) + 1.0 - threshold) / points_per_octave;
    points_.push_back({static_cast<int64_t>(upper) - 1, a, (a * a * a - a) * range * range / 6.0,
                       (b * b * b - b) * range * range / 6.0, 0.5 + std::atan(slant) / kPi});
  }
  for (int h = 2; h <= kHarmonics; ++h) {
    shift_.push_back(static_cast<int64_t>(std::floor(points_per_octave * std::log2(h))));
  }
}

void EgemapsShs::find(Lanes* magnitude, PitchCandidates* out) const {
  const auto n = static_cast<size_t>(num_bins_);
  std::vector<double> one(n);
  for (int64_t lane = 0; lane < static_cast<int64_t>(kLanes); ++lane) {
    for (size_t i = 0; i < n; ++i) one[i] = lane_of(magnitude[i], lane);
    keep_peaks(one);
    for (size_t i = 0; i < n; ++i) set_lane(magnitude[i], lane, one[i]);
  }
  Lanes before{};
  for (size_t i = 0; i + 1 < n; ++i) {
    const Lanes here = magnitude[i];
    magnitude[i] = 0.25 * (before + 2.0 * here + magnitude[i + 1]);
    before = here;
  }
  std::vector<Lanes> curve(n);
  for (size_t i = 1; i + 1 < n; ++i) {
    const Knot& k = knots_[i];
    curve[i] = k.up * (magnitude[i + 1] - magnitude[i]) - k.down * (magnitude[i] - magnitude[i - 1]) -
               k.carry * curve[i - 1];
  }
  for (size_t i = n - 1; i-- > 0;) curve[i] = knots_[i].back * curve[i + 1] + curve[i];

  std::vector<Lanes> octaves(n);
  for (size_t i = 0; i < n; ++i) {
    const Point& p = points_[i];
    octaves[i] = p.weight * positive(p.lower * magnitude[p.bin] + (1.0 - p.lower) * magnitude[p.bin + 1] +
                                     p.lower_curve * curve[static_cast<size_t>(p.bin)] +
                                     p.upper_curve * curve[static_cast<size_t>(p.bin) + 1]);
  }
  std::vector<Lanes>& sum = curve;
  sum = octaves;
  double scale = kCompression;
  for (const int64_t shift : shift_) {
    for (auto i = static_cast<size_t>(shift); i < n; ++i) {
      Lanes& s = sum[i - static_cast<size_t>(shift)];
      s = s + scale * octaves[i];
    }
    scale *= kCompression;
  }
  std::vector<float> single(n);
  for (int64_t lane = 0; lane < static_cast<int64_t>(kLanes); ++lane) {
    for (size_t i = 0; i < n; ++i) single[i] = static_cast<float>(lane_of(sum[i], lane) / kHarmonics);
    out[lane] = pick(single);
  }
}

PitchCandidates EgemapsShs::pick(const std::vector<float>& sum) const {
  std::array<size_t, kPitchCandidates> peak{};
  size_t num_peaks = 0;
  double mean = 0;
  for (const float s : sum) mean += s;
  mean /= static_cast<double>(sum.size());
  for (size_t i = 1; i + 1 < sum.size(); ++i) {
    if (!(sum[i - 1] < sum[i] && sum[i] > sum[i + 1])) continue;
    size_t place = 0;
    while (place < num_peaks && sum[peak[place]] >= sum[i]) ++place;
    if (place == kPitchCandidates) continue;
    if (num_peaks < kPitchCandidates) ++num_peaks;
    for (size_t j = num_peaks - 1; j > place; --j) peak[j] = peak[j - 1];
    peak[place] = i;
  }

  PitchCandidates out;
  size_t num = 0;
  size_t strongest = 0;
  double best = 0;
  for (size_t c = 0; c < num_peaks; ++c) {
    const size_t i = peak[c];
    const double left = sum[i - 1];
    const double here = sum[i];
    const double right = sum[i + 1];
    const double offset = 0.5 * (left - right) / (left - 2.0 * here + right);
    const double height = here - 0.25 * (left - right) * offset;
    const double f0_hz = std::exp2(low_octave_ + (static_cast<double>(i) + offset) * octave_step_);
    if (f0_hz > kMaxPitch_hz || f0_hz < kMinPitch_hz) continue;
    out.f0_hz[num] = static_cast<float>(f0_hz);
    out.voicing[num] = height > mean ? static_cast<float>(1.0 - mean / height) : 0.0f;
    if (height > best) {
      best = height;
      strongest = num;
    }
    ++num;
  }
  // The parabola can lift a peak over one that had the higher point.
  std::swap(out.f0_hz[0], out.f0_hz[strongest]);
  std::swap(out.voicing[0], out.voicing[strongest]);
  return out;
}

}  // namespace limbic::signals
