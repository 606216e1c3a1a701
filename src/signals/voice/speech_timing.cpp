#include "limbic/signals/voice/speech_timing.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "voice/period_search.h"
#include "voice/sinc.h"

namespace limbic::signals {
namespace {

struct Stretch {
  double start_s;
  double end_s;
  bool is_sounding;
};

/// Stretches of the wrong kind that are too short take the kind of their surroundings.
void absorb(std::vector<Stretch>& stretches, bool sounding, double shortest_s) {
  if (stretches.size() < 2) return;
  for (Stretch& s : stretches) {
    if (s.is_sounding == sounding && s.end_s - s.start_s < shortest_s) s.is_sounding = !sounding;
  }
  std::vector<Stretch> joined;
  for (const Stretch& s : stretches) {
    if (!joined.empty() && joined.back().is_sounding == s.is_sounding) {
      joined.back().end_s = s.end_s;
    } else {
      joined.push_back(s);
    }
  }
  stretches.swap(joined);
}

void mean_and_deviation(const std::vector<double>& x, double& mean, double& deviation) {
  if (x.empty()) return;
  double sum = 0;
  for (double v : x) sum += v;
  mean = sum / static_cast<double>(x.size());
  double squares = 0;
  for (double v : x) squares += (v - mean) * (v - mean);
  deviation = std::sqrt(squares / static_cast<double>(x.size()));
}

}  // namespace

void SpeechTimingConfig::validate(config::Checks& checks) const {
  const auto got = [](double value) { return ", got " + std::to_string(value); };
  checks.expect(silence_db < 0 && silence_db >= -100, "silence_db", "must be in [-100, 0)" + got(silence_db));
  checks.expect(min_dip_db >= 0 && min_dip_db <= 50, "min_dip_db", "must be in [0, 50]" + got(min_dip_db));
  checks.expect(min_pause_s > 0 && min_pause_s <= 60, "min_pause_s", "must be in (0, 60]" + got(min_pause_s));
  checks.expect(min_sounding_s >= 0 && min_sounding_s <= 60, "min_sounding_s",
                "must be in [0, 60]" + got(min_sounding_s));
}

SpeechTiming speech_timing(const IntensityTrack& level, const PitchTrack& pitch, double duration_s,
                           const SpeechTimingConfig& config) {
  config::ThrowingChecks checks("speech_timing");
  config.validate(checks);
  SpeechTiming timing;
  const auto& db = level.level_db;
  std::vector<double> sorted;
  for (double x : db) {
    if (!std::isnan(x)) sorted.push_back(x);
  }
  if (sorted.empty()) {
    if (duration_s > 0) timing.pauses.push_back({0, duration_s});
    return timing;
  }
  std::sort(sorted.begin(), sorted.end());
  const double loud = sorted[static_cast<size_t>(0.99 * static_cast<double>(sorted.size() - 1))];
  const double threshold = std::max(loud + config.silence_db, sorted.front());

  std::vector<Stretch> stretches;
  const auto is_loud = [&](size_t t) { return db[t] >= threshold; };
  for (size_t t = 0; t < db.size(); ++t) {
    const double start_s = t == 0 ? 0 : level.time_of(t) - 0.5 * level.hop_s;
    const double end_s = t + 1 == db.size() ? duration_s : level.time_of(t) + 0.5 * level.hop_s;
    if (!stretches.empty() && stretches.back().is_sounding == is_loud(t)) {
      stretches.back().end_s = end_s;
    } else {
      stretches.push_back({start_s, end_s, is_loud(t)});
    }
  }
  absorb(stretches, true, config.min_sounding_s);
  absorb(stretches, false, config.min_pause_s);
  for (const Stretch& s : stretches)
    (s.is_sounding ? timing.sounding : timing.pauses).push_back({s.start_s, s.end_s});

  // Peaks above the threshold; of two without a dip between them the later one stays.
  std::vector<Syllable> peaks;
  std::vector<size_t> frames;
  for (size_t t = 1; t + 1 < db.size(); ++t) {
    if (!(db[t] > db[t - 1] && db[t] >= db[t + 1] && db[t] > threshold)) continue;
    const double offset = vertex_offset(db[t - 1], db[t], db[t + 1]);
    peaks.push_back(
        {level.time_of(t) + offset * level.hop_s, db[t] + 0.25 * offset * (db[t + 1] - db[t - 1])});
    frames.push_back(t);
  }
  size_t sound = 0;
  for (size_t k = 0; k < peaks.size(); ++k) {
    if (k + 1 < peaks.size()) {
      double dip = peaks[k].level_db;
      for (size_t t = frames[k]; t <= frames[k + 1]; ++t)
        dip = std::isnan(db[t]) ? -1e9 : std::min(dip, db[t]);
      if (peaks[k].level_db - dip <= config.min_dip_db) continue;
    }
    while (sound < timing.sounding.size() && timing.sounding[sound].end_s <= peaks[k].time_s) ++sound;
    const bool is_in_sound =
        sound < timing.sounding.size() && timing.sounding[sound].start_s <= peaks[k].time_s;
    if (is_in_sound && pitch.f0_at(peaks[k].time_s) > 0) timing.syllables.push_back(peaks[k]);
  }
  return timing;
}

SpeechTimingSummary summarize(const SpeechTiming& timing, const PitchTrack& pitch, double duration_s,
                              const Interval& window) {
  SpeechTimingSummary s;
  const double length_s = std::min(window.end_s, duration_s) - std::max(window.start_s, 0.0);
  if (!(length_s > 0)) return s;
  for (const Syllable& syllable : timing.syllables) {
    if (syllable.time_s >= window.start_s && syllable.time_s < window.end_s) s.num_syllables += 1;
  }
  double sounding_s = 0;
  for (const Interval& sound : timing.sounding) sounding_s += overlap_s(sound, window);
  const double first_sound_s = timing.sounding.empty() ? duration_s : timing.sounding.front().start_s;
  for (const Interval& pause : timing.pauses) {
    if (pause.start_s <= first_sound_s || pause.end_s >= duration_s) continue;
    const double inside_s = overlap_s(pause, window);
    if (!(inside_s > 0)) continue;
    s.num_pauses += 1;
    s.pause_total_s += inside_s;
  }
  s.speech_rate_hz = s.num_syllables / length_s;
  if (sounding_s > 0) s.articulation_rate_hz = s.num_syllables / sounding_s;
  if (s.num_pauses > 0) s.pause_mean_s = s.pause_total_s / s.num_pauses;
  s.phonation_ratio = sounding_s / length_s;

  // Frames of the window; a voiced run that its border cuts counts with what lies inside.
  std::vector<double> voiced_s;
  std::vector<double> unvoiced_s;
  double num_frames = 0;
  double num_voiced = 0;
  double run_s = 0;
  bool is_run_voiced = false;
  const auto close = [&](bool is_last) {
    if (run_s <= 0) return;
    if (is_run_voiced) {
      voiced_s.push_back(run_s);
    } else if (!voiced_s.empty() && !is_last) {
      unvoiced_s.push_back(run_s);
    }
  };
  const auto first = static_cast<size_t>(
      std::max(0.0, std::ceil((window.start_s - pitch.first_s) / (pitch.hop_s > 0 ? pitch.hop_s : 1.0))));
  for (size_t t = first; t < pitch.num_frames() && pitch.time_of(t) < window.end_s; ++t) {
    num_frames += 1;
    num_voiced += pitch.is_voiced(t) ? 1 : 0;
    if (run_s > 0 && is_run_voiced != pitch.is_voiced(t)) {
      close(false);
      run_s = 0;
    }
    is_run_voiced = pitch.is_voiced(t);
    run_s += pitch.hop_s;
  }
  close(true);
  if (num_frames > 0) s.voiced_ratio = num_voiced / num_frames;
  s.voiced_per_s = static_cast<double>(voiced_s.size()) / length_s;
  mean_and_deviation(voiced_s, s.voiced_mean_s, s.voiced_sd_s);
  mean_and_deviation(unvoiced_s, s.unvoiced_mean_s, s.unvoiced_sd_s);
  return s;
}

}  // namespace limbic::signals
