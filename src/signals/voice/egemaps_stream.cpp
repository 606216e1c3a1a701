#include "voice/egemaps_stream.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "dsp/constants.h"
#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

/// openSMILE divides 16-bit samples by 32767; samples here are divided by 32768.
constexpr float kSampleScale = static_cast<float>(32768.0 / 32767.0);
constexpr float kMinLevel = 0.001f;  ///< RMS below which a frame is unvoiced whatever its F0
constexpr double kSemitoneBase_hz = 27.5;
constexpr double kGaussSigma = 0.4;

std::vector<double> gauss_window(int64_t n) {
  std::vector<double> w;
  const double half = 0.5 * static_cast<double>(n - 1);
  for (int64_t i = 0; i < n; ++i) {
    const double x = (static_cast<double>(i) - half) / (kGaussSigma * half);
    w.push_back(std::exp(-0.5 * x * x));
  }
  return w;
}

std::vector<double> hamming_window(int64_t n) {
  std::vector<double> w;
  for (int64_t i = 0; i < n; ++i) {
    w.push_back(0.54 - 0.46 * std::cos(2.0 * kPi * static_cast<double>(i) / static_cast<double>(n - 1)));
  }
  return w;
}

Lanes square_root(Lanes x) {
  for (int i = 0; i < 2; ++i) {
    x.low[i] = std::sqrt(x.low[i]);
    x.high[i] = std::sqrt(x.high[i]);
  }
  return x;
}

/// openSMILE reports a voice without harmonics to measure as 0 or -201.
double or_missing(float value) {
  return value == 0 || value == kEgemapsNoLevel ? kMissing : static_cast<double>(value);
}

}  // namespace

EgemapsGrid::EgemapsGrid(double frame_s, int64_t sample_rate_hz)
    : frame_samples(std::llround(frame_s / (1.0 / static_cast<double>(sample_rate_hz)))), fft_samples(4) {
  while (fft_samples < frame_samples) fft_samples *= 2;
  num_bins = fft_samples / 2 + 1;
  bin_hz = 1.0 / (frame_s * (static_cast<double>(fft_samples) / static_cast<double>(frame_samples)));
}

int64_t egemaps_hop_samples(int64_t sample_rate_hz) {
  return std::llround(kEgemapsHop_s / (1.0 / static_cast<double>(sample_rate_hz)));
}

Egemaps::Tables::Tables(const EgemapsConfig& c)
    : config(c),
      hop_samples(egemaps_hop_samples(c.sample_rate_hz)),
      pitch_grid(kEgemapsPitchFrame_s, c.sample_rate_hz),
      spectral_grid(kEgemapsSpectralFrame_s, c.sample_rate_hz),
      pitch_fft(pitch_grid.fft_samples),
      spectral_fft(spectral_grid.fft_samples),
      gauss(gauss_window(pitch_grid.frame_samples)),
      hamming(hamming_window(spectral_grid.frame_samples)),
      shs(pitch_grid),
      harmonics(pitch_grid),
      spectral(spectral_grid),
      formants(spectral_grid, c.sample_rate_hz) {}

EgemapsStream::State::State(std::shared_ptr<const Egemaps::Tables> t)
    : tables(std::move(t)), ring(static_cast<size_t>(kRing)), jitter(tables->config.sample_rate_hz) {}

void EgemapsStream::State::push(const float* samples, int64_t num_samples) {
  require(!finished, ErrorCode::kInternal, "egemaps: samples after finish()");
  const float* bad =
      std::find_if_not(samples, samples + num_samples, [](float x) { return std::isfinite(x); });
  if (bad != samples + num_samples) {
    throw Error(ErrorCode::kData, "egemaps: sample " + std::to_string(num_pushed + (bad - samples)) +
                                      " is not finite; expected samples in [-1, 1]; cut or fill gaps before");
  }
  // In steps of a second, so that a long recording is not held twice.
  for (int64_t done = 0; done < num_samples;) {
    const int64_t step = std::min(num_samples - done, tables->config.sample_rate_hz);
    for (int64_t i = done; i < done + step; ++i) wave.values.push_back(samples[i] * kSampleScale);
    done += step;
    num_pushed += step;
    const int64_t length = tables->pitch_grid.frame_samples;
    while (true) {
      const int64_t start = next_frame * tables->hop_samples;
      if (start + length > wave.end()) break;
      const int64_t ready = 1 + (wave.end() - length - start) / tables->hop_samples;
      analyse(std::min<int64_t>(ready, kLanes), true);
    }
    trim();
  }
}

void EgemapsStream::State::finish() {
  if (finished) return;
  finished = true;
  std::vector<float> decided;
  viterbi.finish(decided);
  summary.begin_end();
  settle(decided);
  // The shorter frames go on where a 60 ms frame no longer fits.
  const int64_t length = tables->spectral_grid.frame_samples;
  const int64_t left = num_pushed - length - next_frame * tables->hop_samples;
  if (left >= 0) {
    for (int64_t frames = 1 + left / tables->hop_samples; frames > 0;) {
      const int64_t used = std::min<int64_t>(frames, kLanes);
      analyse(used, false);
      frames -= used;
    }
  }
  const auto put_spectral = [this](const SpectralFrame& row) { spectral_rows.push_back(row); };
  spectral_mean.finish_and_repeat(put_spectral);
  voice_mean.finish_and_repeat([this](const VoiceFrame& row) { put_voice_row(row); });
  spectral_rows.clear();
  summary.finish();
  wave.values.clear();
}

void EgemapsStream::State::trim() {
  const int64_t keep = next_settled * tables->hop_samples - jitter.reach_back();
  const int64_t drop = keep - wave.begin;
  if (drop < tables->config.sample_rate_hz / 2) return;  // moving the rest has a cost
  wave.values.erase(wave.values.begin(), wave.values.begin() + drop);
  wave.begin += drop;
}

void EgemapsStream::State::analyse(int64_t num_frames, bool with_pitch) {
  const EgemapsGrid& grid = tables->spectral_grid;
  const auto bins = static_cast<size_t>(grid.num_bins);
  std::vector<Lanes> signal(static_cast<size_t>(std::max(grid.fft_samples, tables->pitch_grid.fft_samples)));
  std::vector<Lanes> scratch(signal.size());
  std::vector<Lanes> real(bins);
  std::vector<Lanes> imaginary(bins);
  const auto first_of = [&](int64_t lane) {
    return wave.values.data() + ((next_frame + lane) * tables->hop_samples - wave.begin);
  };

  std::array<double, kLanes> energy{};
  const int64_t offset = (grid.fft_samples - grid.frame_samples) / 2;  // formants depend on it
  for (int64_t lane = 0; lane < num_frames; ++lane) {
    const float* x = first_of(lane);
    for (int64_t i = 0; i < grid.frame_samples; ++i) {
      const auto sample = static_cast<double>(x[i]);
      energy[static_cast<size_t>(lane)] += sample * sample;
      set_lane(signal[static_cast<size_t>(offset + i)], lane,
               sample * tables->hamming[static_cast<size_t>(i)]);
    }
  }
  tables->spectral_fft.complex_spectrum(signal.data(), scratch.data(), real.data(), imaginary.data());
  std::array<EgemapsFormantFrame, kLanes> formants;
  if (with_pitch) tables->formants.measure(real.data(), imaginary.data(), formants.data());
  std::array<SpectralFrame, kLanes> spectral;
  std::vector<double> power(bins);
  for (int64_t lane = 0; lane < num_frames; ++lane) {
    const auto l = static_cast<size_t>(lane);
    for (size_t k = 0; k < bins; ++k) {
      const double re = lane_of(real[k], lane);
      const double im = lane_of(imaginary[k], lane);
      power[k] = re * re + im * im;
    }
    spectral[l] = tables->spectral.measure(power.data(), previous_magnitude);
    summary.add_spectral(spectral[l],
                         static_cast<float>(energy[l] / static_cast<double>(grid.frame_samples)));
    spectral_mean.push(spectral[l], [this](const SpectralFrame& row) { spectral_rows.push_back(row); });
  }
  if (!with_pitch) {
    next_frame += num_frames;
    return;
  }

  const EgemapsGrid& pitch = tables->pitch_grid;
  std::vector<Lanes> magnitude(static_cast<size_t>(pitch.num_bins));
  std::fill(signal.begin(), signal.end(), Lanes{});
  for (int64_t lane = 0; lane < num_frames; ++lane) {
    const float* x = first_of(lane);
    double squares = 0;
    for (int64_t i = 0; i < pitch.frame_samples; ++i) {
      const double sample = static_cast<double>(x[i]) * tables->gauss[static_cast<size_t>(i)];
      squares += sample * sample;
      set_lane(signal[static_cast<size_t>(i)], lane, sample);
    }
    Waiting& frame = waiting(next_frame + lane);
    frame.level = static_cast<float>(std::sqrt(squares / static_cast<double>(pitch.frame_samples)));
    frame.formants = formants[static_cast<size_t>(lane)];
    frame.spectral = spectral[static_cast<size_t>(lane)];
  }
  tables->pitch_fft.power_spectrum(signal.data(), scratch.data(), magnitude.data());
  for (Lanes& m : magnitude) m = square_root(m);
  for (int64_t lane = 0; lane < num_frames; ++lane) {
    std::vector<float>& kept = waiting(next_frame + lane).magnitude;
    kept.resize(magnitude.size());
    for (size_t k = 0; k < kept.size(); ++k) kept[k] = static_cast<float>(lane_of(magnitude[k], lane));
  }
  std::array<PitchCandidates, kLanes> candidates;
  tables->shs.find(magnitude.data(), candidates.data());
  next_frame += num_frames;
  std::vector<float> decided;
  for (int64_t lane = 0; lane < num_frames; ++lane) {
    viterbi.push(candidates[static_cast<size_t>(lane)], decided);
  }
  settle(decided);
}

VoiceFrame EgemapsStream::State::voice_of(float f0_hz, int64_t frame) {
  const Waiting& w = waiting(frame);
  if (!(w.level > kMinLevel)) f0_hz = 0;
  VoiceFrame out{};
  const EgemapsJitter::Result periods = jitter.next(f0_hz, frame * tables->hop_samples, wave);
  for (size_t f = 0; f < kEgemapsFormants; ++f) {
    out[kFormants + 3 * f] = w.formants.frequency_hz[f];
    out[kFormants + 3 * f + 1] = w.formants.bandwidth_hz[f];
    out[kFormants + 3 * f + 2] = kEgemapsNoLevel;
  }
  if (!(f0_hz > 0)) return out;
  out[kF0] = static_cast<float>(12.0 * std::log2(static_cast<double>(f0_hz) / kSemitoneBase_hz));
  out[kJitter] = periods.jitter;
  out[kShimmer] = periods.shimmer_db;
  const EgemapsHarmonics::Result harmonics = tables->harmonics.measure(f0_hz, w.magnitude.data(), w.formants);
  out[kHnr] = harmonics.hnr_db;
  out[kH1H2] = harmonics.h1_h2_db;
  out[kH1A3] = harmonics.h1_a3_db;
  for (size_t f = 0; f < kEgemapsFormants; ++f) out[kFormants + 3 * f + 2] = harmonics.formant_db[f];
  return out;
}

void EgemapsStream::State::settle(const std::vector<float>& f0_hz) {
  for (const float f0 : f0_hz) {
    VoiceFrame voice = voice_of(f0, next_settled);
    summary.add_voice(voice, waiting(next_settled).spectral);
    if (tables->config.unvoiced == EgemapsUnvoiced::kNan) {
      // 0 takes no part in the mean over neighbours.
      for (float& value : voice) value = value == kEgemapsNoLevel ? 0.0f : value;
    }
    voice_mean.push(voice, [this](const VoiceFrame& row) { put_voice_row(row); });
    ++next_settled;
  }
}

Table EgemapsStream::State::take_frames() {
  return std::exchange(rows, Table());
}

void EgemapsStream::State::put_voice_row(const VoiceFrame& row) {
  const SpectralFrame& spectral = spectral_rows.front();
  const bool opensmile = tables->config.unvoiced == EgemapsUnvoiced::kOpensmile;
  const auto hop =
      static_cast<double>(tables->hop_samples) / static_cast<double>(tables->config.sample_rate_hz);
  rows.start_s.push_back(static_cast<double>(num_rows) * hop);
  rows.end_s.push_back(rows.start_s.back() + kEgemapsPitchFrame_s);
  for (const float value : spectral) rows.values_RC.push_back(static_cast<double>(value));
  for (const float value : row) {
    rows.values_RC.push_back(opensmile ? static_cast<double>(value) : or_missing(value));
  }
  spectral_rows.pop_front();
  ++num_rows;
}

}  // namespace limbic::signals
