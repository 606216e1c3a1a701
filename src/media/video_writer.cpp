#include "limbic/media/video_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "ffmpeg.h"
#include "input.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/media/audio.h"

namespace limbic::media {
namespace {

// Exact for 24, 25, 30, 50, 60 Hz, the same over 1.001, and milliseconds.
constexpr AVRational kVideoTimeBase{1, 120000};
constexpr int kMaxVideoSide = 16384;

const std::vector<std::string> kX264Presets = {"ultrafast", "superfast", "veryfast", "faster",  "fast",
                                               "medium",    "slow",      "slower",   "veryslow"};

bool mp4_can_hold(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_AAC:
    case AV_CODEC_ID_MP3:
    case AV_CODEC_ID_AC3:
    case AV_CODEC_ID_EAC3:
    case AV_CODEC_ID_ALAC:
      return true;
    default:
      return false;
  }
}

const AVCodec* find_video_encoder() {
  for (const char* name : {"libx264", "libopenh264", "mpeg4"}) {
    if (const AVCodec* codec = avcodec_find_encoder_by_name(name)) return codec;
  }
  throw Error(ErrorCode::kResource,
              "this FFmpeg has no H.264 or MPEG-4 encoder; install one built with libx264");
}

/// The lowest rate that AAC knows and that loses nothing; else its highest.
int aac_rate_for(int rate) {
  for (const int known :
       {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}) {
    if (known >= rate) return known;
  }
  return 96000;
}

}  // namespace

struct VideoWriter::Impl {
  Impl(const std::string& final_path, const VideoWriterOptions& writer_options)
      : options(writer_options), path(final_path) {
    FfmpegLog::install();
    check_options();
    if (!options.sound_from.empty()) open_sound_source();
    file = std::make_unique<core::AtomicFile>(path);
    FfmpegLog::reset();
    AVFormatContext* made = nullptr;
    const int made_rc = avformat_alloc_output_context2(&made, nullptr, "mp4", nullptr);
    format.reset(made);
    check(made_rc, "making an mp4");
    add_video();
    if (options.audio_sample_rate > 0)
      add_aac(options.audio_sample_rate, options.audio_channels, options.audio_start);
    if (source_stream != nullptr) add_source_copy();
    if (source_reader != nullptr) add_source_transcoding();
    // "file:" so that a colon in the path is never taken for a protocol.
    const std::string url = "file:" + file->temp_path();
    // Moving moov to the front reads the file again, by this name.
    av_freep(&format->url);
    format->url = av_strdup(url.c_str());
    check(avio_open(&format->pb, url.c_str(), AVIO_FLAG_WRITE), "opening");
    AVDictionary* mux_options = nullptr;
    av_dict_set(&mux_options, "movflags", "+faststart", 0);
    av_dict_set_int(&mux_options, "video_track_timescale", kVideoTimeBase.den, 0);
    const int rc = avformat_write_header(format.get(), &mux_options);
    av_dict_free(&mux_options);
    check(rc, "writing the header");
  }

  void check_options() const {
    const auto in_range = [](int v) { return v >= 1 && v <= kMaxVideoSide; };
    require(in_range(options.width) && in_range(options.height), ErrorCode::kConfig,
            fmt::format("{}: video size {}x{}; expected sides of 1 to {}", path, options.width,
                        options.height, kMaxVideoSide));
    require(std::isfinite(options.nominal_fps) && options.nominal_fps >= 0.01 && options.nominal_fps <= 1000,
            ErrorCode::kConfig,
            fmt::format("{}: nominal_fps {}; expected 0.01 to 1000", path, options.nominal_fps));
    require(options.crf >= 0 && options.crf <= 51, ErrorCode::kConfig,
            fmt::format("{}: crf {}; expected 0 to 51", path, options.crf));
    require(
        std::find(kX264Presets.begin(), kX264Presets.end(), options.preset) != kX264Presets.end(),
        ErrorCode::kConfig,
        fmt::format("{}: unknown preset '{}'; known: {}", path, options.preset, core::join(kX264Presets)));
    require(options.num_threads >= 1 && options.max_b_frames >= 0 && options.max_b_frames <= 16 &&
                options.key_frame_interval >= 1,
            ErrorCode::kConfig,
            path + ": num_threads and key_frame_interval must be positive, max_b_frames in [0, 16]");
    require(options.audio_sample_rate >= 0 && options.audio_sample_rate <= 768000, ErrorCode::kConfig,
            fmt::format("{}: audio_sample_rate {}; expected up to 768000", path, options.audio_sample_rate));
    require(options.audio_sample_rate == 0 || options.audio_channels == 1 || options.audio_channels == 2,
            ErrorCode::kConfig,
            fmt::format("{}: {} audio channels; expected 1 or 2", path, options.audio_channels));
    require(options.audio_start.ticks >= 0, ErrorCode::kConfig, path + ": audio_start must not be negative");
    require(options.audio_sample_rate == 0 || options.sound_from.empty(), ErrorCode::kConfig,
            path + ": own sound and sound_from together; give one of them");
  }

  void open_sound_source() {
    auto input = std::make_unique<Input>(options.sound_from, OpenLimits{});
    AVStream* stream = input->best_stream(AVMEDIA_TYPE_AUDIO);
    if (stream == nullptr) return;
    // ADTS frames carry their own headers, which mp4 does not want; they are as well encoded anew.
    const AVCodecParameters* codec = stream->codecpar;
    if (mp4_can_hold(codec->codec_id) && (codec->codec_id != AV_CODEC_ID_AAC || codec->extradata_size > 0)) {
      input->select(stream);
      source = std::move(input);
      source_stream = stream;
      return;
    }
    AudioOptions reading;
    reading.sample_rate = aac_rate_for(std::min(48000, codec->sample_rate));
    source_reader = std::make_unique<AudioReader>(options.sound_from, reading);
    source_rate = reading.sample_rate;
    has_chunk = source_reader->next(chunk);
  }

  void add_video() {
    const AVCodec* codec = find_video_encoder();
    encoder_name = codec->name;
    coded_width = options.width + options.width % 2;
    coded_height = options.height + options.height % 2;
    video = new_codec_context(codec);
    video->width = coded_width;
    video->height = coded_height;
    video->pix_fmt = AV_PIX_FMT_YUV420P;
    video->time_base = kVideoTimeBase;
    video->framerate = av_d2q(options.nominal_fps, 1 << 20);
    video->gop_size = options.key_frame_interval;
    video->max_b_frames = options.max_b_frames;
    video->thread_count = options.num_threads;
    video->color_range = AVCOL_RANGE_MPEG;
    video->colorspace = AVCOL_SPC_BT709;
    video->color_primaries = AVCOL_PRI_BT709;
    video->color_trc = AVCOL_TRC_BT709;
    video->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AVDictionary* codec_options = nullptr;
    if (encoder_name == "libx264") {
      av_dict_set(&codec_options, "preset", options.preset.c_str(), 0);
      av_dict_set_int(&codec_options, "crf", options.crf, 0);
      // Its macroblock tree reads memory that it never wrote: in small pictures the same frames then give one
      // file in twenty that differs.
      av_dict_set(&codec_options, "x264-params", "mbtree=0", 0);
    } else {
      // Their closest equivalent: about 0.1 bit a pixel at crf 23, doubling every 6 steps.
      const double bits =
          0.1 * coded_width * coded_height * options.nominal_fps * std::exp2((23 - options.crf) / 6.0);
      video->bit_rate = static_cast<int64_t>(std::clamp(bits, 64e3, 200e6));
      if (encoder_name == "mpeg4") video->time_base = {1, 60000};  // its header has 16 bits for it
    }
    const int rc = avcodec_open2(video.get(), codec, &codec_options);
    av_dict_free(&codec_options);
    if (rc < 0) {
      throw Error(ErrorCode::kConfig,
                  fmt::format("{}: {} refuses {}x{} with preset '{}': {}", path, encoder_name, coded_width,
                              coded_height, options.preset,
                              FfmpegLog::last_error().empty() ? av_error_text(rc) : FfmpegLog::last_error()));
    }
    video_stream = add_stream(*video);
    video_stream->avg_frame_rate = video->framerate;

    next_frame = new_frame();
    held_frame = new_frame();
    for (AVFrame* frame : {next_frame.get(), held_frame.get()}) {
      frame->width = coded_width;
      frame->height = coded_height;
      frame->format = AV_PIX_FMT_YUV420P;
      frame->color_range = AVCOL_RANGE_MPEG;
      frame->colorspace = AVCOL_SPC_BT709;
      check(av_frame_get_buffer(frame, 0), "allocating a frame");
    }
    rgb_frame = new_frame();
    rgb_frame->width = coded_width;
    rgb_frame->height = coded_height;
    rgb_frame->format = AV_PIX_FMT_RGB24;
    check(av_frame_get_buffer(rgb_frame.get(), 0), "allocating a frame");
    // What swscale reads beyond the rows reaches the last columns: it must always be the same.
    std::memset(rgb_frame->buf[0]->data, 0, rgb_frame->buf[0]->size);
    scaler.reset(sws_getContext(coded_width, coded_height, AV_PIX_FMT_RGB24, coded_width, coded_height,
                                AV_PIX_FMT_YUV420P, SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr,
                                nullptr));
    require(scaler != nullptr, ErrorCode::kResource, path + ": cannot make a colour converter");
    const int* matrix = sws_getCoefficients(SWS_CS_ITU709);
    sws_setColorspaceDetails(scaler.get(), matrix, 1, matrix, 0, 0, 1 << 16, 1 << 16);
  }

  AVStream* add_stream(const AVCodecContext& encoder) {
    AVStream* stream = avformat_new_stream(format.get(), nullptr);
    require(stream != nullptr, ErrorCode::kResource, path + ": out of memory");
    stream->time_base = encoder.time_base;
    check(avcodec_parameters_from_context(stream->codecpar, &encoder), "describing a stream");
    stream->codecpar->codec_tag = 0;
    return stream;
  }

  void add_aac(int rate, int channels, core::Timestamp start) {
    const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    require(codec != nullptr, ErrorCode::kResource, "this FFmpeg has no AAC encoder");
    audio_rate = aac_rate_for(rate);
    audio_channels = channels;
    audio = new_codec_context(codec);
    audio->sample_fmt = AV_SAMPLE_FMT_FLTP;
    audio->sample_rate = audio_rate;
    av_channel_layout_default(&audio->ch_layout, channels);
    audio->time_base = {1, audio_rate};
    audio->bit_rate = options.audio_bit_rate;
    audio->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    check(avcodec_open2(audio.get(), codec, nullptr), "opening the AAC encoder");
    audio_stream = add_stream(*audio);
    audio_pts = av_rescale(start.ticks, audio_rate, core::Timestamp::kTicksPerSecond);
    if (audio_rate != rate) {
      SwrContext* made = nullptr;
      int rc = swr_alloc_set_opts2(&made, &audio->ch_layout, AV_SAMPLE_FMT_FLT, audio_rate, &audio->ch_layout,
                                   AV_SAMPLE_FMT_FLT, rate, 0, nullptr);
      resampler.reset(made);
      if (rc >= 0) rc = swr_init(resampler.get());
      check(rc, "resampling the sound");
    }
  }

  void add_source_copy() {
    audio_stream = avformat_new_stream(format.get(), nullptr);
    require(audio_stream != nullptr, ErrorCode::kResource, path + ": out of memory");
    check(avcodec_parameters_copy(audio_stream->codecpar, source_stream->codecpar),
          "copying the sound's format");
    audio_stream->codecpar->codec_tag = 0;
    audio_stream->time_base = source_stream->time_base;
  }

  void add_source_transcoding() {
    core::Timestamp start = chunk.t0;
    start.ticks = std::max<int64_t>(0, start.ticks);
    add_aac(source_rate, 1, start);
  }

  /// @throws Error(kStorage) when `rc` says so
  void check(int rc, const char* step) {
    if (rc >= 0) return;
    is_finished = true;  // a file with a hole must never get its name
    const std::string& detail = FfmpegLog::last_error();
    throw Error(rc == AVERROR(ENOMEM) ? ErrorCode::kResource : ErrorCode::kStorage,
                fmt::format("{}: {} failed: {}{}{}", path, step, av_error_text(rc),
                            detail.empty() ? "" : ": ", detail));
  }

  void require_open(const char* verb) const {
    FfmpegLog::reset();
    require(!is_finished, ErrorCode::kInternal, fmt::format("{}: {} after finish() or an error", path, verb));
  }

  void write_frame(core::Timestamp pts, const uint8_t* rgb, int64_t stride_bytes) {
    require_open("write_frame");
    const int64_t ticks = av_rescale_q(pts.ticks, kNanoseconds, video->time_base);
    require(pts.ticks >= 0 && (!has_held || ticks > held_frame->pts), ErrorCode::kConfig,
            fmt::format("{}: frame at {:.6f} s; expected a time not negative and after the frame before",
                        path, pts.seconds()));
    check(av_frame_make_writable(next_frame.get()), "allocating a frame");
    convert(rgb, stride_bytes == 0 ? int64_t{3} * options.width : stride_bytes);
    next_frame->pts = ticks;
    if (has_held) encode_held(next_frame->pts - held_frame->pts);
    std::swap(next_frame, held_frame);
    has_held = true;
  }

  void convert(const uint8_t* rgb, int64_t stride_bytes) {
    // swscale reads beyond the last row in whole vectors and rounds differently where rows are not aligned to
    // them: pictures go through a frame of its own kind, so the same pixels always give the same file.
    for (int y = 0; y < coded_height; ++y) {
      uint8_t* row = rgb_frame->data[0] + static_cast<ptrdiff_t>(y) * rgb_frame->linesize[0];
      const size_t given_bytes = static_cast<size_t>(options.width) * 3;
      std::memcpy(row, rgb + std::min(y, options.height - 1) * stride_bytes, given_bytes);
      if (coded_width != options.width) std::memcpy(row + given_bytes, row + given_bytes - 3, 3);
    }
    const int rows = sws_scale(scaler.get(), rgb_frame->data, rgb_frame->linesize, 0, coded_height,
                               next_frame->data, next_frame->linesize);
    require(rows == coded_height, ErrorCode::kInternal, path + ": colour conversion failed");
  }

  /// The held frame's duration is known once the next frame has come.
  void encode_held(int64_t duration) {
    held_duration = duration;
    durations[held_frame->pts] = duration;
    video_end = {av_rescale_q(held_frame->pts + duration, video->time_base, kNanoseconds)};
    held_frame->pict_type = AV_PICTURE_TYPE_NONE;
    check(avcodec_send_frame(video.get(), held_frame.get()), "encoding a frame");
    write_packets(*video, *video_stream);
    pull_sound(video_end);
  }

  void write_packets(AVCodecContext& encoder, const AVStream& stream) {
    for (;;) {
      const int rc = avcodec_receive_packet(&encoder, packet.get());
      if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return;
      check(rc, "encoding");
      if (&encoder == video.get()) {
        const auto found = durations.find(packet->pts);
        if (found != durations.end()) {
          packet->duration = found->second;
          durations.erase(found);
        }
      }
      packet->stream_index = stream.index;
      av_packet_rescale_ts(packet.get(), encoder.time_base, stream.time_base);
      write_packet();
    }
  }

  void write_packet() {
    check(av_interleaved_write_frame(format.get(), packet.get()), "writing");
    if (format->pb->error < 0) check(format->pb->error, "writing");
  }

  /// Sound of the source up to `until` goes into the file.
  void pull_sound(core::Timestamp until) {
    if (source != nullptr) copy_source(until);
    while (source_reader != nullptr && has_chunk) {
      const auto size = static_cast<int64_t>(chunk.samples.size());
      const int64_t wanted =
          av_rescale(until.ticks - chunk.t0.ticks, chunk.sample_rate, core::Timestamp::kTicksPerSecond);
      const int64_t num = std::min(wanted, size) - chunk_taken;
      if (num > 0) {
        add_samples(chunk.samples.data() + chunk_taken, num);
        chunk_taken += num;
      }
      if (chunk_taken < size) return;
      has_chunk = source_reader->next(chunk);
      chunk_taken = 0;
    }
  }

  void copy_source(core::Timestamp until) {
    while (!is_source_at_end && !(until < source_time)) {
      if (!source->read(*packet)) {
        is_source_at_end = true;
        return;
      }
      const int64_t raw = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
      if (raw == AV_NOPTS_VALUE) continue;
      const core::Timestamp t = source->time_of(source_stream, raw);
      if (is_last_sound && until < t) return;
      // The source's clock begins at its container's start, ours at 0. The muxer turns times before 0
      // (priming) into an edit list.
      const int64_t pts = av_rescale_q(t.ticks, kNanoseconds, audio_stream->time_base);
      if (has_copied && pts <= last_copied_pts) continue;  // mp4 needs rising times
      has_copied = true;
      last_copied_pts = pts;
      source_time = t;
      packet->pts = packet->dts = pts;
      packet->duration = av_rescale_q(packet->duration, source_stream->time_base, audio_stream->time_base);
      packet->stream_index = audio_stream->index;
      packet->pos = -1;
      write_packet();
    }
  }

  void write_audio(const float* samples, int64_t num_samples) {
    require_open("write_audio");
    require(options.audio_sample_rate > 0, ErrorCode::kConfig,
            path + ": write_audio needs audio_sample_rate");
    if (resampler == nullptr) {
      add_samples(samples, num_samples);
      return;
    }
    constexpr int64_t kPiece = 1 << 16;
    while (num_samples > 0) {
      const int64_t piece = std::min(num_samples, kPiece);
      resample(samples, static_cast<int>(piece));
      samples += piece * audio_channels;
      num_samples -= piece;
    }
  }

  void resample(const float* samples, int num_samples) {
    const int room = swr_get_out_samples(resampler.get(), num_samples) + 64;
    resampled.resize(static_cast<size_t>(room) * static_cast<size_t>(audio_channels));
    auto* out = reinterpret_cast<uint8_t*>(resampled.data());
    const auto* in = reinterpret_cast<const uint8_t*>(samples);
    const int made =
        swr_convert(resampler.get(), &out, room, samples == nullptr ? nullptr : &in, num_samples);
    check(made, "resampling the sound");
    add_samples(resampled.data(), made);
  }

  /// Interleaved samples at audio_rate; whole encoder frames are written, the rest waits.
  void add_samples(const float* samples, int64_t num_samples) {
    waiting.insert(waiting.end(), samples, samples + num_samples * audio_channels);
    const auto frame_samples = static_cast<size_t>(audio->frame_size) * static_cast<size_t>(audio_channels);
    size_t taken = 0;
    for (; waiting.size() - taken >= frame_samples; taken += frame_samples) {
      encode_samples(waiting.data() + taken, audio->frame_size);
    }
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(taken));
  }

  void encode_samples(const float* samples, int num_samples) {
    auto frame = new_frame();
    frame->nb_samples = num_samples;
    frame->format = audio->sample_fmt;
    frame->sample_rate = audio_rate;
    check(av_channel_layout_copy(&frame->ch_layout, &audio->ch_layout), "encoding sound");
    check(av_frame_get_buffer(frame.get(), 0), "encoding sound");
    for (int c = 0; c < audio_channels; ++c) {
      auto* plane = reinterpret_cast<float*>(frame->extended_data[c]);
      for (int i = 0; i < num_samples; ++i) {
        const float v = samples[i * audio_channels + c];
        // The encoder refuses NaN and Inf as a whole frame.
        plane[i] = std::isfinite(v) ? std::clamp(v, -1.0f, 1.0f) : 0.0f;
      }
    }
    frame->pts = audio_pts;
    audio_pts += num_samples;
    check(avcodec_send_frame(audio.get(), frame.get()), "encoding sound");
    write_packets(*audio, *audio_stream);
  }

  void finish() {
    require_open("finish");
    require(has_held, ErrorCode::kConfig, path + ": no frame was written; a video needs at least one");
    is_finished = true;
    encode_held(last_duration());
    check(avcodec_send_frame(video.get(), nullptr), "encoding");
    write_packets(*video, *video_stream);
    is_last_sound = true;
    pull_sound(video_end);
    if (audio != nullptr) {
      if (resampler != nullptr) resample(nullptr, 0);
      if (!waiting.empty()) {
        encode_samples(waiting.data(),
                       static_cast<int>(waiting.size() / static_cast<size_t>(audio_channels)));
      }
      check(avcodec_send_frame(audio.get(), nullptr), "encoding sound");
      write_packets(*audio, *audio_stream);
    }
    check(av_write_trailer(format.get()), "finishing");
    const int rc = avio_closep(&format->pb);
    check(rc, "closing");
    file->commit();
  }

  /// The last frame lasts as long as the one before, if that was no pause.
  int64_t last_duration() const {
    const int64_t nominal = std::max<int64_t>(1, std::llround(video->time_base.den / options.nominal_fps));
    return held_duration > 0
               ? std::min<int64_t>(held_duration, std::max<int64_t>(nominal, video->time_base.den))
               : nominal;
  }

  VideoWriterOptions options;
  std::string path;
  std::unique_ptr<core::AtomicFile> file;
  UniqueOutput format;
  std::string encoder_name;
  UniquePacket packet = new_packet();

  UniqueCodecContext video;
  AVStream* video_stream = nullptr;
  UniqueSws scaler;
  UniqueFrame rgb_frame;  ///< the picture given, aligned and padded as swscale wants it
  UniqueFrame next_frame;
  UniqueFrame held_frame;  ///< complete, waits for its duration
  bool has_held = false;
  int64_t held_duration = 0;             ///< of the frame encoded last
  std::map<int64_t, int64_t> durations;  ///< of frames inside the encoder, by pts
  core::Timestamp video_end;
  int coded_width = 0;
  int coded_height = 0;

  UniqueCodecContext audio;
  AVStream* audio_stream = nullptr;
  UniqueSwr resampler;
  std::vector<float> resampled;
  std::vector<float> waiting;  ///< less than an encoder frame
  int audio_rate = 0;
  int audio_channels = 1;
  int64_t audio_pts = 0;

  std::unique_ptr<Input> source;  ///< packets are copied from here
  AVStream* source_stream = nullptr;
  core::Timestamp source_time{std::numeric_limits<int64_t>::min() / 2};
  bool is_source_at_end = false;
  bool has_copied = false;
  int64_t last_copied_pts = 0;
  std::unique_ptr<AudioReader> source_reader;  ///< or transcoded from here
  int source_rate = 0;
  AudioBuffer chunk;
  bool has_chunk = false;
  int64_t chunk_taken = 0;
  bool is_last_sound = false;
  bool is_finished = false;
};

VideoWriter::VideoWriter(const std::string& path, const VideoWriterOptions& options)
    : impl_(std::make_unique<Impl>(path, options)) {}
VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;

void VideoWriter::write_frame(core::Timestamp pts, const uint8_t* rgb, int64_t stride_bytes) {
  impl_->write_frame(pts, rgb, stride_bytes);
}
void VideoWriter::write_audio(const float* samples, int64_t num_samples) {
  impl_->write_audio(samples, num_samples);
}
void VideoWriter::finish() {
  impl_->finish();
}
const std::string& VideoWriter::encoder() const {
  return impl_->encoder_name;
}

}  // namespace limbic::media
