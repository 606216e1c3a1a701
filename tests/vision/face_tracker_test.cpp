#include "limbic/vision/face_tracker.h"

#include <gtest/gtest.h>

#include "support/paths.h"

namespace limbic::vision {
namespace {

Face face_at(float x, float y, float side = 100) {
  Face face;
  face.box = {x, y, side, side};
  face.score = 1;
  return face;
}

TEST(Box, OverlapMeasuresOfKnownBoxes) {
  const Box a{0, 0, 10, 10};
  EXPECT_FLOAT_EQ(iou(a, {5, 0, 10, 10}), 50.0f / 150.0f);
  EXPECT_FLOAT_EQ(overlap(a, {2, 2, 5, 5}), 1.0f);
  EXPECT_FLOAT_EQ(iou(a, {10, 0, 10, 10}), 0.0f);
  EXPECT_FLOAT_EQ(overlap(a, {0, 0, 0, 0}), 0.0f);
}

TEST(FaceTracker, ConfirmsAFaceOnlyAfterSeveralDetections) {
  FaceTracker tracker;
  EXPECT_TRUE(tracker.update({face_at(10, 10)}).empty());
  EXPECT_TRUE(tracker.update({face_at(12, 10)}).empty());
  const auto tracks = tracker.update({face_at(14, 10)});
  ASSERT_EQ(tracks.size(), 1u);
  EXPECT_EQ(tracks[0].id, 0);
  EXPECT_EQ(tracks[0].num_hits, 3);
  EXPECT_TRUE(tracks[0].is_seen());
}

TEST(FaceTracker, FalseDetectionsThatComeAndGoAreNeverConfirmed) {
  FaceTracker tracker;
  for (int i = 0; i < 30; ++i) {
    const auto tracks =
        tracker.update(i % 3 == 0 ? std::vector<Face>{face_at(300, 300)} : std::vector<Face>{});
    EXPECT_TRUE(tracks.empty()) << i;
  }
}

TEST(FaceTracker, KeepsTheIdAcrossAGapAndEndsTheTrackAfterALongOne) {
  FaceTracker tracker;
  for (int i = 0; i < 3; ++i) tracker.update({face_at(10, 10)});
  for (int i = 1; i <= 10; ++i) {
    const auto tracks = tracker.update({});
    ASSERT_EQ(tracks.size(), 1u);
    EXPECT_EQ(tracks[0].num_misses, i);
    EXPECT_FALSE(tracks[0].face.eyes);
  }
  auto tracks = tracker.update({face_at(20, 10)});
  ASSERT_EQ(tracks.size(), 1u);
  EXPECT_EQ(tracks[0].id, 0);
  for (int i = 0; i < 11; ++i) tracks = tracker.update({});
  EXPECT_TRUE(tracks.empty());
  for (int i = 0; i < 3; ++i) tracks = tracker.update({face_at(20, 10)});
  ASSERT_EQ(tracks.size(), 1u);
  EXPECT_NE(tracks[0].id, 0);
}

TEST(FaceTracker, TwoFacesThatPassKeepTheirIds) {
  FaceTrackerConfig config;
  config.smoothing = 0;
  FaceTracker tracker(config);
  std::vector<FaceTrack> tracks;
  // One moves right at the top, one left below it; listed in alternating order.
  for (int i = 0; i < 20; ++i) {
    const auto step = static_cast<float>(15 * i);
    const Face a = face_at(step, 0);
    const Face b = face_at(300 - step, 90);
    tracks = tracker.update(i % 2 == 0 ? std::vector<Face>{a, b} : std::vector<Face>{b, a});
  }
  ASSERT_EQ(tracks.size(), 2u);
  EXPECT_EQ(tracks[0].id, 0);
  EXPECT_FLOAT_EQ(tracks[0].face.box.x, 285);
  EXPECT_FLOAT_EQ(tracks[1].face.box.x, 15);
}

TEST(FaceTracker, FollowsAFastFaceByItsCentre) {
  FaceTrackerConfig config;
  config.smoothing = 0;
  FaceTracker tracker(config);
  std::vector<FaceTrack> tracks;
  for (int i = 0; i < 5; ++i) tracks = tracker.update({face_at(static_cast<float>(58 * i), 0)});  // IoU 0.27
  ASSERT_EQ(tracks.size(), 1u);
  EXPECT_EQ(tracks[0].num_hits, 5);
  // A face of half the size at the same distance is another one.
  tracks = tracker.update({face_at(290, 0, 45)});
  ASSERT_EQ(tracks.size(), 1u);
  EXPECT_EQ(tracks[0].num_misses, 1);
}

TEST(FaceTracker, SmoothingHalvesAStep) {
  FaceTracker tracker;
  for (int i = 0; i < 3; ++i) tracker.update({face_at(100, 50)});
  const auto tracks = tracker.update({face_at(110, 50, 120)});
  ASSERT_EQ(tracks.size(), 1u);
  EXPECT_FLOAT_EQ(tracks[0].face.box.x, 105);
  EXPECT_FLOAT_EQ(tracks[0].face.box.width, 110);
}

TEST(FaceTracker, ResetEndsTracksButNotTheCountOfIds) {
  FaceTrackerConfig config;
  config.confirm_after = 1;
  FaceTracker tracker(config);
  EXPECT_EQ(tracker.update({face_at(0, 0)}).at(0).id, 0);
  tracker.reset();
  EXPECT_EQ(tracker.update({face_at(0, 0)}).at(0).id, 1);
}

TEST(FaceTrackerConfig, SaysWhatIsWrong) {
  FaceTrackerConfig config;
  config.confirm_after = 0;
  EXPECT_EQ(test::error_of([&] { FaceTracker tracker(config); }, ErrorCode::kConfig),
            "face_tracker.confirm_after: must be at least 1, got 0");
}

}  // namespace
}  // namespace limbic::vision
