#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/stream.h"
#include "limbic/core/rng.h"
#include "limbic/data/augment.h"

namespace limbic::data {

/// Raw streams of other samples, for changes that mix them in.
struct RawSource {
  const std::vector<int64_t>* candidates = nullptr;  ///< who may be asked for
  std::function<affect::Stream(int64_t)> read{};     ///< undefined values: it has none
};

/// The changes of one modality, ready to run: files that they mix in are read here. Const methods are
/// thread-safe and depend on the stream and the state of `rng` only.
class Augmenter {
 public:
  /// @param where             "augment.audio", for messages
  /// @param waveform_rate_hz  of the waveform that the feature is made from; 0 = it is made from none
  /// @throws Error(kConfig) for a change that this modality cannot have, Error(kData) for files that cannot
  /// be read, Error(kResource) when they hold more than 2 h of sound
  Augmenter(const AugmentVariant& config, const std::string& where, int64_t waveform_rate_hz,
            const RawSource& others = {});
  ~Augmenter();

  /// Whether raw streams change, so that features cannot be kept from epoch to epoch.
  bool changes_raw() const;
  /// A waveform (S,) int16 or float32 becomes float32; text stays (S,) uint8.
  affect::Stream before_features(const affect::Stream& raw, core::Rng& rng) const;
  /// As augment(): changed and cropped.
  affect::Stream after_features(const affect::Stream& stream, core::Rng& rng, int64_t max_frames) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace limbic::data
