#include "limbic/signals/audio/log_mel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "support/paths.h"

namespace limbic::signals {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// A sine, noise of a linear congruential generator and an offset: the same numbers in any language.
std::vector<float> test_signal(int64_t num_samples) {
  std::vector<float> x;
  uint32_t state = 12345;
  for (int64_t i = 0; i < num_samples; ++i) {
    state = state * 1664525u + 1013904223u;
    const double noise = static_cast<double>(state >> 16) / 65536.0 - 0.5;
    x.push_back(static_cast<float>(0.3 * std::sin(2 * kPi * 440 * static_cast<double>(i) / 16000) +
                                   0.1 * noise + 0.05));
  }
  return x;
}

std::vector<float> log_mel(const LogMelConfig& config, const std::vector<float>& x) {
  std::vector<float> out;
  LogMel(config).compute(x.data(), static_cast<int64_t>(x.size()), out);
  return out;
}

LogMelConfig kaldi(int64_t num_mels) {
  LogMelConfig c;
  c.num_mels = num_mels;
  return c;
}

LogMelConfig centered_htk() {
  LogMelConfig c = LogMelConfig::librosa(16000, 512, 160, 10);
  c.window_samples = 400;
  c.low_hz = 50;
  c.high_hz = 7000;
  c.mel_scale = MelScale::kHtk;
  c.mel_norm = MelNorm::kPeak;
  return c;
}

/// `unit_per_log`: how much the value moves when the energy moves by e; 1e-5 relative of the energy is
/// allowed, plus the float32 of the output.
void expect_frame(const std::vector<float>& out, size_t frame, const std::vector<double>& golden,
                  double unit_per_log) {
  ASSERT_GE(out.size(), (frame + 1) * golden.size());
  for (size_t m = 0; m < golden.size(); ++m) {
    const double tolerance = 1e-5 * unit_per_log + 6e-8 * std::abs(golden[m]);
    EXPECT_NEAR(out[frame * golden.size() + m], golden[m], tolerance) << "frame " << frame << " mel " << m;
  }
}

constexpr double kDecibelPerLog = 4.342944819;

// The golden values come from torchaudio 0.13.1 (compliance.kaldi.fbank) and torch 1.13 (torch.stft with
// center=True, pad_mode="constant", then functional.melscale_fbanks), both in float64, on test_signal(1600).

TEST(LogMel, AgreesWithKaldiWithSnippedEdges) {
  const auto out = log_mel(kaldi(23), test_signal(1600));
  ASSERT_EQ(out.size(), 8u * 23u);
  expect_frame(out, 0, {-5.91263866,  -5.05416228, -3.29975824,   3.46479419,  3.15598595,  -3.27963304,
                        -3.90750807,  -3.17574664, -1.76648734,   -1.70367298, -1.44006713, -1.46922328,
                        -0.544520569, 0.134543598, -0.0826329585, 0.460354465, 1.29383317,  1.79550672,
                        1.73534769,   1.62438289,  2.0319767,     2.21353151,  2.61002005},
               1.0);
  expect_frame(out, 7, {-6.87447506,  -5.81959283,  -3.27150491, 3.45466831,  3.13897332,   -3.56456261,
                        -3.17286904,  -2.82385998,  -2.51195216, -2.22412872, -0.883358917, -0.336121868,
                        -0.369840839, 0.0974264307, 1.20897477,  1.19983261,  1.13151101,   1.28590843,
                        1.31108329,   1.32129882,   2.1676005,   2.54062906,  2.57201744},
               1.0);
}

TEST(LogMel, AgreesWithKaldiWithReflectedEdgesAtInt16Scale) {
  LogMelConfig c = kaldi(10);
  c.framing = Framing::kReflectEdges;
  c.window = WindowShape::kHamming;
  c.high_hz = -400;
  c.sample_scale = SampleScale::kInt16;
  const auto out = log_mel(c, test_signal(1600));
  ASSERT_EQ(out.size(), 10u * 10u);
  expect_frame(out, 0,
               {21.5491796, 24.5991034, 22.8596947, 20.7606036, 20.5959253, 21.3254463, 22.0956204,
                22.6939735, 23.5320615, 24.051319},
               1.0);
  expect_frame(out, 9,
               {21.6351667, 24.5704644, 22.7919461, 20.8933777, 20.727104, 21.2060501, 21.8379366, 22.6522628,
                23.0655964, 23.8546178},
               1.0);
}

TEST(LogMel, AgreesWithLibrosaConventionAtAnFftLengthThatIsNoPowerOfTwo) {
  const auto out = log_mel(LogMelConfig::librosa(16000, 400, 160, 20), test_signal(1600));
  ASSERT_EQ(out.size(), 11u * 20u);
  expect_frame(out, 0,
               {-7.26664908, -2.21449501, 5.42204946,  -1.27351809, -14.2643023, -20.2780055, -21.7394176,
                -22.232434,  -26.1166213, -29.8069874, -28.6463699, -27.1026858, -28.2605115, -27.6068835,
                -27.205055,  -28.4490108, -29.164628,  -26.7198919, -25.2196038, -28.7053865},
               kDecibelPerLog);
  expect_frame(out, 10,
               {-8.50167192, -2.53051787, 5.00161741,  -1.65946054, -14.1262822, -17.7768035, -19.1205518,
                -27.1322073, -25.7149018, -25.4086046, -29.7670307, -28.7703824, -30.3128363, -31.6336281,
                -30.9620025, -27.3440706, -27.2653932, -28.6631988, -28.2405296, -26.7204488},
               kDecibelPerLog);
}

TEST(LogMel, CentresAShortWindowInTheFftAsTorchStftDoes) {
  const auto out = log_mel(centered_htk(), test_signal(1600));
  ASSERT_EQ(out.size(), 11u * 10u);
  expect_frame(out, 0,
               {20.7552083, 28.6530334, 17.6156823, 4.91927657, 0.683078491, 0.816765138, 1.74641248,
                2.87509309, 2.40142434, 6.64537716},
               kDecibelPerLog);
  expect_frame(out, 10,
               {20.424429, 28.2380017, 17.3963337, 5.95792584, 1.76999634, -0.412869668, -1.20851756,
                1.01425311, 3.9795, 3.83074036},
               kDecibelPerLog);
}

/// Runs the reference implementations on this machine and compares every value of 3 s of signal.
TEST(LogMel, AgreesWithTorchaudioEverywhere) {
  if (std::system("/usr/bin/python3 -c 'import torchaudio' >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "python3-torchaudio is absent";
  }
  const test::TempDir dir;
  const auto x = test_signal(48000);
  std::ofstream(dir / "x.f32", std::ios::binary)
      .write(reinterpret_cast<const char*>(x.data()), static_cast<std::streamsize>(x.size() * sizeof(float)));
  std::ofstream(dir / "judge.py") << R"(
import sys, numpy as np, torch, torchaudio
torch.set_default_dtype(torch.float64)
d = sys.argv[1]
x = torch.tensor(np.fromfile(d + "/x.f32", np.float32).astype(np.float64))
k = torchaudio.compliance.kaldi
k.fbank(x[None], num_mel_bins=80, dither=0.0).numpy().tofile(d + "/kaldi.f64")
k.fbank(x[None], num_mel_bins=80, dither=0.0, snip_edges=False, use_power=False).numpy().tofile(d + "/reflect.f64")
def stft(n_fft, win, hop):
    w = torch.hann_window(win, periodic=True)
    return torch.stft(x, n_fft, hop, win, w, center=True, pad_mode="constant", return_complex=True).abs() ** 2
def bank(*a):
    return torchaudio.functional.melscale_fbanks(*a)
db = lambda m: 10 * torch.log10(torch.clamp(m, min=1e-10))
db(stft(2048, 2048, 512).T @ bank(1025, 0.0, 8000.0, 128, 16000, "slaney", "slaney")).numpy().tofile(d + "/slaney.f64")
db(stft(512, 400, 160).T @ bank(257, 50.0, 7000.0, 10, 16000, None, "htk")).numpy().tofile(d + "/htk.f64")
)";
  ASSERT_EQ(
      std::system(("/usr/bin/python3 " + (dir / "judge.py") + " " + dir.path() + " >/dev/null 2>&1").c_str()),
      0);

  LogMelConfig reflect = kaldi(80);
  reflect.framing = Framing::kReflectEdges;
  reflect.power = 1.0;
  const struct {
    const char* file;
    LogMelConfig config;
    double unit_per_log;
  } cases[] = {{"kaldi.f64", kaldi(80), 1.0},
               {"reflect.f64", reflect, 1.0},
               {"slaney.f64", LogMelConfig::librosa(16000), kDecibelPerLog},
               {"htk.f64", centered_htk(), kDecibelPerLog}};
  for (const auto& c : cases) {
    const std::string bytes = core::read_file(dir / c.file);
    const auto* golden = reinterpret_cast<const double*>(bytes.data());
    const auto out = log_mel(c.config, x);
    ASSERT_EQ(bytes.size(), out.size() * sizeof(double)) << c.file;
    double worst = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      const double rounding = 6e-8 * std::abs(golden[i]);
      worst =
          std::max(worst, (std::abs(static_cast<double>(out[i]) - golden[i]) - rounding) / c.unit_per_log);
    }
    EXPECT_LT(worst, 1e-5) << c.file;
  }
}

TEST(MelScale, HasTheValuesOfLibrosasTests) {
  // tests/test_core.py of librosa prints these: HTK formula with 2595 log10, which is 1127.01 ln.
  EXPECT_NEAR(hz_to_mel(500, MelScale::kHtk), 607.44591966, 607.44591966 * 1.5e-5);
  EXPECT_NEAR(hz_to_mel(2000, MelScale::kSlaney), 25.08188016, 1e-8);
  EXPECT_NEAR(hz_to_mel(500, MelScale::kSlaney), 7.5, 1e-12);
  for (const MelScale scale : {MelScale::kHtk, MelScale::kSlaney}) {
    for (const double hz : {0.0, 20.0, 999.0, 1000.0, 7999.0}) {
      EXPECT_NEAR(mel_to_hz(hz_to_mel(hz, scale), scale), hz, 1e-9 * (1 + hz));
    }
  }
}

TEST(MelFilterbank, HasAreaOneUnderSlaneysNorm) {
  const LogMelConfig c = LogMelConfig::librosa(22050, 16384, 512, 40);
  const auto bank = mel_filterbank(c);
  const size_t num_bins = 16384 / 2 + 1;
  ASSERT_EQ(bank.size(), 40 * num_bins);
  for (size_t m = 0; m < 40; ++m) {
    double area = 0;
    for (size_t k = 0; k < num_bins; ++k) area += bank[m * num_bins + k] * 22050.0 / 16384.0;
    EXPECT_NEAR(area, 1.0, 2e-3) << m;
  }
}

TEST(LogMel, CountsFramesByEachConvention) {
  LogMelConfig c;
  EXPECT_EQ(LogMel(c).num_frames(399), 0);
  EXPECT_EQ(LogMel(c).num_frames(400), 1);
  EXPECT_EQ(LogMel(c).num_frames(16000), 98);
  EXPECT_DOUBLE_EQ(LogMel(c).frame_rate_hz(), 100.0);
  EXPECT_DOUBLE_EQ(LogMel(c).first_frame_s(), 0.0125);
  c.framing = Framing::kReflectEdges;
  EXPECT_EQ(LogMel(c).num_frames(16000), 100);
  EXPECT_EQ(LogMel(c).num_frames(79), 0);
  EXPECT_DOUBLE_EQ(LogMel(c).first_frame_s(), 0.005);
  c.framing = Framing::kCenterZero;
  EXPECT_EQ(LogMel(c).num_frames(16000), 101);
  EXPECT_EQ(LogMel(c).num_frames(0), 0);
  EXPECT_DOUBLE_EQ(LogMel(c).first_frame_s(), 0.0);
}

TEST(LogMel, FrameDoesNotDependOnWhatLiesOutsideItsWindow) {
  const auto x = test_signal(1600);
  const std::vector<float> part(x.begin() + 480, x.end());
  const auto whole = log_mel(kaldi(40), x);
  const auto later = log_mel(kaldi(40), part);
  ASSERT_EQ(whole.size(), later.size() + 3 * 40);
  for (size_t i = 0; i < later.size(); ++i) ASSERT_EQ(later[i], whole[i + 3 * 40]) << i;
}

TEST(LogMel, Int16SamplesGiveWhatTheirFloatsGive) {
  std::vector<int16_t> pcm;
  std::vector<float> unit;
  for (const float v : test_signal(1600)) {
    pcm.push_back(static_cast<int16_t>(v * 32767.0f));
    unit.push_back(static_cast<float>(pcm.back()) / 32768.0f);
  }
  const LogMel mel(kaldi(40));
  std::vector<float> from_pcm(8 * 40);
  mel.compute(pcm.data(), 1600, from_pcm.data());
  EXPECT_EQ(from_pcm, log_mel(kaldi(40), unit));
}

TEST(LogMel, SilenceIsTheFloorAndNothingIsNotANumber) {
  const auto out = log_mel(kaldi(80), std::vector<float>(1600, 0.0f));
  for (const float v : out) ASSERT_FLOAT_EQ(v, std::log(1.1920929e-07f));
}

TEST(LogMel, DitherIsTheSameForTheSameSeed) {
  LogMelConfig c = kaldi(40);
  c.sample_scale = SampleScale::kInt16;
  c.dither = 1.0;
  const std::vector<float> silence(1600, 0.0f);
  const auto a = log_mel(c, silence);
  EXPECT_EQ(a, log_mel(c, silence));
  c.dither_seed = 1;
  EXPECT_NE(a, log_mel(c, silence));
  // White noise of variance 1: Kaldi's energies of dithered silence lie well above the floor.
  for (const float v : a) ASSERT_GT(v, -5.0f);
}

TEST(LogMel, TopDbRaisesValuesToItsDistanceBelowTheMaximum) {
  LogMelConfig c = LogMelConfig::librosa(16000, 512, 160, 40);
  auto x = test_signal(3200);
  std::fill(x.begin() + 1600, x.end(), 0.0f);
  const auto open = log_mel(c, x);
  c.top_db = 30.0;
  const auto limited = log_mel(c, x);
  const float top = *std::max_element(open.begin(), open.end());
  for (size_t i = 0; i < open.size(); ++i) ASSERT_FLOAT_EQ(limited[i], std::max(open[i], top - 30.0f));
}

TEST(LogMel, PureToneOfEveryFftLengthHasItsEnergyInItsBin) {
  // Parseval and place: one filter over everything sums the power spectrum, whatever radices the length has.
  for (const int64_t n :
       {int64_t{2}, int64_t{6}, int64_t{10}, int64_t{32}, int64_t{36}, int64_t{100}, int64_t{154},
        int64_t{442}, int64_t{512}, int64_t{882}, int64_t{1024}, int64_t{1018}}) {
    LogMelConfig c;
    c.window_samples = n;
    c.fft_samples = n;
    c.hop_samples = n;
    c.window = WindowShape::kRectangular;
    c.remove_dc = false;
    c.preemphasis = 0;
    c.num_mels = 1;
    c.low_hz = 0;
    c.log = MelLog::kNone;
    c.triangles = Triangles::kHz;
    const auto x = test_signal(n);
    const auto out = log_mel(c, x);
    // A direct transform, as the definition says.
    const auto bank = mel_filterbank(c);
    double expected = 0;
    for (int64_t k = 0; k <= n / 2; ++k) {
      double re = 0;
      double im = 0;
      for (int64_t i = 0; i < n; ++i) {
        const double angle = 2 * kPi * static_cast<double>((i * k) % n) / static_cast<double>(n);
        re += x[static_cast<size_t>(i)] * std::cos(angle);
        im -= x[static_cast<size_t>(i)] * std::sin(angle);
      }
      expected += bank[static_cast<size_t>(k)] * (re * re + im * im);
    }
    ASSERT_EQ(out.size(), 1u);
    EXPECT_NEAR(out[0], expected, 1e-6 * expected + 1e-12) << n;
  }
}

TEST(LogMel, IsSharedByThreads) {
  const auto x = test_signal(16000);
  const LogMel mel(kaldi(80));
  const auto expected = log_mel(kaldi(80), x);
  std::vector<std::vector<float>> outs(4);
  std::vector<std::thread> threads;
  for (auto& out : outs) {
    threads.emplace_back([&mel, &x, &out] { mel.compute(x.data(), static_cast<int64_t>(x.size()), out); });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& out : outs) EXPECT_EQ(out, expected);
}

TEST(LogMelConfig, SaysWhatIsWrong) {
  LogMelConfig c;
  c.high_hz = 9000;
  EXPECT_EQ(test::error_of([&] { LogMel mel(c); }, ErrorCode::kConfig),
            "log_mel.high_hz: must mean a frequency above low_hz and at most half the sample rate, got 9000");
  c = LogMelConfig();
  c.fft_samples = 256;
  EXPECT_EQ(test::error_of([&] { LogMel mel(c); }, ErrorCode::kConfig),
            "log_mel.fft_samples: must be 0 (next power of two) or even and at least window_samples (400), "
            "got 256");
  c = LogMelConfig();
  c.top_db = 80;
  EXPECT_EQ(test::error_of([&] { LogMel mel(c); }, ErrorCode::kConfig),
            "log_mel.top_db: must be positive and needs log: decibel, got 80");
}

}  // namespace
}  // namespace limbic::signals
