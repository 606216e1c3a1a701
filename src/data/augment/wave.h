#pragma once
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/stream.h"
#include "limbic/data/augment_raw.h"
#include "limbic/data/augmenter.h"

namespace limbic::data {

/// WaveAugment with its files in memory.
class WaveChanger {
 public:
  /// @param rate_hz  of the waveforms, which files are resampled to
  WaveChanger(const WaveAugment& config, const std::string& where, double rate_hz, RawSource others);
  affect::Stream change(const affect::Stream& wave, core::Rng& rng) const;

 private:
  using Sound = std::vector<float>;
  void add_background(Sound& x, double snr_db, core::Rng& rng) const;

  WaveAugment config_;
  double rate_hz_;
  std::vector<Sound> noises_;
  std::vector<Sound> rooms_;
  RawSource others_;
};

/// A transcript with words left out or masked. @throws Error(kConfig) when the stream is no text
affect::Stream change_text(const affect::Stream& text, const TextAugment& config, core::Rng& rng);

}  // namespace limbic::data
