#include "eda/scr_absolute.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "dsp/runs.h"
#include "eda/scr_joint.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

constexpr double kWidths_s[] = {0.25, 0.4, 0.6, 0.8};
constexpr size_t kWidest = 1;          // for the course of a response: wider ones blur its onset
constexpr double kUndo_s = 1.5;        // tau: less than a response's decay, so that misfits do not undershoot
constexpr double kBeside_s = 2.0;      // prominence looks so far
constexpr double kNoisePerMin = 25.0;  // see the note
constexpr double kFoot = 0.2;          // a rise begins where its slope falls below this share of the steepest
constexpr double kFlank_s = 5.0;       // a response is still falling so long after its peak
constexpr double kClear = 20.0;        // deviations of the noise
constexpr double kLowestScore = 3.0;
constexpr double kHighestScore = 8.0;
constexpr double kWorkRate_hz = 10.0;  // at least; what is faster is averaged down to it
constexpr double kShortest_s = 4.0;    // of a run
constexpr double kSharp = 25.0;        // median score above which neighbours need no joint fit
constexpr double kOwn_s = 1.2;         // a response so far from all fitted ones is another

int64_t rounded(double x) {
  return static_cast<int64_t>(std::llround(x));
}

/// Smoothing, and smoothing with the decay undone.
struct Kernel {
  std::vector<double> smooth;
  std::vector<double> undo;
  double noise_gain = 0;   // of undo, for white noise
  double unit_height = 0;  // prominence of a response of amplitude 1
  double delay_s = 0;      // from its onset to the peak of y
};

std::vector<double> filtered(const std::vector<double>& x, const std::vector<double>& kernel) {
  // Point reflection at the ends: a slope goes on.
  const auto half = static_cast<int64_t>(kernel.size() / 2);
  const auto size = static_cast<int64_t>(x.size());
  std::vector<double> padded(x.size() + kernel.size() - 1);
  for (int64_t i = -half; i < size + half; ++i) {
    double v = 0;
    if (i < 0) {
      v = 2.0 * x.front() - x[static_cast<size_t>(std::min(-i, size - 1))];
    } else if (i >= size) {
      v = 2.0 * x.back() - x[static_cast<size_t>(std::max<int64_t>(0, 2 * (size - 1) - i))];
    } else {
      v = x[static_cast<size_t>(i)];
    }
    padded[static_cast<size_t>(i + half)] = v;
  }
  std::vector<double> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    out[i] = std::inner_product(kernel.rbegin(), kernel.rend(),
                                padded.begin() + static_cast<std::ptrdiff_t>(i), 0.0);
  }
  return out;
}

double local_prominence(const std::vector<double>& y, int64_t peak, int64_t reach) {
  const auto at = [&](int64_t i) { return y[static_cast<size_t>(i)]; };
  double left = at(peak);
  double right = at(peak);
  for (int64_t i = peak - 1; i >= std::max<int64_t>(0, peak - reach) && at(i) <= at(peak); --i) {
    left = std::min(left, at(i));
  }
  const int64_t last = std::min(static_cast<int64_t>(y.size()) - 1, peak + reach);
  for (int64_t i = peak + 1; i <= last && at(i) <= at(peak); ++i) right = std::min(right, at(i));
  return at(peak) - std::max(left, right);
}

Kernel kernel_of(double width_s, double rate_hz) {
  const auto half = static_cast<int64_t>(std::ceil(4.0 * width_s * rate_hz));
  Kernel kernel;
  double sum = 0;
  double moment = 0;
  for (int64_t i = -half; i <= half; ++i) {
    const double u = static_cast<double>(i) / rate_hz;
    kernel.smooth.push_back(std::exp(-0.5 * u * u / (width_s * width_s)));
    sum += kernel.smooth.back();
    moment += u * u * kernel.smooth.back();
  }
  for (int64_t i = -half; i <= half; ++i) {
    const double u = static_cast<double>(i) / rate_hz;
    double& g = kernel.smooth[static_cast<size_t>(i + half)];
    // The derivative is exact for straight lines, however few samples the width has.
    kernel.undo.push_back(g / sum - kUndo_s * u * g / moment);
    g /= sum;
  }
  for (const double h : kernel.undo) kernel.noise_gain += h * h;
  kernel.noise_gain = std::sqrt(kernel.noise_gain);

  // The canonical response: time constants of 0.7 and 2 s, as everywhere in this subject.
  constexpr double kBefore_s = 4.0;
  std::vector<double> response;
  double top = 0;
  for (int64_t i = 0; i < static_cast<int64_t>(18.0 * rate_hz); ++i) {
    const double t = static_cast<double>(i) / rate_hz - kBefore_s;
    response.push_back(t > 0 ? std::exp(-t / 2.0) - std::exp(-t / 0.7) : 0.0);
  }
  const double peak_s = std::log(2.0 / 0.7) * 2.0 * 0.7 / 1.3;
  top = std::exp(-peak_s / 2.0) - std::exp(-peak_s / 0.7);
  for (double& v : response) v /= top;
  const std::vector<double> y = filtered(response, kernel.undo);
  const auto peak = std::max_element(y.begin(), y.end()) - y.begin();
  kernel.unit_height = local_prominence(y, peak, rounded(kBeside_s * rate_hz));
  kernel.delay_s = static_cast<double>(peak) / rate_hz - kBefore_s;
  return kernel;
}

struct Candidate {
  double onset;   // in samples of the working rate
  int64_t pulse;  // peak of y
  double score;
  double amplitude;  // of a canonical response of this prominence
  size_t width;
};

/// The one recording at the working rate.
class Detection {
 public:
  Detection(const std::vector<double>& x, double rate_hz, const ScrConfig& config)
      : config_(config),
        group_(std::max<int64_t>(1, static_cast<int64_t>(std::floor(rate_hz / kWorkRate_hz)))),
        rate_hz_(rate_hz / static_cast<double>(group_)) {
    average(x);
    noise_ = noise_of(x);
    for (const double width_s : kWidths_s) kernels_.push_back(kernel_of(width_s, rate_hz_));
  }

  ScrResult run() {
    double minutes = 0;
    for_finite_runs(x_, [&](size_t first, size_t last) {
      if (static_cast<double>(last - first) < kShortest_s * rate_hz_) return;
      minutes += static_cast<double>(last - first) / rate_hz_ / 60.0;
      collect(first, last);
    });
    double low = kLowestScore;
    double high = kHighestScore;
    // The lowest score asked for at which the share of false ones is small enough.
    while (high - low > 0.05) {
      const double score = 0.5 * (low + high);
      double expected = 0;
      for (const double width_s : kWidths_s) {
        expected += minutes * kNoisePerMin / width_s * std::exp(-0.25 * score * score);
      }
      (expected <= config_.false_share * static_cast<double>(merged(score).size()) ? high : low) = score;
    }
    ScrResult result;
    result.noise_deviation = noise_ * std::sqrt(static_cast<double>(group_));
    double certain = std::numeric_limits<double>::infinity();
    for (const Kernel& k : kernels_)
      certain = std::min(certain, high * noise_ * k.noise_gain / k.unit_height);
    result.threshold = std::max(config_.min_amplitude_microsiemens, certain);
    const std::vector<Candidate> found = with_close_ones(merged(high));
    for_finite_runs(x_, [&](size_t first, size_t last) { measure(found, first, last, result.responses); });
    return result;
  }

 private:
  void average(const std::vector<double>& x) {
    if (group_ == 1) {
      x_ = x;
      return;
    }
    const auto group = static_cast<size_t>(group_);
    for (size_t first = 0; first + group <= x.size(); first += group) {
      double sum = 0;
      size_t count = 0;
      for (size_t i = first; i < first + group; ++i) {
        if (!std::isfinite(x[i])) continue;
        sum += x[i];
        ++count;
      }
      x_.push_back(2 * count >= group ? sum / static_cast<double>(count) : std::nan(""));
    }
  }

  /// Deviation of white noise in v from fourth differences, in which responses are small, and robustly.
  static double white_noise(const std::vector<double>& v) {
    std::vector<double> differences;
    for_finite_runs(v, [&](size_t first, size_t last) {
      for (size_t i = first + 4; i < last; ++i) {
        differences.push_back(std::abs(v[i] - 4.0 * v[i - 1] + 6.0 * v[i - 2] - 4.0 * v[i - 3] + v[i - 4]));
      }
    });
    return differences.empty() ? 0.0 : 1.4826 * median(differences) / std::sqrt(70.0);
  }

  double noise_of(const std::vector<double>& raw) const {
    double noise = white_noise(x_);
    if (group_ > 1) {
      // A signal that was low-passed has less noise where fourth differences look: ask an octave below, too.
      std::vector<double> pairs;
      for (size_t i = 1; i < x_.size(); i += 2) pairs.push_back(0.5 * (x_[i - 1] + x_[i]));
      noise = std::max(noise, std::sqrt(2.0) * white_noise(pairs));
    }
    // A converter's step is noise, too, also where the signal rests on one value.
    double step = std::numeric_limits<double>::infinity();
    for (size_t i = 1; i < raw.size(); ++i) {
      const double change = std::abs(raw[i] - raw[i - 1]);
      if (change > 0) step = std::min(step, change);
    }
    if (!std::isfinite(step)) return noise;
    return std::max(noise, step / std::sqrt(12.0 * static_cast<double>(group_)));
  }

  void collect(size_t first, size_t last) {
    const std::vector<double> run(x_.begin() + static_cast<std::ptrdiff_t>(first),
                                  x_.begin() + static_cast<std::ptrdiff_t>(last));
    const int64_t reach = rounded(kBeside_s * rate_hz_);
    for (size_t w = 0; w < kernels_.size(); ++w) {
      const Kernel& kernel = kernels_[w];
      const double noise = noise_ * kernel.noise_gain;
      const std::vector<double> y = filtered(run, kernel.undo);
      for (size_t i = 1; i + 1 < y.size(); ++i) {
        if (!(y[i] > y[i - 1] && y[i] >= y[i + 1])) continue;
        const double prominence = local_prominence(y, static_cast<int64_t>(i), reach);
        const double amplitude = prominence / kernel.unit_height;
        // Half: the canonical response is not everybody's. What is measured must reach the whole.
        if (prominence < kLowestScore * noise || amplitude < 0.5 * config_.min_amplitude_microsiemens)
          continue;
        Candidate c;
        c.pulse = static_cast<int64_t>(first + i);
        c.onset =
            std::max(static_cast<double>(first), static_cast<double>(c.pulse) - kernel.delay_s * rate_hz_);
        c.score = noise > 0 ? prominence / noise : kHighestScore;
        c.amplitude = amplitude;
        c.width = w;
        candidates_.push_back(c);
      }
    }
  }

  /// Candidates of at least this score, narrow ones first; a wider one counts where no other is near.
  std::vector<Candidate> merged(double score) const {
    const auto before = [](const Candidate* a, const Candidate* b) { return a->onset < b->onset; };
    std::multiset<const Candidate*, decltype(before)> kept(before);
    for (size_t w = 0; w < kernels_.size(); ++w) {
      const double room = std::max(0.5, 2.0 * kWidths_s[w]) * rate_hz_;
      for (const Candidate& c : candidates_) {
        if (c.width != w || c.score < score) continue;
        const auto after = kept.lower_bound(&c);
        if (after != kept.end() && (*after)->onset - c.onset <= room) continue;
        if (after != kept.begin() && c.onset - (*std::prev(after))->onset <= room) continue;
        kept.insert(after, &c);
      }
    }
    std::vector<Candidate> out;
    for (const Candidate* c : kept) out.push_back(*c);
    return out;
  }

  /// Where noise blurs neighbours, the joint fit's responses; where it has none near, those of `found`.
  std::vector<Candidate> with_close_ones(const std::vector<Candidate>& found) const {
    std::vector<double> scores;
    for (const Candidate& c : found) scores.push_back(c.score);
    if (scores.empty() || !(noise_ > 0) || median(scores) > kSharp) return found;
    std::vector<size_t> starts;
    std::vector<std::vector<double>> runs;
    for_finite_runs(x_, [&](size_t first, size_t last) {
      if (static_cast<double>(last - first) < kShortest_s * rate_hz_) return;
      starts.push_back(first);
      runs.emplace_back(x_.begin() + static_cast<std::ptrdiff_t>(first),
                        x_.begin() + static_cast<std::ptrdiff_t>(last));
    });
    std::vector<Candidate> out;
    const auto responses = fit_responses(runs, rate_hz_, noise_);
    for (size_t i = 0; i < runs.size(); ++i) {
      const auto last = static_cast<int64_t>(starts[i] + runs[i].size()) - 1;
      for (const JointResponse& r : responses[i]) {
        Candidate c{};
        c.onset = static_cast<double>(starts[i]) + r.onset;
        c.pulse = std::min(last, rounded(c.onset + kernels_.front().delay_s * rate_hz_));
        c.amplitude = r.amplitude;
        out.push_back(c);
      }
    }
    const auto before = [](const Candidate& a, const Candidate& b) { return a.onset < b.onset; };
    const size_t fitted = out.size();
    for (const Candidate& c : found) {
      const auto fitted_end = out.begin() + static_cast<std::ptrdiff_t>(fitted);
      const double room = kOwn_s * rate_hz_;
      const auto near = std::partition_point(out.begin(), fitted_end,
                                             [&](const Candidate& f) { return f.onset <= c.onset - room; });
      if (near == fitted_end || near->onset >= c.onset + room) out.push_back(c);
    }
    std::sort(out.begin(), out.end(), before);
    return out;
  }

  /// Onset, peak and the rest of the responses within one run.
  void measure(const std::vector<Candidate>& all, size_t first, size_t last, std::vector<Scr>& out) const {
    std::vector<Candidate> found;
    for (const Candidate& c : all) {
      if (c.pulse < static_cast<int64_t>(first) || c.pulse >= static_cast<int64_t>(last)) continue;
      found.push_back(c);
      found.back().pulse -= static_cast<int64_t>(first);
      found.back().onset -= static_cast<double>(first);
    }
    if (found.empty()) return;
    const std::vector<double> run(x_.begin() + static_cast<std::ptrdiff_t>(first),
                                  x_.begin() + static_cast<std::ptrdiff_t>(last));
    std::vector<std::vector<double>> smooth;
    for (const Kernel& kernel : kernels_) smooth.push_back(filtered(run, kernel.smooth));
    const auto size = static_cast<int64_t>(run.size());
    int64_t last_peak = 0;
    for (size_t k = 0; k < found.size(); ++k) {
      const Candidate& c = found[k];
      const std::vector<double>& s = smooth[std::min(c.width, kWidest)];
      const auto at = [&](int64_t i) { return s[static_cast<size_t>(i)]; };
      const int64_t next = k + 1 < found.size() ? rounded(found[k + 1].onset) : size - 1;

      // From the steepest point of the rise down to where the slope has all but gone; a response that never
      // rises, on another's falling flank, begins where the deconvolution says.
      const int64_t guess = std::clamp<int64_t>(rounded(c.onset), last_peak, c.pulse);
      int64_t steepest = std::max<int64_t>(1, guess);
      for (int64_t i = steepest;
           i <= std::min({size - 1, c.pulse + rounded(rate_hz_), std::max(next, c.pulse)}); ++i) {
        if (at(i) - at(i - 1) > at(steepest) - at(steepest - 1)) steepest = i;
      }
      const double rise = at(steepest) - at(steepest - 1);
      int64_t onset = guess;
      if (rise > 0) {
        const int64_t earliest = std::max(last_peak, guess - rounded(config_.max_rise_s * rate_hz_));
        onset = steepest;
        while (onset > earliest && at(onset) - at(onset - 1) > kFoot * rise) --onset;
      }

      const int64_t latest =
          std::min({size - 1, std::max(next, c.pulse), onset + rounded(config_.max_rise_s * rate_hz_)});
      int64_t peak = c.pulse;
      for (int64_t i = c.pulse; i <= latest; ++i) {
        if (at(i) > at(peak)) peak = i;
        if (at(peak) - at(i) > 0.5 * (at(peak) - at(onset))) break;
      }
      const bool has_summit = peak > onset && peak < latest &&
                              (peak > c.pulse || at(c.pulse + 1) < at(c.pulse)) && at(peak) > at(onset) &&
                              (peak > c.pulse || at(peak) >= at(peak - 1));
      Scr scr;
      scr.overlapped = !has_summit;
      if (!has_summit && peak == c.pulse) {
        // A shoulder on a falling flank: the summit it would have alone.
        peak = std::min(latest, std::max(c.pulse, onset + rounded(1.1 * rate_hz_)));
      }
      // Values of a large response need no smoothing, which would cut off a sharp summit.
      const std::vector<double>& values = c.amplitude > kClear * noise_ ? run : smooth.front();
      if (has_summit) {
        const int64_t around = rounded(0.3 * rate_hz_);
        const int64_t end = std::min(latest, peak + around);
        for (int64_t i = std::max(onset + 1, peak - around); i <= end; ++i) {
          if (values[static_cast<size_t>(i)] > values[static_cast<size_t>(peak)]) peak = i;
        }
      }
      if (peak <= onset) continue;
      scr.height = values[static_cast<size_t>(peak)];
      const double climb = scr.height - values[static_cast<size_t>(onset)];
      // On another's flank a response climbs less than it is large.
      const bool on_flank = k > 0 && static_cast<double>(onset - last_peak) < kFlank_s * rate_hz_;
      if (on_flank && climb < 0.5 * c.amplitude) scr.overlapped = true;
      scr.amplitude = scr.overlapped ? c.amplitude : climb;
      if (!(scr.amplitude >= config_.min_amplitude_microsiemens)) continue;
      scr.onset = sample(first, onset);
      scr.peak = sample(first, peak);
      scr.rise_s = static_cast<double>(peak - onset) / rate_hz_;
      scr.recovery_s = scr.recovery63_s = std::nan("");
      const double half = scr.height - config_.recovery_share * scr.amplitude;
      const double most = scr.height - 0.63 * scr.amplitude;
      for (int64_t i = peak + 1; i <= std::max(next, peak); ++i) {
        const double v = values[static_cast<size_t>(i)];
        if (scr.recovery < 0 && v <= half) {
          scr.recovery = sample(first, i);
          scr.recovery_s = static_cast<double>(i - peak) / rate_hz_;
        }
        if (v <= most) {
          scr.recovery63_s = static_cast<double>(i - peak) / rate_hz_;
          break;
        }
      }
      out.push_back(scr);
      last_peak = peak;
    }
  }

  /// The input's sample in the middle of a group.
  int64_t sample(size_t first, int64_t i) const {
    return (static_cast<int64_t>(first) + i) * group_ + (group_ - 1) / 2;
  }

  const ScrConfig& config_;
  int64_t group_;
  double rate_hz_;
  std::vector<double> x_;
  double noise_ = 0;
  std::vector<Kernel> kernels_;
  std::vector<Candidate> candidates_;
};

}  // namespace

ScrResult find_absolute_scr(const std::vector<double>& x, double rate_hz, const ScrConfig& config) {
  return Detection(x, rate_hz, config).run();
}

}  // namespace limbic::signals
