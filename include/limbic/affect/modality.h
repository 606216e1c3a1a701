#pragma once

namespace limbic::affect {

/// Names of modalities, as recipes, stores and bundles spell them. A modality is a name, not an enum: a
/// corpus may bring one that limbic has never heard of, as long as an encoder fits its shape.
namespace modality {
inline constexpr const char* kFace = "face";    ///< aligned face crops, (T, C, H, W) uint8
inline constexpr const char* kAudio = "audio";  ///< log-mel frames, (T, F) float32
inline constexpr const char* kEda = "eda";      ///< skin conductance, (T, 1) float32, microsiemens
}  // namespace modality

}  // namespace limbic::affect
