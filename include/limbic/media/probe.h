#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "limbic/core/time.h"

namespace limbic::media {

// Note [The media clock]
// Every time of this room is relative to the container's start: the earliest presentation time of any audio
// or video stream of the file (FFmpeg's AVFormatContext.start_time, exact to the nanosecond). Audio and video
// of one file therefore share one clock, and a stream that starts later than the other has its first frame at
// a time > 0. Edit lists and codec priming are already applied: no priming sample is ever returned.

/// Bounds that hold before anything is allocated for the file's content.
struct OpenLimits {
  int64_t max_pixels = int64_t{4096} * 2304;  ///< of one frame
  int max_streams = 64;
  double open_timeout_s = 10.0;  ///< for reading the header and probing the streams
};

/// The video stream that VideoReader reads.
struct VideoInfo {
  std::string codec;         ///< FFmpeg's name: h264, hevc, mpeg4...
  std::string pixel_format;  ///< yuv420p, yuv420p10le...; "unknown" when nothing could be probed
  int coded_width = 0;       ///< as stored, before rotation
  int coded_height = 0;
  int display_width = 0;  ///< after rotation and with square pixels
  int display_height = 0;
  int rotation_deg = 0;        ///< clockwise turn that shows the picture upright: 0, 90, 180, 270
  double sample_aspect = 1.0;  ///< width of a pixel over its height
  double average_fps = 0.0;    ///< 0 when unknown; the stream may have a variable rate
  int64_t num_frames = 0;      ///< as the container claims; 0 when it does not
  core::Timestamp start;       ///< of the first frame, see Note [The media clock]
};

/// The audio stream that AudioReader reads.
struct AudioInfo {
  std::string codec;
  int sample_rate = 0;  ///< Hz
  int num_channels = 0;
  core::Timestamp start;
};

/// What a file's header says. The numbers are the container's claims, not measured ones.
struct MediaInfo {
  std::string container;     ///< FFmpeg's name: "mov,mp4,m4a,3gp,3g2,mj2", "wav"...
  core::Timestamp duration;  ///< 0 when unknown
  std::optional<VideoInfo> video;
  std::optional<AudioInfo> audio;
};

/// Reads the header. The file is opened like every file of this room: regular files only, known containers
/// only, no playlist, no network, no second file.
/// @throws Error(kData) missing, unsupported or corrupt; Error(kResource) beyond a limit
MediaInfo probe(const std::string& path, const OpenLimits& limits = {});

}  // namespace limbic::media
