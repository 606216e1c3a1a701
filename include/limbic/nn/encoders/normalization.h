#pragma once
#include <array>
#include <utility>

namespace limbic::nn {

/// How an encoder scales its input before anything else.
enum class Normalization {
  kNone,
  kGlobal,         ///< per feature, with the statistics of the training set (Encoder::set_input_statistics)
  kUtterance,      ///< per sample and feature, over its real frames
  kUtteranceMean,  ///< minus the sample's own mean, over the training set's deviation
};
constexpr auto enum_names(Normalization) {
  return std::array<std::pair<Normalization, const char*>, 4>{
      {{Normalization::kNone, "none"},
       {Normalization::kGlobal, "global"},
       {Normalization::kUtterance, "utterance"},
       {Normalization::kUtteranceMean, "utterance_mean"}}};
}

/// How an encoder scales pixels, after x / 255.
enum class ImageNormalization {
  kFixed,   ///< (x - pixel_mean) / pixel_std
  kGlobal,  ///< per channel, with the statistics of the training set
  kImage,   ///< per image: minus its mean, over its standard deviation + image_epsilon
};
constexpr auto enum_names(ImageNormalization) {
  return std::array<std::pair<ImageNormalization, const char*>, 3>{{{ImageNormalization::kFixed, "fixed"},
                                                                    {ImageNormalization::kGlobal, "global"},
                                                                    {ImageNormalization::kImage, "image"}}};
}

}  // namespace limbic::nn
