// Cleaning and decomposition against scipy, which the Python tools stand on.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "limbic/signals/eda/eda_clean.h"
#include "limbic/signals/eda/eda_decompose.h"
#include "limbic/signals/eda/eda_simulator.h"
#include "signals/dsp/python_judge.h"

namespace limbic::signals {
namespace {

std::vector<double> simulated(double rate_hz) {
  EdaSimulatorConfig config;
  config.rate_hz = rate_hz;
  config.duration_s = rate_hz > 500 ? 60 : 300;
  return simulate_eda(config).eda.values;
}

TEST(EdaClean, EqualsScipysFilters) {
  for (const double rate_hz : {8.0, 100.0, 1000.0}) {
    const std::vector<double> x = simulated(rate_hz);
    std::ostringstream code;
    code << "from scipy import signal as ss\nr = " << rate_hz
         << "\ngive(ss.sosfiltfilt(ss.butter(4, 3, 'low', output='sos', fs=r), x))\n"
            "y = ss.sosfiltfilt(ss.butter(4, 5, 'low', output='sos', fs=r), x) if r > 10 else x\n"
            "n = int(.75 * r)\n"
            "for w in (np.ones(n), ss.windows.parzen(n)):\n"
            "  a = np.r_[np.full(n, y[0]), y, np.full(n, y[-1])]\n"
            "  y = np.convolve(w / w.sum(), a, mode='same')[n:-n]\n"
            "give(y)\n";
    Verdict verdict(judged(code.str(), x));
    if (verdict.is_absent()) GTEST_SKIP() << "python3 with scipy is absent";
    verdict.expect(clean_eda(x, rate_hz).values, 1e-6, "neurokit");
    verdict.expect(clean_eda(x, rate_hz, EdaCleaner::kBiosppy).values, 1e-6, "biosppy");
  }
}

TEST(EdaClean, AtFourHertzThereIsNothingToRemoveAndANoteSaysSo) {
  const std::vector<double> x = simulated(4);
  const EdaCleaned clean = clean_eda(x, 4);
  EXPECT_EQ(clean.values, x);
  EXPECT_NE(clean.note.find("no low-pass: 3 Hz"), std::string::npos);
  EXPECT_TRUE(clean_eda(x, 8).note.empty());
  EXPECT_EQ(clean_eda(x, 100, EdaCleaner::kNone).values, x);
}

TEST(EdaClean, GapsStayGaps) {
  std::vector<double> x = simulated(32);
  for (size_t i = 1000; i < 1100; ++i) x[i] = kMissing;
  x[3000] = INFINITY;
  for (const EdaCleaner cleaner : {EdaCleaner::kNeurokit, EdaCleaner::kBiosppy}) {
    const EdaCleaned clean = clean_eda(x, 32, cleaner);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(std::isnan(clean.values[i]), !std::isfinite(x[i])) << i;
    }
  }
  EXPECT_TRUE(clean_eda({}, 32).values.empty());
  EXPECT_EQ(clean_eda({0.5}, 32).values.size(), 1u);
  EXPECT_EQ(clean_eda({0.5}, 32, EdaCleaner::kBiosppy).values.size(), 1u);
  EXPECT_NE(test::error_of([] { clean_eda({1, 2}, 0); }, ErrorCode::kConfig).find("rate"), std::string::npos);
}

TEST(EdaDecompose, HighPassEqualsScipys) {
  for (const double rate_hz : {4.0, 100.0, 1000.0}) {
    const std::vector<double> x = simulated(rate_hz);
    std::ostringstream code;
    code << "from scipy import signal as ss\n"
            "for kind in ('high', 'low'): give(ss.sosfiltfilt(ss.butter(2, .05, kind, output='sos', fs="
         << rate_hz << "), x))\n";
    Verdict verdict(judged(code.str(), x));
    if (verdict.is_absent()) GTEST_SKIP() << "python3 with scipy is absent";
    const EdaComponents parts = decompose_eda(x, rate_hz);
    verdict.expect(parts.phasic, 1e-6, "phasic");
    verdict.expect(parts.tonic, 1e-6, "tonic");
  }
}

TEST(EdaDecompose, HighPassGivesTheStoredNumbers) {
  // scipy 1.10: sosfiltfilt(butter(2, .05, ..., output="sos", fs=4), x).
  std::vector<double> x;
  for (int i = 0; i < 240; ++i) x.push_back(2 + 0.002 * i + std::exp(-std::pow((i - 100) / 6.0, 2)));
  const EdaComponents parts = decompose_eda(x, 4);
  const size_t at[] = {0, 60, 100, 130, 239};
  const double phasic[] = {-0.0021781121, -0.0085142733, 0.7175360017, -0.0535600692, -0.0001262517};
  const double tonic[] = {2.0021780994, 2.1285148106, 2.4824675343, 2.3135111669, 2.4591573223};
  for (size_t k = 0; k < 5; ++k) {
    EXPECT_NEAR(parts.phasic[at[k]], phasic[k], 1e-6);
    EXPECT_NEAR(parts.tonic[at[k]], tonic[k], 1e-6);
  }
}

TEST(EdaDecompose, MedianEqualsScipys) {
  const std::vector<double> x = simulated(4);
  Verdict verdict(
      judged("from scipy import ndimage\ny = ndimage.median_filter(x, 17, mode='nearest')\n"
             "give(y); give(x - y)\n",
             x));
  if (verdict.is_absent()) GTEST_SKIP() << "python3 with scipy is absent";
  EdaDecomposeConfig config;
  config.method = EdaDecomposer::kMedian;
  const EdaComponents parts = decompose_eda(x, 4, config);
  verdict.expect(parts.tonic, 1e-12, "tonic");
  verdict.expect(parts.phasic, 1e-12, "phasic");
}

TEST(EdaDecompose, EveryMethodFindsTheTonicPart) {
  EdaSimulatorConfig simulator;
  simulator.responses_per_min = 3;
  const SimulatedEda eda = simulate_eda(simulator);
  for (const EdaDecomposer method : {EdaDecomposer::kHighPass, EdaDecomposer::kCvxEda}) {
    EdaDecomposeConfig config;
    config.method = method;
    const EdaComponents parts = decompose_eda(eda.eda.values, 4, config);
    double error = 0, error_of_mean = 0;
    for (size_t i = 0; i < parts.tonic.size(); ++i) {
      error += std::abs(parts.tonic[i] - eda.tonic[i]);
      error_of_mean += std::abs(2.0 - eda.tonic[i]);
    }
    EXPECT_LT(error, 0.6 * error_of_mean);
    EXPECT_EQ(parts.driver.empty(), method != EdaDecomposer::kCvxEda);
  }
}

TEST(EdaDecompose, GapsStayGapsAndBadInputIsDefined) {
  std::vector<double> x = simulated(4);
  for (size_t i = 300; i < 350; ++i) x[i] = kMissing;
  for (const EdaDecomposer method :
       {EdaDecomposer::kHighPass, EdaDecomposer::kMedian, EdaDecomposer::kCvxEda}) {
    EdaDecomposeConfig config;
    config.method = method;
    const EdaComponents parts = decompose_eda(x, 4, config);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(std::isnan(parts.tonic[i]), std::isnan(x[i]));
      EXPECT_EQ(std::isnan(parts.phasic[i]), std::isnan(x[i]));
    }
    EXPECT_TRUE(decompose_eda({}, 4, config).tonic.empty());
    EXPECT_EQ(decompose_eda({0.5}, 4, config).tonic.size(), 1u);
    for (const double v : decompose_eda(std::vector<double>(50, 0.25), 4, config).phasic)
      EXPECT_NEAR(v, 0, 1e-12);
    EXPECT_FALSE(test::error_of([&] { decompose_eda(x, kMissing, config); }, ErrorCode::kConfig).empty());
  }
  EdaDecomposeConfig config;
  config.cutoff_hz = -1;
  EXPECT_NE(test::error_of([&] { decompose_eda(x, 4, config); }, ErrorCode::kConfig).find("cutoff_hz"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::signals
