#include "limbic/vision/face_crop.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "support/paths.h"

namespace limbic::vision {
namespace {

/// x grows by 1 grey level a pixel, y by 2: a crop's values tell where it was cut.
std::vector<uint8_t> ramp(int64_t width, int64_t height) {
  std::vector<uint8_t> pixels;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) pixels.push_back(static_cast<uint8_t>(x + 2 * y));
  }
  return pixels;
}

FaceCropConfig plain(int64_t size, int64_t channels = 1) {
  FaceCropConfig c;
  c.size = size;
  c.channels = channels;
  c.shift_down = 0;
  return c;
}

TEST(FaceCropper, CutsTheBoxAtItsPlace) {
  const auto pixels = ramp(80, 60);
  Face face;
  face.box = {10, 5, 16, 16};
  const auto crop = FaceCropper(plain(16)).crop({pixels.data(), 80, 60, 1, 80}, face);
  ASSERT_EQ(crop.sizes(), (std::vector<int64_t>{1, 16, 16}));
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) ASSERT_EQ(crop[0][y][x].item<int>(), 10 + x + 2 * (5 + y));
  }
}

TEST(FaceCropper, MarginAndShiftMoveTheFrame) {
  const auto pixels = ramp(80, 60);
  FaceCropConfig c = plain(24);
  c.margin = 0.25;
  c.shift_down = 0.125;
  Face face;
  face.box = {20, 10, 16, 16};
  const auto crop = FaceCropper(c).crop({pixels.data(), 80, 60, 1, 80}, face);
  EXPECT_EQ(crop[0][0][0].item<int>(), 16 + 2 * 8);
  EXPECT_EQ(crop[0][23][23].item<int>(), 39 + 2 * 31);
}

TEST(FaceCropper, ReducesLikeAreaAveraging) {
  // Noise: bilinear sampling at a quarter of the size would alias, area averaging must match OpenCV's
  // INTER_AREA.
  std::vector<uint8_t> pixels(96 * 96);
  uint32_t state = 1;
  for (auto& p : pixels) {
    state = state * 1664525u + 1013904223u;
    p = static_cast<uint8_t>(state >> 24);
  }
  const ImageView image{pixels.data(), 96, 96, 1, 96};
  cv::Mat expected;
  cv::resize(cv::Mat(96, 96, CV_8UC1, pixels.data()), expected, cv::Size(24, 24), 0, 0, cv::INTER_AREA);
  const auto crop = FaceCropper(plain(24)).whole(image);
  for (int y = 0; y < 24; ++y) {
    for (int x = 0; x < 24; ++x) ASSERT_NEAR(crop[0][y][x].item<int>(), expected.at<uint8_t>(y, x), 1);
  }
}

TEST(FaceCropper, RepeatsTheBorderOutsideTheImage) {
  const auto pixels = ramp(40, 40);
  Face face;
  face.box = {-8, 0, 16, 16};
  const auto crop = FaceCropper(plain(16)).crop({pixels.data(), 40, 40, 1, 40}, face);
  EXPECT_EQ(crop[0][3][0].item<int>(), 6);
  EXPECT_EQ(crop[0][3][7].item<int>(), 6);
  EXPECT_EQ(crop[0][3][9].item<int>(), 7);
}

TEST(FaceCropper, PutsTheEyesAtTheirPlacesAtAnyAngle) {
  FaceCropConfig c = plain(100);
  c.align = FaceAlign::kEyes;
  c.eye_distance = 0.4;
  c.eye_height = 0.35;
  for (const double degrees : {0.0, 25.0, -40.0}) {
    const double radians = degrees * 3.14159265358979 / 180;
    const cv::Point2d middle(300, 240);
    const cv::Point2d half(60 * std::cos(radians), 60 * std::sin(radians));
    const cv::Point2d right = middle - half;
    const cv::Point2d left = middle + half;
    cv::Mat image(480, 640, CV_8UC1, cv::Scalar(0));
    cv::circle(image, right, 9, cv::Scalar(255), cv::FILLED);
    cv::circle(image, left, 9, cv::Scalar(130), cv::FILLED);
    Face face;
    face.box = {0, 0, 1, 1};
    // Pixel (x, y) of the drawing has its centre at (x + 0.5, y + 0.5).
    face.eyes = Eyes{{static_cast<float>(left.x) + 0.5f, static_cast<float>(left.y) + 0.5f},
                     {static_cast<float>(right.x) + 0.5f, static_cast<float>(right.y) + 0.5f}};
    const auto crop = FaceCropper(c).crop({image.data, 640, 480, 1, 640}, face);
    const auto mass_center = [&](int first_x) {
      double sum = 0;
      double x_sum = 0;
      double y_sum = 0;
      for (int y = 0; y < 100; ++y) {
        for (int x = first_x; x < first_x + 50; ++x) {
          const double mass = crop[0][y][x].item<int>();
          sum += mass;
          x_sum += mass * (x + 0.5);
          y_sum += mass * (y + 0.5);
        }
      }
      EXPECT_GT(sum, 0);
      return cv::Point3d(x_sum / sum, y_sum / sum, sum);
    };
    const auto image_left = mass_center(0);
    const auto image_right = mass_center(50);
    EXPECT_NEAR(image_left.x, 30, 0.3) << degrees;
    EXPECT_NEAR(image_left.y, 35, 0.3) << degrees;
    EXPECT_NEAR(image_right.x, 70, 0.3) << degrees;
    EXPECT_NEAR(image_right.y, 35, 0.3) << degrees;
    // The bright one, the subject's right eye, is on the image's left.
    EXPECT_NEAR(image_left.z / image_right.z, 255.0 / 130.0, 0.05) << degrees;
  }
}

TEST(FaceCropper, UsesTheBoxWhenEyesAreUnknown) {
  const auto pixels = ramp(80, 60);
  Face face;
  face.box = {10, 5, 16, 16};
  FaceCropConfig c = plain(16);
  const ImageView image{pixels.data(), 80, 60, 1, 80};
  const auto by_box = FaceCropper(c).crop(image, face);
  c.align = FaceAlign::kEyes;
  EXPECT_TRUE(at::equal(FaceCropper(c).crop(image, face), by_box));
}

TEST(FaceCropper, ConvertsBetweenRgbAndGrey) {
  std::vector<uint8_t> rgb;
  for (int i = 0; i < 16 * 16; ++i) rgb.insert(rgb.end(), {200, 100, 50});
  const ImageView image{rgb.data(), 16, 16, 3, 48};
  const auto color = FaceCropper(plain(8, 3)).whole(image);
  EXPECT_EQ(color[0][4][4].item<int>(), 200);
  EXPECT_EQ(color[1][4][4].item<int>(), 100);
  EXPECT_EQ(color[2][4][4].item<int>(), 50);
  // Rec. 601: 0.299 R + 0.587 G + 0.114 B
  EXPECT_NEAR(FaceCropper(plain(8, 1)).whole(image)[0][4][4].item<int>(), 124.2, 1);
  const std::vector<uint8_t> gray(16 * 16, 90);
  const auto replicated = FaceCropper(plain(8, 3)).whole({gray.data(), 16, 16, 1, 16});
  EXPECT_TRUE(at::equal(replicated, at::full({3, 8, 8}, 90, at::kByte)));
}

TEST(FaceCropper, WholeKeepsASquareImageOfTheRightSizeBitByBit) {
  const auto pixels = ramp(48, 48);
  const auto crop = FaceCropper(plain(48)).whole({pixels.data(), 48, 48, 1, 48});
  EXPECT_TRUE(std::equal(pixels.begin(), pixels.end(), crop.data_ptr<uint8_t>()));
}

TEST(FaceCropper, RefusesAnEmptyBox) {
  const auto pixels = ramp(16, 16);
  Face face;
  face.box = {0, 0, 0, 0};
  EXPECT_THAT(test::error_of(
                  [&] {
                    FaceCropper(plain(16)).crop({pixels.data(), 16, 16, 1, 16}, face);
                  },
                  ErrorCode::kData),
              ::testing::HasSubstr("expected a positive, finite size"));
}

TEST(ResizeCrops, GivesWhatTheCropperGivesOfEachFrame) {
  const auto crops = at::randint(0, 256, {3, 3, 32, 32}, at::kByte);
  const auto small = resize_crops(crops, 20, 3);
  ASSERT_EQ(small.sizes(), (std::vector<int64_t>{3, 3, 20, 20}));
  for (int64_t t = 0; t < 3; ++t) {
    const auto hwc = crops[t].permute({1, 2, 0}).contiguous();
    const auto expected = FaceCropper(plain(20, 3)).whole({hwc.data_ptr<uint8_t>(), 32, 32, 3, 96});
    EXPECT_TRUE(at::equal(small[t], expected));
  }
  EXPECT_EQ(resize_crops(crops, 32, 1).sizes(), (std::vector<int64_t>{3, 1, 32, 32}));
  EXPECT_TRUE(resize_crops(crops, 32, 3).is_same(crops));
  EXPECT_EQ(resize_crops(at::empty({0, 1, 32, 32}, at::kByte), 20, 1).sizes(),
            (std::vector<int64_t>{0, 1, 20, 20}));
}

TEST(ResizeCrops, RefusesOtherTensors) {
  EXPECT_EQ(test::error_of(
                [] {
                  resize_crops(at::zeros({1, 2, 8, 8}, at::kByte), 8, 1);
                },
                ErrorCode::kData),
            "face crops: expected a (T, C, H, W) uint8 tensor with 1 or 3 channels");
}

TEST(FaceCropConfig, SaysWhatIsWrong) {
  FaceCropConfig c;
  c.channels = 2;
  EXPECT_EQ(test::error_of([&] { FaceCropper cropper(c); }, ErrorCode::kConfig),
            "face_crop.channels: must be 1 or 3, got 2");
}

}  // namespace
}  // namespace limbic::vision
