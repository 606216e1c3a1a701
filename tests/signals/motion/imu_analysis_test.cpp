#include "limbic/signals/motion/imu_analysis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "signals/heart/heart_signals.h"

namespace limbic::signals {
namespace {

using test::kPi;
using test::Noise;

using Motion3 = std::function<std::array<double, 3>(double)>;
TriaxialSeries sampled(double rate_hz, double seconds, const Motion3& of) {
  TriaxialSeries out{rate_hz, 0, {}, {}, {}};
  for (int64_t i = 0; i < static_cast<int64_t>(rate_hz * seconds); ++i) {
    const auto v = of(static_cast<double>(i) / rate_hz);
    out.x.push_back(v[0]);
    out.y.push_back(v[1]);
    out.z.push_back(v[2]);
  }
  return out;
}
double value(const Table& table, const char* name, size_t row = 0) {
  return table.at(row, table.column(name));
}
Table whole(const ImuAnalysis& imu, double end_s) {
  return imu.intervals({{0, end_s}});
}
double away_deg(const TriaxialSeries& a, size_t i, const std::array<double, 3>& b) {
  const double dot = a.x[i] * b[0] + a.y[i] * b[1] + a.z[i] * b[2];
  const double size = std::sqrt(a.x[i] * a.x[i] + a.y[i] * a.y[i] + a.z[i] * a.z[i]);
  return std::acos(std::min(1.0, dot / size)) * 180 / kPi;
}

/// A trunk that walks: x forward, y left, z up. Vertical harmonics of the stride by number.
Motion3 walking_trunk(double stride_s, const std::vector<double>& harmonics, double noise_g = 0.0) {
  auto noise = std::make_shared<Noise>();
  return [=](double t) {
    double up = 1;
    for (size_t k = 0; k < harmonics.size(); ++k) {
      up += harmonics[k] * std::cos(2 * kPi * static_cast<double>(k + 1) * t / stride_s);
    }
    const double side = 0.1 * std::sin(2 * kPi * t / stride_s);
    return std::array<double, 3>{noise_g * noise->next(), side + noise_g * noise->next(),
                                 up + noise_g * noise->next()};
  };
}

TEST(Gravity, AnglesFollowTheDocumentedAxes) {
  struct Case {
    std::array<double, 3> up;
    double pitch, roll, inclination;
  };
  const double s = std::sqrt(0.5);
  for (const auto& c :
       {Case{{0, 0, 1}, 0, 0, 0}, Case{{-1, 0, 0}, 90, 0, 90}, Case{{0, 1, 0}, 0, 90, 90},
        Case{{s, 0, s}, -45, 0, 45}, Case{{0, -s, s}, 0, -45, 45}, Case{{0, 0, -1}, 0, 180, 180}}) {
    const ImuAnalysis imu(ImuConfig{}, sampled(32, 20, [&](double) { return c.up; }));
    const auto rows = whole(imu, 20);
    EXPECT_NEAR(value(rows, "pitch_deg"), c.pitch, 1e-6);
    EXPECT_NEAR(std::abs(value(rows, "roll_deg")), std::abs(c.roll), 1e-6);
    EXPECT_NEAR(value(rows, "inclination_deg"), c.inclination, 1e-6);
    EXPECT_NEAR(value(rows, "posture_spread_deg"), 0, 1e-5);
    EXPECT_NEAR(value(rows, "dynamic_rms_g"), 0, 1e-9);
    EXPECT_EQ(value(rows, "still_part"), 1);
    const auto frames = imu.frames();
    EXPECT_EQ(frames.num_rows(), 80u);
    EXPECT_NEAR(frames.at(40, frames.column("pitch_deg")), c.pitch, 1e-6);
  }
}

TEST(Gravity, TheGyroscopeFollowsTurnsThatTheLowPassCannot) {
  // Swings about y by +-60 degrees every 2 s, with linear acceleration of 0.3 g on top.
  const auto angle = [](double t) { return kPi / 3 * std::sin(2 * kPi * 0.5 * t); };
  const auto up = [&](double t) { return std::array<double, 3>{-std::sin(angle(t)), 0, std::cos(angle(t))}; };
  const auto acc = sampled(50, 60, [&](double t) {
    auto v = up(t);
    v[1] += 0.3 * std::sin(2 * kPi * 1.7 * t);
    return v;
  });
  const auto gyro = sampled(100, 60, [&](double t) {
    // At angle p about y, z up is turned towards -x: the sensor turns by +dp/dt about its y.
    return std::array<double, 3>{0, 180 / kPi * kPi / 3 * 2 * kPi * 0.5 * std::cos(2 * kPi * 0.5 * t), 0};
  });
  GravityConfig config;
  config.method = GravityMethod::kComplementary;
  const auto followed = gravity_of(acc, &gyro, config);
  const auto smoothed = gravity_of(acc, nullptr, config);
  double worst_followed = 0;
  double worst_smoothed = 0;
  for (size_t i = 250; i + 250 < acc.size(); ++i) {
    const auto truth = up(acc.time_of(static_cast<int64_t>(i)));
    worst_followed = std::max(worst_followed, away_deg(followed, i, truth));
    worst_smoothed = std::max(worst_smoothed, away_deg(smoothed, i, truth));
  }
  EXPECT_LT(worst_followed, 4);
  EXPECT_GT(worst_smoothed, 40);
}

TEST(Activity, MeasuresHaveTheirKnownValues) {
  // |a| = 1 + 0.2 sin at 1.25 Hz.
  const double amplitude = 0.2;
  const double f = 1.25;
  const auto acc = sampled(64, 80, [&](double t) {
    return std::array<double, 3>{0, 0, 1 + amplitude * std::sin(2 * kPi * f * t)};
  });
  const auto rows = ImuAnalysis(ImuConfig{}, acc).intervals({{8, 72}});
  EXPECT_NEAR(value(rows, "norm_mean_g"), 1, 1e-9);
  EXPECT_NEAR(value(rows, "norm_sd_g"), amplitude / std::sqrt(2), 1e-6);
  EXPECT_NEAR(value(rows, "dynamic_rms_g"), amplitude / std::sqrt(2), 0.002);
  EXPECT_NEAR(value(rows, "enmo_g"), amplitude / kPi, 1e-3);
  EXPECT_NEAR(value(rows, "mad_g"), 2 * amplitude / kPi, 1e-3);
  EXPECT_NEAR(value(rows, "jerk_rms_g_per_s"), amplitude * 2 * kPi * f / std::sqrt(2), 0.01);
  EXPECT_NEAR(value(rows, "count_zcm_per_s"), 2 * f, 0.03);
  EXPECT_NEAR(value(rows, "count_pim_g"), 2 * amplitude / kPi, 0.01);
  EXPECT_NEAR(value(rows, "count_tat"), 2.0 / 3, 0.03);  // |sin| > 1/2
  EXPECT_NEAR(value(rows, "dominant_hz"), f, 1e-9);
  EXPECT_GT(value(rows, "dominant_power_part"), 0.6);
  EXPECT_LT(value(rows, "spectral_entropy"), 0.3);
  EXPECT_TRUE(std::isnan(value(rows, "gyro_rms_dps")));
  EXPECT_EQ(value(rows, "valid_part"), 1);
}

TEST(Activity, NoiseHasAFlatSpectrum) {
  Noise noise;
  const auto acc = sampled(32, 120, [&](double) {
    return std::array<double, 3>{0.01 * noise.next(), 0.01 * noise.next(), 1 + 0.01 * noise.next()};
  });
  const ImuAnalysis imu(ImuConfig{}, acc);
  const auto rows = whole(imu, 120);
  EXPECT_GT(value(rows, "spectral_entropy"), 0.95);
  EXPECT_EQ(value(rows, "num_steps"), 0);
  EXPECT_EQ(value(rows, "walking_part"), 0);
  EXPECT_TRUE(std::isnan(value(rows, "cadence_per_min")));
  EXPECT_TRUE(imu.events().events.empty());
}

TEST(Gait, CountsTheStepsOfATrunkAtEveryCadence) {
  for (const double stride_s : {0.8, 0.95, 1.1, 1.3, 1.5}) {
    for (const double rate_hz : {25.0, 32.0, 100.0}) {
      const auto acc = sampled(rate_hz, 60, walking_trunk(stride_s, {0.03, 0.3, 0.02, 0.1}, 0.05));
      const auto rows = whole(ImuAnalysis(ImuConfig{}, acc), 60);
      EXPECT_NEAR(value(rows, "num_steps"), 2 * 60 / stride_s, 3) << stride_s << " " << rate_hz;
      EXPECT_NEAR(value(rows, "cadence_per_min"), 120 / stride_s, 0.01 * 120 / stride_s) << stride_s;
      EXPECT_LT(value(rows, "step_time_cv"), 0.06) << stride_s << " " << rate_hz;
      EXPECT_GT(value(rows, "walking_part"), 0.95);
      EXPECT_GT(value(rows, "stride_regularity"), 0.9);
    }
  }
}

TEST(Gait, HarmonicRatioAndSymmetryHaveTheirKnownValues) {
  ImuConfig config;
  config.gait.signal = GaitSignal::kVertical;
  const auto even = ImuAnalysis(config, sampled(100, 60, walking_trunk(1.1, {0.05, 0.3, 0.02, 0.1})));
  EXPECT_NEAR(value(even.intervals({{5, 55}}), "harmonic_ratio"), 0.4 / 0.07, 0.15);
  // A limp: more of the odd harmonics, steps less alike, strides as regular as before.
  const auto limp = ImuAnalysis(config, sampled(100, 60, walking_trunk(1.1, {0.2, 0.3, 0.1, 0.1})));
  EXPECT_NEAR(value(limp.intervals({{5, 55}}), "harmonic_ratio"), 0.4 / 0.3, 0.05);
  // Of cosines a_k, the autocorrelation at half the stride is sum(+-a_k^2) / sum(a_k^2): odd ones count
  // minus.
  const auto symmetry = [](double a, double b, double c, double d) {
    return (b * b + d * d - a * a - c * c) / (a * a + b * b + c * c + d * d);
  };
  EXPECT_NEAR(value(even.intervals({{5, 55}}), "step_symmetry"), symmetry(0.05, 0.3, 0.02, 0.1), 0.03);
  EXPECT_NEAR(value(limp.intervals({{5, 55}}), "step_symmetry"), symmetry(0.2, 0.3, 0.1, 0.1), 0.12);
  EXPECT_GT(value(limp.intervals({{5, 55}}), "stride_regularity"), 0.95);
}

TEST(Gait, CountsBothStepsOfASwingingArm) {
  // The arm swings once a stride; a step shakes it only a little.
  const double stride_s = 1.05;
  const auto acc = sampled(32, 60, [&](double t) {
    const double phase = 2 * kPi * t / stride_s;
    return std::array<double, 3>{0.5 + 0.6 * std::sin(phase), 0.3 * std::cos(phase),
                                 0.8 + 0.08 * std::cos(2 * phase)};
  });
  const auto rows = whole(ImuAnalysis(ImuConfig{}, acc), 60);
  EXPECT_NEAR(value(rows, "num_steps"), 2 * 60 / stride_s, 4);
  EXPECT_NEAR(value(rows, "cadence_per_min"), 120 / stride_s, 2);
}

TEST(Gait, FindsTheBoutsBetweenPauses) {
  const auto walk = walking_trunk(1.1, {0.03, 0.3, 0.02, 0.1}, 0.02);
  const auto acc = sampled(50, 120, [&](double t) {
    const auto v = walk(t);
    const bool is_walking = (t >= 20 && t < 50) || (t >= 80 && t < 100);
    return is_walking ? v : std::array<double, 3>{0.02 * v[0], 0.02 * v[1], 1};
  });
  const ImuAnalysis imu(ImuConfig{}, acc);
  ASSERT_EQ(imu.gait().bouts.size(), 2u);
  EXPECT_NEAR(imu.gait().bouts[0].start_s, 20, 2);
  EXPECT_NEAR(imu.gait().bouts[0].end_s, 50, 2);
  EXPECT_NEAR(imu.gait().bouts[1].start_s, 80, 2);
  EXPECT_NEAR(imu.gait().bouts[1].end_s, 100, 2);
  const auto frames = imu.frames();
  EXPECT_EQ(frames.at(4 * 35, frames.column("is_walking")), 1);
  EXPECT_EQ(frames.at(4 * 65, frames.column("is_walking")), 0);
  int walking = 0;
  int steps = 0;
  const auto events = imu.events();
  for (const auto& e : events.events) {
    EXPECT_EQ(e.values.size(), events.columns.size());
    walking += e.label == "walking" ? 1 : 0;
    steps += e.label == "step" ? 1 : 0;
  }
  EXPECT_EQ(walking, 2);
  EXPECT_NEAR(steps, 50 / 0.55, 6);
}

TEST(Posture, ATurnThatIsHeldIsAChange) {
  const auto acc = sampled(32, 90, [](double t) {
    const double angle = t < 30 ? 0 : t < 60 ? kPi / 2 : t < 60.5 ? 0 : kPi / 2;  // the last turn is not held
    return std::array<double, 3>{0, std::sin(angle), std::cos(angle)};
  });
  const ImuAnalysis imu(ImuConfig{}, acc);
  std::vector<double> onsets;
  for (const auto& e : imu.events().events) {
    if (e.label == "posture_change") onsets.push_back(e.onset_s);
  }
  ASSERT_EQ(onsets.size(), 1u);
  EXPECT_NEAR(onsets[0], 30, 2);
  const auto rows = imu.intervals({{0, 25}, {25, 90}});
  EXPECT_EQ(value(rows, "num_posture_changes", 0), 0);
  EXPECT_EQ(value(rows, "num_posture_changes", 1), 1);
  EXPECT_NEAR(value(rows, "inclination_deg", 0), 0, 3);
}

TEST(ImuAnalysis, MissingSamplesStayMissing) {
  auto acc = sampled(32, 60, walking_trunk(1.1, {0.03, 0.3, 0.02, 0.1}));
  for (size_t i = 640; i < 960; ++i) acc.y[i] = kMissing;  // 20-30 s, one axis is enough
  const ImuAnalysis imu(ImuConfig{}, acc);
  const auto rows = imu.intervals({{21, 29}, {0, 60}});
  EXPECT_TRUE(std::isnan(value(rows, "dynamic_rms_g", 0)));
  EXPECT_TRUE(std::isnan(value(rows, "norm_mean_g", 0)));
  EXPECT_EQ(value(rows, "valid_part", 0), 0);
  EXPECT_EQ(value(rows, "num_steps", 0), 0);
  EXPECT_NEAR(value(rows, "valid_part", 1), 50.0 / 60, 1e-9);
  EXPECT_NEAR(value(rows, "num_steps", 1), 50 / 0.55, 6);
}

TEST(ImuAnalysis, GivesDefinedOutputForPoorInputAndRefusesBadInput) {
  using limbic::test::error_of;
  size_t num_columns = 0;
  for (const size_t size : {0u, 1u, 3u, 40u}) {
    const std::vector<double> v(size, size == 40 ? kMissing : 0.5);
    const ImuAnalysis imu(ImuConfig{}, {32, -1, v, v, v});
    const auto rows = imu.intervals({{-1, 10}});
    if (num_columns == 0) num_columns = rows.num_columns();
    EXPECT_EQ(rows.num_columns(), num_columns);
    EXPECT_EQ(imu.frames().num_rows(), (size + 7) / 8);
  }
  error_of([] { ImuAnalysis(ImuConfig{}, {0, 0, {1}, {1}, {1}}); }, ErrorCode::kData);
  error_of([] { ImuAnalysis(ImuConfig{}, {std::nan(""), 0, {1}, {1}, {1}}); }, ErrorCode::kData);
  EXPECT_NE(error_of(
                [] {
                  ImuAnalysis(ImuConfig{}, {4, 0, {1}, {1}, {1}});
                },
                ErrorCode::kData)
                .find("at least 10 Hz"),
            std::string::npos);
  EXPECT_NE(error_of(
                [] {
                  ImuAnalysis(ImuConfig{}, {32, 0, {1}, {1, 2}, {1}});
                },
                ErrorCode::kData)
                .find("equal lengths"),
            std::string::npos);
  ImuConfig config;
  config.gait.window_s = 2;
  error_of([&] { ImuAnalysis(config, {32, 0, {1}, {1}, {1}}); }, ErrorCode::kConfig);
  config = {};
  config.count_high_hz = 0.1;
  error_of([&] { ImuAnalysis(config, {32, 0, {1}, {1}, {1}}); }, ErrorCode::kConfig);
}

TEST(ImuAnalysis, WalksForTwoHours) {
  const auto acc = sampled(32, 7200, walking_trunk(1.1, {0.03, 0.3, 0.02, 0.1}));
  const ImuAnalysis imu(ImuConfig{}, acc);
  EXPECT_EQ(imu.frames().num_rows(), 7200u * 4);
  const auto rows = imu.intervals({{0, 7200}});
  EXPECT_NEAR(value(rows, "num_steps"), 2 * 7200 / 1.1, 10);  // strides of 1.1 s
}

// Real data.

TEST(Gait, CountsTheStepsOfARecordedWalk) {
  LIMBIC_REQUIRE_DATA("physio_samples/biosppy/acc.txt");
  const auto table = test::number_table(limbic::test::real_data() + "/physio_samples/biosppy/acc.txt");
  const TriaxialSeries acc{100, 0, test::column_of(table, 0), test::column_of(table, 1),
                           test::column_of(table, 2)};
  const auto rows = whole(ImuAnalysis(ImuConfig{}, acc), acc.end_s());
  // scipy 1.10: find_peaks of |a| after a 3 Hz low-pass, 0.3 s apart: 37, median distance 0.53 s.
  EXPECT_NEAR(value(rows, "num_steps"), 37, 1);
  EXPECT_NEAR(value(rows, "cadence_per_min"), 60 / 0.53, 2);
}

TEST(Gait, CadenceOfWatchesAgreesWithTheSpectrum) {
  LIMBIC_REQUIRE_DATA("walk_imu_emotion/walking_data");
  // Frequency of the highest density of the summed axes (scipy.signal.welch, 256 samples) of the neutral
  // walk, and whether it is that of the stride (1) or the step (2).
  struct Walk {
    const char* file;
    double peak_hz;
    int harmonic;
  };
  for (const auto& walk : {Walk{"mo_ew10_accdata_30_1_108-1033.csv.gz", 1.1250, 1},
                           Walk{"mo_ew2_accdata_21_10_139-1336.csv.gz", 1.9688, 2},
                           Walk{"mo_ew45_accdata_23_2_149-1431.csv.gz", 0.9375, 1},
                           Walk{"mu_ew23_accdata_9_2_1710-1736.csv.gz", 1.9688, 2},
                           Walk{"mu_ew41_accdata_22_2_119-1133.csv.gz", 1.7812, 2},
                           Walk{"mw_ew13_accdata_31_1_177-1722.csv.gz", 1.7812, 2},
                           Walk{"mw_ew31_accdata_16_2_1515-1531.csv.gz", 1.8750, 2},
                           Walk{"mw_ew7_accdata_26_1_015-032.csv.gz", 1.6875, 2}}) {
    const auto table =
        test::number_table(limbic::test::real_data() + "/walk_imu_emotion/walking_data/" + walk.file);
    TriaxialSeries acc{24, 0, {}, {}, {}};
    constexpr double kGPerUnit = 1 / 9.80665;
    for (const auto& row : table) {
      if (row.size() < 5 || row[1] != 0) continue;
      acc.x.push_back(row[2] * kGPerUnit);
      acc.y.push_back(row[3] * kGPerUnit);
      acc.z.push_back(row[4] * kGPerUnit);
    }
    const ImuAnalysis imu(ImuConfig{}, acc);
    std::vector<double> strides;
    for (const auto& w : imu.gait().windows) strides.push_back(w.stride_s);
    ASSERT_GT(strides.size(), 50u) << walk.file;
    std::nth_element(strides.begin(), strides.begin() + static_cast<ptrdiff_t>(strides.size() / 2),
                     strides.end());
    const double expected_s = walk.harmonic / walk.peak_hz;
    EXPECT_NEAR(strides[strides.size() / 2], expected_s, 0.06 * expected_s) << walk.file;
  }
}

}  // namespace
}  // namespace limbic::signals
