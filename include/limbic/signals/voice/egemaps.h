#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

/// What the frames of eGeMAPS say where there is no voice (functionals always follow openSMILE).
enum class EgemapsUnvoiced {
  kNan,       ///< missing
  kOpensmile  ///< 0, and -201 dB in the three formant amplitudes, which also enter the smoothing of
              ///< neighbours
};
constexpr auto enum_names(EgemapsUnvoiced) {
  return std::array{std::pair{EgemapsUnvoiced::kNan, "nan"},
                    std::pair{EgemapsUnvoiced::kOpensmile, "opensmile"}};
}

/// The parameters of eGeMAPSv02 are fixed by the set; a value of another window or F0 range would carry a
/// published name without being it.
struct EgemapsConfig {
  int64_t sample_rate_hz = 16000;
  EgemapsUnvoiced unvoiced = EgemapsUnvoiced::kNan;

  template <class Visitor>
  void visit(Visitor& v) {
    v("sample_rate_hz", sample_rate_hz, "rate of the waveform, from 8000; values depend on it");
    v("unvoiced", unvoiced, "voice columns of unvoiced frames: nan (missing) or opensmile (0 and -201)");
  }
  void validate(config::Checks& checks) const;
};

// Note [eGeMAPSv02]
// F. Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for voice research and affective
// computing", IEEE TAC 7 (2016), in the version 02 of openSMILE 3: 25 low-level descriptors every 10 ms and
// 88 functionals. Where text and program differ, values follow the program, because its output is what is
// published and what models are trained on; the differences are noted where they are implemented.
// By rate: frames are rounded to whole samples (exact where 100 divides the rate), FFT and with it the points
// of the F0 axis are the next powers of two, formants see 3.4 kHz at 8 and 16 kHz, 4.7 kHz at 44.1 kHz and
// 5.1 kHz at 48 kHz, mel bands end at 8 kHz or half the rate. Resample to 16 kHz first when corpora of
// different rates are to be compared.
// Time: row t is computed from the 60 ms (F0 and harmonics) or 20 ms (others) from 10 t ms on. As openSMILE
// does, one row more than there are whole frames comes out, which repeats the last one.

class EgemapsStream;

/// eGeMAPSv02 of recordings at one rate. Const methods are thread-safe: build one, share it.
class Egemaps {
 public:
  /// @throws Error(kConfig)
  explicit Egemaps(const EgemapsConfig& config);
  ~Egemaps();
  Egemaps(Egemaps&&) noexcept;
  Egemaps& operator=(Egemaps&&) noexcept;

  /// The 25 published names of the descriptors in order, smoothing suffix included.
  static const std::vector<std::string>& lld_names();
  /// The 88 published names in order.
  static const std::vector<std::string>& functional_names();

  /// Descriptors, a row every 10 ms; no rows from less than 60 ms.
  /// @param samples  mono in [-1, 1], at the config's rate
  /// @throws Error(kData) when a sample is NaN or infinite
  Table frames(const float* samples, int64_t num_samples) const;
  /// The 88 values of the whole recording; all missing from less than 60 ms. As openSMILE has them: 0 where a
  /// functional found nothing.
  std::vector<double> functionals(const float* samples, int64_t num_samples) const;
  /// One row of functionals a window, each as if the window were a recording of its own; windows are clipped
  /// to the recording.
  Table intervals(const float* samples, int64_t num_samples, const std::vector<Interval>& windows) const;

  const EgemapsConfig& config() const;

 private:
  friend class EgemapsStream;
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

/// A recording in pieces: what comes out does not depend on how it is cut, bit for bit. Holds half a second
/// of samples, 40 spectra, the rows that were not taken and, for the functionals, at most 16 bytes a frame
/// (F0 and loudness): 58 MB for 10 hours. Outlives the Egemaps it was made from.
class EgemapsStream {
 public:
  explicit EgemapsStream(const Egemaps& analysis);
  ~EgemapsStream();
  EgemapsStream(EgemapsStream&&) noexcept;
  EgemapsStream& operator=(EgemapsStream&&) noexcept;

  /// @throws Error(kData) naming the sample that is NaN or infinite
  void push(const float* samples, int64_t num_samples);
  /// The end of the recording: the last rows become known. Nothing may be pushed after it.
  void finish();
  /// The descriptors that became known since the last call; at most half a second behind push().
  Table take_frames();
  /// The 88 values. @throws Error(kInternal) before finish()
  std::vector<double> functionals() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limbic::signals
