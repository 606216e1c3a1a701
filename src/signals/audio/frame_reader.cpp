#include "frame_reader.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "dsp/constants.h"
#include "dsp/got.h"
#include "limbic/core/rng.h"

namespace limbic::signals {
namespace {

std::vector<double> window_weights(WindowShape shape, int64_t length) {
  std::vector<double> w(static_cast<size_t>(length), 1.0);
  if (shape == WindowShape::kRectangular || length == 1) return w;
  const auto period = static_cast<double>(shape == WindowShape::kHannPeriodic ? length : length - 1);
  for (size_t i = 0; i < w.size(); ++i) {
    const double c = std::cos(2.0 * kPi * static_cast<double>(i) / period);
    if (shape == WindowShape::kHamming) {
      w[i] = 0.54 - 0.46 * c;
    } else {
      w[i] = 0.5 - 0.5 * c;
      if (shape == WindowShape::kPovey) w[i] = std::pow(w[i], 0.85);
    }
  }
  return w;
}

inline double to_unit(float sample) {
  return static_cast<double>(sample);
}
inline double to_unit(int16_t sample) {
  return static_cast<double>(sample) / 32768.0;
}

bool is_centred(Framing framing) {
  return framing == Framing::kCenterZero || framing == Framing::kCenterReflect;
}

/// Place of sample `at` in a clip that is mirrored at its ends, as often as it takes; `repeats_ends`: -1 ->
/// 0, -2 -> 1, else -1 -> 1, -2 -> 2.
int64_t mirrored(int64_t at, int64_t num_samples, bool repeats_ends) {
  const int64_t period = repeats_ends ? 2 * num_samples : std::max<int64_t>(1, 2 * num_samples - 2);
  at %= period;
  if (at < 0) at += period;
  if (at < num_samples) return at;
  return repeats_ends ? period - 1 - at : period - at;
}

}  // namespace

FrameLayout frame_layout(const LogMelConfig& c) {
  FrameLayout layout = shared_layout(c);
  layout.dither = c.dither;
  layout.dither_seed = c.dither_seed;
  return layout;
}

int64_t fft_samples_of(int64_t fft_samples, int64_t window_samples) {
  if (fft_samples > 0) return fft_samples;
  int64_t n = 2;
  while (n < window_samples) n *= 2;
  return n;
}

void check_frame_sizes(config::Checks& checks, int64_t sample_rate_hz, int64_t window_samples,
                       int64_t hop_samples, int64_t fft_samples) {
  constexpr int64_t kMaxFft = 1 << 20;
  checks.expect(sample_rate_hz > 0 && sample_rate_hz <= 1'000'000, "sample_rate_hz",
                "must be in [1, 1000000]" + got(sample_rate_hz));
  checks.expect(window_samples >= 2 && window_samples <= kMaxFft, "window_samples",
                "must be in [2, 1048576]" + got(window_samples));
  checks.expect(hop_samples >= 1 && hop_samples <= kMaxFft, "hop_samples",
                "must be in [1, 1048576]" + got(hop_samples));
  checks.expect(
      fft_samples == 0 || (fft_samples % 2 == 0 && fft_samples >= window_samples && fft_samples <= kMaxFft),
      "fft_samples",
      "must be 0 (next power of two) or even and at least window_samples (" + std::to_string(window_samples) +
          ")" + got(fft_samples));
}

FrameReader::FrameReader(const FrameLayout& layout)
    : layout_(layout), window_(window_weights(layout.window, layout.window_samples)) {}

int64_t FrameReader::num_frames(int64_t num_samples) const {
  if (num_samples <= 0) return 0;
  const int64_t hop = layout_.hop_samples;
  if (is_centred(layout_.framing)) return 1 + num_samples / hop;
  if (layout_.framing == Framing::kReflectEdges) return (num_samples + hop / 2) / hop;
  return num_samples < layout_.window_samples ? 0 : 1 + (num_samples - layout_.window_samples) / hop;
}

int64_t FrameReader::first_start() const {
  if (layout_.framing == Framing::kReflectEdges) return layout_.hop_samples / 2 - layout_.window_samples / 2;
  // The window lies in the middle of the FFT's buffer, whose middle is the frame's time (librosa,
  // torch.stft).
  if (is_centred(layout_.framing))
    return (layout_.fft_samples - layout_.window_samples) / 2 - layout_.fft_samples / 2;
  return 0;
}

double FrameReader::first_centre() const {
  return static_cast<double>(first_start()) + 0.5 * static_cast<double>(layout_.window_samples);
}

template <class Sample>
void FrameReader::gather(const Sample* samples, int64_t num_samples, int64_t t, double* frame) const {
  const int64_t start = first_start() + t * layout_.hop_samples;
  const int64_t length = layout_.window_samples;
  const double scale = layout_.scale;
  if (start >= 0 && start + length <= num_samples) {
    for (int64_t i = 0; i < length; ++i) frame[i] = scale * to_unit(samples[start + i]);
  } else if (layout_.framing == Framing::kCenterZero) {
    for (int64_t i = 0; i < length; ++i) {
      const int64_t at = start + i;
      frame[i] = at >= 0 && at < num_samples ? scale * to_unit(samples[at]) : 0.0;
    }
  } else {
    const bool repeats_ends = layout_.framing == Framing::kReflectEdges;
    for (int64_t i = 0; i < length; ++i)
      frame[i] = scale * to_unit(samples[mirrored(start + i, num_samples, repeats_ends)]);
  }
  if (layout_.dither > 0) {
    core::Rng rng(layout_.dither_seed, static_cast<uint64_t>(t));
    for (int64_t i = 0; i < length; ++i) frame[i] += layout_.dither * rng.normal();
  }
}

void FrameReader::condition(double* frame, double* energy) const {
  const size_t length = window_.size();
  if (layout_.remove_dc) {
    double sum = 0;
    for (size_t i = 0; i < length; ++i) sum += frame[i];
    const double mean = sum / static_cast<double>(length);
    for (size_t i = 0; i < length; ++i) frame[i] -= mean;
  }
  if (energy != nullptr) {
    *energy = 0;
    for (size_t i = 0; i < length; ++i) *energy += frame[i] * frame[i];
  }
  if (layout_.preemphasis > 0) {
    for (size_t i = length - 1; i > 0; --i) frame[i] -= layout_.preemphasis * frame[i - 1];
    frame[0] -= layout_.preemphasis * frame[0];
  }
  for (size_t i = 0; i < length; ++i) frame[i] *= window_[i];
}

void FrameReader::read(const float* samples, int64_t num_samples, int64_t t, double* frame,
                       double* energy) const {
  gather(samples, num_samples, t, frame);
  condition(frame, energy);
}
void FrameReader::read(const int16_t* samples, int64_t num_samples, int64_t t, double* frame,
                       double* energy) const {
  gather(samples, num_samples, t, frame);
  condition(frame, energy);
}

}  // namespace limbic::signals
