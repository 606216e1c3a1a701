#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "ffmpeg.h"
#include "limbic/core/time.h"
#include "limbic/media/probe.h"

namespace limbic::media {

/// An opened container. Everything that reads media goes through here: own I/O on a regular file, a closed
/// list of containers, no further file or connection, bounded probing.
class Input {
 public:
  Input(const std::string& path, const OpenLimits& limits);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// The main stream of a kind, or nullptr. Cover pictures do not count as video.
  AVStream* best_stream(AVMediaType type) const;
  /// Only packets of `stream` are read from now on.
  void select(const AVStream* stream);
  /// An opened decoder for `stream`. @throws Error(kData) none, Error(kResource) frame beyond the limit
  UniqueCodecContext open_decoder(const AVStream* stream, int num_threads) const;
  /// False at the end. Read errors in between are counted in damaged(), many in a row end the file.
  bool read(AVPacket& packet);
  /// Goes to a key frame at or before `pts` (in the stream's time base). False when the container cannot.
  bool seek(const AVStream* stream, int64_t pts);
  void rewind();

  /// Time of `pts` of `stream` on the media clock.
  core::Timestamp time_of(const AVStream* stream, int64_t pts) const;
  int64_t pts_of(const AVStream* stream, core::Timestamp t) const;

  const MediaInfo& info() const { return info_; }
  const std::string& path() const { return path_; }
  AVFormatContext* format() const { return format_; }
  int64_t damaged() const { return damaged_; }
  /// Times may jump within the stream by design (MPEG transport streams).
  bool has_discontinuities() const { return (format_->iformat->flags & AVFMT_TS_DISCONT) != 0; }
  /// Whether the stream ends early, judged after its last packet: by the container's index, a partial last
  /// packet, or `end` lying clearly before the claimed duration.
  bool is_truncated(const AVStream* stream, core::Timestamp end) const;

 private:
  struct File;
  Input(const std::string& path, const OpenLimits& limits, std::unique_ptr<File> file);
  void open();
  void check_streams() const;
  void fill_info();
  [[noreturn]] void fail_open(const char* step, int error_number) const;

  std::string path_;
  OpenLimits limits_;
  std::unique_ptr<File> file_;
  AVIOContext* io_ = nullptr;
  AVFormatContext* format_ = nullptr;
  MediaInfo info_;
  int64_t origin_ticks_ = 0;  ///< the container's start in nanoseconds
  int selected_index_ = -1;
  int64_t damaged_ = 0;
  bool has_read_error_at_end_ = false;
  bool is_last_packet_corrupt_ = false;
};

/// Splits a display matrix (or EXIF orientation) into "upright x = a x + c y, upright y = b x + d y", entries
/// -1, 0, 1.
struct Orientation {
  int a = 1, b = 0, c = 0, d = 1;
  bool is_identity() const { return a == 1 && d == 1; }
  bool swaps_sides() const { return a == 0; }
  /// Clockwise turn, any mirroring left aside.
  int rotation_deg() const;
};
Orientation orientation_of(const AVStream* stream);

}  // namespace limbic::media
