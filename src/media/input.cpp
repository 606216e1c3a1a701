#include "input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "limbic/core/error.h"

namespace limbic::media {
namespace {

// Containers that hold their data themselves. Never playlists, concatenations, manifests, SDP or image
// patterns: those name further files and addresses.
constexpr const char* kContainers = "mov,matroska,avi,wav,w64,flac,mp3,ogg,aac,mpegts,mpeg,flv,asf,aiff";
constexpr const char* kContainersText =
    "mp4, mov, mkv, webm, avi, flv, wmv, mpeg, wav, flac, mp3, ogg, aac or aiff";
constexpr int kIoBufferBytes = 64 << 10;
constexpr int kMaxReadErrorsInARow = 64;
constexpr int64_t kMaxProbeBytes = 5 << 20;

int deny_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EACCES);
}

bool is_listed(const char* format_name) {
  std::string_view names = format_name;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    std::string_view listed = kContainers;
    while (!listed.empty()) {
      const std::string_view item = listed.substr(0, listed.find(','));
      if (item == name) return true;
      listed.remove_prefix(std::min(listed.size(), item.size() + 1));
    }
  }
  return false;
}

int sign_of(int32_t v) {
  return v > 0 ? 1 : -1;
}

}  // namespace

/// The file behind the AVIO callbacks. What a callback cannot throw is kept for the caller.
struct Input::File {
  int fd = -1;
  int64_t size = 0;
  int read_errno = 0;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  ~File() {
    if (fd >= 0) close(fd);
  }

  static int read(void* opaque, uint8_t* buffer, int num_bytes) {
    auto* file = static_cast<File*>(opaque);
    for (;;) {
      const ssize_t n = ::read(file->fd, buffer, static_cast<size_t>(num_bytes));
      if (n > 0) return static_cast<int>(n);
      if (n == 0) return AVERROR_EOF;
      if (errno == EINTR) continue;
      file->read_errno = errno;
      return AVERROR(errno);
    }
  }

  static int64_t seek(void* opaque, int64_t offset, int whence) {
    auto* file = static_cast<File*>(opaque);
    if ((whence & AVSEEK_SIZE) != 0) return file->size;
    const off_t at = lseek(file->fd, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
  }

  static int is_late(void* opaque) {
    return std::chrono::steady_clock::now() > static_cast<File*>(opaque)->deadline ? 1 : 0;
  }
};

// Delegating: once this one is done, the destructor runs even if the public constructor throws.
Input::Input(const std::string& path, const OpenLimits& limits, std::unique_ptr<File> file)
    : path_(path), limits_(limits), file_(std::move(file)) {}

Input::Input(const std::string& path, const OpenLimits& limits)
    : Input(path, limits, std::make_unique<File>()) {
  FfmpegLog::install();
  FfmpegLog::reset();
  open();
  fill_info();
}

Input::~Input() {
  avformat_close_input(&format_);
  if (io_ != nullptr) av_freep(&io_->buffer);
  avio_context_free(&io_);
}

void Input::fail_open(const char* step, int error_number) const {
  if (file_->read_errno != 0) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: read failed: {}", path_, std::strerror(file_->read_errno)));
  }
  if (error_number == AVERROR_EXIT) {
    throw Error(ErrorCode::kResource,
                fmt::format("{}: {} took longer than {} s; the file is damaged or hostile", path_, step,
                            limits_.open_timeout_s));
  }
  const std::string& detail = FfmpegLog::last_error();
  if (FfmpegLog::contains("exceeds max_streams")) {
    throw Error(ErrorCode::kResource, fmt::format("{}: more than {} streams; limit {}", path_,
                                                  limits_.max_streams, limits_.max_streams));
  }
  throw Error(error_number == AVERROR(ENOMEM) ? ErrorCode::kResource : ErrorCode::kData,
              fmt::format("{}: {} failed: {}{}{}; the file is damaged or incomplete", path_, step,
                          av_error_text(error_number), detail.empty() ? "" : ": ", detail));
}

void Input::open() {
  // O_NONBLOCK: opening a FIFO without a writer would otherwise wait for ever.
  file_->fd = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file_->fd < 0)
    throw Error(ErrorCode::kData, fmt::format("{}: cannot open: {}", path_, std::strerror(errno)));
  struct stat status {};
  require(fstat(file_->fd, &status) == 0 && S_ISREG(status.st_mode), ErrorCode::kData,
          path_ + ": not a regular file; expected a recording");
  require(status.st_size > 0, ErrorCode::kData, path_ + ": empty file");
  file_->size = status.st_size;
  file_->deadline = std::chrono::steady_clock::now() +
                    std::chrono::milliseconds(static_cast<int64_t>(limits_.open_timeout_s * 1000));

  auto* buffer = static_cast<uint8_t*>(av_malloc(kIoBufferBytes));
  io_ = avio_alloc_context(buffer, kIoBufferBytes, /*write_flag=*/0, file_.get(), File::read, nullptr,
                           File::seek);
  format_ = avformat_alloc_context();
  require(buffer != nullptr && io_ != nullptr && format_ != nullptr, ErrorCode::kResource,
          path_ + ": out of memory");

  const AVInputFormat* container = nullptr;
  // No file name anywhere: its ending and any pattern in it must not matter.
  int rc = av_probe_input_buffer2(io_, &container, "", nullptr, 0, 0);
  if (rc < 0 || container == nullptr || !is_listed(container->name)) {
    if (file_->read_errno != 0) fail_open("reading", rc);
    throw Error(
        ErrorCode::kData,
        fmt::format("{}: unsupported container{}; expected {}", path_,
                    container == nullptr ? "" : fmt::format(" '{}'", container->name), kContainersText));
  }

  format_->pb = io_;
  format_->flags |= AVFMT_FLAG_CUSTOM_IO;
  format_->io_open = deny_open;
  format_->interrupt_callback = {File::is_late, file_.get()};
  format_->error_recognition = kStrictDecoding;
  format_->max_streams = limits_.max_streams;
  format_->probesize = kMaxProbeBytes;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "format_whitelist", kContainers, 0);
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  rc = avformat_open_input(&format_, nullptr, container, &options);  // frees format_ on failure
  av_dict_free(&options);
  if (rc < 0) fail_open("reading the header", rc);

  // The limit must hold before the first probing decoder allocates.
  check_streams();
  const unsigned num_known = format_->nb_streams;
  std::vector<AVDictionary*> stream_options(num_known, nullptr);
  for (auto& entry : stream_options) av_dict_set_int(&entry, "max_pixels", limits_.max_pixels, 0);
  rc = avformat_find_stream_info(format_, num_known > 0 ? stream_options.data() : nullptr);
  for (auto& entry : stream_options) av_dict_free(&entry);
  if (rc >= 0 && File::is_late(file_.get()) != 0) rc = AVERROR_EXIT;
  if (rc < 0) fail_open("probing the streams", rc);
  check_streams();
  file_->deadline = std::chrono::steady_clock::time_point::max();
}

void Input::check_streams() const {
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    const AVCodecParameters* codec = format_->streams[i]->codecpar;
    const int64_t pixels = int64_t{codec->width} * codec->height;
    require(codec->codec_type != AVMEDIA_TYPE_VIDEO || pixels <= limits_.max_pixels, ErrorCode::kResource,
            fmt::format("{}: frame {:.1f} MP > limit {:.1f} MP", path_, static_cast<double>(pixels) * 1e-6,
                        static_cast<double>(limits_.max_pixels) * 1e-6));
  }
}

AVStream* Input::best_stream(AVMediaType type) const {
  const int index = av_find_best_stream(format_, type, -1, -1, nullptr, 0);
  if (index < 0) return nullptr;
  AVStream* stream = format_->streams[index];
  return (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0 ? nullptr : stream;
}

void Input::select(const AVStream* stream) {
  selected_index_ = stream->index;
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    format_->streams[i]->discard = format_->streams[i] == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
}

UniqueCodecContext Input::open_decoder(const AVStream* stream, int num_threads) const {
  const AVCodec* codec = avcodec_find_decoder(stream->codecpar->codec_id);
  require(codec != nullptr, ErrorCode::kData,
          fmt::format("{}: no decoder for codec '{}'", path_, avcodec_get_name(stream->codecpar->codec_id)));
  auto decoder = new_codec_context(codec);
  FfmpegLog::reset();
  int rc = avcodec_parameters_to_context(decoder.get(), stream->codecpar);
  if (rc >= 0) {
    decoder->pkt_timebase = stream->time_base;
    decoder->err_recognition = kStrictDecoding;
    decoder->max_pixels = limits_.max_pixels;
    decoder->thread_count = std::max(1, num_threads);
    rc = avcodec_open2(decoder.get(), codec, nullptr);
  }
  if (rc < 0) {
    throw Error(rc == AVERROR(ENOMEM) ? ErrorCode::kResource : ErrorCode::kData,
                fmt::format("{}: cannot decode '{}': {}{}{}", path_, codec->name, av_error_text(rc),
                            FfmpegLog::last_error().empty() ? "" : ": ", FfmpegLog::last_error()));
  }
  return decoder;
}

bool Input::read(AVPacket& packet) {
  for (int errors = 0; errors < kMaxReadErrorsInARow; ++errors) {
    av_packet_unref(&packet);
    const int rc = av_read_frame(format_, &packet);
    if (rc == AVERROR_EOF) {
      has_read_error_at_end_ = errors > 0;
      return false;
    }
    if (rc == AVERROR(ENOMEM)) throw Error(ErrorCode::kResource, path_ + ": out of memory for a packet");
    if (file_->read_errno != 0) {
      throw Error(ErrorCode::kData,
                  fmt::format("{}: read failed: {}", path_, std::strerror(file_->read_errno)));
    }
    // Packets that probing read ahead come out whatever was selected since.
    if (rc >= 0 && selected_index_ >= 0 && packet.stream_index != selected_index_) {
      --errors;
      continue;
    }
    if (rc >= 0) {
      is_last_packet_corrupt_ = (packet.flags & AV_PKT_FLAG_CORRUPT) != 0;
      return true;
    }
    ++damaged_;
  }
  has_read_error_at_end_ = true;
  return false;
}

bool Input::seek(const AVStream* stream, int64_t pts) {
  has_read_error_at_end_ = is_last_packet_corrupt_ = false;
  return avformat_seek_file(format_, stream->index, INT64_MIN, pts, pts, 0) >= 0;
}

void Input::rewind() {
  has_read_error_at_end_ = is_last_packet_corrupt_ = false;
  // The first key frame may lie before pts 0 in decoding order; some containers can only go back by bytes.
  if (avformat_seek_file(format_, -1, INT64_MIN, INT64_MIN + 1, INT64_MAX, AVSEEK_FLAG_BACKWARD) >= 0) return;
  const int64_t start = format_->start_time == AV_NOPTS_VALUE ? 0 : format_->start_time;
  if (avformat_seek_file(format_, -1, INT64_MIN, start, INT64_MAX, AVSEEK_FLAG_ANY) >= 0) return;
  if (avformat_seek_file(format_, -1, 0, 0, INT64_MAX, AVSEEK_FLAG_BYTE) >= 0) return;
  throw Error(ErrorCode::kData, path_ + ": this container cannot be read a second time");
}

core::Timestamp Input::time_of(const AVStream* stream, int64_t pts) const {
  return {av_rescale_q(pts, stream->time_base, kNanoseconds) - origin_ticks_};
}

int64_t Input::pts_of(const AVStream* stream, core::Timestamp t) const {
  return av_rescale_q_rnd(t.ticks + origin_ticks_, kNanoseconds, stream->time_base, AV_ROUND_DOWN);
}

bool Input::is_truncated(const AVStream* stream, core::Timestamp end) const {
  if (has_read_error_at_end_ || is_last_packet_corrupt_) return true;
  const int num_indexed = avformat_index_get_entries_count(stream);
  if (std::strncmp(format_->iformat->name, "mov", 3) == 0 && num_indexed > 0) {
    // The sample table names every byte range: exact.
    for (int i = num_indexed - 1; i >= 0; --i) {
      const AVIndexEntry* entry = avformat_index_get_entry(const_cast<AVStream*>(stream), i);
      if (entry->pos + entry->size > file_->size) return true;
    }
    return false;
  }
  // A duration that was estimated from the bit rate or the file's size claims nothing.
  if (format_->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE) return false;
  int64_t claimed_ticks = info_.duration.ticks;
  if (stream->duration != AV_NOPTS_VALUE && stream->duration > 0) {
    const int64_t start = stream->start_time == AV_NOPTS_VALUE ? 0 : stream->start_time;
    claimed_ticks = time_of(stream, start + stream->duration).ticks;
  } else if (format_->nb_streams > 1) {
    return false;  // the container's duration may be another stream's
  }
  return claimed_ticks - end.ticks > core::Timestamp::from_seconds(0.25).ticks;
}

void Input::fill_info() {
  info_.container = format_->iformat->name;
  if (format_->duration != AV_NOPTS_VALUE) info_.duration.ticks = format_->duration * 1000;

  // start_time is the earliest stream's, rounded to a microsecond; take the exact one, so that times begin at
  // 0.
  origin_ticks_ = format_->start_time == AV_NOPTS_VALUE ? 0 : format_->start_time * 1000;
  const int64_t rounded_ticks = origin_ticks_;
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    const AVStream* stream = format_->streams[i];
    if (stream->start_time == AV_NOPTS_VALUE) continue;
    const int64_t exact = av_rescale_q(stream->start_time, stream->time_base, kNanoseconds);
    if (std::llabs(exact - rounded_ticks) < 1000) origin_ticks_ = exact;
  }
  const auto start_of = [this](const AVStream* stream) {
    return stream->start_time == AV_NOPTS_VALUE ? core::Timestamp{} : time_of(stream, stream->start_time);
  };

  if (const AVStream* stream = best_stream(AVMEDIA_TYPE_VIDEO)) {
    const AVCodecParameters* codec = stream->codecpar;
    VideoInfo video;
    video.codec = avcodec_get_name(codec->codec_id);
    const char* pixel_format = av_get_pix_fmt_name(static_cast<AVPixelFormat>(codec->format));
    video.pixel_format = pixel_format == nullptr ? "unknown" : pixel_format;
    video.coded_width = codec->width;
    video.coded_height = codec->height;
    AVRational aspect = av_guess_sample_aspect_ratio(format_, const_cast<AVStream*>(stream), nullptr);
    if (aspect.num <= 0 || aspect.den <= 0) aspect = {1, 1};
    video.sample_aspect = av_q2d(aspect);
    video.display_width = static_cast<int>(std::lround(codec->width * video.sample_aspect));
    video.display_height = codec->height;
    const Orientation orientation = orientation_of(stream);
    video.rotation_deg = orientation.rotation_deg();
    if (orientation.swaps_sides()) std::swap(video.display_width, video.display_height);
    const AVRational fps = stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate : stream->r_frame_rate;
    video.average_fps = fps.num > 0 && fps.den > 0 ? av_q2d(fps) : 0.0;
    video.num_frames = stream->nb_frames;
    video.start = start_of(stream);
    info_.video = video;
  }
  if (const AVStream* stream = best_stream(AVMEDIA_TYPE_AUDIO)) {
    AudioInfo audio;
    audio.codec = avcodec_get_name(stream->codecpar->codec_id);
    audio.sample_rate = stream->codecpar->sample_rate;
    audio.num_channels = stream->codecpar->ch_layout.nb_channels;
    audio.start = start_of(stream);
    info_.audio = audio;
  }
}

int Orientation::rotation_deg() const {
  // The x axis is enough once a mirrored matrix is unmirrored: (a, b) is where "right" goes, y pointing down.
  const int mirror = a * d - b * c;
  const int right_x = mirror * a;
  const int right_y = mirror * b;
  if (right_x == 1) return 0;
  if (right_y == 1) return 90;
  return right_x == -1 ? 180 : 270;
}

Orientation orientation_of(const AVStream* stream) {
  size_t num_bytes = 0;
  const uint8_t* data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &num_bytes);
  if (data == nullptr || num_bytes < 9 * sizeof(int32_t)) return {};
  int32_t m[9];
  std::memcpy(m, data, sizeof(m));
  // Nearest right angle; a degenerate matrix turns nothing.
  const int64_t straight = std::llabs(int64_t{m[0]}) + std::llabs(int64_t{m[4]});
  const int64_t crossed = std::llabs(int64_t{m[1]}) + std::llabs(int64_t{m[3]});
  Orientation o;
  if (straight > crossed && m[0] != 0 && m[4] != 0) {
    o.a = sign_of(m[0]);
    o.d = sign_of(m[4]);
  } else if (crossed > straight && m[1] != 0 && m[3] != 0) {
    o.a = o.d = 0;
    o.b = sign_of(m[1]);
    o.c = sign_of(m[3]);
  }
  return o;
}

}  // namespace limbic::media
