#include "limbic/signals/audio/spectral_shape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "limbic/signals/audio/stft.h"
#include "signals/dsp/python_judge.h"

namespace limbic::signals {
namespace {

StftConfig plain_frames() {
  StftConfig c;
  c.framing = Framing::kSnipEdges;
  return c;
}

std::vector<double> hann(size_t length) {
  std::vector<double> w;
  for (size_t i = 0; i < length; ++i)
    w.push_back(0.5 - 0.5 * std::cos(2 * M_PI * static_cast<double>(i) / static_cast<double>(length)));
  return w;
}

struct Described {
  std::vector<Column> columns;
  std::vector<double> values_TC;
  double at(size_t t, const std::string& name) const {
    for (size_t c = 0; c < columns.size(); ++c) {
      if (columns[c].name == name) return values_TC[t * columns.size() + c];
    }
    ADD_FAILURE() << "no column " << name;
    return 0;
  }
};

Described describe(const SpectralShapeConfig& config, const std::vector<float>& x) {
  StftConfig frames = plain_frames();
  frames.sample_rate_hz = config.sample_rate_hz;
  const Stft stft(frames);
  std::vector<float> power;
  stft.power(x.data(), static_cast<int64_t>(x.size()), power);
  const SpectralShape shape(config, hann(400));
  Described out{shape.columns(), {}};
  const auto bins = static_cast<size_t>(stft.num_bins());
  for (size_t t = 0; t < power.size() / bins; ++t) {
    out.values_TC.resize((t + 1) * out.columns.size());
    const float* now = power.data() + t * bins;
    shape.describe(now, t > 0 ? now - bins : nullptr, out.values_TC.data() + t * out.columns.size());
  }
  return out;
}

std::vector<float> colourful(int64_t size) {
  std::vector<float> out;
  for (const double v : wavy(size))
    out.push_back(static_cast<float>(0.3 * v * std::cos(0.002 * static_cast<double>(out.size()))));
  return out;
}

// Every formula of Note [Spectral shape], written down anew.
TEST(SpectralShape, IsItsDefinitionInNumpy) {
  const auto x = colourful(2000);
  Verdict numpy(judged(R"(
sr, K = 16000, 257
w = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
P = np.stack([np.abs(np.fft.rfft(x[t * 160:t * 160 + 400] * w, 512)) ** 2 for t in range(11)])
f = np.arange(K) * sr / 512
for kind in (0.5, 1.0):
  A = P ** kind
  for t in range(11):
    a, p = A[t], P[t]
    q = a / a.sum()
    c = (q * f).sum(); s = np.sqrt((q * (f - c) ** 2).sum())
    pa = np.maximum(p, 1e-10)
    v = [c, s, (q * (f - c) ** 3).sum() / s ** 3, (q * (f - c) ** 4).sum() / s ** 4, -(q * np.log2(q)).sum() / np.log2(K),
         np.exp(np.log(pa).mean()) / pa.mean(), a.max() / a.mean(), np.polyfit(f, q, 1)[0],
         ((a[1:] - a[0]) / np.arange(1, K)).sum() / a[1:].sum()]
    v.append(np.nan if t == 0 else np.linalg.norm(a / np.linalg.norm(a) - A[t - 1] / np.linalg.norm(A[t - 1])))
    total = np.cumsum(a)
    for r in (25, 50, 75, 85, 90, 95): v.append(f[np.nonzero(total >= 0.01 * r * total[-1])[0][0]])
    two = 2 * p; two[0] /= 2; two[-1] /= 2
    e = [0, 250, 500, 1000, 2000, 4000, 8000]
    for i in range(6):
      band = (f >= e[i]) & ((f < e[i + 1]) | (i == 5))
      v.append(10 * np.log10(two[band].sum() / 512 / (w * w).sum()))
    octa = np.concatenate([[0], 200 * 2.0 ** np.arange(7)])
    m = np.sqrt(p)
    for k in range(7):
      b = (f >= octa[k]) & (f <= octa[k + 1])
      i = np.flatnonzero(b)
      if k > 0: b[i[0] - 1] = True
      if k == 6: b[i[-1] + 1:] = True
      n = max(1, int(np.rint(0.02 * b.sum())))
      sub = np.sort(m[b][:-1] if k < 6 else m[b])
      v.append(10 * np.log10(sub[-n:].mean()) - 10 * np.log10(sub[:n].mean()))
    give(v)
)",
                       {x.begin(), x.end()}));
  LIMBIC_REQUIRE_JUDGE(numpy);
  for (const SpectrumKind kind : {SpectrumKind::kMagnitude, SpectrumKind::kPower}) {
    SpectralShapeConfig c;
    c.spectrum = kind;
    numpy.expect(describe(c, x).values_TC, 2e-5, kind == SpectrumKind::kPower ? "power" : "magnitude");
  }
  EXPECT_TRUE(numpy.is_used_up());
}

TEST(SpectralShape, OfASineAndOfNoise) {
  std::vector<float> sine;
  for (int i = 0; i < 1600; ++i) sine.push_back(static_cast<float>(std::sin(2 * M_PI * 1500 * i / 16000)));
  const auto s = describe({}, sine);
  EXPECT_NEAR(s.at(1, "spectral_centroid"), 1500, 30);
  EXPECT_NEAR(s.at(1, "spectral_rolloff_50"), 1500, 32);
  EXPECT_NEAR(s.at(1, "spectral_level_1000_2000"), -3.01, 0.01);  // half of its squared amplitude
  EXPECT_LT(s.at(1, "spectral_level_4000_8000"), -60);
  EXPECT_NEAR(s.at(1, "spectral_flux"), 0, 0.01);
  EXPECT_TRUE(std::isnan(s.at(0, "spectral_flux")));
  std::vector<float> noise;
  uint32_t state = 1;
  for (int i = 0; i < 1600; ++i) {
    state = state * 1664525u + 1013904223u;
    noise.push_back(static_cast<float>(static_cast<double>(state >> 16) / 65536.0 - 0.5));
  }
  const auto n = describe({}, noise);
  EXPECT_NEAR(n.at(1, "spectral_centroid"), 4000, 500);
  EXPECT_GT(n.at(1, "spectral_entropy"), 0.9);
  EXPECT_GT(n.at(1, "spectral_entropy"), s.at(1, "spectral_entropy") + 0.4);
  EXPECT_GT(n.at(1, "spectral_flatness"), 100 * s.at(1, "spectral_flatness"));
  // Levels of the bands add up to that of the frame.
  double sum = 0;
  for (const char* name :
       {"spectral_level_0_250", "spectral_level_250_500", "spectral_level_500_1000",
        "spectral_level_1000_2000", "spectral_level_2000_4000", "spectral_level_4000_8000"})
    sum += std::pow(10.0, n.at(1, name) / 10);
  EXPECT_NEAR(10 * std::log10(sum), 10 * std::log10(1.0 / 12), 1.0);
}

TEST(SpectralShape, SilenceHasNoShapeAndBandsBeyondNyquistAreMissing) {
  const auto silent = describe({}, std::vector<float>(400, 0.0f));
  EXPECT_TRUE(std::isnan(silent.at(0, "spectral_centroid")));
  EXPECT_TRUE(std::isnan(silent.at(0, "spectral_contrast_0")));
  EXPECT_NEAR(silent.at(0, "spectral_level_0_250"), -120, 1e-9);
  SpectralShapeConfig slow;
  slow.sample_rate_hz = 4000;
  const auto low = describe(slow, colourful(800));
  EXPECT_EQ(low.columns.size(), silent.columns.size());  // columns do not depend on the data
  EXPECT_TRUE(std::isnan(low.at(0, "spectral_level_4000_8000")));
  EXPECT_TRUE(std::isnan(low.at(0, "spectral_contrast_5")));
  EXPECT_FALSE(std::isnan(low.at(0, "spectral_contrast_3")));
  auto broken = colourful(800);
  broken[100] = std::nanf("");
  for (const double v : describe({}, {broken.begin(), broken.begin() + 400}).values_TC)
    EXPECT_TRUE(std::isnan(v));
}

TEST(SpectralShape, WrongConfigsAreNamed) {
  SpectralShapeConfig c;
  c.band_edges_hz = {100, 100};
  EXPECT_EQ(test::error_of([&] { SpectralShape s(c, hann(400)); }, ErrorCode::kConfig),
            "spectral_shape.band_edges_hz: must be two or more increasing frequencies, or none");
  c = {};
  c.rolloff_percent = {100};
  test::error_of([&] { SpectralShape s(c, hann(400)); }, ErrorCode::kConfig);
  c = {};
  c.low_hz = 7000;
  c.high_hz = 7010;
  test::error_of([&] { SpectralShape s(c, hann(400)); }, ErrorCode::kConfig);
}

TEST(ZeroCrossingRate, CountsChangesOfSign) {
  const std::vector<float> x{1, -1, 1, 1, 0, -2};
  EXPECT_DOUBLE_EQ(zero_crossing_rate(x.data(), 6), 3.0 / 5);
  EXPECT_TRUE(std::isnan(zero_crossing_rate(x.data(), 1)));
}

}  // namespace
}  // namespace limbic::signals
