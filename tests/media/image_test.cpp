#include "limbic/media/image.h"

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>

#include "clips.h"
#include "limbic/core/rng.h"

namespace limbic::media {
namespace {

using limbic::test::error_of;
using limbic::test::TempDir;
using ::testing::HasSubstr;

const uint8_t* bytes(const std::string& text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

Image noise_image(int width, int height, int channels, uint64_t seed) {
  Image image{width, height, channels, {}};
  core::Rng rng(seed);
  image.data.resize(static_cast<size_t>(width * height * channels));
  for (auto& v : image.data) v = static_cast<uint8_t>(rng.below(256));
  return image;
}

/// A small JPEG made by ffmpeg, or empty.
std::string make_jpeg(const TempDir& dir, const std::string& size = "48x32") {
  if (!test::has_ffmpeg() ||
      !test::ffmpeg("-f lavfi -i testsrc2=size=" + size + " -frames:v 1 -q:v 3 " + (dir / "made.jpg"))) {
    return "";
  }
  return test::bytes_of(dir / "made.jpg");
}

TEST(Image, PngRoundTripIsExactAtAnySize) {
  const TempDir dir;
  for (const int channels : {1, 3}) {
    for (const int width : {1, 7, 16, 33, 100}) {
      const Image image = noise_image(width, 13, channels, 5);
      write_png(dir / "x.png", image);
      const Image back = read_image(dir / "x.png");
      EXPECT_EQ(back.width, width);
      EXPECT_EQ(back.height, 13);
      EXPECT_EQ(back.channels, channels);
      EXPECT_EQ(back.data, image.data) << channels << " " << width;
    }
  }
}

TEST(Image, GrayOfAColourPictureIsItsLuma) {
  const Image image = noise_image(37, 21, 3, 6);
  const auto png = encode_png(image);
  ImageOptions options;
  options.channels = Channels::kGray;
  const Image gray = decode_image(png.data(), png.size(), "x", options);
  ASSERT_EQ(gray.channels, 1);
  for (size_t i = 0; i < gray.data.size(); ++i) {
    const double luma =
        0.299 * image.data[i * 3] + 0.587 * image.data[i * 3 + 1] + 0.114 * image.data[i * 3 + 2];
    ASSERT_NEAR(gray.data[i], luma, 2.0) << i;
  }
  options.channels = Channels::kRgb;
  const Image one_gray = noise_image(20, 10, 1, 7);
  const auto gray_png = encode_png(one_gray);
  const Image rgb = decode_image(gray_png.data(), gray_png.size(), "x", options);
  ASSERT_EQ(rgb.channels, 3);
  for (size_t i = 0; i < one_gray.data.size(); ++i) {
    for (size_t c = 0; c < 3; ++c) ASSERT_NEAR(rgb.data[i * 3 + c], one_gray.data[i], 1.0);
  }
}

TEST(Image, OtherFormatsHoldTheSamePicture) {
  LIMBIC_REQUIRE_FFMPEG();
  const TempDir dir;
  const Image image = noise_image(45, 31, 3, 8);
  write_png(dir / "x.png", image);
  const struct {
    const char* name;
    const char* options;
  } cases[] = {{"x.bmp", ""}, {"x.tiff", ""}, {"x.webp", "-c:v libwebp -lossless 1 -pix_fmt bgra"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    ASSERT_TRUE(test::ffmpeg("-i " + (dir / "x.png") + " " + c.options + " " + (dir / c.name)));
    const Image back = read_image(dir / c.name);
    EXPECT_EQ(back.data, image.data);
    // A file that stops early is refused, not shown in part.
    const std::string whole = test::bytes_of(dir / c.name);
    for (const double share : {0.1, 0.5, 0.9}) {
      const auto size = static_cast<size_t>(static_cast<double>(whole.size()) * share);
      error_of([&] { decode_image(bytes(whole), size, "cut", {}); }, ErrorCode::kData);
    }
  }
}

TEST(Image, RealJpegsEqualFfmpegsDecoding) {
  LIMBIC_REQUIRE_DATA("face_images");
  LIMBIC_REQUIRE_FFMPEG();
  int num = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(limbic::test::real_data() + "/face_images")) {
    if (entry.path().extension() != ".jpg") continue;
    SCOPED_TRACE(entry.path());
    ImageOptions options;
    options.channels = Channels::kRgb;
    const Image image = read_image(entry.path().string(), options);
    if (++num > 5) continue;
    const std::string want = test::output_of(
        "ffmpeg -v error -i " + entry.path().string() +
        " -vf scale=flags=bilinear+accurate_rnd+full_chroma_int -pix_fmt rgb24 -f rawvideo -");
    ASSERT_EQ(want.size(), image.data.size());
    EXPECT_LT(test::mean_difference(image.data.data(), bytes(want), want.size()), 0.5);
  }
  EXPECT_EQ(num, 19);
}

TEST(Image, AllOfFer2013DecodesInSeconds) {
  LIMBIC_REQUIRE_DATA("fer2013");
  const std::string folder = limbic::test::real_data() + "/fer2013/";
  const std::string all = core::read_file(folder + "train.jpgs");
  std::ifstream index(folder + "train_index.csv");
  std::string line;
  std::getline(index, line);
  ImageDecoder decoder;
  Image image;
  int num = 0;
  const auto start = std::chrono::steady_clock::now();
  while (std::getline(index, line)) {
    const size_t last = line.rfind(',');
    const size_t before = line.rfind(',', last - 1);
    const size_t offset = std::stoull(line.substr(before + 1));
    const size_t length = std::stoull(line.substr(last + 1));
    ASSERT_LE(offset + length, all.size());
    decoder.decode(bytes(all) + offset, length, line, image);
    ASSERT_EQ(image.width, 48);
    ASSERT_EQ(image.height, 48);
    ASSERT_EQ(image.channels, 1);
    ++num;
  }
  const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(num, 28709);
  EXPECT_LT(s, 10.0);
  RecordProperty("seconds", std::to_string(s));
}

TEST(Image, NoPrefixOfAJpegOrPngIsAPicture) {
  const TempDir dir;
  const Image image = noise_image(24, 16, 3, 9);
  const auto png = encode_png(image);
  ImageDecoder decoder;
  Image out;
  for (size_t n = 0; n < png.size(); ++n) {
    error_of([&] { decoder.decode(png.data(), n, "cut.png", out); }, ErrorCode::kData);
  }
  const std::string jpeg = make_jpeg(dir);
  if (jpeg.empty()) GTEST_SKIP() << "no ffmpeg to make a JPEG with";
  for (size_t n = 0; n < jpeg.size(); ++n) {
    error_of([&] { decoder.decode(bytes(jpeg), n, "cut.jpg", out); }, ErrorCode::kData);
  }
  EXPECT_THAT(
      error_of([&] { decoder.decode(bytes(jpeg), jpeg.size() / 2, "cut.jpg", out); }, ErrorCode::kData),
      HasSubstr("cut.jpg: truncated JPEG image of"));
  // And the decoder is none the worse for it.
  decoder.decode(bytes(jpeg), jpeg.size(), "whole.jpg", out);
  EXPECT_EQ(out.width, 48);
}

TEST(Image, ExifOrientationTurnsThePicture) {
  const TempDir dir;
  const std::string jpeg = make_jpeg(dir);
  if (jpeg.empty()) GTEST_SKIP() << "no ffmpeg to make a JPEG with";
  ImageDecoder decoder;
  Image flat;
  decoder.decode(bytes(jpeg), jpeg.size(), "flat", flat);
  const auto pixel = [](const Image& image, int x, int y) {
    return image.data[static_cast<size_t>((y * image.width + x) * 3)];
  };
  for (const int orientation : {1, 2, 3, 4, 5, 6, 7, 8}) {
    SCOPED_TRACE(orientation);
    std::string exif("Exif\0\0II\x2A\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 6 + 8 + 2 + 8);
    exif += static_cast<char>(orientation);
    exif += std::string(7, '\0');
    const auto length = static_cast<int>(exif.size() + 2);
    std::string tagged = jpeg.substr(0, 2) + "\xFF\xE1";
    tagged += static_cast<char>(length >> 8);
    tagged += static_cast<char>(length & 0xFF);
    tagged += exif + jpeg.substr(2);
    Image turned;
    decoder.decode(bytes(tagged), tagged.size(), "turned", turned);
    const bool is_swapped = orientation >= 5;
    ASSERT_EQ(turned.width, is_swapped ? 32 : 48);
    const int w = 47;
    const int h = 31;
    // Where the stored picture's pixel (5, 3) is shown, from the EXIF 2.3 table.
    const int x = 5;
    const int y = 3;
    const int want[8][2] = {{x, y}, {w - x, y}, {w - x, h - y}, {x, h - y},
                            {y, x}, {h - y, x}, {h - y, w - x}, {y, w - x}};
    for (int c = 0; c < 3; ++c) {
      EXPECT_EQ(pixel(turned, want[orientation - 1][0], want[orientation - 1][1]), pixel(flat, x, y));
    }
    ImageOptions as_stored;
    as_stored.apply_orientation = false;
    EXPECT_EQ(decode_image(bytes(tagged), tagged.size(), "stored", as_stored).data, flat.data);
  }
}

TEST(Image, ABombIsRefusedBeforeItIsDecoded) {
  std::string png(reinterpret_cast<const char*>(encode_png(noise_image(4, 4, 1, 1)).data()), 33);
  const auto put = [&](size_t at, uint32_t v) {
    for (size_t i = 0; i < 4; ++i) png[at + i] = static_cast<char>(v >> (24 - 8 * i));
  };
  put(16, 30000);
  put(20, 30000);
  put(29, core::crc32(png.data() + 12, 17));
  png += std::string("\0\0\0\0IEND\xAE\x42\x60\x82", 12);
  EXPECT_THAT(error_of([&] { decode_image(bytes(png), png.size(), "bomb.png", {}); }, ErrorCode::kResource),
              HasSubstr("bomb.png: image 900.0 MP > limit 67.1 MP"));
}

TEST(Image, WhatIsNoImageIsNamed) {
  const TempDir dir;
  test::write_bytes(dir / "x.png", "hello");
  EXPECT_THAT(error_of([&] { read_image(dir / "x.png"); }, ErrorCode::kData),
              HasSubstr("expected JPEG, PNG, WebP, BMP or TIFF"));
  EXPECT_THAT(error_of([&] { read_image(dir / "none.png"); }, ErrorCode::kData), HasSubstr("cannot open"));
  EXPECT_THAT(error_of(
                  [&] {
                    write_png(dir / "y.png", Image{2, 2, 1, {1, 2, 3}});
                  },
                  ErrorCode::kConfig),
              HasSubstr("2x2x1"));
}

}  // namespace
}  // namespace limbic::media
