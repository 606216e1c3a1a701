#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

/// What is measured of a mono recording, every hop: see columns(). Mel filters and cepstra are Kaldi's (povey
/// window, pre-emphasis 0.97, HTK scale); the spectral shape is that of a Hann window without pre-emphasis.
struct AudioAnalysisConfig {
  double window_s = 0.025;
  double hop_s = 0.010;
  bool log_mel = true;
  bool mfcc = true;
  bool deltas = true;
  bool shape = true;
  bool loudness = true;
  int64_t num_mels = 40;
  double low_hz = 20.0;
  double high_hz = 0.0;
  int64_t num_cepstra = 13;
  double lifter = 22.0;
  int64_t delta_half_window = 2;

  template <class Visitor>
  void visit(Visitor& v) {
    v("window_s", window_s, "length of a frame, rounded to samples");
    v("hop_s", hop_s, "distance of frames, rounded to samples");
    v("log_mel", log_mel, "columns log_mel_0 ...: ln of the mel energies");
    v("mfcc", mfcc, "columns mfcc_0 ...: mel cepstra");
    v("deltas", deltas, "columns mfcc_0_delta ... and mfcc_0_delta2 ...: HTK's regression; needs mfcc");
    v("shape", shape, "columns spectral_* and zero_crossing_rate");
    v("loudness", loudness, "columns level, loudness_momentary, loudness_short_term");
    v("num_mels", num_mels, "mel filters, for log_mel and mfcc");
    v("low_hz", low_hz, "lower edge of the first mel filter");
    v("high_hz", high_hz, "upper edge of the last mel filter; <= 0 counts down from half the rate");
    v("num_cepstra", num_cepstra, "cepstra with the zeroth");
    v("lifter", lifter, "lifter of the cepstra; 0 = off");
    v("delta_half_window", delta_half_window, "frames on each side of a delta");
  }
  void validate(config::Checks& checks) const;
};

/// Analyses a recording that comes in pieces of any size: rows are the same, bit for bit, however it is cut.
/// Frame t covers samples [t hop, t hop + window); only whole frames count. Memory does not grow with the
/// recording when rows are taken after each piece. Non-finite samples make the rows that they touch missing.
///
///   AudioAnalysis analysis({}, 16000, 0.0, {{0, 60}, {60, 120}});
///   while (read(piece)) {
///     analysis.push(piece.data(), piece.size());
///     write(analysis.take_frames());
///   }
///   analysis.finish();
///   write(analysis.take_frames());
///   write(analysis.intervals());
class AudioAnalysis {
 public:
  /// @param t0_s       time of the first sample
  /// @param intervals  windows of intervals(); the whole recording is one, too
  /// @throws Error(kConfig) when the config is out of range for this rate
  AudioAnalysis(const AudioAnalysisConfig& config, int64_t sample_rate_hz, double t0_s = 0,
                std::vector<Interval> intervals = {});
  ~AudioAnalysis();
  AudioAnalysis(AudioAnalysis&&) noexcept;
  AudioAnalysis& operator=(AudioAnalysis&&) noexcept;

  /// @param samples  mono, full scale 1
  void push(const float* samples, int64_t num_samples);
  /// The recording is over: completes the last frames. Nothing may be pushed afterwards.
  void finish();

  /// The rows that were completed since the last call. A row comes 2 delta_half_window frames late.
  Table take_frames();
  /// After finish(): one row an interval with the functionals of IntervalFunctionals of every column, and
  /// loudness_integrated and loudness_range of the interval.
  Table intervals();

  const std::vector<Column>& columns() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A recording in memory at once.
struct AudioTables {
  Table frames;
  Table intervals;
};
AudioTables analyse_audio(const std::vector<float>& samples, int64_t sample_rate_hz,
                          const AudioAnalysisConfig& config = {}, double t0_s = 0,
                          const std::vector<Interval>& intervals = {});

}  // namespace limbic::signals
