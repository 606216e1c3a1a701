#include "limbic/signals/eye/eye_velocity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "limbic/signals/eye/gaze_geometry.h"
#include "signals/eye/gaze_simulation.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

constexpr ScreenGeometry kLundScreen{1024, 768, 0.38, 0.30, 0.67};

GazeSamples curve(size_t n, double rate_hz) {
  GazeSamples gaze;
  for (size_t i = 0; i < n; ++i) {
    const auto k = static_cast<double>(i);
    gaze.time_s.push_back(k / rate_hz);
    gaze.x_deg.push_back(std::sin(0.3 * k) + 0.01 * k * k);
    gaze.y_deg.push_back(-0.5 * gaze.x_deg.back());
  }
  return gaze;
}

TEST(ScreenGeometry, GivesTheAngleOfAPoint) {
  // math.degrees(math.atan2((px - middle) * metres / pixels, distance)) in Python
  EXPECT_NEAR(x_deg_of_px(1000, kLundScreen), 15.139802880660827, 1e-12);
  EXPECT_NEAR(y_deg_of_px(100, kLundScreen), -9.385383894876105, 1e-12);
  EXPECT_EQ(x_deg_of_px(511.5, kLundScreen), 0.0);
}

TEST(ScreenGeometry, PixelsAndDegreesAreInverse) {
  for (const double px : {-300.0, 0.0, 17.25, 511.5, 1023.0, 5000.0}) {
    EXPECT_NEAR(x_px_of_deg(x_deg_of_px(px, kLundScreen), kLundScreen), px, 1e-9);
    EXPECT_NEAR(y_px_of_deg(y_deg_of_px(px, kLundScreen), kLundScreen), px, 1e-9);
  }
  EXPECT_TRUE(std::isnan(x_px_of_deg(90, kLundScreen)));
  EXPECT_TRUE(std::isnan(y_px_of_deg(-120, kLundScreen)));
  EXPECT_TRUE(std::isnan(x_px_of_deg(kMissing, kLundScreen)));
}

TEST(ScreenGeometry, ConvertsRecordingsAndKeepsHoles) {
  const auto gaze = gaze_of_pixels({0, 0.1}, {511.5, kMissing}, {383.5, kMissing}, {3.5, 0}, kLundScreen);
  EXPECT_EQ(gaze.x_deg[0], 0.0);
  EXPECT_FALSE(gaze.has(1));
  EXPECT_EQ(gaze.pupil[0], 3.5);
}

TEST(ScreenGeometry, SaysWhatIsWrong) {
  ScreenGeometry screen = kLundScreen;
  screen.distance_m = 0;
  EXPECT_EQ(test::error_of([&] { gaze_of_pixels({}, {}, {}, {}, screen); }, ErrorCode::kConfig),
            "screen.distance_m: must be positive, got 0");
  EXPECT_EQ(test::error_of(
                [&] {
                  gaze_of_pixels({0, 1}, {1}, {1, 2}, {}, kLundScreen);
                },
                ErrorCode::kData),
            "gaze: 2 times, 1 x, 2 y, 0 pupil sizes; expected as many of each (pupil may be empty)");
}

TEST(GazeSamples, TimesMustIncrease) {
  EXPECT_EQ(test::error_of(
                [] {
                  check_gaze({{0, 0.1, 0.1}, {0, 0, 0}, {0, 0, 0}, {}});
                },
                ErrorCode::kData),
            "gaze: the time of sample 2 (0.100000 s) is not after the one before; expected increasing times; "
            "sort or drop repeated samples");
  test::error_of([] { check_gaze({{0, kMissing}, {0, 0}, {0, 0}, {}}); }, ErrorCode::kData);
  test::error_of([] { check_gaze({{0}, {INFINITY}, {0}, {}}); }, ErrorCode::kData);
  check_gaze({{-5, -4.9}, {0, 0}, {0, 0}, {}});  // a clock may be negative
  check_gaze({});
}

TEST(GazeSamples, EyesAreAveragedWhereBothAreSeen) {
  const auto both = average_eyes({1, kMissing, 3, kMissing}, {3, 5, kMissing, kMissing});
  EXPECT_EQ(both[0], 2);
  EXPECT_EQ(both[1], 5);
  EXPECT_EQ(both[2], 3);
  EXPECT_TRUE(std::isnan(both[3]));
  test::error_of([] { average_eyes({1}, {}); }, ErrorCode::kData);
}

TEST(GazeSamples, InvalidSamplesAndLongStepsPartRuns) {
  GazeSamples gaze = curve(20, 100);
  std::vector<bool> valid(20, true);
  valid[5] = false;
  mark_missing(gaze, valid);
  for (size_t i = 12; i < 20; ++i) gaze.time_s[i] += 0.05;
  const auto runs = gaze_runs(gaze);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].last, 5u);
  EXPECT_EQ(runs[1].first, 6u);
  EXPECT_EQ(runs[1].last, 12u);
  EXPECT_EQ(runs[2].last, 20u);
  EXPECT_EQ(gaze_runs(gaze, 10).size(), 2u);
  EXPECT_TRUE(std::isnan(sampling_rate_hz({{1.0}, {0}, {0}, {}})));
  EXPECT_NEAR(sampling_rate_hz(gaze), 100, 1e-9);
  EXPECT_EQ(slice(gaze, 0.05, 0.1).size(), 5u);
  EXPECT_EQ(slice(gaze, 5, 6).size(), 0u);
}

TEST(EyeVelocity, FivePointIsTheFormula) {
  const GazeSamples gaze = curve(30, 500);
  EyeVelocityConfig c;
  c.method = VelocityMethod::kFivePoint;
  const auto v = eye_velocity(gaze, c);
  const auto& x = gaze.x_deg;
  for (size_t i = 2; i < 28; ++i) {
    EXPECT_NEAR(v.x_deg_s[i], 500.0 / 6 * (x[i + 2] + x[i + 1] - x[i - 1] - x[i - 2]), 1e-9) << i;
    EXPECT_NEAR(v.speed_deg_s[i], std::hypot(v.x_deg_s[i], v.y_deg_s[i]), 1e-12);
  }
  EXPECT_NEAR(v.x_deg_s[1], 250 * (x[2] - x[0]), 1e-9);
  EXPECT_NEAR(v.x_deg_s[0], 500 * (x[1] - x[0]), 1e-9);
  EXPECT_NEAR(v.x_deg_s[29], 500 * (x[29] - x[28]), 1e-9);
}

// scipy 1.10: savgol_filter(sin(0.3 i) + 0.01 i^2, window, order, deriv=1, delta=1/500, mode="interp") of 40
TEST(EyeVelocity, SavitzkyGolayIsScipys) {
  const size_t at[] = {0, 3, 4, 20, 36, 39};
  const double order2[] = {193.35837019, 112.32395876, 85.31248828, 320.0683698, 335.46747091, 470.26618849};
  const double order3[] = {155.62843229, 123.08862283, 94.2645486, 343.78940852, 330.89830555, 495.27165647};
  EyeVelocityConfig c;
  const auto v2 = eye_velocity(curve(40, 500), c);  // 19 ms: 9 samples
  c.order = 3;
  c.window_s = 0.014;
  const auto v3 = eye_velocity(curve(40, 500), c);
  for (size_t k = 0; k < 6; ++k) {
    EXPECT_NEAR(v2.x_deg_s[at[k]], order2[k], 1e-6);
    EXPECT_NEAR(v3.x_deg_s[at[k]], order3[k], 1e-6);
  }
}

TEST(EyeVelocity, UnevenTimesCostNoAccuracy) {
  core::Rng rng(3);
  GazeSamples gaze;
  double t = 0;
  for (size_t i = 0; i < 200; ++i) {
    t += 0.002 * rng.uniform(0.5, 1.5);
    gaze.time_s.push_back(t);
    gaze.x_deg.push_back(3 + 40 * t - 25 * t * t);
    gaze.y_deg.push_back(7 * t);
  }
  EyeVelocityConfig c;
  const auto v = eye_velocity(gaze, c);
  c.method = VelocityMethod::kFivePoint;
  const auto five = eye_velocity(gaze, c);
  for (size_t i = 0; i < 200; ++i) {
    EXPECT_NEAR(v.x_deg_s[i], 40 - 50 * gaze.time_s[i], 1e-8) << i;  // exact for a parabola
    EXPECT_NEAR(five.y_deg_s[i], 7, 1e-9) << i;                      // exact for a line
  }
}

TEST(EyeVelocity, NothingIsComputedAcrossHoles) {
  for (const auto method : {VelocityMethod::kFivePoint, VelocityMethod::kSavitzkyGolay}) {
    EyeVelocityConfig c;
    c.method = method;
    // Two rests with a jump of 10 degrees within the hole: no velocity anywhere.
    const auto gaze = test::GazeSimulation(500).rest(0.1).lose(0.01).jump_at_once(10, 0).rest(0.1).gaze();
    const auto v = eye_velocity(gaze, c);
    for (size_t i = 0; i < gaze.size(); ++i) {
      if (gaze.has(i)) {
        EXPECT_NEAR(v.speed_deg_s[i], 0, 1e-9) << i;
      } else {
        EXPECT_TRUE(std::isnan(v.speed_deg_s[i])) << i;
      }
    }
    // Alone, in pairs, none.
    const auto lone =
        eye_velocity({{0, 1, 2, 3, 4}, {0, kMissing, 1, 3, kMissing}, {0, kMissing, 0, 0, kMissing}, {}}, c);
    EXPECT_TRUE(std::isnan(lone.x_deg_s[0]));
    EXPECT_DOUBLE_EQ(lone.x_deg_s[2], 2);
    EXPECT_DOUBLE_EQ(lone.x_deg_s[3], 2);
    EXPECT_TRUE(eye_velocity({}, c).x_deg_s.empty());
    EXPECT_TRUE(std::isnan(eye_velocity({{0}, {1}, {1}, {}}, c).speed_deg_s[0]));
  }
}

TEST(EyeVelocity, SaysWhatIsWrong) {
  EyeVelocityConfig c;
  c.order = 5;
  EXPECT_EQ(test::error_of([&] { eye_velocity({}, c); }, ErrorCode::kConfig),
            "eye_velocity.order: must be in [1, 4], got 5");
}

/// Every value of a real-looking recording with holes, against scipy run on each stretch.
TEST(EyeVelocity, AgreesWithScipyEverywhere) {
  if (std::system("/usr/bin/python3 -c 'import scipy.signal' >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "python3-scipy is absent";
  }
  const test::TempDir dir;
  auto gaze = test::GazeSimulation(1000, 0.05)
                  .rest(0.5)
                  .jump(8, 3, 0.04)
                  .rest(0.3)
                  .lose(0.1)
                  .pursue(10, 0, 0.4)
                  .gaze();
  std::ofstream(dir / "x.f64", std::ios::binary)
      .write(reinterpret_cast<const char*>(gaze.x_deg.data()), static_cast<std::streamsize>(8 * gaze.size()));
  std::ofstream(dir / "judge.py") << R"(
import sys, numpy as np
from scipy.signal import savgol_filter
x = np.fromfile(sys.argv[1] + "/x.f64"); out = np.full(len(x), np.nan); i = 0
while i < len(x):
    j = i
    while j < len(x) and np.isnan(x[j]) == np.isnan(x[i]): j += 1
    if not np.isnan(x[i]): out[i:j] = savgol_filter(x[i:j], 19, 2, deriv=1, delta=1e-3)
    i = j
out.tofile(sys.argv[1] + "/v.f64"))";
  ASSERT_EQ(std::system(("/usr/bin/python3 " + (dir / "judge.py") + " " + dir.path()).c_str()), 0);
  const std::string bytes = core::read_file(dir / "v.f64");
  ASSERT_EQ(bytes.size(), 8 * gaze.size());
  const auto* golden = reinterpret_cast<const double*>(bytes.data());
  const auto v = eye_velocity(gaze);
  for (size_t i = 0; i < gaze.size(); ++i) {
    if (std::isnan(golden[i])) {
      EXPECT_TRUE(std::isnan(v.x_deg_s[i])) << i;
    } else {
      EXPECT_NEAR(v.x_deg_s[i], golden[i], 1e-7) << i;
    }
  }
}

}  // namespace
}  // namespace limbic::signals
