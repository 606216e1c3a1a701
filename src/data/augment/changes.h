#pragma once
#include <cstdint>

#include "limbic/affect/stream.h"
#include "limbic/config/checks.h"
#include "limbic/core/rng.h"
#include "limbic/data/augment.h"

namespace limbic::data {

affect::Stream augment_with(const affect::Stream& stream, const ImageAugment& config, core::Rng& rng,
                            int64_t max_frames);
affect::Stream augment_with(const affect::Stream& stream, const SpectrumAugment& config, core::Rng& rng,
                            int64_t max_frames);
affect::Stream augment_with(const affect::Stream& stream, const SeriesAugment& config, core::Rng& rng,
                            int64_t max_frames);

inline affect::Stream augment_with(const affect::Stream& stream, const WaveAugment&, core::Rng& rng,
                                   int64_t max_frames) {
  return random_crop(stream, max_frames, rng);
}
inline affect::Stream augment_with(const affect::Stream& stream, const TextAugment&, core::Rng& rng,
                                   int64_t max_frames) {
  return random_crop(stream, max_frames, rng);
}
affect::Stream augment_with(const affect::Stream& stream, const ChainAugment& config, core::Rng& rng,
                            int64_t max_frames);

/// One axis of a resampled grid: two neighbours and the weight of the second.
struct LinearTap {
  int64_t first = 0;
  int64_t second = 0;
  float weight = 0;
};

/// Between the neighbours of `position`, which is clamped to [0, size - 1].
LinearTap linear_tap(double position, int64_t size);
/// @throws Error(kConfig) unless the stream is (T, F) float32
void check_series(const affect::Stream& stream, const char* type);

void expect_share(config::Checks& checks, const char* field, double value);
void expect_below_one(config::Checks& checks, const char* field, double value);
void expect_not_negative(config::Checks& checks, const char* field, double value);

}  // namespace limbic::data
