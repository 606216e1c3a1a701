#include "limbic/data/augment.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "limbic/config/config.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;

affect::Stream clip(int64_t num_frames, int64_t channels, int64_t size) {
  affect::Stream stream;
  stream.modality = "face";
  stream.rate_hz = 10;
  stream.values = at::arange(num_frames * channels * size * size, at::kLong)
                      .mul(37)
                      .remainder(241)
                      .to(at::kByte)
                      .reshape({num_frames, channels, size, size});
  stream.valid_T = at::ones({num_frames}, at::kBool);
  return stream;
}

affect::Stream spectrum(int64_t num_frames, int64_t num_bands) {
  affect::Stream stream;
  stream.modality = "audio";
  stream.rate_hz = 100;
  stream.values = at::arange(num_frames, at::kFloat).unsqueeze(1).mul(10) +
                  at::arange(num_bands, at::kFloat).unsqueeze(0);
  stream.valid_T = at::ones({num_frames}, at::kBool);
  return stream;
}

ImageAugment still() {
  ImageAugment config;
  config.flip = 0;
  return config;
}

TEST(ImageAugment, AllOffIsTheIdentityAndACopy) {
  const auto stream = clip(3, 3, 9);
  core::Rng rng(1);
  const auto out = augment(stream, still(), rng);
  EXPECT_TRUE(at::equal(out.values, stream.values));
  EXPECT_NE(out.values.data_ptr(), stream.values.data_ptr());
}

TEST(ImageAugment, AFlipIsTheMirrorImage) {
  const auto stream = clip(2, 3, 8);
  auto config = still();
  config.flip = 1;
  core::Rng rng(1);
  EXPECT_TRUE(at::equal(augment(stream, config, rng).values, stream.values.flip({3})));
}

TEST(ImageAugment, EveryFrameOfAClipChangesAlike) {
  auto stream = clip(1, 1, 16);
  stream.values = stream.values.expand({4, 1, 16, 16}).contiguous();
  stream.valid_T = at::ones({4}, at::kBool);
  ImageAugment config;
  config.shift_px = 3;
  config.rotate_deg = 20;
  config.scale = 0.2;
  config.brightness = 0.2;
  config.contrast = 0.2;
  config.erase = 1;
  core::Rng rng(5);
  const auto out = augment(stream, config, rng).values;
  for (int64_t t = 1; t < 4; ++t) EXPECT_TRUE(at::equal(out[t], out[0]));
  EXPECT_FALSE(at::equal(out[0], stream.values[0]));
}

TEST(ImageAugment, TheSameSeedGivesTheSameAndAnotherSeedAnotherClip) {
  const auto stream = clip(2, 1, 16);
  ImageAugment config;
  config.shift_px = 3;
  config.rotate_deg = 20;
  core::Rng a(9);
  core::Rng b(9);
  core::Rng c(10);
  const auto first = augment(stream, config, a).values;
  EXPECT_TRUE(at::equal(first, augment(stream, config, b).values));
  EXPECT_FALSE(at::equal(first, augment(stream, config, c).values));
}

/// A bilinear affine map with zero padding, written once more with LibTorch's grid sampler.
at::Tensor reference_affine(const at::Tensor& image_HW, double angle, double scale, double shift_x,
                            double shift_y, bool flip) {
  const auto size = static_cast<double>(image_HW.size(0));
  const double f = flip ? -1.0 : 1.0;
  const double c = std::cos(angle) / scale;
  const double s = std::sin(angle) / scale;
  const double tx = -2 * shift_x / size;
  const double ty = -2 * shift_y / size;
  const auto theta = at::tensor({f * c, f * s, f * (c * tx + s * ty), -s, c, -s * tx + c * ty}, at::kDouble)
                         .reshape({1, 2, 3});
  const auto grid = at::affine_grid_generator(theta, {1, 1, image_HW.size(0), image_HW.size(1)}, false);
  return at::grid_sampler_2d(image_HW.to(at::kDouble).unsqueeze(0).unsqueeze(0), grid, 0, 0, false)[0][0];
}

TEST(ImageAugment, TheAffineMapEqualsGridSampling) {
  const auto stream = clip(1, 1, 24);
  ImageAugment config;
  config.shift_px = 4;
  config.rotate_deg = 30;
  config.scale = 0.3;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    core::Rng draws(seed);  // in the order of the draws in augment
    const bool flip = draws.chance(config.flip);
    const double shift_x = draws.uniform(-1, 1) * config.shift_px;
    const double shift_y = draws.uniform(-1, 1) * config.shift_px;
    const double angle = draws.uniform(-1, 1) * config.rotate_deg * M_PI / 180;
    const double scale = 1 + draws.uniform(-1, 1) * config.scale;
    const auto expected = reference_affine(stream.values[0][0], angle, scale, shift_x, shift_y, flip);
    core::Rng rng(seed);
    const auto got = augment(stream, config, rng).values[0][0].to(at::kDouble);
    EXPECT_LE((got - expected).abs().max().item<double>(), 0.51) << "seed " << seed;  // rounding to uint8
  }
}

TEST(ImageAugment, PaddingDecidesWhatComesInFromOutside) {
  auto stream = clip(1, 1, 8);
  stream.values.fill_(200);
  ImageAugment config = still();
  config.shift_px = 4;
  core::Rng a(3);
  core::Rng b(3);
  core::Rng c(3);
  EXPECT_EQ(augment(stream, config, a).values.min().item<int64_t>(), 0);
  config.padding = Padding::kReflect;
  EXPECT_EQ(augment(stream, config, b).values.min().item<int64_t>(), 200);
  config.padding = Padding::kReplicate;
  EXPECT_EQ(augment(stream, config, c).values.min().item<int64_t>(), 200);
}

TEST(ImageAugment, ErasingTakesARectangleOfTheAskedArea) {
  auto stream = clip(1, 1, 40);
  stream.values.fill_(100);
  auto config = still();
  config.erase = 1;
  config.erase_min = config.erase_max = 0.25;
  config.erase_with_mean = false;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    core::Rng rng(seed);
    const auto erased = augment(stream, config, rng).values.eq(0);
    EXPECT_NEAR(erased.sum().item<double>() / 1600, 0.25, 0.02);
    const auto rows = erased[0][0].any(1).sum().item<int64_t>();
    const auto columns = erased[0][0].any(0).sum().item<int64_t>();
    EXPECT_EQ(rows * columns, erased.sum().item<int64_t>());
  }
}

TEST(ImageAugment, CropsLongClipsAtRandomAndMovesTheirTime) {
  const auto stream = clip(50, 1, 4);
  core::Rng rng(2);
  const auto out = augment(stream, still(), rng, 10);
  EXPECT_EQ(out.values.size(0), 10);
  EXPECT_EQ(out.valid_T.size(0), 10);
  const auto first = static_cast<int64_t>(std::lround(out.t0.seconds() * 10));
  EXPECT_TRUE(at::equal(out.values, stream.values.narrow(0, first, 10)));
}

TEST(SpectrumAugment, AStretchChangesLengthAndKeepsLinearRampsLinear) {
  const auto stream = spectrum(100, 8);
  SpectrumAugment config;
  config.stretch = 0.5;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    core::Rng draws(seed);
    const double speed = 1 + draws.uniform(-1, 1) * config.stretch;
    core::Rng rng(seed);
    const auto out = augment(stream, config, rng);
    ASSERT_EQ(out.values.size(0), static_cast<int64_t>(100 / speed));
    const int64_t t = out.values.size(0) / 2;
    EXPECT_NEAR(out.values[t][3].item<double>(), 10 * static_cast<double>(t) * speed + 3, 1e-3);
    EXPECT_TRUE(out.valid_T.all().item<bool>());
  }
}

TEST(SpectrumAugment, BandsMoveByTheDrawnShift) {
  const auto stream = spectrum(4, 30);
  SpectrumAugment config;
  config.band_shift = 3;
  core::Rng draws(4);
  draws.uniform();
  draws.uniform();
  const double shift = draws.uniform(-1, 1) * 3;
  core::Rng rng(4);
  const auto out = augment(stream, config, rng).values;
  EXPECT_NEAR(out[1][15].item<double>(), 25 + shift, 1e-4);
}

TEST(SpectrumAugment, MasksFillWithTheMeanOfTheBandAndStayBelowTheirWidth) {
  auto stream = spectrum(60, 20);
  stream.values = at::arange(1200, at::kFloat).remainder(17).reshape({60, 20}).contiguous();
  SpectrumAugment config;
  config.num_time_masks = 1;
  config.time_mask_frames = 10;
  int64_t num_masked_in_all = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    core::Rng rng(seed);
    const auto out = augment(stream, config, rng).values;
    const auto changed = out.ne(stream.values).any(1);
    const auto num_masked = changed.sum().item<int64_t>();
    EXPECT_LT(num_masked, 10);
    num_masked_in_all += num_masked;
    const auto mean = stream.values.mean(0);
    for (int64_t t = 0; t < 60; ++t) {
      if (changed[t].item<bool>()) {
        EXPECT_TRUE(at::allclose(out[t], mean, 1e-5, 1e-5));
      }
    }
  }
  EXPECT_GT(num_masked_in_all, 10);
}

TEST(SpectrumAugment, NeverChangesItsInput) {
  const auto stream = spectrum(50, 10);
  const auto before = stream.values.clone();
  SpectrumAugment config;
  config.gain = 1;
  config.noise = 0.5;
  config.num_band_masks = 2;
  config.num_time_masks = 2;
  core::Rng rng(1);
  const auto out = augment(stream, config, rng);
  EXPECT_TRUE(at::equal(stream.values, before));
  EXPECT_FALSE(at::equal(out.values, before));
  EXPECT_EQ(out.values.sizes(), before.sizes());
}

TEST(SpectrumAugment, SurvivesEmptyAndSingleFrames) {
  SpectrumAugment config;
  config.stretch = 0.3;
  config.num_time_masks = 3;
  config.num_band_masks = 3;
  for (const int64_t num_frames : {0, 1, 2}) {
    core::Rng rng(1);
    const auto out = augment(spectrum(num_frames, 4), config, rng);
    EXPECT_TRUE(out.values.isfinite().all().item<bool>());
  }
}

TEST(SeriesAugment, ScalesShiftsAndKeepsTheShape) {
  auto stream = spectrum(20, 2);
  SeriesAugment config;
  config.scale = 0.5;
  config.offset = 1;
  core::Rng rng(3);
  const auto out = augment(stream, config, rng).values;
  // One factor and one offset: differences keep their ratio.
  const double factor = (out[5][0] - out[4][0]).item<double>() / 10;
  EXPECT_NE(factor, 1);
  EXPECT_NEAR((out[9][1] - out[2][1]).item<double>(), factor * 70, 1e-3);
}

TEST(Augment, RefusesStreamsOfTheWrongKind) {
  core::Rng rng(1);
  EXPECT_THAT(test::error_of([&] { augment(spectrum(4, 4), ImageAugment{}, rng); }, ErrorCode::kConfig),
              HasSubstr("augment.audio: `image` wants"));
  EXPECT_THAT(test::error_of([&] { augment(clip(1, 1, 4), SpectrumAugment{}, rng); }, ErrorCode::kConfig),
              HasSubstr("augment.face: `spectrum` wants"));
}

TEST(Augment, ConfigRangesAreChecked) {
  const auto error = test::error_of(
      [&] { config::load_text<ImageAugment>("{flip: 1.5, erase_min: 0.5, erase_max: 0.2}", "r.yaml"); },
      ErrorCode::kConfig);
  EXPECT_THAT(error, HasSubstr("must be in [0, 1], got 1.5"));
  EXPECT_THAT(error, HasSubstr("erase_min <= erase_max"));
}

}  // namespace
}  // namespace limbic::data
