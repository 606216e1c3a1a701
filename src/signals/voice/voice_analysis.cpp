#include "limbic/signals/voice/voice_analysis.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "limbic/core/error.h"
#include "voice/formant_frames.h"
#include "voice/harmonicity_frames.h"
#include "voice/intensity_frames.h"
#include "voice/period_search.h"
#include "voice/pitch_frames.h"
#include "voice/pitch_path.h"
#include "voice/pulse_rms.h"
#include "voice/voice_tracks.h"

namespace limbic::signals {
namespace {

constexpr double kLongestStretch_s = 120;  ///< voiced without a break: pulses are sought in two parts

PitchConfig with_method(PitchConfig pitch, PitchMethod method) {
  pitch.method = method;
  // Frames of the cross-correlation last a third as long: at 10 ms their mean F0 is off by up to 0.5 %.
  if (method == PitchMethod::kCrossCorrelation) pitch.hop_s = 0;
  return pitch;
}
HarmonicityConfig harmonicity_config(const VoiceConfig& c, HarmonicityMethod method) {
  HarmonicityConfig h;
  h.method = method;
  h.floor_hz = c.pitch.floor_hz;
  h.silence_threshold = c.harmonicity_silence;
  return h;
}
IntensityConfig intensity_config(double floor_hz, double hop_s) {
  IntensityConfig i;
  i.floor_hz = floor_hz;
  i.hop_s = hop_s;
  return i;
}

const VoiceConfig& checked_voice(const VoiceConfig& config) {
  config::ThrowingChecks checks("voice");
  config.validate(checks);
  config::ThrowingChecks perturbation("voice.perturbation");
  config.perturbation.validate(perturbation);
  return config;
}

}  // namespace

/// Candidates and path of one F0 method.
struct F0Stage {
  PitchFrames frames;
  PitchPath path;
  FrameGrid grid;

  F0Stage(const PitchConfig& config, double rate_hz, int64_t num_samples)
      : frames(config, rate_hz),
        path(config, frames.ceiling_hz(), frames.hop_s()),
        grid(frames.grid(num_samples)) {}

  void run(const SampleSpan& x, const AudioLevel& level, const RecordingPiece& piece, bool is_last,
           std::vector<PitchDecision>& decided) {
    std::vector<PitchFrame> candidates;
    frames.compute(x, level, grid, grid.from(piece.start_s), grid.from(piece.end_s), candidates);
    for (PitchFrame& frame : candidates) path.push(std::move(frame), decided);
    if (is_last) path.finish(decided);
  }
};

namespace {

void append(ValueTrack& track, const std::vector<double>& values) {
  for (double v : values) track.values.push_back(static_cast<float>(v));
}

}  // namespace

void VoiceConfig::validate(config::Checks& checks) const {
  checks.expect(pitch.method == PitchMethod::kAutocorrelation, "pitch",
                "method must be ac: periods and the columns f0_hz_praat_ac are based on it");
  checks.expect(harmonicity_silence >= 0 && harmonicity_silence <= 1, "harmonicity_silence",
                "must be in [0, 1], got " + std::to_string(harmonicity_silence));
}

void VoiceLevel::add(const float* samples, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(samples[i]);
    if (!std::isfinite(x)) {
      throw Error(ErrorCode::kData,
                  "voice: sample " + std::to_string(num_samples) +
                      " is not finite; expected audio without gaps; cut the recording there");
    }
    lowest = num_samples == 0 ? x : std::min(lowest, x);
    highest = num_samples == 0 ? x : std::max(highest, x);
    sum += x;
    ++num_samples;
  }
}

struct VoiceAnalysis::Impl {
  VoiceConfig config;
  double rate_hz;
  int64_t num_samples;
  AudioLevel level;
  double loudest;  ///< largest |sample|
  F0Stage ac;
  std::optional<F0Stage> cc;
  std::optional<F0Stage> shs;
  HarmonicityFrames hnr_ac;
  std::optional<HarmonicityFrames> hnr_cc;
  FormantFrames formant_frames;
  IntensityFrames intensity;
  IntensityFrames syllable_level;
  std::vector<RecordingPiece> pieces;
  size_t next_piece = 0;

  std::vector<double> samples;  ///< what is still needed
  int64_t first_sample = 0;
  int64_t pushed = 0;
  size_t next_frame = 0;  ///< first ac frame that was not searched for voiced stretches
  size_t num_with_amplitude = 0;
  double last_pulse_s = -1e300;
  bool is_finished = false;
  VoiceTracks tracks;

  Impl(const VoiceConfig& c, double rate, const VoiceLevel& l)
      : config(checked_voice(c)),
        rate_hz(rate),
        num_samples(l.num_samples),
        loudest(std::max(std::abs(l.lowest), std::abs(l.highest))),
        ac(c.pitch, rate, l.num_samples),
        hnr_ac(harmonicity_config(c, HarmonicityMethod::kAutocorrelation), rate),
        formant_frames(c.formants, rate),
        intensity(intensity_config(c.pitch.floor_hz, ac.frames.hop_s()), rate),
        syllable_level(intensity_config(50.0, 0.0), rate),
        pieces(recording_pieces(l.num_samples, rate)) {
    if (num_samples > 0) {
      level.mean = l.sum / static_cast<double>(num_samples);
      level.peak = std::max(l.highest - level.mean, level.mean - l.lowest);
    }
    if (c.has_cc) {
      cc.emplace(with_method(c.pitch, PitchMethod::kCrossCorrelation), rate, num_samples);
      hnr_cc.emplace(harmonicity_config(c, HarmonicityMethod::kCrossCorrelation), rate);
      tracks.cc.grid = cc->grid;
      tracks.hnr_cc.grid = hnr_cc->grid(num_samples);
    }
    if (c.has_shs) {
      shs.emplace(with_method(c.pitch, PitchMethod::kSubharmonicSum), rate, num_samples);
      tracks.shs.grid = shs->grid;
    }
    tracks.duration_s = static_cast<double>(num_samples) / rate;
    tracks.ac.first_s = ac.grid.first_s;
    tracks.ac.hop_s = ac.grid.hop_s;
    tracks.hnr_ac.grid = hnr_ac.grid(num_samples);
    tracks.intensity.grid = intensity.grid(num_samples);
    const FrameGrid level_grid = syllable_level.grid(num_samples);
    tracks.syllable_level = {level_grid.first_s, level_grid.hop_s, {}};
    for (size_t k = 0; k < kNumFormants; ++k) {
      tracks.formant_hz[k].grid = formant_frames.grid(num_samples);
      tracks.bandwidth_hz[k].grid = formant_frames.grid(num_samples);
    }
    reserve_tracks();
  }

  /// Their lengths are known, and a vector that grows takes up to three times its size for a moment.
  void reserve_tracks() {
    std::vector<ValueTrack*> all{&tracks.cc, &tracks.shs, &tracks.hnr_ac, &tracks.hnr_cc, &tracks.intensity};
    for (size_t k = 0; k < kNumFormants; ++k) {
      all.push_back(&tracks.formant_hz[k]);
      all.push_back(&tracks.bandwidth_hz[k]);
    }
    for (ValueTrack* track : all) track->values.reserve(static_cast<size_t>(track->grid.count));
    for (auto* values : {&tracks.ac.f0_hz, &tracks.ac.strength, &tracks.ac.intensity})
      values->reserve(static_cast<size_t>(ac.grid.count));
    tracks.syllable_level.level_db.reserve(static_cast<size_t>(syllable_level.grid(num_samples).count));
  }

  SampleSpan span(int64_t first, int64_t last) const {
    return {samples.data() + (first - first_sample), first, last, rate_hz};
  }

  void run_due_pieces() {
    while (next_piece < pieces.size() && pushed >= pieces[next_piece].last) {
      run(pieces[next_piece], next_piece + 1 == pieces.size());
      ++next_piece;
      drop_samples();
    }
  }

  void run(const RecordingPiece& piece, bool is_last) {
    const SampleSpan x = span(piece.first, piece.last);
    std::vector<PitchDecision> decided;
    ac.run(x, level, piece, is_last, decided);
    for (const PitchDecision& d : decided) {
      tracks.ac.f0_hz.push_back(d.f0_hz);
      tracks.ac.strength.push_back(d.strength);
      tracks.ac.intensity.push_back(d.intensity);
    }
    for (auto [stage, track] : {std::pair{&cc, &tracks.cc}, std::pair{&shs, &tracks.shs}}) {
      if (!*stage) continue;
      decided.clear();
      (*stage)->run(x, level, piece, is_last, decided);
      for (const PitchDecision& d : decided) track->values.push_back(static_cast<float>(d.f0_hz));
    }
    std::vector<double> values;
    const auto [first, last] = frames_of(tracks.hnr_ac.grid, piece);
    hnr_ac.compute(x, level, tracks.hnr_ac.grid, first, last, values);
    append(tracks.hnr_ac, values);
    if (hnr_cc) {
      values.clear();
      const auto [cc_first, cc_last] = frames_of(tracks.hnr_cc.grid, piece);
      hnr_cc->compute(x, level, tracks.hnr_cc.grid, cc_first, cc_last, values);
      append(tracks.hnr_cc, values);
    }
    values.clear();
    const auto [level_first, level_last] = frames_of(tracks.intensity.grid, piece);
    intensity.compute(x, tracks.intensity.grid, level_first, level_last, values);
    append(tracks.intensity, values);
    const FrameGrid syllable_grid = syllable_level.grid(num_samples);
    const auto [syllable_first, syllable_last] = frames_of(syllable_grid, piece);
    syllable_level.compute(x, syllable_grid, syllable_first, syllable_last, tracks.syllable_level.level_db);

    std::vector<FormantFrame> formants;
    const auto [formant_first, formant_last] = frames_of(tracks.formant_hz[0].grid, piece);
    formant_frames.compute(x, num_samples, formant_first, formant_last, formants);
    if (config.formants.is_tracked) track_formants(formants, config.formants.ceiling_hz);
    for (const FormantFrame& frame : formants) {
      for (size_t k = 0; k < kNumFormants; ++k) {
        tracks.formant_hz[k].values.push_back(static_cast<float>(frame[k].hz));
        tracks.bandwidth_hz[k].values.push_back(static_cast<float>(frame[k].bandwidth_hz));
      }
    }
    find_pulses(is_last);
  }

  static std::pair<int64_t, int64_t> frames_of(const FrameGrid& grid, const RecordingPiece& piece) {
    return {grid.from(piece.start_s), grid.from(piece.end_s)};
  }

  /// Pulses of the voiced stretches whose end is known.
  void find_pulses(bool is_last) {
    const PitchTrack& track = tracks.ac;
    const size_t n = track.num_frames();
    std::vector<double> found;
    const SampleSpan x = span(first_sample, pushed);
    while (next_frame < n) {
      if (!track.is_voiced(next_frame)) {
        ++next_frame;
        continue;
      }
      size_t end = next_frame;
      while (end < n && track.is_voiced(end)) ++end;
      const bool is_long = static_cast<double>(end - next_frame) * track.hop_s > kLongestStretch_s;
      if (end == n && !is_last && !is_long) break;
      const VoicedStretch stretch{std::max(0.0, track.time_of(next_frame) - 0.5 * track.hop_s),
                                  std::min(tracks.duration_s, track.time_of(end - 1) + 0.5 * track.hop_s)};
      find_stretch_periods(x, loudest, track, stretch, last_pulse_s, found);
      next_frame = end;
    }
    for (double t : found) tracks.pulses.push_back({t, kMissing});
    std::sort(tracks.pulses.begin() + static_cast<std::ptrdiff_t>(num_with_amplitude), tracks.pulses.end(),
              [](const PulseAmplitude& a, const PulseAmplitude& b) { return a.time_s < b.time_s; });
    const size_t known = tracks.pulses.empty() ? 0 : tracks.pulses.size() - 1;
    for (size_t i = std::max<size_t>(1, num_with_amplitude); i < known; ++i) set_amplitude(x, i);
    num_with_amplitude = std::max(num_with_amplitude, known);
  }

  void set_amplitude(const SampleSpan& x, size_t i) {
    const PerturbationConfig& c = config.perturbation;
    PulseAmplitude& pulse = tracks.pulses[i];
    const double left = pulse.time_s - tracks.pulses[i - 1].time_s;
    const double right = tracks.pulses[i + 1].time_s - pulse.time_s;
    pulse.rms = regular_pulse_rms(x, pulse.time_s, left, right, c);
  }

  void drop_samples() {
    if (next_piece >= pieces.size()) return;
    int64_t needed = pieces[next_piece].first;
    const PitchTrack& track = tracks.ac;
    // Of an open voiced stretch, or the end of the track that the path has not decided, and of the last
    // pulse.
    const double open_s =
        track.time_of(std::min(next_frame, track.num_frames())) - 4.0 / config.pitch.floor_hz;
    needed = std::min(needed, static_cast<int64_t>(open_s * rate_hz));
    needed = std::clamp(needed, first_sample, pushed);
    // A stretch that fills the recording is split at kLongestStretch_s, so this stays bounded.
    samples.erase(samples.begin(), samples.begin() + (needed - first_sample));
    first_sample = needed;
  }
};

VoiceAnalysis::VoiceAnalysis(const VoiceConfig& config, double rate_hz, const VoiceLevel& level)
    : impl_(std::make_unique<Impl>(config, rate_hz, level)) {}
VoiceAnalysis::~VoiceAnalysis() = default;
VoiceAnalysis::VoiceAnalysis(VoiceAnalysis&&) noexcept = default;
VoiceAnalysis& VoiceAnalysis::operator=(VoiceAnalysis&&) noexcept = default;

VoiceAnalysis VoiceAnalysis::of(const VoiceConfig& config, const float* samples, int64_t num_samples,
                                double rate_hz) {
  VoiceLevel level;
  level.add(samples, num_samples);
  VoiceAnalysis analysis(config, rate_hz, level);
  constexpr int64_t kChunk = 1 << 20;
  for (int64_t i = 0; i < num_samples; i += kChunk)
    analysis.push(samples + i, std::min(kChunk, num_samples - i));
  analysis.finish();
  return analysis;
}

void VoiceAnalysis::push(const float* samples, int64_t count) {
  const auto x = finite_samples(samples, count, impl_->pushed);
  impl_->samples.insert(impl_->samples.end(), x.begin(), x.end());
  impl_->pushed += count;
  require(impl_->pushed <= impl_->num_samples, ErrorCode::kData,
          "voice: more samples pushed than the first pass counted (" + std::to_string(impl_->num_samples) +
              "); push the same chunks");
  if (impl_->pushed < impl_->num_samples) impl_->run_due_pieces();
}

void VoiceAnalysis::finish() {
  Impl& m = *impl_;
  if (m.is_finished) return;
  require(m.pushed == m.num_samples, ErrorCode::kData,
          "voice: " + std::to_string(m.pushed) + " samples pushed; expected " +
              std::to_string(m.num_samples) + " as in the first pass; push the same chunks");
  if (m.num_samples > 0) m.run_due_pieces();
  m.tracks.timing = speech_timing(m.tracks.syllable_level, m.tracks.ac, m.tracks.duration_s, m.config.timing);
  m.samples = {};
  m.is_finished = true;
}

Table VoiceAnalysis::frames() const {
  return frames(0, num_frames());
}
Table VoiceAnalysis::frames(int64_t first, int64_t last) const {
  return voice_frame_table(impl_->config, impl_->tracks, first, last);
}
int64_t VoiceAnalysis::num_frames() const {
  return static_cast<int64_t>(impl_->tracks.ac.num_frames());
}
Table VoiceAnalysis::intervals(const std::vector<Interval>& intervals) const {
  return voice_interval_table(impl_->config, impl_->tracks, intervals);
}
EventTable VoiceAnalysis::events() const {
  return voice_events(impl_->tracks);
}
double VoiceAnalysis::duration_s() const {
  return impl_->tracks.duration_s;
}
const PitchTrack& VoiceAnalysis::pitch() const {
  return impl_->tracks.ac;
}
const std::vector<PulseAmplitude>& VoiceAnalysis::pulses() const {
  return impl_->tracks.pulses;
}

}  // namespace limbic::signals
