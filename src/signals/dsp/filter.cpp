#include "limbic/signals/dsp/filter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runs.h"

namespace limbic::signals {
namespace {

/// Transposed direct form II, the order of operations of scipy.signal.sosfilt.
inline double step(const Biquad& s, double* state, double x) {
  const double y = s.b0 * x + state[0];
  state[0] = s.b1 * x - s.a1 * y + state[1];
  state[1] = s.b2 * x - s.a2 * y;
  return y;
}

inline double run_cascade(const BiquadCascade& sections, std::vector<double>& state, double x) {
  for (size_t i = 0; i < sections.size(); ++i) x = step(sections[i], state.data() + 2 * i, x);
  return x;
}

/// State after a constant input of `level` since ever.
std::vector<double> settled(const BiquadCascade& sections, double level) {
  std::vector<double> state;
  for (const Biquad& s : sections) {
    const double out = level * (s.b0 + s.b1 + s.b2) / (1.0 + s.a1 + s.a2);
    const double second = s.b2 * level - s.a2 * out;
    state.push_back(s.b1 * level - s.a1 * out + second);
    state.push_back(second);
    level = out;
  }
  return state;
}

/// scipy.signal.sosfiltfilt's default padding: three times the taps of the whole filter.
size_t padding_of(const BiquadCascade& sections) {
  size_t short_zeros = 0;
  size_t short_poles = 0;
  for (const Biquad& s : sections) {
    short_zeros += s.b2 == 0 ? 1 : 0;
    short_poles += s.a2 == 0 ? 1 : 0;
  }
  return 3 * (2 * sections.size() + 1 - std::min(short_zeros, short_poles));
}

}  // namespace

CausalFilter::CausalFilter(BiquadCascade sections, bool settle_on_first)
    : sections_(std::move(sections)), state_(2 * sections_.size(), 0.0), settle_on_first_(settle_on_first) {}

double CausalFilter::next(double x) {
  if (!std::isfinite(x)) return std::nan("");
  if (!started_ && settle_on_first_) state_ = settled(sections_, x);
  started_ = true;
  return run_cascade(sections_, state_, x);
}

void CausalFilter::reset() {
  std::fill(state_.begin(), state_.end(), 0.0);
  started_ = false;
}

std::vector<double> filter_both_ways(const BiquadCascade& sections, const std::vector<double>& x) {
  if (x.empty()) return {};
  const size_t size = x.size();
  const size_t edge = std::min(padding_of(sections), size - 1);
  std::vector<double> y;
  y.reserve(size + 2 * edge);
  for (size_t i = edge; i > 0; --i) y.push_back(2.0 * x.front() - x[i]);
  y.insert(y.end(), x.begin(), x.end());
  for (size_t i = 1; i <= edge; ++i) y.push_back(2.0 * x.back() - x[size - 1 - i]);

  for (int pass = 0; pass < 2; ++pass) {
    std::vector<double> state = settled(sections, y.front());
    for (double& v : y) v = run_cascade(sections, state, v);
    std::reverse(y.begin(), y.end());
  }
  const auto first = y.begin() + static_cast<std::ptrdiff_t>(edge);
  return {first, first + static_cast<std::ptrdiff_t>(size)};
}

std::vector<double> filter_runs(const BiquadCascade& sections, const std::vector<double>& x) {
  return map_runs(x, [&](const std::vector<double>& run) { return filter_both_ways(sections, run); });
}

}  // namespace limbic::signals
