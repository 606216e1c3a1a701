#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <string>

#include "gray_frames.h"
#include "limbic/vision/face_detector.h"
#include "limbic/vision/face_tracker.h"
#include "support/paths.h"

namespace limbic::vision {
namespace {

std::vector<Face> faces_in_still(const std::string& name) {
  const auto frames = test::gray_frames(test::real_data() + "/face_images/" + name);
  EXPECT_EQ(frames.size(), 1u) << name;
  return frames.empty() ? std::vector<Face>{} : build_face_detector()->detect(frames[0].view());
}

/// Share of a clip's (every `step`-th) frames that have a confirmed track, from the first one that can have
/// it.
double share_with_face(const std::string& name, int step) {
  const auto frames = test::gray_frames(test::real_data() + "/face_videos/" + name, step);
  EXPECT_GT(frames.size(), 4u) << name;
  const auto detector = build_face_detector();
  FaceTracker tracker;
  double with_face = 0;
  for (const auto& frame : frames)
    with_face += tracker.update(detector->detect(frame.view())).empty() ? 0 : 1;
  const auto confirm_after = static_cast<size_t>(FaceTrackerConfig().confirm_after);
  return frames.size() < confirm_after ? 0
                                       : with_face / static_cast<double>(frames.size() - confirm_after + 1);
}

#define LIMBIC_REQUIRE_FFMPEG() \
  if (!test::has_ffmpeg()) GTEST_SKIP() << "the ffmpeg program is absent"

TEST(HaarFaceDetector, FindsTheOneFaceOfPortraitsAndItsEyes) {
  LIMBIC_REQUIRE_DATA("face_images");
  LIMBIC_REQUIRE_FFMPEG();
  for (const char* name :
       {"face_recognition/examples/obama.jpg", "face_recognition/examples/knn_examples/test/obama1.jpg",
        "pyfeat/single_face.jpg", "pyfeat/0-f1-su-ph.jpg", "fer/justin.jpg"}) {
    const auto faces = faces_in_still(name);
    ASSERT_EQ(faces.size(), 1u) << name;
    ASSERT_TRUE(faces[0].eyes) << name;
    const Box& box = faces[0].box;
    const Eyes& eyes = *faces[0].eyes;
    EXPECT_GT(eyes.left.x, eyes.right.x) << name;
    EXPECT_NEAR((eyes.left.x - eyes.right.x) / box.width, 0.39f, 0.1f) << name;
    EXPECT_NEAR((0.5f * (eyes.left.y + eyes.right.y) - box.y) / box.height, 0.4f, 0.08f) << name;
  }
}

TEST(HaarFaceDetector, FindsEveryFaceOfTwo) {
  LIMBIC_REQUIRE_DATA("face_images");
  LIMBIC_REQUIRE_FFMPEG();
  EXPECT_EQ(faces_in_still("face_recognition/examples/two_people.jpg").size(), 2u);
  EXPECT_EQ(faces_in_still("face_recognition/examples/knn_examples/test/obama_and_biden.jpg").size(), 2u);
}

TEST(HaarFaceDetector, FindsNoFaceWhereThereIsNone) {
  LIMBIC_REQUIRE_DATA("face_images");
  LIMBIC_REQUIRE_FFMPEG();
  EXPECT_TRUE(faces_in_still("fer/no-faces.jpg").empty());
  EXPECT_TRUE(faces_in_still("pyfeat/free-mountain-vector-01.jpg").empty());
}

TEST(HaarFaceDetector, ClipWithoutFaceHasNoTrackAndTalkingHeadsHaveOneThroughout) {
  LIMBIC_REQUIRE_DATA("face_videos");
  LIMBIC_REQUIRE_FFMPEG();
  EXPECT_EQ(share_with_face("pyfeat_no_face_4s.mp4", 6), 0.0);
  EXPECT_GT(share_with_face("ravdess_01-01-01-01-01-01-01.mp4", 5), 0.95);
  EXPECT_GT(share_with_face("lp_d12_talk_7s.mp4", 8), 0.95);
}

TEST(HaarFaceDetector, SeesTheSameInARowPaddedView) {
  LIMBIC_REQUIRE_DATA("face_images");
  LIMBIC_REQUIRE_FFMPEG();
  const auto frames = test::gray_frames(test::real_data() + "/face_images/fer/justin.jpg");
  ASSERT_EQ(frames.size(), 1u);
  const auto& frame = frames[0];
  const int64_t stride = frame.width + 13;
  std::vector<uint8_t> padded(static_cast<size_t>(stride * frame.height), 77);
  for (int64_t y = 0; y < frame.height; ++y) {
    std::copy_n(frame.pixels.data() + y * frame.width, frame.width, padded.data() + y * stride);
  }
  const auto detector = build_face_detector();
  const auto a = detector->detect(frame.view());
  const auto b = detector->detect({padded.data(), frame.width, frame.height, stride});
  ASSERT_EQ(a.size(), 1u);
  ASSERT_EQ(b.size(), 1u);
  EXPECT_EQ(a[0].box.x, b[0].box.x);
  EXPECT_EQ(a[0].score, b[0].score);
}

TEST(HaarFaceDetector, TakesImagesSmallerThanItsWindow) {
  const std::vector<uint8_t> pixels(15 * 11, 128);
  EXPECT_TRUE(build_face_detector()->detect({pixels.data(), 15, 11, 15}).empty());
  const std::vector<uint8_t> line(2000, 128);
  EXPECT_TRUE(build_face_detector()->detect({line.data(), 2000, 1, 2000}).empty());
}

TEST(HaarFaceDetector, AMissingCascadeNamesThePackage) {
  HaarFaceConfig config;
  config.directory = "/nowhere";
  EXPECT_EQ(test::error_of([&] { build_face_detector(config); }, ErrorCode::kModel),
            "haarcascade_frontalface_alt2.xml: cascade not found in /nowhere; install Debian's package "
            "opencv-data, or "
            "set LIMBIC_CASCADES");
}

TEST(HaarFaceDetector, AFileThatIsNoCascadeIsRefused) {
  const test::TempDir dir;
  std::ofstream(dir / "text.xml") << "<?xml version=\"1.0\"?>\n<opencv_storage><a>1</a></opencv_storage>\n";
  HaarFaceConfig config;
  config.cascade = dir / "text.xml";
  EXPECT_EQ(test::error_of([&] { build_face_detector(config); }, ErrorCode::kModel),
            config.cascade + ": not a cascade classifier; expected OpenCV's XML");
}

TEST(HaarFaceConfig, SaysWhatIsWrong) {
  HaarFaceConfig config;
  config.scale_factor = 1.0;
  EXPECT_EQ(test::error_of([&] { build_face_detector(config); }, ErrorCode::kConfig),
            "face_detector.scale_factor: must be in [1.01, 2], got 1.000000");
}

}  // namespace
}  // namespace limbic::vision
