#include "limbic/signals/eda/eda_quality.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

/// Writes flags of one recording.
class QualityRules {
 public:
  QualityRules(const TimeSeries& eda, const EdaQualityConfig& config)
      : x_(eda.values), rate_hz_(eda.rate_hz), config_(config), flaws_(eda.values.size(), 0) {}

  void missing_and_range() {
    for (size_t i = 0; i < x_.size(); ++i) {
      if (!std::isfinite(x_[i])) {
        mark(i, EdaFlaw::kAbsent);
      } else {
        if (x_[i] < 0 || x_[i] > config_.max_microsiemens) mark(i, EdaFlaw::kOutOfRange);
        if (x_[i] <= config_.disconnected_microsiemens) mark(i, EdaFlaw::kDisconnected);
      }
    }
    pad(EdaFlaw::kDisconnected);
  }

  /// Runs whose values stay within flat_range of the run's first; clipped at the top, else flat.
  void held_values() {
    double top = -std::numeric_limits<double>::infinity();
    for (const double v : x_) {
      if (std::isfinite(v)) top = std::max(top, v);
    }
    const bool knows_rail = config_.rail_microsiemens > 0;
    const double rail = knows_rail ? config_.rail_microsiemens : top - config_.flat_range_microsiemens;
    const size_t flat = samples(config_.flat_s, 2);
    const size_t clipped = samples(config_.clipped_s, 3);
    for (size_t first = 0; first < x_.size();) {
      size_t last = first + 1;
      const bool at_rail = x_[first] >= rail;
      while (last < x_.size() && (std::abs(x_[last] - x_[first]) <= config_.flat_range_microsiemens ||
                                  (knows_rail && at_rail && x_[last] >= rail))) {
        ++last;
      }
      const size_t length = last - first;
      // A recording that never changes has no rail: it is flat.
      const bool is_all = length == x_.size() && !knows_rail;
      if (at_rail && !is_all && length >= clipped && (knows_rail || is_summit(first, last))) {
        for (size_t i = first; i < last; ++i) mark(i, EdaFlaw::kClipped);
      } else if (length >= flat && std::isfinite(x_[first])) {
        for (size_t i = first; i < last; ++i) mark(i, EdaFlaw::kFlat);
      }
      first = last;
    }
  }

  /// Slopes between samples slope_window_s apart; both ends and what lies between are marked.
  void jumps() {
    const auto lag = static_cast<size_t>(std::max(1.0, std::round(config_.slope_window_s * rate_hz_)));
    const double lag_s = static_cast<double>(lag) / rate_hz_;
    for (size_t i = lag; i < x_.size(); ++i) {
      const double before = x_[i - lag];
      const double change = x_[i] - before;
      if (!std::isfinite(change) || std::abs(change) < config_.min_jump_microsiemens) continue;
      const double slope = change / lag_s;
      const double level = std::max(std::abs(before), config_.disconnected_microsiemens);
      // A fall that goes on so steeply for the whole lag is exponential; compare like with like.
      const double fall = before > 0 && x_[i] > 0 ? std::log(before / x_[i]) / lag_s
                                                  : std::numeric_limits<double>::infinity();
      const bool is_jump = std::abs(slope) > config_.max_slope_per_s ||
                           slope > config_.max_rise_share_per_s * level ||
                           (change < 0 && fall > config_.max_fall_share_per_s);
      if (!is_jump) continue;
      for (size_t k = i - lag; k <= i; ++k) mark(k, EdaFlaw::kJump);
    }
    pad(EdaFlaw::kJump);
  }

  void motion(const TimeSeries& eda, const Acceleration& acceleration) {
    const auto& axis = acceleration.x;
    const auto window = std::max<int64_t>(2, std::llround(axis.rate_hz));
    const auto size = static_cast<int64_t>(axis.values.size());
    const auto magnitude = [&](int64_t i) {
      const auto k = static_cast<size_t>(i);
      return std::sqrt(axis.values[k] * axis.values[k] + acceleration.y.values[k] * acceleration.y.values[k] +
                       acceleration.z.values[k] * acceleration.z.values[k]);
    };
    for (int64_t first = 0; first + 2 <= size; first += window) {
      const int64_t last = std::min(size, first + window);
      double sum = 0;
      double squares = 0;
      int64_t count = 0;
      for (int64_t i = first; i < last; ++i) {
        const double m = magnitude(i);
        if (!std::isfinite(m)) continue;
        sum += m;
        squares += m * m;
        ++count;
      }
      if (count < 2) continue;
      const auto n = static_cast<double>(count);
      const double variance = std::max(0.0, squares / n - sum / n * (sum / n));
      if (variance <= config_.motion_g * config_.motion_g) continue;
      const auto at = [&](double time_s) {
        const double sample = std::ceil((time_s - eda.t0_s) * rate_hz_ - 1e-6);
        return sample > 0 ? std::min(x_.size(), static_cast<size_t>(sample)) : size_t{0};
      };
      const size_t end = at(axis.time_of(last));
      for (size_t i = at(axis.time_of(first)); i < end; ++i) mark(i, EdaFlaw::kMotion);
    }
  }

  EdaQuality result(const TimeSeries& eda) {
    EdaQuality out;
    const auto bad =
        static_cast<uint8_t>(config_.motion_is_bad ? 0xff : 0xff & ~static_cast<unsigned>(EdaFlaw::kMotion));
    size_t num_good = 0;
    for (const uint8_t f : flaws_) {
      out.good.push_back((f & bad) == 0);
      num_good += (f & bad) == 0 ? 1 : 0;
    }
    const auto size = static_cast<double>(flaws_.size());
    out.good_share = static_cast<double>(num_good) / size;
    out.stretches.columns = {{"mean_microsiemens", "microsiemens", "mean conductance of the stretch"}};
    const auto names = enum_names(EdaFlaw{});
    for (size_t k = 0; k < names.size(); ++k) {
      const auto bit = static_cast<uint8_t>(names[k].first);
      size_t count = 0;
      for (size_t first = 0; first < flaws_.size();) {
        size_t last = first;
        double sum = 0;
        while (last < flaws_.size() && (flaws_[last] & bit) != 0) sum += x_[last++];
        if (last == first) {
          ++first;
          continue;
        }
        const auto length = static_cast<double>(last - first);
        count += last - first;
        out.stretches.events.push_back(
            {eda.time_of(static_cast<int64_t>(first)), length / rate_hz_, names[k].second, {sum / length}});
        if (!std::isfinite(out.stretches.events.back().values[0])) {
          out.stretches.events.back().values[0] = kMissing;
        }
        first = last;
      }
      out.flaw_share[k] = static_cast<double>(count) / size;
    }
    std::stable_sort(out.stretches.events.begin(), out.stretches.events.end(),
                     [](const SignalEvent& a, const SignalEvent& b) { return a.onset_s < b.onset_s; });
    out.flaws = std::move(flaws_);
    return out;
  }

 private:
  void mark(size_t i, EdaFlaw flaw) {
    flaws_[i] = static_cast<uint8_t>(flaws_[i] | static_cast<uint8_t>(flaw));
  }

  size_t samples(double duration_s, size_t at_least) const {
    return std::max(at_least, static_cast<size_t>(std::llround(duration_s * rate_hz_)));
  }

  /// A held maximum is a rail only when the signal comes down on a side, not where it happens to end.
  bool is_summit(size_t first, size_t last) const {
    return (first > 0 && x_[first - 1] < x_[first]) || (last < x_.size() && x_[last] < x_[first]);
  }

  void pad(EdaFlaw flaw) {
    const auto bit = static_cast<uint8_t>(flaw);
    const auto reach = static_cast<size_t>(std::llround(config_.pad_s * rate_hz_));
    const std::vector<uint8_t> before = flaws_;
    for (size_t i = 0; i < before.size(); ++i) {
      if ((before[i] & bit) == 0) continue;
      // Only the edges of a stretch reach out, so this is linear.
      const bool is_inside = i > 0 && i + 1 < before.size() && (before[i - 1] & before[i + 1] & bit) != 0;
      if (is_inside) continue;
      for (size_t k = i - std::min(i, reach); k <= std::min(before.size() - 1, i + reach); ++k) mark(k, flaw);
    }
  }

  const std::vector<double>& x_;
  double rate_hz_;
  const EdaQualityConfig& config_;
  std::vector<uint8_t> flaws_;
};

void check_axes(const Acceleration& acceleration) {
  check_series(acceleration.x, "acceleration");
  for (const TimeSeries* axis : {&acceleration.y, &acceleration.z}) {
    require(axis->rate_hz == acceleration.x.rate_hz && axis->t0_s == acceleration.x.t0_s &&
                axis->values.size() == acceleration.x.values.size(),
            ErrorCode::kData, "acceleration: the axes differ in rate, start or length; expected one clock");
  }
}

}  // namespace

void EdaQualityConfig::validate(config::Checks& checks) const {
  const auto positive = [&](double value, const char* name) {
    checks.expect(value > 0 && std::isfinite(value), name, "must be positive, got " + std::to_string(value));
  };
  const auto not_negative = [&](double value, const char* name) {
    checks.expect(value >= 0 && std::isfinite(value), name,
                  "must not be negative, got " + std::to_string(value));
  };
  not_negative(disconnected_microsiemens, "disconnected_microsiemens");
  checks.expect(max_microsiemens > disconnected_microsiemens, "max_microsiemens",
                "must be above disconnected_microsiemens, got " + std::to_string(max_microsiemens));
  positive(flat_s, "flat_s");
  not_negative(flat_range_microsiemens, "flat_range_microsiemens");
  not_negative(rail_microsiemens, "rail_microsiemens");
  positive(clipped_s, "clipped_s");
  positive(max_slope_per_s, "max_slope_per_s");
  positive(max_rise_share_per_s, "max_rise_share_per_s");
  positive(max_fall_share_per_s, "max_fall_share_per_s");
  not_negative(min_jump_microsiemens, "min_jump_microsiemens");
  positive(slope_window_s, "slope_window_s");
  checks.expect(pad_s >= 0 && pad_s <= 600, "pad_s", "must be in [0, 600], got " + std::to_string(pad_s));
  positive(motion_g, "motion_g");
}

EdaQuality eda_quality(const TimeSeries& eda, const EdaQualityConfig& config,
                       const Acceleration* acceleration) {
  config::ThrowingChecks checks("eda_quality");
  config.validate(checks);
  check_series(eda, "eda");
  QualityRules rules(eda, config);
  rules.missing_and_range();
  rules.held_values();
  rules.jumps();
  if (acceleration != nullptr) {
    check_axes(*acceleration);
    rules.motion(eda, *acceleration);
  }
  return rules.result(eda);
}

}  // namespace limbic::signals
