#include "limbic/signals/heart/skin_temperature.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "heart_signals.h"

namespace limbic::signals {
namespace {

/// Falls by 0.6 degrees a minute from 34, in the steps of 0.02 of an E4, at 4 Hz.
TimeSeries cooling(double seconds) {
  TimeSeries out{4, 10, {}};
  for (int i = 0; i < static_cast<int>(4 * seconds); ++i) {
    out.values.push_back(std::round((34 - 0.01 * i / 4) / 0.02) * 0.02);
  }
  return out;
}

TEST(SkinTemperature, MeasuresASteadyFall) {
  const SkinTemperature skin({}, cooling(300));
  const auto rows = skin.intervals({{10, 310}, {10, 40}, {1000, 1100}});
  const auto value = [&](size_t row, const char* name) { return rows.at(row, rows.column(name)); };
  EXPECT_NEAR(value(0, "skin_temperature_slope_c_per_min"), -0.6, 0.01);
  EXPECT_NEAR(value(0, "skin_temperature_mean_c"), 32.5, 0.02);
  EXPECT_NEAR(value(0, "skin_temperature_change_c"), -3, 0.1);
  EXPECT_NEAR(value(0, "skin_temperature_range_c"), 3, 0.1);
  EXPECT_EQ(value(0, "skin_temperature_valid"), 1);
  EXPECT_NEAR(value(1, "skin_temperature_mean_c"), 33.85, 0.03);
  EXPECT_TRUE(std::isnan(value(2, "skin_temperature_mean_c")));
  EXPECT_EQ(value(2, "skin_temperature_valid"), 0);
  const auto frames = skin.frames();
  ASSERT_EQ(frames.num_rows(), 300u);
  EXPECT_NEAR(frames.at(150, 0), 32.5, 0.02);
  EXPECT_NEAR(frames.at(150, 1), -0.6, 0.02);
  EXPECT_TRUE(skin.events().events.empty());
}

TEST(SkinTemperature, TakesOutWhatIsNoSkin) {
  auto celsius = cooling(300);
  for (size_t i = 400; i < 440; ++i) celsius.values[i] = 8;         // off the skin
  for (size_t i = 800; i < 820; ++i) celsius.values[i] = kMissing;  // lost
  for (size_t i = 1000; i < 1200; ++i) celsius.values[i] -= 4;      // another place
  const SkinTemperature skin({}, celsius);
  std::vector<std::string> labels;
  for (const auto& e : skin.events().events) labels.push_back(e.label);
  EXPECT_EQ(labels, (std::vector<std::string>{"off_skin", "missing", "contact_change"}));
  EXPECT_TRUE(std::isnan(skin.clean().values[420]));
  EXPECT_TRUE(std::isnan(skin.clean().values[810]));
  EXPECT_TRUE(std::isnan(skin.clean().values[1010]));
  EXPECT_NEAR(skin.clean().values[300], celsius.values[300], 0.03);
  EXPECT_EQ(skin.clean().values.size(), celsius.values.size());
}

TEST(SkinTemperature, GivesDefinedOutputForPoorInput) {
  for (const auto& values :
       {std::vector<double>{}, std::vector<double>{33}, std::vector<double>(40, kMissing)}) {
    const SkinTemperature skin({}, {4, -3, values});
    EXPECT_EQ(skin.intervals({{-3, 7}}).num_rows(), 1u);
    EXPECT_EQ(skin.frames().num_rows(), (values.size() + 3) / 4);
  }
  limbic::test::error_of([] { SkinTemperature({}, {0, 0, {33}}); }, ErrorCode::kData);
  SkinTemperatureConfig config;
  config.max_c = 0;
  limbic::test::error_of([&] { SkinTemperature(config, {4, 0, {33}}); }, ErrorCode::kConfig);
}

TEST(SkinTemperature, WristRecordingIsPlausible) {
  LIMBIC_REQUIRE_DATA("stress_predict/S10/TEMP.csv");
  const auto table = test::number_table(limbic::test::real_data() + "/stress_predict/S10/TEMP.csv");
  const SkinTemperature skin({}, {4, 0, test::column_of(table, 0, 2)});
  const auto rows = skin.intervals({{0, skin.clean().end_s()}});
  EXPECT_GT(rows.at(0, rows.column("skin_temperature_valid")), 0.95);
  EXPECT_GT(rows.at(0, rows.column("skin_temperature_min_c")), 25);
  EXPECT_LT(rows.at(0, rows.column("skin_temperature_max_c")), 38);
}

}  // namespace
}  // namespace limbic::signals
