#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "limbic/signals/table.h"

namespace limbic::features {

/// The sound of a file, read from its beginning as often as it is asked, never held whole.
class SoundSource {
 public:
  /// Decodes once, to know how long the sound really is: containers say it roughly.
  /// @param rate_hz  0 = the file's own. @throws Error(kData) no sound, or not a sample of it
  SoundSource(std::string path, int64_t rate_hz);

  int64_t rate_hz() const { return rate_hz_; }
  int64_t num_samples() const { return num_samples_; }
  /// On the file's clock.
  signals::Interval extent() const;
  double time_of(int64_t sample) const {
    return t0_s_ + static_cast<double>(sample) / static_cast<double>(rate_hz_);
  }

  /// Every piece in order, without gaps or overlap.
  void for_each_piece(const std::function<void(const float* samples, int64_t num_samples)>& take) const;
  /// The samples in each window; windows must begin in order. Memory is that of the windows that overlap.
  void for_each_window(const std::vector<signals::Interval>& windows,
                       const std::function<void(const signals::Interval&, const float* samples,
                                                int64_t num_samples)>& take) const;

 private:
  std::string path_;
  int64_t rate_hz_ = 0;
  int64_t num_samples_ = 0;
  double t0_s_ = 0;
};

}  // namespace limbic::features
