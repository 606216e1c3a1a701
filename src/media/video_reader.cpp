#include "limbic/media/video_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "ffmpeg.h"
#include "input.h"
#include "limbic/core/error.h"
#include "pixels.h"

namespace limbic::media {
namespace {

constexpr core::Timestamp kVideoJump{10 * core::Timestamp::kTicksPerSecond};  // forward, in transport streams
constexpr core::Timestamp kLongestPicture{12 * 3600 *
                                          core::Timestamp::kTicksPerSecond};    // forward, in others
constexpr core::Timestamp kVideoSetBack{core::Timestamp::kTicksPerSecond / 2};  // backward, anywhere
constexpr int64_t kMaxPacketsWithoutFrame = 10000;
constexpr int kMaxDecodeErrorsInARow = 1000;

}  // namespace

struct VideoFrame::Impl {
  UniqueFrame frame = new_frame();
  Orientation orientation;
  PixelConverter converter;
  std::vector<uint8_t> rgb;
  std::vector<uint8_t> gray;
  bool has_rgb = false;
  bool has_gray = false;
};

VideoFrame::VideoFrame() = default;
VideoFrame::~VideoFrame() = default;
VideoFrame::VideoFrame(VideoFrame&&) noexcept = default;
VideoFrame& VideoFrame::operator=(VideoFrame&&) noexcept = default;

const uint8_t* VideoFrame::rgb() const {
  require(impl_ != nullptr, ErrorCode::kInternal, "VideoFrame::rgb: no frame was read into it");
  if (!impl_->has_rgb) {
    impl_->converter.convert(*impl_->frame, PixelConverter::Target::kRgb, impl_->orientation, impl_->rgb);
    impl_->has_rgb = true;
  }
  return impl_->rgb.data();
}

const uint8_t* VideoFrame::gray() const {
  require(impl_ != nullptr, ErrorCode::kInternal, "VideoFrame::gray: no frame was read into it");
  if (!impl_->has_gray) {
    impl_->converter.convert(*impl_->frame, PixelConverter::Target::kGray, impl_->orientation, impl_->gray);
    impl_->has_gray = true;
  }
  return impl_->gray.data();
}

/// A decoded picture and its place on the clock, before anybody asked for its pixels.
struct TimedFrame {
  UniqueFrame frame = new_frame();
  core::Timestamp pts;
  core::Timestamp duration;
  bool is_damaged = false;
};

struct VideoReader::Impl {
  Impl(const std::string& path, const VideoOptions& video_options)
      : options(video_options), input(std::make_unique<Input>(path, options.limits)) {
    stream = input->best_stream(AVMEDIA_TYPE_VIDEO);
    require(stream != nullptr, ErrorCode::kData,
            path + ": no video stream; expected a recording with pictures");
    require(options.num_threads >= 1, ErrorCode::kConfig, "VideoOptions: num_threads must be at least 1");
    input->select(stream);
    decoder = input->open_decoder(stream, options.num_threads);
    if (options.apply_rotation) orientation = orientation_of(stream);
    const double fps = input->info().video->average_fps;
    nominal_duration = core::Timestamp::from_seconds(fps > 0.01 ? 1.0 / fps : 0.04);
  }

  /// The next frame of the decoder, in presentation order, with damage counted. False at the end.
  bool decode(AVFrame& frame) {
    int errors_in_a_row = 0;
    for (int64_t packets = 0; packets < kMaxPacketsWithoutFrame;) {
      int rc = avcodec_receive_frame(decoder.get(), &frame);
      if (rc >= 0) return true;
      if (rc == AVERROR_EOF) return false;
      if (rc == AVERROR(ENOMEM))
        throw Error(ErrorCode::kResource, input->path() + ": out of memory for a frame");
      if (rc != AVERROR(EAGAIN)) {
        note_damage();
        if (++errors_in_a_row > kMaxDecodeErrorsInARow) return false;
        continue;
      }
      errors_in_a_row = 0;
      if (is_draining) return false;
      ++packets;
      const bool has_packet = input->read(*packet);
      if (!has_packet) is_draining = true;
      rc = avcodec_send_packet(decoder.get(), has_packet ? packet.get() : nullptr);
      if (rc == AVERROR(ENOMEM))
        throw Error(ErrorCode::kResource, input->path() + ": out of memory for a frame");
      // The packet is spent all the same; EAGAIN cannot be, the decoder was just emptied.
      if (rc < 0 && rc != AVERROR_EOF) note_damage();
    }
    throw Error(ErrorCode::kResource,
                fmt::format("{}: {} packets after {} gave no picture; the file is damaged or hostile",
                            input->path(), kMaxPacketsWithoutFrame, position_text()));
  }

  void note_damage() {
    ++refused_packets;
    if (FfmpegLog::contains("max pixel count")) {
      throw Error(ErrorCode::kResource,
                  fmt::format("{}: a frame beyond the limit of {:.1f} MP", input->path(),
                              static_cast<double>(options.limits.max_pixels) * 1e-6));
    }
  }

  std::string position_text() const { return fmt::format("{:.3f} s", last_pts.seconds()); }

  /// Decodes into `timed` and gives it its time. False at the end.
  bool decode_timed(TimedFrame& timed) {
    if (!decode(*timed.frame)) return false;
    has_any = true;
    const AVFrame& frame = *timed.frame;
    timed.duration = frame.pkt_duration > 0
                         ? core::Timestamp{av_rescale_q(frame.pkt_duration, stream->time_base, kNanoseconds)}
                         : nominal_duration;
    core::Timestamp pts;
    if (frame.pts != AV_NOPTS_VALUE) {
      pts = input->time_of(stream, frame.pts) + offset;
    } else {
      ++stats.missing_pts;
      // The decoding time, put in order by the decoder; else the frame follows the one before.
      if (frame.best_effort_timestamp != AV_NOPTS_VALUE) {
        pts = input->time_of(stream, frame.best_effort_timestamp) + offset;
      } else {
        pts = has_last ? last_pts + last_duration : core::Timestamp{};
      }
    }
    if (has_last) pts = keep_order(pts);
    timed.pts = pts;
    timed.is_damaged = frame.decode_error_flags != 0 || (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0;
    has_last = true;
    last_pts = pts;
    last_duration = timed.duration;
    if (frame.width != known_width || frame.height != known_height || frame.format != known_format) {
      if (known_format != -1) ++stats.format_changes;
      known_width = frame.width;
      known_height = frame.height;
      known_format = frame.format;
    }
    return true;
  }

  core::Timestamp keep_order(core::Timestamp pts) {
    const core::Timestamp expected = last_pts + last_duration;
    const bool is_set_back = pts < last_pts - kVideoSetBack;
    const core::Timestamp longest = input->has_discontinuities() ? kVideoJump : kLongestPicture;
    if (is_set_back || pts > last_pts + longest) {
      // The clock was set anew: everything after it moves along.
      ++stats.timestamp_jumps;
      offset = offset + (expected - pts);
      return expected;
    }
    if (pts > last_pts) return pts;
    ++stats.non_monotonic_pts;
    return last_pts + core::Timestamp{1000};
  }

  void finish_stats() {
    if (is_finished) return;
    is_finished = true;
    stats.truncated =
        input->is_truncated(stream, has_last ? last_pts + last_duration - offset : core::Timestamp{});
    require(has_any || refused_packets + input->damaged() == 0, ErrorCode::kData,
            fmt::format("{}: no picture of the {} stream could be decoded ({} damaged packets)",
                        input->path(), input->info().video->codec, refused_packets + input->damaged()));
  }

  /// Takes the frame that seek() found, or decodes one.
  bool take(TimedFrame& timed) {
    if (!pending.empty()) {
      std::swap(timed, pending.front());
      pending.erase(pending.begin());
    } else if (!decode_timed(timed)) {
      stats.damaged_packets = refused_packets + input->damaged();
      finish_stats();
      return false;
    }
    ++stats.num_frames;
    stats.damaged_packets = refused_packets + input->damaged();
    if (timed.is_damaged) ++stats.damaged_frames;
    return true;
  }

  int64_t take_index() { return next_index < 0 ? -1 : next_index++; }

  void restart(bool is_at_start) {
    avcodec_flush_buffers(decoder.get());
    pending.clear();
    is_draining = is_finished = has_last = false;
    offset = {};
    next_index = is_at_start ? 0 : -1;
  }

  void restart_at_beginning() {
    input->rewind();
    restart(/*is_at_start=*/true);
  }

  void seek(core::Timestamp t) {
    // Key frames are found by decoding time in some containers, and pictures before a key frame in
    // presentation cannot be decoded from it: go further back until the first picture that comes out is not
    // after t.
    core::Timestamp target = t;
    core::Timestamp back{core::Timestamp::kTicksPerSecond / 2};
    const core::Timestamp start = input->info().video->start;
    TimedFrame shown;
    bool has_shown = false;
    while (start < target) {
      if (!input->seek(stream, input->pts_of(stream, target))) break;
      restart(/*is_at_start=*/false);
      if (decode_timed(shown) && shown.pts <= t) {
        has_shown = true;
        break;
      }
      target = target - back;
      back.ticks *= 2;
    }
    if (!has_shown) {
      restart_at_beginning();
      if (!decode_timed(shown)) return;
    }
    TimedFrame following;
    while (shown.pts < t && decode_timed(following)) {
      if (t < following.pts) {
        pending.push_back(std::move(shown));
        pending.push_back(std::move(following));
        return;
      }
      std::swap(shown, following);
      if (next_index >= 0) ++next_index;
    }
    pending.push_back(std::move(shown));
  }

  VideoOptions options;
  std::unique_ptr<Input> input;
  AVStream* stream = nullptr;
  UniqueCodecContext decoder;
  UniquePacket packet = new_packet();
  TimedFrame current;
  std::vector<TimedFrame> pending;  ///< at most two, after seek()
  Orientation orientation;
  core::Timestamp nominal_duration;
  core::Timestamp last_pts;
  core::Timestamp last_duration;
  core::Timestamp offset;  ///< closes the discontinuities so far
  bool has_last = false;
  bool has_any = false;
  bool is_draining = false;
  bool is_finished = false;
  int64_t next_index = 0;
  int64_t refused_packets = 0;
  int known_width = 0;
  int known_height = 0;
  int known_format = -1;
  VideoStats stats;
};

VideoReader::VideoReader(const std::string& path, const VideoOptions& options)
    : impl_(std::make_unique<Impl>(path, options)) {}
VideoReader::~VideoReader() = default;
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;

bool VideoReader::next(VideoFrame& frame) {
  if (!impl_->take(impl_->current)) return false;
  if (frame.impl_ == nullptr) frame.impl_ = std::make_unique<VideoFrame::Impl>();
  VideoFrame::Impl& pixels = *frame.impl_;
  const TimedFrame& timed = impl_->current;
  av_frame_unref(pixels.frame.get());
  av_frame_move_ref(pixels.frame.get(), timed.frame.get());
  pixels.orientation = impl_->orientation;
  pixels.has_rgb = pixels.has_gray = false;
  frame.pts = timed.pts;
  frame.duration = timed.duration;
  frame.index = impl_->take_index();
  frame.width = pixels.frame->width;
  frame.height = pixels.frame->height;
  if (pixels.orientation.swaps_sides()) std::swap(frame.width, frame.height);
  frame.is_damaged = timed.is_damaged;
  return true;
}

bool VideoReader::skip() {
  if (!impl_->take(impl_->current)) return false;
  av_frame_unref(impl_->current.frame.get());
  impl_->take_index();
  return true;
}

void VideoReader::seek(core::Timestamp t) {
  impl_->seek(t);
}
const MediaInfo& VideoReader::info() const {
  return impl_->input->info();
}
const VideoStats& VideoReader::stats() const {
  return impl_->stats;
}

}  // namespace limbic::media
