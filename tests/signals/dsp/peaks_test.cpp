#include "limbic/signals/dsp/peaks.h"

#include <gtest/gtest.h>

#include <cmath>

#include "python_judge.h"

namespace limbic::signals {
namespace {

std::vector<double> flat(const std::vector<Peak>& peaks) {
  std::vector<double> out;
  for (const Peak& p : peaks) {
    out.insert(out.end(), {static_cast<double>(p.index), p.height, p.prominence,
                           static_cast<double>(p.left_base), static_cast<double>(p.right_base)});
  }
  return out;
}

TEST(Peaks, AreScipysExactly) {
  auto x = wavy(1500);
  for (size_t i = 0; i < 700; ++i) x[i] = std::round(3 * x[i]);  // plateaus and ties
  // scipy leaves open which of equally high peaks goes first: distances are tested on the part without ties.
  const std::vector<double> smooth(x.begin() + 700, x.end());
  Verdict scipy(judged(R"(
from scipy.signal import find_peaks
def show(x, **rules):
  p, d = find_peaks(x, prominence=rules.pop('prominence', 0), **rules)
  give(np.stack([p, x[p], d['prominences'], d['left_bases'], d['right_bases']], 1))
show(x)
show(x, height=1.0, prominence=0.5)
show(x[700:], distance=7)
show(x[700:], distance=40, height=0.2, prominence=1.2)
)",
                       x));
  LIMBIC_REQUIRE_JUDGE(scipy);
  scipy.expect(flat(find_peaks(x)), 0.0, "all");
  PeakRules rules;
  rules.min_height = 1.0;
  rules.min_prominence = 0.5;
  scipy.expect(flat(find_peaks(x, rules)), 0.0, "height and prominence");
  rules = {};
  rules.min_distance = 7;
  scipy.expect(flat(find_peaks(smooth, rules)), 0.0, "distance");
  rules.min_distance = 40;
  rules.min_height = 0.2;
  rules.min_prominence = 1.2;
  scipy.expect(flat(find_peaks(smooth, rules)), 0.0, "all rules");
  EXPECT_TRUE(scipy.is_used_up());
}

TEST(Peaks, AreTheMiddlesOfPlateausWithTheirProminences) {
  const auto peaks = find_peaks({0, 2, 1, 5, 5, 5, 0, 3, 0, 9});
  ASSERT_EQ(peaks.size(), 3u);
  EXPECT_EQ(flat({peaks[0]}), (std::vector<double>{1, 2, 1, 0, 2}));
  EXPECT_EQ(flat({peaks[1]}), (std::vector<double>{4, 5, 5, 0, 6}));
  EXPECT_EQ(flat({peaks[2]}), (std::vector<double>{7, 3, 3, 6, 8}));
}

TEST(Peaks, MissingSamplesSplitTheSignal) {
  const double nan = std::nan("");
  const auto peaks = find_peaks({9, nan, 0, 2, 1, nan, 3, 4, 3});
  ASSERT_EQ(peaks.size(), 2u);
  EXPECT_EQ(flat({peaks[0]}), (std::vector<double>{3, 2, 1, 2, 4}));
  EXPECT_EQ(flat({peaks[1]}), (std::vector<double>{7, 4, 1, 6, 8}));
  EXPECT_TRUE(find_peaks({}).empty());
  EXPECT_TRUE(find_peaks({1}).empty());
  EXPECT_TRUE(find_peaks({1, 1, 1}).empty());
  EXPECT_TRUE(find_peaks({nan, nan}).empty());
}

TEST(Peaks, WrongDistanceIsAnError) {
  PeakRules rules;
  rules.min_distance = 0;
  test::error_of([&] { find_peaks({1, 2, 1}, rules); }, ErrorCode::kConfig);
}

}  // namespace
}  // namespace limbic::signals
