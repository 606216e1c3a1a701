#include <cmath>

#include "voice/egemaps_stream.h"

namespace limbic::signals {
namespace {

constexpr double kMinEnergy = 1e-12;

}  // namespace

template <size_t N>
void EgemapsSummary::add_non_zero(std::array<RunningMoments, N>& moments, const std::array<float, N>& row) {
  for (size_t i = 0; i < N; ++i) {
    if (row[i] != 0) moments[i].add(static_cast<double>(row[i]));
  }
}

void EgemapsSummary::put_spectral(const SpectralFrame& row) {
  loudness_.push_back(row[kLoudness]);
  for (size_t i = kFlux; i < row.size(); ++i) spectral_[i].add(static_cast<double>(row[i]));
}

void EgemapsSummary::add_spectral(const SpectralFrame& frame, float energy) {
  energy_.add(static_cast<double>(energy));
  spectral_mean_.push(frame, [this](const SpectralFrame& row) { put_spectral(row); });
}

// Note [The last frames]
// openSMILE computes functionals as soon as the input ends. By then the path search has not decided the last
// frames (one or two, up to 40 when the recording ends in doubtful voice). The first of them still serves as
// the neighbour of the last decided one in F0 and the spectral contours, not yet in those of periods,
// harmonics and formants; the others never enter. Unless nothing was decided: then all do.
void EgemapsSummary::begin_end() {
  if (f0_.empty() && !f0_mean_.has_frames()) return;
  frames_left_ = 1;
  voice_mean_.finish([this](const VoiceFrame& row) { add_non_zero(voice_, row); });
}

/// Values of unvoiced frames become 0 and so leave the means; those of formant amplitudes do not (see Note
/// [Silence in formant amplitudes]).
void EgemapsSummary::add_voice(const VoiceFrame& voice, const SpectralFrame& spectral) {
  if (frames_left_ && (*frames_left_)-- <= 0) return;
  const bool voiced = voice[kF0] > 0;
  VoiceFrame gated = voice;
  VoicedSpectrum in_voice{};
  UnvoicedFrame out_of_voice{};
  // Note [Silence in formant amplitudes]: openSMILE sets -201 dB there and averages it, so the mean
  // amplitudes say mostly how much of the recording is voiced.
  for (size_t f = 0; f < kEgemapsFormants && !voiced; ++f) {
    gated[kFormants + 3 * f] = 0;
    gated[kFormants + 3 * f + 1] = 0;
  }
  for (size_t i = 0; i < in_voice.size() && voiced; ++i) in_voice[i] = spectral[i + 1];
  for (size_t i = 0; i < out_of_voice.size() && !voiced; ++i) out_of_voice[i] = spectral[i + 1];
  if (!frames_left_) voice_mean_.push(gated, [this](const VoiceFrame& row) { add_non_zero(voice_, row); });
  f0_mean_.push({voice[kF0]}, [this](const std::array<float, 1>& row) { f0_.push_back(row[0]); });
  voiced_mean_.push(in_voice, [this](const VoicedSpectrum& row) { add_non_zero(voiced_, row); });
  unvoiced_mean_.push(out_of_voice, [this](const UnvoicedFrame& row) { add_non_zero(unvoiced_, row); });
}

void EgemapsSummary::finish() {
  spectral_mean_.finish([this](const SpectralFrame& row) { put_spectral(row); });
  if (frames_left_ && *frames_left_ <= 0) return;
  if (!frames_left_) voice_mean_.finish([this](const VoiceFrame& row) { add_non_zero(voice_, row); });
  f0_mean_.finish([this](const std::array<float, 1>& row) { f0_.push_back(row[0]); });
  voiced_mean_.finish([this](const VoicedSpectrum& row) { add_non_zero(voiced_, row); });
  unvoiced_mean_.finish([this](const UnvoicedFrame& row) { add_non_zero(unvoiced_, row); });
}

std::vector<double> EgemapsSummary::functionals() const {
  if (f0_.empty()) return std::vector<double>(Egemaps::functional_names().size(), kMissing);
  std::vector<double> out;
  const auto put_moments = [&out](const RunningMoments& m) {
    out.push_back(m.mean);
    out.push_back(m.relative_deviation());
  };
  std::vector<float> f0_voiced;
  for (const float f0 : f0_) {
    if (f0 != 0) f0_voiced.push_back(f0);
  }
  for (const double value : contour_functionals(f0_voiced)) out.push_back(value);
  for (const double value : contour_functionals(loudness_)) out.push_back(value);
  for (size_t i = kFlux; i < spectral_.size(); ++i) put_moments(spectral_[i]);
  for (size_t i = kJitter; i < voice_.size(); ++i) put_moments(voice_[i]);
  for (const RunningMoments& m : voiced_) put_moments(m);
  for (const RunningMoments& m : unvoiced_) out.push_back(m.mean);
  out.push_back(peaks_per_second(loudness_));
  const SegmentStatistics voiced = segment_statistics(f0_, false);
  const SegmentStatistics unvoiced = segment_statistics(f0_, true);
  for (const double value :
       {voiced.per_second, voiced.mean_s, voiced.deviation_s, unvoiced.mean_s, unvoiced.deviation_s}) {
    out.push_back(value);
  }
  out.push_back(10.0 * std::log10(std::max(energy_.mean, kMinEnergy)));
  return out;
}

}  // namespace limbic::signals
