#include "limbic/formats/bvh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "support/paths.h"

namespace limbic::formats {
namespace {

using ::testing::HasSubstr;

const std::string kTwoBones =
    "HIERARCHY\nROOT hips\n{\n OFFSET 0 0 0\n CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation "
    "Yrotation\n JOINT knee\n {\n  OFFSET 0 -4 0\n  CHANNELS 3 Zrotation Xrotation Yrotation\n  End Site\n  "
    "{\n"
    "   OFFSET 0 -3 0\n  }\n }\n}\nMOTION\nFrames: 2\nFrame Time: 0.0333333\n"
    "1 2 3 0 0 0 0 0 0\n0 0 0 90 0 0 0 90 0\n";

BvhMotion parse(const test::TempDir& dir, const std::string& text) {
  std::ofstream(dir / "m.bvh") << text;
  return read_bvh(dir / "m.bvh");
}

TEST(Bvh, PositionsFollowTheSkeleton) {
  const test::TempDir dir;
  const auto bvh = parse(dir, kTwoBones);
  ASSERT_EQ(bvh.joints.size(), 3u);
  EXPECT_EQ(bvh.joints[2].name, "knee_end");
  EXPECT_TRUE(bvh.is_end_site(2));
  EXPECT_EQ(bvh.num_frames(), 2u);
  const auto at = bvh.positions_TJ3();
  const auto expect_point = [&](size_t frame, size_t joint, double x, double y, double z) {
    EXPECT_NEAR(at[(frame * 3 + joint) * 3], x, 1e-12);
    EXPECT_NEAR(at[(frame * 3 + joint) * 3 + 1], y, 1e-12);
    EXPECT_NEAR(at[(frame * 3 + joint) * 3 + 2], z, 1e-12);
  };
  expect_point(0, 0, 1, 2, 3);
  expect_point(0, 1, 1, -2, 3);
  expect_point(0, 2, 1, -5, 3);
  // The hips turn by 90 degrees about z: down becomes +x. The knee then turns about its own x, which is now
  // up: its shin, which pointed along the thigh, goes to -z.
  expect_point(1, 1, 4, 0, 0);
  expect_point(1, 2, 4, 0, -3);
}

TEST(Bvh, ErrorsNameTheLine) {
  const test::TempDir dir;
  const auto error_of = [&](std::string text, const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
    return test::error_of([&] { parse(dir, text); }, ErrorCode::kData);
  };
  EXPECT_THAT(error_of(kTwoBones, "Frames: 2", "Frames: 99999999"), HasSubstr("do not fit the file"));
  EXPECT_THAT(error_of(kTwoBones, "OFFSET 0 -4 0", "OFFSET 0 -4 x"),
              HasSubstr("m.bvh:8: 'x'; expected a number"));
  EXPECT_THAT(error_of(kTwoBones, "Xposition", "Wposition"), HasSubstr("channel 'Wposition' is unknown"));
  EXPECT_THAT(error_of(kTwoBones, "Frames: 2", "Frames: 1"), HasSubstr("after the last of 1 frames"));
  EXPECT_THAT(error_of(kTwoBones, "0.0333333", "0"), HasSubstr("more than 0 seconds"));
  std::string deep = "HIERARCHY\nROOT a\n{ OFFSET 0 0 0 ";
  for (int i = 0; i < 5000; ++i) deep += "JOINT j { OFFSET 0 0 0 ";
  EXPECT_THAT(test::error_of([&] { parse(dir, deep); }, ErrorCode::kData), HasSubstr("levels"));
}

TEST(Bvh, MutantsAreErrorsOrMotions) {
  const test::TempDir dir;
  core::Rng rng(3);
  int num_errors = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = kTwoBones;
    for (int64_t k = 1 + rng.below(4); k > 0; --k) {
      const auto at = static_cast<size_t>(rng.below(static_cast<int64_t>(text.size())));
      if (rng.below(3) == 0) {
        text.erase(at, static_cast<size_t>(rng.below(20)));
      } else {
        text[at] = static_cast<char>(rng.below(256));
      }
    }
    try {
      parse(dir, text).positions_TJ3();
    } catch (const Error& e) {
      ++num_errors;
      EXPECT_EQ(e.code(), ErrorCode::kData);
    }
  }
  EXPECT_GT(num_errors, 1000);
}

}  // namespace
}  // namespace limbic::formats
