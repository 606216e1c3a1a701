#include "limbic/signals/voice/formants.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <string>

#include "limbic/core/error.h"
#include "voice/formant_frames.h"
#include "voice/linear_prediction.h"
#include "voice/pitch_frames.h"

namespace limbic::signals {
namespace {

constexpr double kFormantPi = 3.14159265358979323846;
constexpr double kMargin_hz = 50;  ///< poles this near to 0 or the ceiling are no formants

const FormantConfig& checked_formants(const FormantConfig& config, double rate_hz) {
  check_voice_rate(rate_hz);
  config::ThrowingChecks checks("formants");
  config.validate(checks);
  return config;
}

FormantFrame formants_of(std::vector<double>& frame, size_t order, double nyquist_hz) {
  FormantFrame result;
  const auto a = burg(frame, order);
  if (std::all_of(a.begin(), a.end(), [](double c) { return c == 0; })) return result;
  std::vector<Formant> found;
  for (std::complex<double> pole : poles_of(a)) {
    if (pole.imag() < 0) continue;
    double radius = std::abs(pole);
    if (radius > 1.0) radius = 1.0 / radius;
    const double hz = std::arg(pole) * nyquist_hz / kFormantPi;
    if (hz < kMargin_hz || hz > nyquist_hz - kMargin_hz) continue;
    found.push_back({hz, -2.0 * std::log(radius) * nyquist_hz / kFormantPi});
  }
  std::sort(found.begin(), found.end(), [](const Formant& x, const Formant& y) { return x.hz < y.hz; });
  for (size_t k = 0; k < std::min(found.size(), result.size()); ++k) result[k] = found[k];
  return result;
}

}  // namespace

void FormantConfig::validate(config::Checks& checks) const {
  const auto got = [](double value) { return ", got " + std::to_string(value); };
  checks.expect(hop_s == 0 || (hop_s >= 1e-4 && hop_s <= 10), "hop_s",
                "must be 0 (a quarter of window_s) or in [0.0001, 10]" + got(hop_s));
  checks.expect(num_formants >= 3 && num_formants <= 20, "num_formants",
                "must be in [3, 20], got " + std::to_string(num_formants));
  checks.expect(ceiling_hz >= 500 && ceiling_hz <= 50000, "ceiling_hz",
                "must be in [500, 50000]" + got(ceiling_hz));
  checks.expect(window_s >= 0.005 && window_s <= 0.5, "window_s", "must be in [0.005, 0.5]" + got(window_s));
  checks.expect(preemphasis_from_hz >= 0 && preemphasis_from_hz <= 50000, "preemphasis_from_hz",
                "must be in [0, 50000]" + got(preemphasis_from_hz));
}

double FormantTrack::mean_hz(size_t formant) const {
  double sum = 0;
  int64_t count = 0;
  for (const FormantFrame& f : frames) {
    if (std::isnan(f[formant].hz)) continue;
    sum += f[formant].hz;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : kMissing;
}

double FormantTrack::mean_bandwidth_hz(size_t formant) const {
  double sum = 0;
  int64_t count = 0;
  for (const FormantFrame& f : frames) {
    if (std::isnan(f[formant].bandwidth_hz)) continue;
    sum += f[formant].bandwidth_hz;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : kMissing;
}

FormantFrames::FormantFrames(const FormantConfig& config, double rate_hz)
    : config_(checked_formants(config, rate_hz)),
      rate_hz_(rate_hz),
      hop_s_(config.hop_s > 0 ? config.hop_s : 0.25 * config.window_s),
      low_rate_hz_(2.0 * config.ceiling_hz),
      resampled_(rate_hz, low_rate_hz_) {
  const auto length = static_cast<int64_t>(std::floor(2.0 * config.window_s * low_rate_hz_));
  const auto n = static_cast<double>(2 * (length / 2) + 1);
  require(length > 2 * config.num_formants, ErrorCode::kConfig,
          "formants.window_s: " + std::to_string(config.window_s) + " holds " + std::to_string(length) +
              " samples at twice the ceiling; expected more than two a formant");
  const double edge = std::exp(-12.0);
  for (int64_t i = 1; i <= 2 * (length / 2); ++i) {
    const double u = static_cast<double>(i) / n - 0.5;
    window_.push_back((std::exp(-48.0 * u * u) - edge) / (1.0 - edge));
  }
}

FrameGrid FormantFrames::grid(int64_t num_samples) const {
  const int64_t num_low = resampled_.num_output(num_samples);
  FrameGrid grid = centred_grid(num_low, low_rate_hz_, 2.0 * config_.window_s, hop_s_);
  grid.first_s += resampled_.centring_shift_s(num_samples);
  return grid;
}

void FormantFrames::compute(const SampleSpan& x, int64_t num_samples, int64_t first, int64_t last,
                            std::vector<FormantFrame>& out) const {
  if (last <= first) return;
  const FrameGrid grid = this->grid(num_samples);
  SampleSpan low;
  low.rate_hz = low_rate_hz_;
  low.shift_s = resampled_.centring_shift_s(num_samples);
  const auto length = static_cast<int64_t>(window_.size());
  low.first = std::max<int64_t>(0, low.before(grid.time_of(first)) - length / 2 - 2);
  low.last = low.before(grid.time_of(last - 1)) + length / 2 + 3;
  const auto samples = resampled_.compute(x, low.shift_s, low.first, low.last);
  low.data = samples.data();
  const double emphasis = std::exp(-2.0 * kFormantPi * config_.preemphasis_from_hz / low_rate_hz_);
  std::vector<double> frame(window_.size());
  for (int64_t k = first; k < last; ++k) {
    const int64_t start = low.before(grid.time_of(k)) + 1 - length / 2;
    for (int64_t j = 0; j < length; ++j) {
      const int64_t i = start + j;
      double value = low.holds(i) ? low.at(i) : 0.0;
      if (low.holds(i - 1)) value -= emphasis * low.at(i - 1);
      frame[static_cast<size_t>(j)] = value * window_[static_cast<size_t>(j)];
    }
    out.push_back(formants_of(frame, static_cast<size_t>(2 * config_.num_formants), 0.5 * low_rate_hz_));
  }
}

void track_formants(std::vector<FormantFrame>& frames, double ceiling_hz) {
  // Which of the frame's three formants F1, F2, F3 are; 3 = none of them.
  static constexpr size_t kChoices[][kNumFormants] = {{0, 1, 2}, {0, 1, 3}, {0, 3, 1}, {3, 0, 1},
                                                      {0, 3, 3}, {3, 0, 3}, {3, 3, 0}, {1, 2, 3},
                                                      {0, 3, 2}, {3, 1, 2}, {0, 2, 3}};
  constexpr size_t kNumChoices = std::size(kChoices);
  constexpr double kMissingCost = 0.6;
  const double centre[kNumFormants] = {0.1 * ceiling_hz, 0.3 * ceiling_hz, 0.5 * ceiling_hz};
  const auto choose = [](const FormantFrame& frame, size_t choice) {
    FormantFrame chosen;
    for (size_t k = 0; k < kNumFormants; ++k) {
      if (kChoices[choice][k] < kNumFormants) chosen[k] = frame[kChoices[choice][k]];
    }
    return chosen;
  };
  std::vector<std::array<size_t, kNumChoices>> origin(frames.size());
  std::array<double, kNumChoices> cost{};
  for (size_t t = 0; t < frames.size(); ++t) {
    std::array<double, kNumChoices> next{};
    for (size_t c = 0; c < kNumChoices; ++c) {
      const FormantFrame here = choose(frames[t], c);
      double local = 0;
      for (size_t k = 0; k < kNumFormants; ++k) {
        local += std::isnan(here[k].hz) ? kMissingCost : 0.3 * std::abs(std::log2(here[k].hz / centre[k]));
      }
      double best = t == 0 ? 0 : std::numeric_limits<double>::infinity();
      for (size_t b = 0; t > 0 && b < kNumChoices; ++b) {
        const FormantFrame before = choose(frames[t - 1], b);
        double step = cost[b];
        for (size_t k = 0; k < kNumFormants; ++k) {
          if (!std::isnan(here[k].hz) && !std::isnan(before[k].hz))
            step += std::abs(std::log2(here[k].hz / before[k].hz));
        }
        if (step < best) {
          best = step;
          origin[t][c] = b;
        }
      }
      next[c] = best + local;
    }
    cost = next;
  }
  size_t choice = static_cast<size_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
  for (size_t t = frames.size(); t-- > 0;) {
    const size_t before = origin[t][choice];
    frames[t] = choose(frames[t], choice);
    choice = before;
  }
}

FormantTrack formants(const float* samples, int64_t num_samples, double rate_hz,
                      const FormantConfig& config) {
  const FormantFrames analysis(config, rate_hz);
  const auto x = finite_samples(samples, num_samples);
  const FrameGrid grid = analysis.grid(num_samples);
  FormantTrack track{grid.first_s, grid.hop_s, {}};
  for (const RecordingPiece& piece : recording_pieces(num_samples, rate_hz)) {
    const SampleSpan part{x.data() + piece.first, piece.first, piece.last, rate_hz};
    analysis.compute(part, num_samples, grid.from(piece.start_s), grid.from(piece.end_s), track.frames);
  }
  if (config.is_tracked) track_formants(track.frames, config.ceiling_hz);
  return track;
}

}  // namespace limbic::signals
