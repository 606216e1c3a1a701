#include "limbic/signals/audio/stft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "signals/dsp/python_judge.h"

namespace limbic::signals {
namespace {

std::vector<float> to_float(const std::vector<double>& x) {
  return {x.begin(), x.end()};
}
std::vector<double> doubles_of(const std::vector<float>& x) {
  return {x.begin(), x.end()};
}
std::vector<double> flat(const std::vector<std::complex<float>>& x) {
  std::vector<double> out;
  for (const auto& v : x)
    out.insert(out.end(), {static_cast<double>(v.real()), static_cast<double>(v.imag())});
  return out;
}

std::vector<std::complex<float>> stft(const StftConfig& config, const std::vector<float>& x) {
  std::vector<std::complex<float>> out;
  Stft(config).compute(x.data(), static_cast<int64_t>(x.size()), out);
  return out;
}

TEST(Stft, IsNumpysOfLibrosasTorchsAndKaldisFrames) {
  const auto x = to_float(wavy(1000));
  Verdict numpy(judged(R"(
def frames(y, start, length, hop, count): return np.stack([y[start + t * hop:start + t * hop + length] for t in range(count)])
def give_complex(z): give(np.stack([z.real, z.imag], -1))
hann = lambda n: 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
for mode in ('constant', 'reflect'):
  y = np.pad(x, 128, mode=mode)
  give_complex(np.fft.rfft(frames(y, 0, 256, 100, 11) * hann(256)))
# window shorter than the FFT, in its middle
y = np.pad(x, 128)
w = np.zeros(256); w[28:228] = hann(200)
give_complex(np.fft.rfft(frames(y, 0, 256, 80, 13) * w))
f = frames(x, 0, 400, 160, 4)
f = f - f.mean(1, keepdims=True)
f = f - 0.97 * np.concatenate([f[:, :1], f[:, :-1]], 1)
povey = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85
give(np.abs(np.fft.rfft(f * povey, 512)) ** 2)
give(np.abs(np.fft.rfft(f * povey, 512)))
)",
                       doubles_of(x)));
  LIMBIC_REQUIRE_JUDGE(numpy);
  numpy.expect(flat(stft(StftConfig::librosa(16000, 256, 100), x)), 1e-5, "zeros around");
  numpy.expect(flat(stft(StftConfig::torch(16000, 256, 100), x)), 1e-5, "mirrored");
  StftConfig c;
  c.window_samples = 200;
  c.hop_samples = 80;
  numpy.expect(flat(stft(c, x)), 1e-5, "short window");
  std::vector<float> out;
  const Stft kaldi(StftConfig::kaldi());
  kaldi.power(x.data(), 1000, out);
  numpy.expect(doubles_of(out), 1e-5, "power");
  kaldi.magnitude(x.data(), 1000, out);
  numpy.expect(doubles_of(out), 1e-5, "magnitude");
  EXPECT_TRUE(numpy.is_used_up());
}

TEST(Stft, SineOfKnownAmplitudeAndPhase) {
  std::vector<float> x;
  for (int i = 0; i < 1600; ++i)
    x.push_back(static_cast<float>(0.5 * std::cos(2 * M_PI * 10 * i / 160 + 0.7)));
  StftConfig c;
  c.window_samples = 160;
  c.fft_samples = 160;
  c.window = WindowShape::kRectangular;
  c.framing = Framing::kSnipEdges;
  const auto out = stft(c, x);
  ASSERT_EQ(out.size(), 10u * 81u);
  EXPECT_NEAR(std::abs(out[10]), 0.5 * 80, 1e-4);
  EXPECT_NEAR(std::arg(out[10]), 0.7, 1e-5);
  EXPECT_NEAR(std::abs(out[11]), 0, 1e-4);
  EXPECT_DOUBLE_EQ(Stft(c).bin_hz(), 100);
}

TEST(Stft, InverseGivesTheSamplesBack) {
  const auto x = to_float(wavy(5003));
  StftConfig short_window;
  short_window.window_samples = 300;
  short_window.hop_samples = 75;
  StftConfig odd_half;  // an FFT whose half is odd
  odd_half.window_samples = 250;
  odd_half.fft_samples = 250;
  odd_half.hop_samples = 100;
  for (const auto& c :
       {StftConfig::librosa(16000, 512, 128), StftConfig::torch(16000, 400, 160), short_window, odd_half}) {
    const Stft transform(c);
    std::vector<std::complex<float>> spectrum;
    transform.compute(x.data(), 5003, spectrum);
    const auto back = transform.inverse(spectrum, 5003);
    ASSERT_EQ(back.size(), x.size());
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, static_cast<double>(std::abs(back[i] - x[i])));
    EXPECT_LT(worst, 2e-5) << c.window_samples;
  }
}

TEST(Stft, InverseRefusesWhatCannotBeUndone) {
  EXPECT_NE(
      test::error_of([] { Stft(StftConfig::kaldi()).inverse({}, 0); }, ErrorCode::kConfig).find("remove_dc"),
      std::string::npos);
  EXPECT_NE(test::error_of([] { Stft(StftConfig()).inverse({1.0f}, 100); }, ErrorCode::kData)
                .find("expected 1 frames"),
            std::string::npos);
}

TEST(Stft, EmptyOneSampleAndShortClips) {
  EXPECT_TRUE(stft(StftConfig(), {}).empty());
  EXPECT_TRUE(stft(StftConfig::kaldi(), std::vector<float>(399, 1.0f)).empty());
  for (const auto& c : {StftConfig::librosa(16000, 64, 16), StftConfig::torch(16000, 64, 16)}) {
    const auto out = stft(c, {0.5f});
    ASSERT_EQ(out.size(), 33u);
    for (const auto& v : out) EXPECT_TRUE(std::isfinite(v.real()) && std::isfinite(v.imag()));
  }
}

TEST(Stft, WrongSizesAreNamed) {
  StftConfig c;
  c.fft_samples = 399;
  EXPECT_EQ(
      test::error_of([&] { Stft transform(c); }, ErrorCode::kConfig),
      "stft.fft_samples: must be 0 (next power of two) or even and at least window_samples (400), got 399");
  c = {};
  c.hop_samples = 0;
  test::error_of([&] { Stft transform(c); }, ErrorCode::kConfig);
}

}  // namespace
}  // namespace limbic::signals
