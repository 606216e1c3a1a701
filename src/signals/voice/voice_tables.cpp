#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "voice/period_search.h"
#include "voice/voice_tracks.h"

namespace limbic::signals {
namespace {

const char* const kFormantNames[kNumFormants] = {"f1", "f2", "f3"};

/// Frames of [start_s, end_s).
template <class Grid>
std::pair<size_t, size_t> frames_inside(const Grid& grid, size_t count, const Interval& window) {
  if (count == 0 || !(window.end_s > window.start_s)) return {0, 0};
  const auto index = [&](double t) {
    const double k = std::ceil((t - grid.first_s) / grid.hop_s);
    return static_cast<size_t>(std::clamp(k, 0.0, static_cast<double>(count)));
  };
  return {index(window.start_s), index(window.end_s)};
}

struct Moments {
  std::vector<double> sorted;
  double mean = kMissing;
  double deviation = kMissing;
};

Moments moments_of(std::vector<double> x) {
  Moments m;
  if (!x.empty()) {
    double sum = 0;
    for (double v : x) sum += v;
    m.mean = sum / static_cast<double>(x.size());
    double squares = 0;
    for (double v : x) squares += (v - m.mean) * (v - m.mean);
    // Of a sample, as Praat's "Get standard deviation".
    if (x.size() > 1) m.deviation = std::sqrt(squares / static_cast<double>(x.size() - 1));
    std::sort(x.begin(), x.end());
  }
  m.sorted = std::move(x);
  return m;
}

double quantile(const Moments& m, double share) {
  if (m.sorted.empty()) return kMissing;
  const double at = share * static_cast<double>(m.sorted.size() - 1);
  const auto k = static_cast<size_t>(at);
  if (k + 1 >= m.sorted.size()) return m.sorted.back();
  return m.sorted[k] + (at - static_cast<double>(k)) * (m.sorted[k + 1] - m.sorted[k]);
}

std::vector<double> present_values(const ValueTrack& track, const Interval& window) {
  const auto [first, last] = frames_inside(track.grid, track.values.size(), window);
  std::vector<double> x;
  for (size_t k = first; k < last; ++k) {
    if (!std::isnan(track.values[k])) x.push_back(static_cast<double>(track.values[k]));
  }
  return x;
}

double mean_of(const ValueTrack& track, const Interval& window) {
  return moments_of(present_values(track, window)).mean;
}

/// Only where the voice has an F0.
double voiced_mean(const ValueTrack& track, const PitchTrack& pitch, const Interval& window) {
  const auto [first, last] = frames_inside(track.grid, track.values.size(), window);
  double sum = 0;
  double count = 0;
  for (size_t k = first; k < last; ++k) {
    if (std::isnan(track.values[k]) || !(pitch.f0_at(track.grid.time_of(static_cast<int64_t>(k))) > 0))
      continue;
    sum += static_cast<double>(track.values[k]);
    count += 1;
  }
  return count > 0 ? sum / count : kMissing;
}

/// Columns and one row grow side by side, so that they cannot disagree.
class RowBuilder {
 public:
  explicit RowBuilder(Table& table) : table_(table), is_first_(table.columns.empty()) {}
  void add(const std::string& name, const char* unit, const char* doc, double value) {
    if (is_first_) table_.columns.push_back({name, unit, doc});
    values_.push_back(value);
  }
  const std::vector<double>& values() const { return values_; }

 private:
  Table& table_;
  bool is_first_;
  std::vector<double> values_;
};

void add_f0(RowBuilder& row, const PitchTrack& pitch, const Interval& window) {
  const auto [first, last] = frames_inside(pitch, pitch.num_frames(), window);
  std::vector<double> f0;
  std::vector<double> time;
  for (size_t k = first; k < last; ++k) {
    if (!pitch.is_voiced(k)) continue;
    f0.push_back(pitch.f0_hz[k]);
    time.push_back(pitch.time_of(k));
  }
  const double mean_time = moments_of(time).mean;
  const Moments m = moments_of(f0);
  double covariance = 0;
  double variance = 0;
  for (size_t i = 0; i < f0.size(); ++i) {
    covariance += (time[i] - mean_time) * (f0[i] - m.mean);
    variance += (time[i] - mean_time) * (time[i] - mean_time);
  }
  row.add("f0_mean_hz_praat_ac", "Hz", "mean F0 of voiced frames", m.mean);
  row.add("f0_sd_hz_praat_ac", "Hz", "standard deviation of F0", m.deviation);
  row.add("f0_median_hz_praat_ac", "Hz", "median F0", quantile(m, 0.5));
  row.add("f0_p5_hz_praat_ac", "Hz", "5th percentile of F0", quantile(m, 0.05));
  row.add("f0_p95_hz_praat_ac", "Hz", "95th percentile of F0", quantile(m, 0.95));
  row.add("f0_slope_hz_per_s_praat_ac", "Hz/s", "slope of the line through F0",
          f0.size() > 1 && variance > 0 ? covariance / variance : kMissing);
}

void add_perturbation(RowBuilder& row, const VoiceConfig& config, const VoiceTracks& tracks,
                      const Interval& window) {
  const auto& pulses = tracks.pulses;
  const auto before = [](const PulseAmplitude& p, double t) { return p.time_s < t; };
  const auto first = std::lower_bound(pulses.begin(), pulses.end(), window.start_s, before);
  const auto last = std::lower_bound(first, pulses.end(), std::max(window.start_s, window.end_s), before);
  std::vector<PulseAmplitude> inside(first, last);
  std::vector<double> times;
  for (const PulseAmplitude& p : inside) times.push_back(p.time_s);
  // A period at the window's border is not whole: its amplitude does not count.
  if (!inside.empty()) inside.front().rms = inside.back().rms = kMissing;
  const Jitter jitter = jitter_of(times, config.perturbation);
  const Shimmer shimmer = shimmer_of(inside, config.perturbation);
  row.add("num_periods_praat", "1", "periods that count for jitter", static_cast<double>(jitter.num_periods));
  row.add("jitter_local_praat", "1", "mean difference of neighbouring periods / mean period", jitter.local);
  row.add("jitter_local_abs_s_praat", "s", "mean difference of neighbouring periods", jitter.local_s);
  row.add("jitter_rap_praat", "1", "relative average perturbation over 3 periods", jitter.rap);
  row.add("jitter_ppq5_praat", "1", "period perturbation quotient over 5 periods", jitter.ppq5);
  row.add("jitter_ddp_praat", "1", "3 x rap", jitter.ddp);
  row.add("shimmer_local_praat", "1", "mean difference of neighbouring amplitudes / mean amplitude",
          shimmer.local);
  row.add("shimmer_local_db_praat", "dB", "mean level difference of neighbouring periods", shimmer.local_db);
  row.add("shimmer_apq3_praat", "1", "amplitude perturbation quotient over 3 periods", shimmer.apq3);
  row.add("shimmer_apq5_praat", "1", "amplitude perturbation quotient over 5 periods", shimmer.apq5);
  row.add("shimmer_apq11_praat", "1", "amplitude perturbation quotient over 11 periods", shimmer.apq11);
  row.add("shimmer_dda_praat", "1", "3 x apq3", shimmer.dda);
}

void add_timing(RowBuilder& row, const VoiceTracks& tracks, const Interval& window) {
  const SpeechTimingSummary s = summarize(tracks.timing, tracks.ac, tracks.duration_s, window);
  row.add("num_syllables", "1", "syllable nuclei", s.num_syllables);
  row.add("speech_rate_hz", "1/s", "syllables per second of the window", s.speech_rate_hz);
  row.add("articulation_rate_hz", "1/s", "syllables per second of sound", s.articulation_rate_hz);
  row.add("num_pauses", "1", "silences between sounds", s.num_pauses);
  row.add("pause_total_s", "s", "their total length inside the window", s.pause_total_s);
  row.add("pause_mean_s", "s", "their mean length inside the window", s.pause_mean_s);
  row.add("phonation_ratio", "1", "share of the window that is sound", s.phonation_ratio);
  row.add("voiced_ratio", "1", "share of frames that are voiced", s.voiced_ratio);
  row.add("voiced_segments_per_s", "1/s", "voiced segments per second", s.voiced_per_s);
  row.add("voiced_segment_mean_s", "s", "mean length of voiced segments", s.voiced_mean_s);
  row.add("voiced_segment_sd_s", "s", "deviation of that length", s.voiced_sd_s);
  row.add("unvoiced_segment_mean_s", "s", "mean length of gaps between voiced segments", s.unvoiced_mean_s);
  row.add("unvoiced_segment_sd_s", "s", "deviation of that length", s.unvoiced_sd_s);
}

void add_interval(RowBuilder& row, const VoiceConfig& config, const VoiceTracks& tracks,
                  const Interval& window) {
  add_f0(row, tracks.ac, window);
  if (config.has_cc)
    row.add("f0_mean_hz_praat_cc", "Hz", "mean F0 by cross-correlation", mean_of(tracks.cc, window));
  if (config.has_shs)
    row.add("f0_mean_hz_shs", "Hz", "mean F0 by subharmonic summation", mean_of(tracks.shs, window));
  add_perturbation(row, config, tracks, window);
  const Moments hnr = moments_of(present_values(tracks.hnr_ac, window));
  row.add("hnr_db_praat_ac", "dB", "mean harmonics-to-noise ratio", hnr.mean);
  row.add("hnr_sd_db_praat_ac", "dB", "its standard deviation", hnr.deviation);
  if (config.has_cc)
    row.add("hnr_db_praat_cc", "dB", "mean harmonics-to-noise ratio by cross-correlation",
            mean_of(tracks.hnr_cc, window));
  const Moments level = moments_of(present_values(tracks.intensity, window));
  row.add("intensity_mean_db_praat", "dB", "mean level of frames", level.mean);
  row.add("intensity_sd_db_praat", "dB", "its standard deviation", level.deviation);
  row.add("intensity_max_db_praat", "dB", "highest level",
          level.sorted.empty() ? kMissing : level.sorted.back());
  for (size_t k = 0; k < kNumFormants; ++k) {
    const std::string name = kFormantNames[k];
    row.add(name + "_mean_hz_burg", "Hz", "mean of all frames, as Praat's",
            mean_of(tracks.formant_hz[k], window));
    row.add(name + "_voiced_mean_hz_burg", "Hz", "mean of voiced frames",
            voiced_mean(tracks.formant_hz[k], tracks.ac, window));
    row.add(name + "_bandwidth_mean_hz_burg", "Hz", "mean bandwidth of voiced frames",
            voiced_mean(tracks.bandwidth_hz[k], tracks.ac, window));
  }
  add_timing(row, tracks, window);
}

}  // namespace

Table voice_frame_table(const VoiceConfig& config, const VoiceTracks& tracks, int64_t first, int64_t last) {
  Table table;
  auto& columns = table.columns;
  columns.push_back({"f0_hz_praat_ac", "Hz", "F0 by autocorrelation (Boersma 1993), missing = unvoiced"});
  if (config.has_cc)
    columns.push_back({"f0_hz_praat_cc", "Hz", "F0 by cross-correlation, missing = unvoiced"});
  if (config.has_shs) columns.push_back({"f0_hz_shs", "Hz", "F0 by subharmonic summation (Hermes 1988)"});
  columns.push_back(
      {"voicing_strength_praat_ac", "1", "normalised autocorrelation at F0, of the best lag when unvoiced"});
  columns.push_back({"hnr_db_praat_ac", "dB", "harmonics-to-noise ratio by autocorrelation"});
  if (config.has_cc)
    columns.push_back({"hnr_db_praat_cc", "dB", "harmonics-to-noise ratio by cross-correlation"});
  columns.push_back({"intensity_db_praat", "dB", "level re 2e-5, missing in digital silence"});
  for (const char* name : kFormantNames) {
    columns.push_back({std::string(name) + "_hz_burg", "Hz", "formant by linear prediction"});
    columns.push_back({std::string(name) + "_bandwidth_hz_burg", "Hz", "its bandwidth"});
  }
  const PitchTrack& ac = tracks.ac;
  const auto begin = static_cast<size_t>(std::max<int64_t>(0, first));
  const size_t end = std::min(ac.num_frames(), static_cast<size_t>(std::max<int64_t>(0, last)));
  const size_t num_rows = end - std::min(begin, end);
  table.start_s.reserve(num_rows);
  table.end_s.reserve(num_rows);
  table.values_RC.reserve(num_rows * columns.size());
  std::vector<double> row;
  for (size_t t = begin; t < end; ++t) {
    const double time_s = ac.time_of(t);
    row.clear();
    row.push_back(ac.f0_hz[t]);
    if (config.has_cc) row.push_back(tracks.cc.nearest(time_s));
    if (config.has_shs) row.push_back(tracks.shs.nearest(time_s));
    row.push_back(ac.strength[t]);
    row.push_back(tracks.hnr_ac.nearest(time_s));
    if (config.has_cc) row.push_back(tracks.hnr_cc.nearest(time_s));
    row.push_back(tracks.intensity.nearest(time_s));
    for (size_t k = 0; k < kNumFormants; ++k) {
      row.push_back(tracks.formant_hz[k].nearest(time_s));
      row.push_back(tracks.bandwidth_hz[k].nearest(time_s));
    }
    table.add_row(time_s - 0.5 * ac.hop_s, time_s + 0.5 * ac.hop_s, row);
  }
  return table;
}

Table voice_interval_table(const VoiceConfig& config, const VoiceTracks& tracks,
                           const std::vector<Interval>& intervals) {
  Table table;
  for (const Interval& window : intervals) {
    RowBuilder row(table);
    add_interval(row, config, tracks, window);
    table.add_row(window.start_s, window.end_s, row.values());
  }
  if (intervals.empty()) {
    RowBuilder names(table);
    add_interval(names, config, tracks, {0, 0});
  }
  return table;
}

EventTable voice_events(const VoiceTracks& tracks) {
  EventTable table;
  table.columns.push_back({"f0_mean_hz_praat_ac", "Hz", "voiced: mean F0; syllable: F0 at its peak"});
  table.columns.push_back({"level_db_praat", "dB", "syllable: level of its peak"});
  for (const VoicedStretch& s : voiced_stretches(tracks.ac, tracks.duration_s)) {
    const auto [first, last] = frames_inside(tracks.ac, tracks.ac.num_frames(), {s.start_s, s.end_s});
    double sum = 0;
    double count = 0;
    for (size_t k = first; k < last; ++k) {
      if (!tracks.ac.is_voiced(k)) continue;
      sum += tracks.ac.f0_hz[k];
      count += 1;
    }
    table.events.push_back(
        {s.start_s, s.end_s - s.start_s, "voiced", {count > 0 ? sum / count : kMissing, kMissing}});
  }
  for (const Interval& p : tracks.timing.pauses)
    table.events.push_back({p.start_s, p.end_s - p.start_s, "pause", {kMissing, kMissing}});
  for (const Syllable& s : tracks.timing.syllables)
    table.events.push_back({s.time_s, 0, "syllable", {tracks.ac.f0_at(s.time_s), s.level_db}});
  std::stable_sort(table.events.begin(), table.events.end(),
                   [](const SignalEvent& a, const SignalEvent& b) { return a.onset_s < b.onset_s; });
  return table;
}

}  // namespace limbic::signals
