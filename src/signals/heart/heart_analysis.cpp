#include "limbic/signals/heart/heart_analysis.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

/// A column and the member of a struct that fills it.
template <class Struct>
struct Field {
  const char* name;
  const char* unit;
  const char* doc;
  double Struct::*member;
};

/// Rate and bookkeeping of one window.
struct HeartSummary {
  double hr_mean_bpm = kMissing, hr_sd_bpm = kMissing, hr_min_bpm = kMissing, hr_max_bpm = kMissing;
  double hr_slope_bpm_per_min = kMissing;
  double quality_mean = kMissing;
  double coverage = 0, num_beats = 0, num_intervals = 0;
  double num_ectopic = 0, num_missed = 0, num_extra = 0, num_long_short = 0, num_rejected = 0, num_poor = 0;
};

constexpr Field<HeartSummary> kSummaryFields[] = {
    {"hr_mean_bpm", "1/min", "60 over the mean interval", &HeartSummary::hr_mean_bpm},
    {"hr_sd_bpm", "1/min", "deviation (n - 1) of beat-to-beat rates", &HeartSummary::hr_sd_bpm},
    {"hr_min_bpm", "1/min", "lowest beat-to-beat rate", &HeartSummary::hr_min_bpm},
    {"hr_max_bpm", "1/min", "highest beat-to-beat rate", &HeartSummary::hr_max_bpm},
    {"hr_slope_bpm_per_min", "1/min^2", "least-squares line through beat-to-beat rates",
     &HeartSummary::hr_slope_bpm_per_min},
    {"beat_quality_mean", "1", "mean correlation of a beat's wave with the usual one",
     &HeartSummary::quality_mean},
    {"coverage", "1", "part of the window inside intervals that were used", &HeartSummary::coverage},
    {"num_beats", "1", "beats, poor ones left out", &HeartSummary::num_beats},
    {"num_intervals", "1", "intervals between beats that were used", &HeartSummary::num_intervals},
    {"num_ectopic", "1", "ectopic beats, moved", &HeartSummary::num_ectopic},
    {"num_missed", "1", "missed beats, added", &HeartSummary::num_missed},
    {"num_extra", "1", "extra beats, taken out", &HeartSummary::num_extra},
    {"num_long_short", "1", "beats at too long or short intervals, moved", &HeartSummary::num_long_short},
    {"num_rejected", "1", "intervals refused", &HeartSummary::num_rejected},
    {"num_poor", "1", "beats in bad signal", &HeartSummary::num_poor},
};
constexpr Field<HrvTime> kTimeFields[] = {
    {"mean_nn_ms", "ms", "mean NN interval", &HrvTime::mean_nn_ms},
    {"median_nn_ms", "ms", "median NN interval", &HrvTime::median_nn_ms},
    {"min_nn_ms", "ms", "shortest NN interval", &HrvTime::min_nn_ms},
    {"max_nn_ms", "ms", "longest NN interval", &HrvTime::max_nn_ms},
    {"sdnn_ms", "ms", "deviation (n - 1) of NN", &HrvTime::sdnn_ms},
    {"rmssd_ms", "ms", "root mean square of successive differences", &HrvTime::rmssd_ms},
    {"sdsd_ms", "ms", "deviation (n - 1) of successive differences", &HrvTime::sdsd_ms},
    {"cvnn", "1", "SDNN over mean NN", &HrvTime::cvnn},
    {"cvsd", "1", "RMSSD over mean NN", &HrvTime::cvsd},
    {"mad_nn_ms", "ms", "1.4826 times the median absolute deviation of NN", &HrvTime::mad_nn_ms},
    {"iqr_nn_ms", "ms", "interquartile range of NN", &HrvTime::iqr_nn_ms},
    {"pnn50_percent", "%", "successive differences above 50 ms", &HrvTime::pnn50_percent},
    {"pnn20_percent", "%", "successive differences above 20 ms", &HrvTime::pnn20_percent},
    {"hti", "1", "HRV triangular index, bins of 1/128 s", &HrvTime::hti},
    {"tinn_ms", "ms", "base of the triangle fitted to the NN histogram", &HrvTime::tinn_ms},
};
constexpr Field<HrvSpectrum> kSpectrumFields[] = {
    {"vlf_ms2", "ms^2", "power in VLF", &HrvSpectrum::vlf_ms2},
    {"lf_ms2", "ms^2", "power in LF", &HrvSpectrum::lf_ms2},
    {"hf_ms2", "ms^2", "power in HF", &HrvSpectrum::hf_ms2},
    {"total_ms2", "ms^2", "power from VLF to HF", &HrvSpectrum::total_ms2},
    {"lf_hf", "1", "LF over HF", &HrvSpectrum::lf_hf},
    {"lf_nu", "%", "LF in LF + HF", &HrvSpectrum::lf_nu},
    {"hf_nu", "%", "HF in LF + HF", &HrvSpectrum::hf_nu},
    {"hf_peak_hz", "Hz", "highest density in HF", &HrvSpectrum::hf_peak_hz},
};
constexpr Field<HrvNonlinear> kNonlinearFields[] = {
    {"sd1_ms", "ms", "Poincare plot, short axis", &HrvNonlinear::sd1_ms},
    {"sd2_ms", "ms", "Poincare plot, long axis", &HrvNonlinear::sd2_ms},
    {"sd1_sd2", "1", "SD1 over SD2", &HrvNonlinear::sd1_sd2},
    {"sample_entropy", "1", "sample entropy of NN, m = 2", &HrvNonlinear::sample_entropy},
};

template <class Struct, size_t N>
void add_columns(const Field<Struct> (&fields)[N], const std::string& suffix, std::vector<Column>& columns) {
  for (const auto& field : fields) columns.push_back({field.name + suffix, field.unit, field.doc});
}
template <class Struct, size_t N>
void add_values(const Field<Struct> (&fields)[N], const Struct& from, std::vector<double>& values) {
  for (const auto& field : fields) values.push_back(from.*field.member);
}

const char* label_of(BeatFlag flag) {
  switch (flag) {
    case BeatFlag::kNormal:
      return "beat";
    case BeatFlag::kEctopic:
      return "ectopic_beat";
    case BeatFlag::kInserted:
      return "inserted_beat";
    case BeatFlag::kLongShort:
      return "long_short_beat";
    case BeatFlag::kRejected:
      return "rejected_beat";
    case BeatFlag::kPoor:
      return "poor_beat";
    case BeatFlag::kExtra:
      return "extra_beat";
  }
  return "beat";
}

bool is_corrected(const Beat& beat) {
  return beat.flag == BeatFlag::kEctopic || beat.flag == BeatFlag::kInserted ||
         beat.flag == BeatFlag::kLongShort;
}

/// Beats with start_s <= time < end_s; the first of them has no interval, it began outside.
std::vector<Beat> beats_within(const std::vector<Beat>& beats, const Interval& window) {
  const auto before = [](const Beat& beat, double time_s) { return beat.time_s < time_s; };
  const auto first = std::lower_bound(beats.begin(), beats.end(), window.start_s, before);
  const auto last = std::lower_bound(first, beats.end(), std::max(window.start_s, window.end_s), before);
  std::vector<Beat> out(first, last);
  if (!out.empty() && first != beats.begin()) out.front().ibi_s = kMissing;
  return out;
}

double line_slope(const std::vector<double>& x, const std::vector<double>& y) {
  const double mean_x = mean(x);
  const double mean_y = mean(y);
  double xx = 0;
  double xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return xx > 0 ? xy / xx : kMissing;
}

HeartSummary summarise(const std::vector<Beat>& beats, const std::vector<Beat>& removed,
                       const Interval& window, int64_t min_intervals) {
  HeartSummary out;
  std::vector<double> time_min;
  std::vector<double> rate_bpm;
  std::vector<double> quality;
  double covered_s = 0;
  for (const auto& beat : beats) {
    if (beat.flag == BeatFlag::kPoor) {
      ++out.num_poor;
      continue;
    }
    ++out.num_beats;
    quality.push_back(beat.quality);
    if (beat.flag == BeatFlag::kEctopic) ++out.num_ectopic;
    if (beat.flag == BeatFlag::kInserted) ++out.num_missed;
    if (beat.flag == BeatFlag::kLongShort) ++out.num_long_short;
    if (beat.flag == BeatFlag::kRejected) ++out.num_rejected;
    if (!(beat.ibi_s > 0)) continue;
    covered_s += beat.ibi_s;
    time_min.push_back(beat.time_s / 60);
    rate_bpm.push_back(60 / beat.ibi_s);
  }
  for (const auto& beat : removed) {
    out.num_extra += beat.time_s >= window.start_s && beat.time_s < window.end_s ? 1 : 0;
  }
  out.num_intervals = static_cast<double>(rate_bpm.size());
  out.quality_mean = mean(quality);
  if (window.end_s > window.start_s) out.coverage = covered_s / (window.end_s - window.start_s);
  if (static_cast<int64_t>(rate_bpm.size()) >= min_intervals) {
    out.hr_mean_bpm = 60 * static_cast<double>(rate_bpm.size()) / covered_s;
    out.hr_sd_bpm = sample_deviation(rate_bpm);
    out.hr_min_bpm = minimum(rate_bpm);
    out.hr_max_bpm = maximum(rate_bpm);
    out.hr_slope_bpm_per_min = line_slope(time_min, rate_bpm);
  }
  return out;
}

/// Stretches where the root mean square of motion over 1 s exceeds the limit.
std::vector<SignalEvent> motion_spans(const TimeSeries& motion_g, double limit_g) {
  check_series(motion_g, "motion");
  std::vector<double> squares(motion_g.values.size());
  std::transform(motion_g.values.begin(), motion_g.values.end(), squares.begin(),
                 [](double v) { return v * v; });
  const auto window = std::max<int64_t>(1, std::llround(motion_g.rate_hz));
  const auto power = moving_average(squares, window);
  std::vector<SignalEvent> out;
  for (size_t i = 0; i < power.size(); ++i) {
    if (!(power[i] > limit_g * limit_g)) continue;
    const size_t first = i;
    while (i < power.size() && power[i] > limit_g * limit_g) ++i;
    const double onset_s = motion_g.time_of(static_cast<int64_t>(first));
    out.push_back({onset_s, motion_g.time_of(static_cast<int64_t>(i)) - onset_s, "motion", {}});
  }
  return out;
}

}  // namespace

void HeartConfig::validate(config::Checks& checks) const {
  checks.expect(frame_rate_hz > 0 && frame_rate_hz <= 1000, "frame_rate_hz", "must be in (0, 1000]");
}

HeartAnalysis::HeartAnalysis(const HeartConfig& config, const RawBeats& raw, const TimeSeries* motion_g)
    : config_(config), extent_{raw.start_s, raw.end_s}, spans_(raw.spans) {
  config::ThrowingChecks checks("heart");
  config.validate(checks);
  config::ThrowingChecks hrv_checks("heart.hrv");
  config.hrv.validate(hrv_checks);
  std::vector<Beat> beats = raw.beats;
  if (motion_g != nullptr && config.beats.max_motion_g > 0) {
    const auto spans = motion_spans(*motion_g, config.beats.max_motion_g);
    size_t s = 0;
    for (auto& beat : beats) {
      while (s < spans.size() && spans[s].onset_s + spans[s].duration_s <= beat.time_s) ++s;
      if (s < spans.size() && spans[s].onset_s <= beat.time_s) beat.flag = BeatFlag::kPoor;
    }
    spans_.insert(spans_.end(), spans.begin(), spans.end());
  }
  corrected_ = correct_beats(beats, config.correction);
}

Table HeartAnalysis::frames() const {
  Table out;
  out.columns = {
      {"hr_bpm", "1/min", "60 over ibi_s"},
      {"ibi_s", "s", "interval between beats, linear between their ends"},
      {"beat_quality", "1", "correlation of the beat's wave with the usual one"},
      {"is_corrected", "1", "1 where the interval ends or begins at a beat that was moved or added"}};
  const auto& beats = corrected_.beats;
  const double step_s = 1 / config_.frame_rate_hz;
  size_t b = 0;
  for (int64_t i = 0;; ++i) {
    const double time_s = extent_.start_s + static_cast<double>(i) * step_s;
    if (!(time_s < extent_.end_s)) break;
    while (b < beats.size() && beats[b].time_s < time_s) ++b;
    std::vector<double> row(4, kMissing);
    if (b > 0 && b < beats.size() && beats[b].ibi_s > 0) {
      const Beat& next = beats[b];
      const Beat& last = beats[b - 1];
      const double u = std::clamp((time_s - last.time_s) / (next.time_s - last.time_s), 0.0, 1.0);
      const double from = last.ibi_s > 0 ? last.ibi_s : next.ibi_s;
      row[1] = from + u * (next.ibi_s - from);
      row[0] = 60 / row[1];
      row[2] = next.quality;
      row[3] = is_corrected(next) || is_corrected(last) ? 1 : 0;
    }
    out.add_row(time_s, time_s + step_s, row);
  }
  return out;
}

Table HeartAnalysis::intervals(const std::vector<Interval>& windows) const {
  Table out;
  add_columns(kSummaryFields, "", out.columns);
  add_columns(kTimeFields, "", out.columns);
  add_columns(kNonlinearFields, "", out.columns);
  add_columns(kSpectrumFields, "_welch", out.columns);
  add_columns(kSpectrumFields, "_lomb", out.columns);
  for (const auto& window : windows) {
    const auto beats = beats_within(corrected_.beats, window);
    const double window_s = window.end_s - window.start_s;
    std::vector<double> row;
    add_values(kSummaryFields, summarise(beats, corrected_.removed, window, config_.hrv.min_intervals), row);
    add_values(kTimeFields, hrv_time(beats, config_.hrv), row);
    add_values(kNonlinearFields, hrv_nonlinear(beats, config_.hrv), row);
    add_values(kSpectrumFields, hrv_welch(beats, window_s, config_.hrv), row);
    add_values(kSpectrumFields, hrv_lomb(beats, window_s, config_.hrv), row);
    out.add_row(window.start_s, window.end_s, row);
  }
  return out;
}

EventTable HeartAnalysis::events() const {
  EventTable out;
  out.columns = {{"ibi_s", "s", "interval that ends at the beat"},
                 {"hr_bpm", "1/min", "60 over it"},
                 {"beat_quality", "1", "correlation of the beat's wave with the usual one"}};
  for (const auto* beats : {&corrected_.beats, &corrected_.removed}) {
    for (const auto& beat : *beats) {
      out.events.push_back(
          {beat.time_s, 0, label_of(beat.flag), {beat.ibi_s, 60 / beat.ibi_s, beat.quality}});
    }
  }
  for (auto span : spans_) {
    span.values.assign(out.columns.size(), kMissing);
    out.events.push_back(std::move(span));
  }
  std::stable_sort(out.events.begin(), out.events.end(),
                   [](const auto& a, const auto& b) { return a.onset_s < b.onset_s; });
  return out;
}

}  // namespace limbic::signals
