#include "limbic/data/augment.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

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

TEST(ImageAugment, ACropFillsTheImageWithAWindowOfTheAskedSize) {
  // A ramp in x and y: the window's size is the slope, its place the offset.
  affect::Stream stream = clip(1, 1, 64);
  for (int64_t y = 0; y < 64; ++y) {
    for (int64_t x = 0; x < 64; ++x) stream.values[0][0][y][x] = 3 * x + y;
  }
  auto config = still();
  config.crop = 0.5;
  double smallest = 1, largest = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    core::Rng rng(seed);
    const auto out = augment(stream, config, rng).values[0][0].to(at::kDouble);
    const double side_x = (out[32][63] - out[32][0]).item<double>() / (3 * 63);
    const double side_y = (out[63][32] - out[0][32]).item<double>() / 63;
    EXPECT_NEAR(side_x, side_y, 0.04);
    EXPECT_GT(out.min().item<double>(), -0.5);  // nothing comes in from outside
    EXPECT_LE(out[0][0].item<double>(), (4 * 63) * (1 - side_x) + 4);
    smallest = std::min(smallest, side_x);
    largest = std::max(largest, side_x);
  }
  EXPECT_GT(smallest, 0.48);
  EXPECT_LT(smallest, 0.56);
  EXPECT_GT(largest, 0.94);
}

TEST(ImageAugment, ColoursMoveAwayFromGreyAndTurnAboutIt) {
  affect::Stream stream = clip(2, 3, 4);
  stream.values = at::randint(60, 190, {2, 3, 4, 4}, at::kLong).to(at::kByte);
  const auto luma = [](const at::Tensor& images) {
    const auto x = images.to(at::kDouble);
    return x.select(1, 0) * 0.299 + x.select(1, 1) * 0.587 + x.select(1, 2) * 0.114;
  };
  auto config = still();
  config.saturation = 0.5;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    core::Rng rng(seed);
    const auto out = augment(stream, config, rng).values;
    EXPECT_LE((luma(out) - luma(stream.values)).abs().max().item<double>(), 1.0);
    // Distances from grey keep their ratio.
    const auto before = (stream.values.to(at::kDouble) - luma(stream.values).unsqueeze(1)).flatten();
    const auto after = (out.to(at::kDouble) - luma(out).unsqueeze(1)).flatten();
    const double factor = (before.dot(after) / before.dot(before)).item<double>();
    EXPECT_GT(factor, 0.49);
    EXPECT_LT(factor, 1.51);
    EXPECT_LE((after - before * factor).abs().max().item<double>(), 1.6);
  }
  config.saturation = 0;
  config.hue_deg = 180;
  core::Rng rng(2);
  const auto out = augment(stream, config, rng).values;
  EXPECT_LE((luma(out) - luma(stream.values)).abs().max().item<double>(), 1.0);
  EXPECT_GT((out.to(at::kDouble) - stream.values.to(at::kDouble)).abs().max().item<double>(), 5);
  core::Rng grey_rng(2);
  EXPECT_THAT(test::error_of([&] { augment(clip(1, 1, 4), config, grey_rng); }, ErrorCode::kConfig),
              HasSubstr("want RGB images; these have 1 channel"));
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

TEST(SpectrumAugment, MaskWidthsAreUniformBelowTheirLimit) {
  auto stream = spectrum(80, 40);
  stream.values = at::arange(3200, at::kFloat).remainder(13).reshape({80, 40}).contiguous();
  SpectrumAugment config;
  config.num_time_masks = 1;
  config.time_mask_frames = 8;  // widths 0 to 7
  std::vector<int64_t> counts(8, 0);
  for (uint64_t seed = 0; seed < 800; ++seed) {
    core::Rng rng(seed);
    const auto changed = augment(stream, config, rng).values.ne(stream.values).any(1);
    const auto width = changed.sum().item<int64_t>();
    ASSERT_LT(width, 8);
    ++counts[static_cast<size_t>(width)];
    const auto where = changed.nonzero();
    if (width > 0) {
      EXPECT_EQ((where[-1] - where[0]).item<int64_t>(), width - 1);  // one stretch
    }
  }
  // 100 each; chi-squared with 7 degrees of freedom is below 24.3 in 999 of 1000 cases.
  double chi_squared = 0;
  for (const int64_t n : counts) chi_squared += std::pow(static_cast<double>(n) - 100, 2) / 100;
  EXPECT_LT(chi_squared, 24.3);
}

affect::Stream ones_series(int64_t num_frames, int64_t num_features, double value = 1) {
  auto stream = spectrum(num_frames, num_features);
  stream.values = at::full({num_frames, num_features}, value, at::kFloat);
  return stream;
}

TEST(SeriesAugment, AllOffIsTheIdentity) {
  const auto stream = spectrum(30, 5);
  core::Rng rng(1);
  const auto out = augment(stream, SeriesAugment{}, rng);
  EXPECT_TRUE(at::equal(out.values, stream.values));
  EXPECT_TRUE(at::equal(out.valid_T, stream.valid_T));
}

TEST(SeriesAugment, ARotationKeepsLengthsAndAnglesAndOtherChannels) {
  auto stream = spectrum(40, 7);
  stream.values = at::randn({40, 7});
  SeriesAugment config;
  config.rotate_deg = 180;
  config.triads = {0, 4};
  double largest_move = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    core::Rng rng(seed);
    const auto out = augment(stream, config, rng).values;
    EXPECT_TRUE(at::equal(out.select(1, 3), stream.values.select(1, 3)));
    const auto before = at::stack({stream.values.slice(1, 0, 3), stream.values.slice(1, 4, 7)});
    const auto after = at::stack({out.slice(1, 0, 3), out.slice(1, 4, 7)});
    const auto gram = [](const at::Tensor& x) { return x.reshape({-1, 3}).matmul(x.reshape({-1, 3}).t()); };
    EXPECT_TRUE(at::allclose(gram(before), gram(after), 1e-4, 1e-4));  // both triads turn alike
    // No mirror image: the triple product keeps its sign.
    const auto volume = [](const at::Tensor& x) { return at::det(x[0].slice(0, 0, 3)).item<double>(); };
    EXPECT_NEAR(volume(before), volume(after), 1e-3);
    largest_move = std::max(largest_move, (before - after).abs().max().item<double>());
  }
  EXPECT_GT(largest_move, 0.5);
  config.triads = {5};
  core::Rng rng(1);
  EXPECT_THAT(test::error_of([&] { augment(stream, config, rng); }, ErrorCode::kConfig),
              HasSubstr("triads: 5 to 7 do not exist; the series has 7 channels"));
}

TEST(SeriesAugment, ATimeWarpIsMonotoneKeepsTheEndsAndTheLength) {
  SeriesAugment config;
  config.time_warp = 0.5;
  auto stream = ones_series(200, 1);
  stream.values = at::arange(200, at::kFloat).unsqueeze(1).contiguous();
  double largest_move = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    core::Rng rng(seed);
    const auto out = augment(stream, config, rng).values.select(1, 0);
    EXPECT_EQ(out.size(0), 200);
    EXPECT_NEAR(out[0].item<double>(), 0, 1e-4);
    EXPECT_NEAR(out[199].item<double>(), 199, 1e-3);
    EXPECT_GT((out.slice(0, 1) - out.slice(0, 0, 199)).min().item<double>(), 0.0);
    largest_move = std::max(largest_move, (out - at::arange(200, at::kFloat)).abs().max().item<double>());
  }
  EXPECT_GT(largest_move, 5);
}

TEST(SeriesAugment, SlowCurvesHaveTheAskedDeviationAtTheirKnots) {
  SeriesAugment config;
  config.drift = 2;
  config.knots = 5;
  double square = 0, roughest = 0;
  constexpr int kRuns = 200;
  for (uint64_t seed = 0; seed < kRuns; ++seed) {
    core::Rng rng(seed);
    const auto out = augment(ones_series(401, 3, 10), config, rng).values - 10;
    for (int64_t k = 0; k < 5; ++k) square += out[k * 100].square().mean().item<double>() / (5 * kRuns);
    roughest = std::max(roughest, (out.slice(0, 1) - out.slice(0, 0, 400)).abs().max().item<double>());
  }
  EXPECT_NEAR(square, 4, 0.35);  // 3000 draws: three standard deviations of chi-squared
  EXPECT_LT(roughest, 0.2);      // 100 frames from knot to knot
  config.drift = 0;
  config.magnitude_warp = 0.1;
  core::Rng a(3), b(3);
  const auto one = augment(ones_series(401, 3, 1), config, a).values;
  const auto ten = augment(ones_series(401, 3, 10), config, b).values;
  EXPECT_TRUE(at::allclose(one * 10, ten, 1e-5, 1e-5));  // a factor
  EXPECT_GT((one - 1).abs().max().item<double>(), 0.02);
}

TEST(SeriesAugment, ChannelsAreScaledAndDroppedEachForItself) {
  SeriesAugment config;
  config.channel_drop = 0.4;
  config.channel_scale = 0.1;
  int64_t num_dropped = 0;
  double square = 0;
  int64_t num_kept = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    core::Rng rng(seed);
    const auto out = augment(ones_series(5, 6), config, rng).values;
    EXPECT_TRUE(at::equal(out[0], out[4]));
    EXPECT_TRUE(out.ne(0).any().item<bool>());
    for (int64_t f = 0; f < 6; ++f) {
      const double value = out[0][f].item<double>();
      if (value == 0) {
        ++num_dropped;
      } else {
        square += (value - 1) * (value - 1);
        ++num_kept;
      }
    }
  }
  EXPECT_NEAR(static_cast<double>(num_dropped), 1800 * 0.4, 70);
  EXPECT_NEAR(std::sqrt(square / static_cast<double>(num_kept)), 0.1, 0.01);
}

TEST(SeriesAugment, DroppedFramesAreZeroAndNotRealAndOneAlwaysStays) {
  SeriesAugment config;
  config.frame_drop = 0.25;
  int64_t num_dropped = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    core::Rng rng(seed);
    auto stream = ones_series(40, 2);
    const auto out = augment(stream, config, rng);
    EXPECT_TRUE(at::equal(out.values.select(1, 0).ne(0), out.valid_T));
    EXPECT_TRUE(stream.valid_T.all().item<bool>());
    num_dropped += 40 - out.valid_T.sum().item<int64_t>();
  }
  EXPECT_NEAR(static_cast<double>(num_dropped), 1000, 85);
  config = {};
  config.num_segments = 1;
  config.segment_frames = 6;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    core::Rng rng(seed);
    const auto dropped = augment(ones_series(40, 2), config, rng).valid_T.logical_not();
    const auto count = dropped.sum().item<int64_t>();
    EXPECT_GE(count, 1);
    EXPECT_LE(count, 6);
    const auto where = dropped.nonzero();
    EXPECT_EQ((where[-1] - where[0]).item<int64_t>(), count - 1);
  }
  config.segment_frames = 100;
  config.frame_drop = 0.9;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    core::Rng rng(seed);
    EXPECT_TRUE(augment(ones_series(3, 1), config, rng).valid_T.any().item<bool>());
  }
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
