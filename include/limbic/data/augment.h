#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/affect/stream.h"
#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/core/rng.h"
#include "limbic/data/augment_raw.h"
#include "limbic/data/augment_series.h"

namespace limbic::data {

/// What lies beyond the border of a moved image.
enum class Padding { kZero, kReflect, kReplicate };
constexpr auto enum_names(Padding) {
  return std::array<std::pair<Padding, const char*>, 3>{
      {{Padding::kZero, "zero"}, {Padding::kReflect, "reflect"}, {Padding::kReplicate, "replicate"}}};
}

/// Random changes of image clips, (T, C, H, W) uint8. One draw per clip: every frame changes alike. Flip,
/// shift, rotation and scale are one bilinear affine map.
struct ImageAugment {
  static constexpr const char* kType = "image";
  double flip = 0.5;        ///< probability of a horizontal mirror image
  double shift_px = 0.0;    ///< up to this many pixels each way
  double rotate_deg = 0.0;  ///< up to this angle each way
  double scale = 0.0;       ///< size factor in [1 - scale, 1 + scale]
  Padding padding = Padding::kZero;
  double brightness = 0.0;      ///< adds up to this share of 255 each way
  double contrast = 0.0;        ///< factor about the clip's mean in [1 - contrast, 1 + contrast]
  double erase = 0.0;           ///< probability of one erased rectangle
  double erase_min = 0.05;      ///< smallest share of the area
  double erase_max = 0.2;       ///< largest share of the area
  double erase_aspect = 2.0;    ///< longest ratio of its sides; 1 = square
  bool erase_with_mean = true;  ///< with the clip's mean, else with 0
  double crop = 0.0;
  double saturation = 0.0;
  double hue_deg = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("flip", flip, "probability of a horizontal mirror image");
    v("shift_px", shift_px, "shift up to this many pixels each way");
    v("rotate_deg", rotate_deg, "rotation up to this angle each way");
    v("scale", scale, "size factor in [1 - scale, 1 + scale]");
    v("padding", padding, "what lies beyond the border");
    v("brightness", brightness, "adds up to this share of 255 each way");
    v("contrast", contrast, "factor about the mean in [1 - contrast, 1 + contrast]");
    v("erase", erase, "probability of one erased rectangle (cutout)");
    v("erase_min", erase_min, "smallest share of the area that is erased");
    v("erase_max", erase_max, "largest share of the area that is erased");
    v("erase_aspect", erase_aspect, "longest ratio of the rectangle's sides; 1 = a square");
    v("erase_with_mean", erase_with_mean, "erase with the clip's mean, else with 0");
    v("crop", crop, "a random window of sides in [1 - crop, 1] fills the image", config::half_open(0, 1));
    v("saturation", saturation, "RGB: distance from grey by [1 - saturation, 1 + saturation]",
      config::in_range(0, 1));
    v("hue_deg", hue_deg, "RGB: colours turn in the YIQ plane by up to this angle each way",
      config::in_range(0, 180));
  }
  void validate(config::Checks& checks) const;
};

/// Random changes of log spectra, (T, F) float32, after the feature cache: resampling in time and along the
/// bands (one bilinear map), gain, noise, masks of whole bands and stretches of time filled with the clip's
/// mean.
struct SpectrumAugment {
  static constexpr const char* kType = "spectrum";
  double stretch = 0.0;     ///< speed in [1 - stretch, 1 + stretch]
  double band_shift = 0.0;  ///< up to this many bands each way
  double band_scale = 0.0;  ///< bands spread by [1 - band_scale, 1 + band_scale] about the middle
  double gain = 0.0;        ///< standard deviation of one offset per clip, in the features' (log) unit
  double noise = 0.0;       ///< largest standard deviation of noise per value
  int64_t num_time_masks = 0;
  int64_t time_mask_frames = 24;  ///< each mask is shorter than this
  int64_t num_band_masks = 0;
  int64_t band_mask_bands = 8;  ///< each mask is narrower than this

  template <class Visitor>
  void visit(Visitor& v) {
    v("stretch", stretch, "speed in [1 - stretch, 1 + stretch]");
    v("band_shift", band_shift, "shift along the bands, up to this many each way");
    v("band_scale", band_scale, "bands spread by [1 - band_scale, 1 + band_scale] about the middle");
    v("gain", gain, "standard deviation of one offset per clip, in the features' unit");
    v("noise", noise, "largest standard deviation of noise per value");
    v("num_time_masks", num_time_masks, "masked stretches of time");
    v("time_mask_frames", time_mask_frames, "longest masked stretch");
    v("num_band_masks", num_band_masks, "masked runs of bands");
    v("band_mask_bands", band_mask_bands, "widest masked run");
  }
  void validate(config::Checks& checks) const;
};

using AugmentStep = std::variant<ImageAugment, SpectrumAugment, SeriesAugment, WaveAugment, TextAugment>;

/// Several changes of one modality, in order: those of raw streams (wave, text) first.
struct ChainAugment {
  static constexpr const char* kType = "chain";
  std::vector<AugmentStep> steps;

  template <class Visitor>
  void visit(Visitor& v) {
    v("steps", steps, "changes, in order");
  }
  void validate(config::Checks& checks) const;
};

using AugmentVariant =
    std::variant<ImageAugment, SpectrumAugment, SeriesAugment, WaveAugment, TextAugment, ChainAugment>;
/// Modality -> augmentation. A modality that is not named stays as it is.
using AugmentConfig = std::map<std::string, AugmentVariant>;

/// A changed copy of the features `stream` (values and valid_T; a stretch changes T). Depends on the stream,
/// the config and the state of `rng` only. Changes of raw streams (see Augmenter) leave features as they are.
/// @throws Error(kConfig) when the augmentation does not fit the stream's shape or type
///
/// @param max_frames  longer sequences are cropped at random (after a stretch, before masks); 0 = keep all
affect::Stream augment(const affect::Stream& stream, const AugmentVariant& config, core::Rng& rng,
                       int64_t max_frames = 0);
/// `num_frames` frames from `first` on; shares memory with `stream`.
affect::Stream slice_frames(const affect::Stream& stream, int64_t first, int64_t num_frames);
/// At most `max_frames` in a row, from a random place; shares memory. 0 = all.
affect::Stream random_crop(const affect::Stream& stream, int64_t max_frames, core::Rng& rng);

}  // namespace limbic::data
