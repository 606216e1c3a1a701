#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "limbic/core/time.h"
#include "limbic/media/probe.h"

namespace limbic::media {

/// Mono sound without holes: sample i is at t0 + i / sample_rate, see Note [The media clock].
struct AudioBuffer {
  core::Timestamp t0;          ///< of the first sample
  int sample_rate = 0;         ///< Hz
  std::vector<float> samples;  ///< nominal range [-1, 1]
};

struct AudioOptions {
  int sample_rate = 16000;        ///< Hz of the result; 0 keeps the file's
  int64_t chunk_samples = 16000;  ///< AudioReader: samples of a chunk; the last one is shorter
  double max_duration_s =
      4 * 3600;  ///< read_audio: a longer file is an Error(kResource); AudioReader has no limit
  OpenLimits limits;
};

/// What went wrong on the way, for a summary; all zero for a sound file. Sample counts are at the file's
/// rate.
struct AudioStats {
  int64_t damaged_packets = 0;
  int64_t missing_pts = 0;         ///< frames whose time follows from the one before
  int64_t num_gaps = 0;            ///< holes in the file's times, filled with silence
  int64_t silence_samples = 0;     ///< that filled them
  int64_t num_overlaps = 0;        ///< times that ran backwards
  int64_t dropped_samples = 0;     ///< heard twice, dropped once
  int64_t timestamp_jumps = 0;     ///< discontinuities that were closed instead
  int64_t non_finite_samples = 0;  ///< NaN and Inf, set to 0
  int64_t format_changes = 0;      ///< rate or channels changed within the stream
  bool truncated = false;          ///< the file ends before its own index or duration says
};

/// Sound of a file's main audio stream in chunks: constant memory however long the file is.
/// Channels are averaged with equal weights (stereo: 0.5 L + 0.5 R), then resampled by swresample.
class AudioReader {
 public:
  /// @throws Error(kData) no such file, not a supported medium, no audio; Error(kResource) beyond a limit
  explicit AudioReader(const std::string& path, const AudioOptions& options = {});
  ~AudioReader();
  AudioReader(AudioReader&&) noexcept;
  AudioReader& operator=(AudioReader&&) noexcept;

  /// The next chunk, which starts where the last one ended. False (and an empty chunk) at the end.
  /// @throws Error(kData) when more than 1 % of the samples are NaN or Inf, or nothing can be decoded
  bool next(AudioBuffer& chunk);

  const MediaInfo& info() const;
  const AudioStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The whole sound. A stream without samples gives an empty buffer; a file without an audio stream is an
/// Error(kData) (ask probe() first when that is legal).
AudioBuffer read_audio(const std::string& path, const AudioOptions& options = {},
                       AudioStats* stats = nullptr);

/// 32-bit float mono WAV, atomically; t0 is not stored. @throws Error(kStorage)
void write_wav(const std::string& path, const AudioBuffer& audio);

}  // namespace limbic::media
