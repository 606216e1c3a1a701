#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "limbic/signals/audio/log_mel.h"

namespace limbic::signals {

enum class DctType { kOne, kTwo, kThree };
constexpr auto enum_names(DctType) {
  return std::array{std::pair{DctType::kOne, "1"}, std::pair{DctType::kTwo, "2"},
                    std::pair{DctType::kThree, "3"}};
}
enum class DctNorm {
  kOrthonormal,  ///< librosa and scipy norm="ortho", Kaldi
  kHtk,          ///< sqrt(2 / M) for every row, the zeroth too
  kNone,         ///< scipy norm=None: twice the sum
};
constexpr auto enum_names(DctNorm) {
  return std::array{std::pair{DctNorm::kOrthonormal, "orthonormal"}, std::pair{DctNorm::kHtk, "htk"},
                    std::pair{DctNorm::kNone, "none"}};
}

/// What stands for the coefficient that follows the level.
enum class Zeroth {
  kFirst,        ///< C0, C1, ... (Kaldi, librosa)
  kLast,         ///< C1, ..., C0 (HTK's _0)
  kEnergyFirst,  ///< ln of the frame's energy instead of C0 (Kaldi's use_energy)
  kEnergyLast,   ///< the same at the end (HTK's _E, not normalised)
  kOmitted,      ///< C1, C2, ...
};
constexpr auto enum_names(Zeroth) {
  return std::array{std::pair{Zeroth::kFirst, "first"}, std::pair{Zeroth::kLast, "last"},
                    std::pair{Zeroth::kEnergyFirst, "energy_first"},
                    std::pair{Zeroth::kEnergyLast, "energy_last"}, std::pair{Zeroth::kOmitted, "omitted"}};
}

/// Index of C0 in the lifter 1 + L / 2 sin(pi i / L).
enum class Lifter {
  kFromZero,  ///< HTK, Kaldi: C0 stays
  kFromOne,   ///< librosa: C0 is i = 1
};
constexpr auto enum_names(Lifter) {
  return std::array{std::pair{Lifter::kFromZero, "from_zero"}, std::pair{Lifter::kFromOne, "from_one"}};
}

/// Mel cepstra; the defaults are Kaldi's compute-mfcc-feats (use_energy=false, no dither) at 16 kHz.
struct MfccConfig {
  LogMelConfig mel = kaldi_mel();
  int64_t num_cepstra = 13;
  DctType dct = DctType::kTwo;
  DctNorm norm = DctNorm::kOrthonormal;
  double lifter = 22.0;
  Lifter lifter_index = Lifter::kFromZero;
  Zeroth zeroth = Zeroth::kFirst;

  static LogMelConfig kaldi_mel();
  /// librosa.feature.mfcc with its defaults: 20 cepstra of power_to_db (without its top_db of 80, which looks
  /// at the whole clip: set mel.top_db for it).
  static MfccConfig librosa(int64_t sample_rate_hz = 22050);
  /// HTK's MFCC_0: Hamming, magnitudes, 26 filters from 0 Hz, 12 cepstra and C0, lifter 22, int16 scale.
  static MfccConfig htk(int64_t sample_rate_hz = 16000);

  template <class Visitor>
  void visit(Visitor& v) {
    v("mel", mel, "the log-mel spectrum below the cepstra");
    v("num_cepstra", num_cepstra, "values a frame, the zeroth or energy included");
    v("dct", dct, "type of the cosine transform: 1, 2 or 3");
    v("norm", norm, "orthonormal (Kaldi, librosa), htk or none");
    v("lifter", lifter, "L of 1 + L / 2 sin(pi i / L); 0 = off");
    v("lifter_index", lifter_index, "index of C0 in it: from_zero (HTK, Kaldi) or from_one (librosa)");
    v("zeroth", zeroth, "first, last, energy_first, energy_last or omitted");
  }
  void validate(config::Checks& checks) const;
};

/// Waveform to mel cepstra. Const methods are thread-safe.
class Mfcc {
 public:
  /// @throws Error(kConfig) when the config is out of range
  explicit Mfcc(const MfccConfig& config);
  ~Mfcc();
  Mfcc(Mfcc&&) noexcept;
  Mfcc& operator=(Mfcc&&) noexcept;

  /// @param out_TC  resized to num_frames * num_cepstra, frame after frame
  void compute(const float* samples, int64_t num_samples, std::vector<float>& out_TC) const;
  /// Of one frame's log-mel values (those of `log_mel()`), without the energy variants.
  void of_log_mel(const float* log_mel_F, float* out_C) const;

  const LogMel& log_mel() const;
  const MfccConfig& config() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

/// Rows of a cosine transform, num_rows x num_points. @throws Error(kConfig) for type 1 or 3 with norm htk
std::vector<double> cosine_transform(DctType type, DctNorm norm, int64_t num_rows, int64_t num_points);

}  // namespace limbic::signals
