#include "limbic/signals/audio/mfcc.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limbic/signals/audio/deltas.h"
#include "signals/dsp/python_judge.h"

namespace limbic::signals {
namespace {

std::vector<float> speechlike(int64_t size) {
  std::vector<float> out;
  for (const double v : wavy(size)) out.push_back(static_cast<float>(0.2 * v));
  return out;
}
std::vector<double> to_double(const std::vector<float>& x) {
  return {x.begin(), x.end()};
}
std::vector<double> mfcc(const MfccConfig& config, const std::vector<float>& x) {
  std::vector<float> out;
  Mfcc(config).compute(x.data(), static_cast<int64_t>(x.size()), out);
  return to_double(out);
}
std::vector<double> log_mel_of(const LogMelConfig& config, const std::vector<float>& x) {
  std::vector<float> out;
  LogMel(config).compute(x.data(), static_cast<int64_t>(x.size()), out);
  return to_double(out);
}

TEST(Mfcc, CosineTransformsAreScipys) {
  Verdict scipy(judged(R"(
from scipy.fft import dct
for n in (2, 13, 40):
  for t in (1, 2, 3):
    for norm in ('ortho', None): give(dct(np.eye(n), type=t, norm=norm, axis=0)[:2])
)",
                       {0.0}));
  LIMBIC_REQUIRE_JUDGE(scipy);
  for (const int64_t n : {2, 13, 40}) {
    for (const DctType type : {DctType::kOne, DctType::kTwo, DctType::kThree}) {
      for (const DctNorm norm : {DctNorm::kOrthonormal, DctNorm::kNone})
        scipy.expect(cosine_transform(type, norm, 2, n), 1e-12, "DCT of " + std::to_string(n));
    }
  }
  EXPECT_TRUE(scipy.is_used_up());
}

// The published formulas of librosa 0.10 (filters.mel, core.stft, power_to_db, feature.mfcc), written down
// anew.
TEST(Mfcc, LibrosaModeIsLibrosasDefinition) {
  const auto x = speechlike(12000);
  Verdict numpy(judged(R"(
from scipy.fft import dct
def slaney(hz):
  hz = np.asarray(hz, dtype=float)
  return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1e-9) / 1000) / np.log(6.4))
def slaney_hz(m):
  m = np.asarray(m, dtype=float)
  return np.where(m < 15, m * 200 / 3, 1000 * 6.4 ** ((m - 15) / 27))
def htk(hz): return 2595 * np.log10(1 + np.asarray(hz, dtype=float) / 700)
def htk_hz(m): return 700 * (10 ** (np.asarray(m, dtype=float) / 2595) - 1)
def bank(sr, n_fft, n_mels, fmin, fmax, to, back, norm):
  f = np.arange(n_fft // 2 + 1) * sr / n_fft
  e = back(np.linspace(to(fmin), to(fmax), n_mels + 2))
  w = np.zeros((n_mels, len(f)))
  for m in range(n_mels):
    w[m] = np.maximum(0, np.minimum((f - e[m]) / (e[m + 1] - e[m]), (e[m + 2] - f) / (e[m + 2] - e[m + 1])))
    if norm: w[m] *= 2 / (e[m + 2] - e[m])
  return w
def power(n_fft, hop):
  y = np.pad(x, n_fft // 2)
  w = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
  return np.stack([np.abs(np.fft.rfft(y[t * hop:t * hop + n_fft] * w)) ** 2 for t in range(1 + len(x) // hop)])
db = lambda p: 10 * np.log10(np.maximum(p, 1e-10))
b = bank(22050, 2048, 128, 0, 11025, slaney, slaney_hz, True)
h = bank(16000, 512, 40, 50, 7000, htk, htk_hz, False)
give(b); give(h)
mel = power(2048, 512) @ b.T
give(mel); give(db(mel)); give(db(power(512, 160) @ h.T))
m = dct(np.maximum(db(mel), db(mel).max() - 80), type=2, norm='ortho', axis=1)[:, :20]
give(m)
m = m[:, :13] * (1 + 22 / 2 * np.sin(np.pi * np.arange(1, 14) / 22))
give(m)
)",
                       to_double(x)));
  LIMBIC_REQUIRE_JUDGE(numpy);
  const LogMelConfig wide = LogMelConfig::librosa();
  LogMelConfig narrow = LogMelConfig::librosa(16000, 512, 160, 40);
  narrow.low_hz = 50;
  narrow.high_hz = 7000;
  narrow.mel_scale = MelScale::kHtk;
  narrow.mel_norm = MelNorm::kPeak;
  // 2595 log10 of the one and 1127 ln of the other HTK formula differ in the sixth digit.
  numpy.expect(mel_filterbank(wide), 1e-12, "Slaney filters");
  numpy.expect(mel_filterbank(narrow), 1e-5, "HTK filters");
  LogMelConfig energies = wide;
  energies.log = MelLog::kNone;
  numpy.expect(log_mel_of(energies, x), 1e-5, "mel energies");
  numpy.expect(log_mel_of(wide, x), 1e-5, "dB, Slaney");
  numpy.expect(log_mel_of(narrow, x), 1e-5, "dB, HTK");
  MfccConfig c = MfccConfig::librosa();
  c.mel.top_db = 80;
  numpy.expect(mfcc(c, x), 1e-5, "cepstra");
  c.num_cepstra = 13;
  c.lifter = 22;
  numpy.expect(mfcc(c, x), 1e-5, "liftered cepstra");
  EXPECT_TRUE(numpy.is_used_up());
}

// The HTK Book, 5.4, 5.6: what its filterbank says of one frame, written down anew.
TEST(Mfcc, HtkModeIsTheBooksDefinition) {
  const auto x = speechlike(2000);
  Verdict numpy(judged(R"(
N, M = 400, 26
f = np.stack([x[t * 160:t * 160 + N] for t in range(11)]) * 32768
f = np.concatenate([f[:, :1] * (1 - 0.97), f[:, 1:] - 0.97 * f[:, :-1]], 1)
f = f * (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(N) / (N - 1)))
a = np.abs(np.fft.rfft(f, 512))
mel = lambda hz: 1127 * np.log(1 + hz / 700)
k = mel(np.arange(257) * 16000 / 512)
c = mel(8000) * np.arange(M + 2) / (M + 1)
m = np.empty((11, M))
for j in range(M):
  w = np.clip(np.minimum((k - c[j]) / (c[j + 1] - c[j]), (c[j + 2] - k) / (c[j + 2] - c[j + 1])), 0, None)
  m[:, j] = np.log(np.maximum(a @ w, 1))
i = np.arange(13)
C = np.sqrt(2 / M) * m @ np.cos(np.pi * i[None, :] / M * (np.arange(1, M + 1)[:, None] - 0.5))
C = C * (1 + 11 * np.sin(np.pi * i / 22))
give(np.concatenate([C[:, 1:], C[:, :1]], 1))
give(np.log((np.stack([x[t * 160:t * 160 + N] for t in range(11)]) ** 2).sum(1) * 32768.0 ** 2))
)",
                       to_double(x)));
  LIMBIC_REQUIRE_JUDGE(numpy);
  numpy.expect(mfcc(MfccConfig::htk(), x), 1e-5, "cepstra");
  MfccConfig c = MfccConfig::htk();
  c.zeroth = Zeroth::kEnergyLast;
  const auto with_energy = mfcc(c, x);
  std::vector<double> energy;
  for (size_t t = 0; t < 11; ++t) energy.push_back(with_energy[t * 13 + 12]);
  numpy.expect(energy, 1e-6, "energy");
}

// torchaudio makes its filters and cosines in float32, hence 1e-4 for cepstra (of sums of 23 logarithms).
TEST(Mfcc, KaldiModeAndDeltasAreTorchaudios) {
  const auto x = speechlike(4000);
  Verdict torchaudio(judged(R"(
import torch, torchaudio
k = torchaudio.compliance.kaldi
w = torch.tensor(x)[None]
m = k.mfcc(w, dither=0.0, energy_floor=0.0)
give(m)
give(k.mfcc(w, dither=0.0, energy_floor=0.0, use_energy=True, num_ceps=10, num_mel_bins=30, cepstral_lifter=0.0))
d = torchaudio.functional.compute_deltas(m.T[None])
give(d[0].T)
give(torchaudio.functional.compute_deltas(d)[0].T)
give(torchaudio.functional.compute_deltas(m.T[None], win_length=9)[0].T)
)",
                            to_double(x)));
  LIMBIC_REQUIRE_JUDGE(torchaudio);
  const auto plain = mfcc(MfccConfig(), x);
  torchaudio.expect(plain, 1e-4, "mfcc");
  MfccConfig c;
  c.zeroth = Zeroth::kEnergyFirst;
  c.num_cepstra = 10;
  c.mel.num_mels = 30;
  c.lifter = 0;
  torchaudio.expect(mfcc(c, x), 1e-4, "with energy");
  const std::vector<float> frames(plain.begin(), plain.end());
  torchaudio.expect(to_double(regression_deltas(frames, 13)), 1e-4, "deltas");
  torchaudio.expect(to_double(regression_deltas(frames, 13, 2, 2)), 1e-4, "of deltas");
  torchaudio.expect(to_double(regression_deltas(frames, 13, 4)), 1e-4, "wide");
}

// Of torchaudio 0.13.1 (compliance.kaldi.mfcc, dither=0, energy_floor=0) in float64.
TEST(Mfcc, GoldenNumbersOfKaldiMode) {
  const std::vector<double> golden{3.5274,   -23.4663, 5.5675,   -0.724, -10.0706, -20.3238, -29.4227,
                                   -36.8154, -23.934,  -15.5605, 9.1226, 16.8468,  9.0508};
  const auto got = mfcc(MfccConfig(), speechlike(400));
  ASSERT_EQ(got.size(), golden.size());
  for (size_t c = 0; c < got.size(); ++c) EXPECT_NEAR(got[c], golden[c], 2e-3) << c;
}

TEST(Mfcc, ZerothStandsWhereItIsAsked) {
  const auto x = speechlike(400);
  MfccConfig c;
  const auto first = mfcc(c, x);
  c.zeroth = Zeroth::kLast;
  const auto last = mfcc(c, x);
  c.zeroth = Zeroth::kOmitted;
  const auto omitted = mfcc(c, x);
  ASSERT_EQ(omitted.size(), 13u);
  EXPECT_EQ(last[12], first[0]);
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(last[i], first[i + 1]);
    EXPECT_EQ(omitted[i], first[i + 1]);
  }
  EXPECT_TRUE(mfcc(c, {}).empty());
  EXPECT_TRUE(mfcc(c, {0.1f}).empty());
  for (const double v : mfcc(c, std::vector<float>(400, 0.0f))) EXPECT_NEAR(v, 0, 1e-4);  // a flat spectrum
}

TEST(Mfcc, WrongConfigsAreNamed) {
  MfccConfig c;
  c.num_cepstra = 24;
  EXPECT_EQ(test::error_of([&] { Mfcc m(c); }, ErrorCode::kConfig),
            "mfcc.num_cepstra: must be in [1, 23] with 23 mels, got 24");
  c = {};
  c.dct = DctType::kThree;
  c.norm = DctNorm::kHtk;
  EXPECT_EQ(test::error_of([&] { Mfcc m(c); }, ErrorCode::kConfig), "mfcc.norm: htk needs dct: 2");
  c = {};
  c.mel.low_hz = 9000;
  EXPECT_NE(test::error_of([&] { Mfcc m(c); }, ErrorCode::kConfig).find("log_mel.low_hz"), std::string::npos);
}

TEST(Deltas, OfALineAreItsSlope) {
  std::vector<float> x;
  for (int t = 0; t < 20; ++t) x.insert(x.end(), {2.0f * static_cast<float>(t), 5.0f});
  const auto d = regression_deltas(x, 2);
  const auto p = polynomial_deltas(x, 2);
  for (size_t t = 2; t < 18; ++t) EXPECT_FLOAT_EQ(d[2 * t], 2.0f);
  // The ends repeat: (1 (x1 - x0) + 2 (x2 - x0)) / 10.
  EXPECT_FLOAT_EQ(d[0], 1.0f);
  for (size_t t = 0; t < 20; ++t) {
    EXPECT_NEAR(p[2 * t], 2.0f, 1e-5);
    EXPECT_NEAR(p[2 * t + 1], 0.0f, 1e-5);
    EXPECT_EQ(d[2 * t + 1], 0.0f);
  }
}

TEST(Deltas, PolynomialOnesAreScipysSavgolFilterWithEveryEdge) {
  const auto x = speechlike(60);  // 20 frames of 3
  Verdict scipy(judged(R"(
from scipy.signal import savgol_filter
y = x.reshape(20, 3)
for mode in ('interp', 'nearest', 'mirror', 'constant', 'wrap'):
  give(savgol_filter(y, 9, polyorder=1, deriv=1, axis=0, mode=mode, cval=0))
  give(savgol_filter(y, 7, polyorder=2, deriv=2, axis=0, mode=mode, cval=0))
)",
                       to_double(x)));
  LIMBIC_REQUIRE_JUDGE(scipy);
  for (const DeltaEdges edges : {DeltaEdges::kInterp, DeltaEdges::kNearest, DeltaEdges::kMirror,
                                 DeltaEdges::kConstant, DeltaEdges::kWrap}) {
    scipy.expect(to_double(polynomial_deltas(x, 3, 9, 1, edges)), 1e-6, "first");
    scipy.expect(to_double(polynomial_deltas(x, 3, 7, 2, edges)), 1e-6, "second");
  }
}

TEST(Deltas, ShortAndWrongInput) {
  EXPECT_TRUE(regression_deltas({}, 3).empty());
  EXPECT_TRUE(polynomial_deltas({}, 3, 9, 1, DeltaEdges::kMirror).empty());
  EXPECT_EQ(regression_deltas({1, 2}, 2), (std::vector<float>{0, 0}));
  for (const DeltaEdges edges :
       {DeltaEdges::kInterp, DeltaEdges::kNearest, DeltaEdges::kMirror, DeltaEdges::kWrap})
    EXPECT_NEAR(polynomial_deltas({7}, 1, 9, 1, edges).at(0), 0, 1e-6);
  test::error_of([] { regression_deltas({1, 2, 3}, 2); }, ErrorCode::kInternal);
  test::error_of([] { polynomial_deltas({1, 2}, 1, 8); }, ErrorCode::kConfig);
  test::error_of([] { regression_deltas({1, 2}, 1, 0); }, ErrorCode::kConfig);
}

}  // namespace
}  // namespace limbic::signals
