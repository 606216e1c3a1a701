#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "limbic/core/time.h"

namespace limbic::media {

struct VideoWriterOptions {
  int width = 0;  ///< pixels of the frames given; an odd side is padded by repeating its last row or column
  int height = 0;
  double nominal_fps =
      30.0;      ///< for rate control and the last frame's duration; the true times come with the frames
  int crf = 23;  ///< constant quality of libx264, 0 (lossless) to 51
  std::string preset = "veryfast";  ///< libx264's speed: ultrafast ... veryslow
  int num_threads = 1;
  int max_b_frames = 2;
  int key_frame_interval = 60;  ///< frames at most between key frames; also the cost of a seek

  int audio_sample_rate = 0;        ///< Hz of write_audio's samples; 0: no own sound
  int audio_channels = 1;           ///< 1 or 2
  int64_t audio_bit_rate = 128000;  ///< of AAC
  core::Timestamp audio_start;      ///< time of the first sample given; not negative

  /// The first audio stream of this file becomes the sound, up to the end of the video: packets copied when
  /// mp4 holds them (AAC, MP3, AC-3, E-AC-3, ALAC), else transcoded to mono AAC. Its times are on that file's
  /// media clock, so frames read from it by VideoReader keep in step. A file without audio gives a silent
  /// video.
  std::string sound_from;
};

/// Writes an mp4 (H.264 yuv420p, moov in front) that appears under its name only when finish() has succeeded;
/// nothing is left behind otherwise. Frame times are kept to 1/120000 s, whatever their spacing.
///
///   VideoWriter writer("out.mp4", options);
///   while (reader.next(frame)) writer.write_frame(frame.pts, frame.rgb());
///   writer.finish();
class VideoWriter {
 public:
  /// @throws Error(kConfig) impossible options, Error(kStorage) cannot write, Error(kData) `sound_from` is
  /// unreadable
  VideoWriter(const std::string& path, const VideoWriterOptions& options);
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  /// @param pts  not negative, later than the frame before
  /// @param rgb  height x width x 3
  /// @param stride_bytes  from row to row; 0: packed
  void write_frame(core::Timestamp pts, const uint8_t* rgb, int64_t stride_bytes = 0);
  /// @param samples  num_samples x audio_channels, interleaved, [-1, 1]; follows what was given before
  void write_audio(const float* samples, int64_t num_samples);
  /// Ends the file and gives it its name. @throws Error(kStorage)
  void finish();

  /// "libx264", or what this FFmpeg has instead: "libopenh264", "mpeg4".
  const std::string& encoder() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::media
