#include "limbic/signals/heart/hrv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "heart_signals.h"
#include "limbic/core/error.h"
#include "limbic/signals/heart/beat_correction.h"
#include "limbic/signals/heart/heart_analysis.h"

namespace limbic::signals {
namespace {

using namespace test;

std::vector<Beat> breathing_beats(int64_t count) {
  return beats_from_durations(breathing_intervals(count)).beats;
}

TEST(Hrv, TimeMeasuresEqualNeuroKits) {
  // neurokit2 0.2.0, hrv_time on breathing_intervals(400) at 1 kHz; pNN: of the 399 pairs (NeuroKit divides
  // by the 400 intervals), MAD with 1.482602218505602 for its 1.4826.
  const auto t = hrv_time(breathing_beats(400), {});
  const double tolerance = 1e-9;
  EXPECT_NEAR(t.mean_nn_ms, 798.915, tolerance);
  EXPECT_NEAR(t.sdnn_ms, 36.04039469991017, tolerance);
  EXPECT_NEAR(t.rmssd_ms, 36.73852607611816, tolerance);
  EXPECT_NEAR(t.sdsd_ms, 36.78452744945012, tolerance);
  EXPECT_NEAR(t.cvnn, 0.045111676085578784, tolerance);
  EXPECT_NEAR(t.cvsd, 0.04598552546405833, tolerance);
  EXPECT_NEAR(t.median_nn_ms, 800, tolerance);
  EXPECT_NEAR(t.mad_nn_ms, 40.0302, 1e-3);
  EXPECT_NEAR(t.iqr_nn_ms, 53, tolerance);
  EXPECT_NEAR(t.min_nn_ms, 721, tolerance);
  EXPECT_NEAR(t.max_nn_ms, 883, tolerance);
  EXPECT_NEAR(t.pnn50_percent * 399 / 400, 17, tolerance);
  EXPECT_NEAR(t.pnn20_percent * 399 / 400, 65.25, tolerance);
  EXPECT_NEAR(t.hti, 11.11111111111111, tolerance);
  EXPECT_NEAR(t.tinn_ms, 156.25, 16);  // its search of the feet does not try all pairs; ours does
  const auto n = hrv_nonlinear(breathing_beats(400), {});
  EXPECT_NEAR(n.sd1_ms, 26.010588802248876, tolerance);
  EXPECT_NEAR(n.sd2_ms, 43.83228684897643, tolerance);
  EXPECT_NEAR(n.sample_entropy, 1.492131862238704, tolerance);
}

TEST(Hrv, EqualsATranscriptionInScipy) {
  if (output_of("/usr/bin/python3 -c 'import scipy.signal, scipy.interpolate; print(1)' 2>/dev/null") !=
      "1\n") {
    GTEST_SKIP() << "python3 with scipy is absent";
  }
  const auto beats = breathing_beats(800);
  const limbic::test::TempDir dir;
  {
    std::ofstream out(dir / "nn.txt");
    out.precision(17);
    for (size_t i = 1; i < beats.size(); ++i) out << beats[i].time_s << " " << 1000 * beats[i].ibi_s << "\n";
    std::ofstream script(dir / "judge.py");
    script << R"(
import sys, numpy as np, scipy.signal as ss, scipy.interpolate as si
t, x = np.loadtxt(sys.argv[1]).T
cs = si.CubicSpline(t, x, bc_type='natural')
n = int((t[-1] - t[0]) * 4) + 1
y = cs(t[0] + np.arange(n) / 4)
f, p = ss.welch(y, 4, window='hann', nperseg=1200, nfft=4096, detrend='constant')
def band(f, p, a, b):
    g = np.unique(np.concatenate([[a, b], f[(f > a) & (f < b)]]))
    return np.trapz(np.interp(g, f, p), g)
e = (0.0033, 0.04, 0.15, 0.4)
for a, b in ((e[0], e[1]), (e[1], e[2]), (e[2], e[3])): print(repr(float(band(f, p, a, b))))
T = 300.0; fr = np.arange(1, int(0.4 * 4 * T) + 2) / (4 * T); acc = 0; m = 0
s = 0
while t[0] + s * T / 2 + T <= t[-1] + 1e-9:
    k = (t >= t[0] + s * T / 2 - 1e-9) & (t <= t[0] + s * T / 2 + T + 1e-9)
    tt, xx = t[k], x[k] - x[k].mean()
    acc = acc + 2 * (tt[-1] - tt[0]) / (len(tt) - 1) * ss.lombscargle(tt, xx, 2 * np.pi * fr); m += 1; s += 1
p = acc / m
for a, b in ((e[0], e[1]), (e[1], e[2]), (e[2], e[3])): print(repr(float(band(fr, p, a, b))))
)";
  }
  std::istringstream judged(
      output_of("OMP_NUM_THREADS=1 /usr/bin/python3 " + (dir / "judge.py") + " " + (dir / "nn.txt")));
  double golden[6];
  for (double& g : golden) ASSERT_TRUE(judged >> g);
  const auto w = hrv_welch(beats, beats.back().time_s, {});
  const auto l = hrv_lomb(beats, beats.back().time_s, {});
  const double ours[6] = {w.vlf_ms2, w.lf_ms2, w.hf_ms2, l.vlf_ms2, l.lf_ms2, l.hf_ms2};
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(ours[i], golden[i], 1e-6 * golden[i]) << i;
}

TEST(Hrv, FindsThePowerOfPlantedWaves) {
  // Intervals 0.8 s + A sin: the power of a wave of amplitude A is A^2 / 2.
  std::vector<double> ibi;
  double t = 0;
  while (t < 600) {
    ibi.push_back(0.8 + 0.03 * std::sin(2 * kPi * 0.1 * t) + 0.02 * std::sin(2 * kPi * 0.25 * t));
    t += ibi.back();
  }
  const auto beats = beats_from_durations(ibi).beats;
  for (const auto& s : {hrv_welch(beats, t, {}), hrv_lomb(beats, t, {})}) {
    EXPECT_NEAR(s.lf_ms2, 450, 45);
    EXPECT_NEAR(s.hf_ms2, 200, 30);
    EXPECT_LT(s.vlf_ms2, 30);
    EXPECT_NEAR(s.hf_peak_hz, 0.25, 0.005);
    EXPECT_NEAR(s.lf_hf, s.lf_ms2 / s.hf_ms2, 1e-12);
    EXPECT_NEAR(s.lf_nu + s.hf_nu, 100, 1e-9);
  }
}

TEST(Hrv, WindowsTooShortForABandLeaveItMissing) {
  const auto beats = breathing_beats(90);  // 72 s
  const auto s = hrv_welch(beats, 72, {});
  EXPECT_TRUE(std::isnan(s.vlf_ms2) && std::isnan(s.lf_ms2) && std::isnan(s.lf_hf) && std::isnan(s.hf_nu));
  EXPECT_GT(s.hf_ms2, 0);
  EXPECT_TRUE(std::isnan(hrv_welch(beats, 57, {}).hf_ms2));
  EXPECT_GT(hrv_welch(beats, 72, {}).hf_peak_hz, 0.2);
  // Half of the intervals gone: too few for Welch, enough for Lomb-Scargle.
  auto gaps = beats;
  for (size_t i = 0; i < gaps.size(); i += 3) gaps[i].ibi_s = kMissing;
  EXPECT_TRUE(std::isnan(hrv_welch(gaps, 72, {}).hf_ms2));
  EXPECT_GT(hrv_lomb(gaps, 72, {}).hf_ms2, 0);
}

TEST(Hrv, FewIntervalsAreMissingNotZero) {
  for (int64_t count = 0; count < 5; ++count) {
    const auto t = hrv_time(breathing_beats(count), {});
    EXPECT_TRUE(std::isnan(t.mean_nn_ms) && std::isnan(t.sdnn_ms) && std::isnan(t.pnn50_percent)) << count;
  }
  const auto t = hrv_time(beats_from_durations(std::vector<double>(300, 0.8)).beats, {});
  EXPECT_EQ(t.rmssd_ms, 0);
  EXPECT_NEAR(t.mean_nn_ms, 800, 1e-9);
  EXPECT_EQ(t.hti, 1);
  const auto n = hrv_nonlinear(beats_from_durations(std::vector<double>(300, 0.8)).beats, {});
  EXPECT_TRUE(std::isnan(n.sample_entropy));
  EXPECT_TRUE(std::isnan(n.sd1_sd2));
}

TEST(Hrv, DifferencesAreNotTakenAcrossGaps) {
  auto beats = breathing_beats(40);
  beats[20].ibi_s = kMissing;
  beats[21].ibi_s += 0.5;  // after a gap; its only pair is with the next
  std::vector<double> pairs;
  for (size_t i = 2; i < beats.size(); ++i) {
    const double d = 1000 * (beats[i].ibi_s - beats[i - 1].ibi_s);
    if (std::isfinite(d)) pairs.push_back(d);
  }
  EXPECT_EQ(pairs.size(), 37u);
  double sum = 0;
  for (const double d : pairs) sum += d * d;
  EXPECT_NEAR(hrv_time(beats, {}).rmssd_ms, std::sqrt(sum / 37), 1e-9);
}

double naive_sample_entropy(const std::vector<double>& x, size_t m, double r) {
  double a = 0;
  double b = 0;
  for (size_t i = 0; i + m < x.size(); ++i) {
    for (size_t j = i + 1; j + m < x.size(); ++j) {
      double d = 0;
      for (size_t k = 0; k < m; ++k) d = std::max(d, std::abs(x[i + k] - x[j + k]));
      if (!(d <= r)) continue;
      ++b;
      a += std::abs(x[i + m] - x[j + m]) <= r ? 1 : 0;
    }
  }
  return std::log(b / a);
}

TEST(SampleEntropy, EqualsTheDefinition) {
  Noise noise;
  std::vector<double> x;
  for (int i = 0; i < 500; ++i) x.push_back(noise.next());
  EXPECT_NEAR(sample_entropy(x, 2, 0.06), naive_sample_entropy(x, 2, 0.06), 1e-12);
  EXPECT_NEAR(sample_entropy(x, 1, 0.1), naive_sample_entropy(x, 1, 0.1), 1e-12);
  EXPECT_TRUE(std::isnan(sample_entropy({}, 2, 0.1)));
  EXPECT_TRUE(std::isnan(sample_entropy({1, 2, 3}, 2, 0.1)));
  limbic::test::error_of([&] { sample_entropy(x, 0, 0.1); }, ErrorCode::kConfig);
}

TEST(SampleEntropy, HasNoTroubleWithTenHoursOfBeats) {
  const auto ibi = breathing_intervals(45000);
  EXPECT_GT(sample_entropy(ibi, 2, 0.0072), 1);
}

}  // namespace
}  // namespace limbic::signals
