#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "limbic/core/time.h"
#include "limbic/media/probe.h"

namespace limbic::media {

/// One decoded picture. Pixels are converted when they are first asked for, into buffers that the next frame
/// of the same object reuses. Movable; holds its own picture, so it may outlive the reader. Not thread-safe.
struct VideoFrame {
  VideoFrame();
  ~VideoFrame();
  VideoFrame(VideoFrame&&) noexcept;
  VideoFrame& operator=(VideoFrame&&) noexcept;

  core::Timestamp pts;       ///< when it is shown, see Note [The media clock]
  core::Timestamp duration;  ///< how long, as far as the file says; else one nominal frame
  int64_t index = -1;        ///< counts from 0 at the stream's start; -1 after a seek to elsewhere
  int width = 0;             ///< pixels, upright (rotation applied); may change within a stream
  int height = 0;
  bool is_damaged = false;  ///< the decoder patched over an error

  /// height x width x 3, RGB, rows packed without padding; valid until the next next() into this object.
  /// The file's colour matrix and range are honoured; an untagged file is BT.709 from 720 lines on, else
  /// BT.601.
  const uint8_t* rgb() const;
  /// height x width, luma in full range [0, 255]; taken from the Y plane when the file stores one.
  const uint8_t* gray() const;

 private:
  friend class VideoReader;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct VideoOptions {
  bool apply_rotation = true;  ///< turn and mirror by the container's display matrix
  int num_threads = 1;         ///< decoder threads, >= 1
  OpenLimits limits;
};

/// What went wrong on the way, for a summary; all zero for a sound file.
struct VideoStats {
  int64_t num_frames = 0;         ///< given out (or skipped)
  int64_t damaged_packets = 0;    ///< refused by the demuxer or the decoder
  int64_t damaged_frames = 0;     ///< given out with is_damaged
  int64_t missing_pts = 0;        ///< time taken from the decoding time or the frame before
  int64_t non_monotonic_pts = 0;  ///< time moved to keep the order
  int64_t timestamp_jumps = 0;    ///< discontinuities that were closed
  int64_t format_changes = 0;     ///< size or pixel format changed within the stream
  bool truncated = false;         ///< the file ends before its own index or duration says
};

/// Frames of a file's main video stream in presentation order with their true times, strictly rising.
///
///   VideoReader reader("talk.mp4");
///   VideoFrame frame;
///   while (reader.next(frame)) detect(frame.gray(), frame.width, frame.height, frame.pts);
class VideoReader {
 public:
  /// @throws Error(kData) no such file, not a supported medium, no video; Error(kResource) beyond a limit
  explicit VideoReader(const std::string& path, const VideoOptions& options = {});
  ~VideoReader();
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;

  /// False at the end of the stream. A damaged packet is counted, not thrown; a stream of which nothing can
  /// be decoded is an Error(kData).
  bool next(VideoFrame& frame);
  /// Decodes one frame and drops it. False at the end.
  bool skip();
  /// The next frame is the one shown at `t`: the last with pts <= t, or the first of all when t lies before
  /// it.
  void seek(core::Timestamp t);

  const MediaInfo& info() const;
  const VideoStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::media
