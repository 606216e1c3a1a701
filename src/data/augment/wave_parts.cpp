#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "limbic/core/error.h"
#include "limbic/data/augment_raw.h"

namespace limbic::data {
namespace {

constexpr int kSincHalf = 16;     ///< zero crossings on each side
constexpr int kSincPhases = 512;  ///< table steps between two samples, interpolated

double power_of(const std::vector<float>& x) {
  double sum = 0;
  for (const float v : x) sum += static_cast<double>(v) * static_cast<double>(v);
  return x.empty() ? 0 : sum / static_cast<double>(x.size());
}

at::Tensor as_tensor(const std::vector<float>& x) {
  return at::from_blob(const_cast<float*>(x.data()), {static_cast<int64_t>(x.size())}, at::kFloat);
}

std::vector<float> first_of(const at::Tensor& x, size_t num_samples) {
  const at::Tensor values = x.contiguous();
  const auto* data = values.data_ptr<float>();
  return {data, data + num_samples};
}

/// A length that transforms fast and leaves `tail` samples of zeros against wrapping round.
int64_t padded_length(size_t num_samples, size_t tail) {
  int64_t length = 1;
  while (length < static_cast<int64_t>(num_samples + tail)) length *= 2;
  return length;
}

}  // namespace

std::vector<float> at_speed(const std::vector<float>& x, double speed) {
  require(speed > 0, ErrorCode::kInternal, "at_speed: speed must be positive");
  if (speed == 1 || x.empty()) return x;
  // The sinc's own band: below the lower of both Nyquist frequencies, with the window's slope in between.
  const double cutoff = std::min(1.0, 1.0 / speed);
  const auto half = static_cast<int>(std::ceil(kSincHalf / cutoff));
  const auto width = static_cast<size_t>(2 * half);
  std::vector<float> table((kSincPhases + 1) * width);
  for (int phase = 0; phase <= kSincPhases; ++phase) {
    const double fraction = static_cast<double>(phase) / kSincPhases;
    float* taps = table.data() + static_cast<size_t>(phase) * width;
    double sum = 0;
    for (int k = 0; k < 2 * half; ++k) {
      const double t = static_cast<double>(k - half + 1) - fraction;  // of the sample from the wanted place
      const double u = M_PI * cutoff * t;
      const double sinc = u == 0 ? 1 : std::sin(u) / u;
      const double hann = std::abs(t) >= half ? 0 : 0.5 + 0.5 * std::cos(M_PI * t / half);
      taps[k] = static_cast<float>(sinc * hann);
      sum += sinc * hann;
    }
    for (int k = 0; k < 2 * half; ++k) taps[k] = static_cast<float>(static_cast<double>(taps[k]) / sum);
  }
  const auto size = static_cast<int64_t>(x.size());
  const auto num_out = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(size) / speed));
  std::vector<float> out(static_cast<size_t>(num_out));
  for (int64_t n = 0; n < num_out; ++n) {
    const double place = static_cast<double>(n) * speed;
    const auto before = static_cast<int64_t>(place);
    const double phase = (place - static_cast<double>(before)) * kSincPhases;
    const auto step = static_cast<size_t>(phase);
    const auto part = static_cast<float>(phase - static_cast<double>(step));
    const float* a = table.data() + step * width;
    const float* b = a + width;
    const int64_t first = before - half + 1;
    const int64_t k0 = std::max<int64_t>(0, -first);
    const int64_t k1 = std::min<int64_t>(static_cast<int64_t>(width), size - first);
    float sum = 0;
    for (int64_t k = k0; k < k1; ++k)
      sum += (a[k] + part * (b[k] - a[k])) * x[static_cast<size_t>(first + k)];
    out[static_cast<size_t>(n)] = sum;
  }
  return out;
}

std::vector<float> noise_of(NoiseColour colour, size_t num_samples, core::Rng& rng) {
  if (colour == NoiseColour::kEither) colour = rng.chance(0.5) ? NoiseColour::kPink : NoiseColour::kWhite;
  std::vector<float> white(num_samples);
  for (auto& v : white) v = static_cast<float>(rng.normal());
  if (colour == NoiseColour::kWhite || num_samples < 2) return white;
  // Power 1 / f: amplitude 1 / sqrt(f); no constant part.
  auto spectrum = at::fft_rfft(as_tensor(white));
  const auto f = at::arange(spectrum.size(0), at::kFloat);
  spectrum.mul_(f.clamp_min(1).rsqrt().mul(f > 0));
  auto pink = first_of(at::fft_irfft(spectrum, static_cast<int64_t>(num_samples)), num_samples);
  const auto deviation = static_cast<float>(std::sqrt(power_of(pink)));
  for (auto& v : pink) v /= std::max(deviation, 1e-20f);
  return pink;
}

void add_at_snr(std::vector<float>& x, const std::vector<float>& noise, double snr_db) {
  require(noise.size() == x.size(), ErrorCode::kInternal, "add_at_snr: sizes differ");
  const double signal_power = power_of(x);
  const double noise_power = power_of(noise);
  if (signal_power <= 0 || noise_power <= 0) return;
  const auto factor =
      static_cast<float>(std::sqrt(signal_power / noise_power * std::pow(10.0, -snr_db / 10)));
  for (size_t i = 0; i < x.size(); ++i) x[i] += factor * noise[i];
}

std::vector<float> synthetic_room(double rt60_s, double direct_db, double rate_hz, core::Rng& rng) {
  const auto length = static_cast<size_t>(std::max(2.0, std::ceil(rt60_s * rate_hz)));
  std::vector<float> room(length);
  const double decay = std::log(1000.0) / (rt60_s * rate_hz);
  double energy = 0;
  for (size_t i = 1; i < length; ++i) {
    const double v = rng.normal() * std::exp(-decay * static_cast<double>(i));
    room[i] = static_cast<float>(v);
    energy += v * v;
  }
  const double factor = energy > 0 ? std::sqrt(std::pow(10.0, -direct_db / 10) / energy) : 0;
  for (auto& v : room) v = static_cast<float>(static_cast<double>(v) * factor);
  room[0] = 1;
  return room;
}

std::vector<float> convolve(const std::vector<float>& x, const std::vector<float>& response) {
  if (x.empty() || response.empty()) return x;
  const int64_t length = padded_length(x.size(), std::min(response.size(), x.size()));
  // What of the response lies beyond the clip never comes.
  const auto kept = as_tensor(response).slice(0, 0, static_cast<int64_t>(x.size()));
  const auto spectrum = at::fft_rfft(as_tensor(x), length).mul(at::fft_rfft(kept, length));
  return first_of(at::fft_irfft(spectrum, length), x.size());
}

std::vector<float> band_passed(const std::vector<float>& x, double low_hz, double high_hz, double rate_hz) {
  if (x.empty()) return x;
  // A ringing of some periods of the lowest frequency dies out in the zeros.
  const double slowest_hz = low_hz > 0 ? std::min(low_hz, high_hz) : high_hz;
  const auto tail = static_cast<size_t>(std::min(rate_hz, 8 * rate_hz / slowest_hz)) + 1;
  const int64_t length = padded_length(x.size(), tail);
  auto spectrum = at::fft_rfft(as_tensor(x), length);
  const auto f_hz = at::arange(spectrum.size(0), at::kDouble).mul(rate_hz / static_cast<double>(length));
  auto magnitude = f_hz.div(high_hz).pow(12).add(1).rsqrt();
  if (low_hz > 0) magnitude.mul_(f_hz.clamp_min(1e-9).reciprocal().mul(low_hz).pow(12).add(1).rsqrt());
  spectrum.mul_(magnitude.to(at::kFloat));
  return first_of(at::fft_irfft(spectrum, length), x.size());
}

float mu_law_8bit(float x) {
  constexpr double kMu = 255.0;
  const double v = std::clamp(static_cast<double>(x), -1.0, 1.0);
  const double compressed = std::copysign(std::log1p(kMu * std::abs(v)) / std::log1p(kMu), v);
  const double code = std::round(compressed * 127);
  const double level = std::abs(code) / 127;
  return static_cast<float>(std::copysign(std::expm1(level * std::log1p(kMu)) / kMu, code));
}

}  // namespace limbic::data
