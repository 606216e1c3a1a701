#include "limbic/media/audio.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "ffmpeg.h"
#include "input.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"

namespace limbic::media {
namespace {

constexpr int kMinSampleRate = 100;
constexpr int kMaxSampleRate = 768000;
constexpr int kMaxAudioChannels = 64;
// Containers round times to up to a millisecond and capture clocks jitter; what lies beyond is a hole.
constexpr core::Timestamp kAudioTolerance{25'000'000};
constexpr core::Timestamp kAudioJump{10 * core::Timestamp::kTicksPerSecond};  // forward, in transport streams
constexpr core::Timestamp kAudioSetBack{core::Timestamp::kTicksPerSecond / 2};  // backward, anywhere
constexpr core::Timestamp kLongestSilence{12 * 3600 * core::Timestamp::kTicksPerSecond};  // else a jump, too
constexpr int kMaxAudioErrorsInARow = 1000;
constexpr int64_t kSilencePiece = 1 << 16;
constexpr double kMaxNonFiniteShare = 0.01;

template <class Sample>
float to_float(Sample v) {
  if constexpr (std::is_floating_point_v<Sample>) {
    return static_cast<float>(v);
  } else if constexpr (std::is_same_v<Sample, uint8_t>) {
    return static_cast<float>(static_cast<int>(v) - 128) * (1.0f / 128.0f);
  } else {
    constexpr double kScale = 1.0 / (static_cast<double>(std::numeric_limits<Sample>::max()) + 1.0);
    return static_cast<float>(static_cast<double>(v) * kScale);
  }
}

/// Mean over channels in double; a sample with any NaN or Inf is 0 and counted.
template <class Sample>
int64_t mix_to_mono(const AVFrame& frame, int num_channels, bool is_planar, float* out) {
  int64_t non_finite = 0;
  const auto samples = static_cast<size_t>(frame.nb_samples);
  const auto channels = static_cast<size_t>(num_channels);
  const double scale = 1.0 / num_channels;
  for (size_t i = 0; i < samples; ++i) {
    double sum = 0;
    for (size_t c = 0; c < channels; ++c) {
      const auto* plane = reinterpret_cast<const Sample*>(frame.extended_data[is_planar ? c : 0]);
      sum += static_cast<double>(to_float(is_planar ? plane[i] : plane[i * channels + c]));
    }
    const auto mean = static_cast<float>(sum * scale);
    if (std::isfinite(mean)) {
      out[i] = mean;
    } else {
      out[i] = 0.0f;
      ++non_finite;
    }
  }
  return non_finite;
}

}  // namespace

struct AudioReader::Impl {
  Impl(const std::string& path, const AudioOptions& audio_options)
      : options(audio_options), input(std::make_unique<Input>(path, options.limits)) {
    require(options.sample_rate == 0 ||
                (options.sample_rate >= kMinSampleRate && options.sample_rate <= kMaxSampleRate),
            ErrorCode::kConfig,
            fmt::format("AudioOptions: sample_rate must be 0 or in [{}, {}], got {}", kMinSampleRate,
                        kMaxSampleRate, options.sample_rate));
    require(options.chunk_samples > 0, ErrorCode::kConfig, "AudioOptions: chunk_samples must be positive");
    stream = input->best_stream(AVMEDIA_TYPE_AUDIO);
    require(stream != nullptr, ErrorCode::kData, path + ": no audio stream; expected a recording with sound");
    check_format(stream->codecpar->sample_rate, stream->codecpar->ch_layout.nb_channels);
    input->select(stream);
    decoder = input->open_decoder(stream, /*num_threads=*/1);
    out_rate = options.sample_rate == 0 ? stream->codecpar->sample_rate : options.sample_rate;
    start = input->info().audio->start;
  }

  void check_format(int rate, int channels) const {
    require(rate >= kMinSampleRate && rate <= kMaxSampleRate, ErrorCode::kData,
            fmt::format("{}: bad audio: sample rate {} Hz; expected {} to {}", input->path(), rate,
                        kMinSampleRate, kMaxSampleRate));
    require(channels >= 1 && channels <= kMaxAudioChannels, ErrorCode::kData,
            fmt::format("{}: bad audio: {} channels; expected 1 to {}", input->path(), channels,
                        kMaxAudioChannels));
  }

  /// One decoded frame, damage counted. False at the end.
  bool decode() {
    int errors_in_a_row = 0;
    for (;;) {
      int rc = avcodec_receive_frame(decoder.get(), frame.get());
      if (rc >= 0) return true;
      if (rc == AVERROR_EOF) return false;
      if (rc == AVERROR(ENOMEM))
        throw Error(ErrorCode::kResource, input->path() + ": out of memory for sound");
      if (rc != AVERROR(EAGAIN)) {
        ++refused_packets;
        if (++errors_in_a_row > kMaxAudioErrorsInARow) return false;
        continue;
      }
      errors_in_a_row = 0;
      if (is_draining) return false;
      const bool has_packet = input->read(*packet);
      if (!has_packet) is_draining = true;
      rc = avcodec_send_packet(decoder.get(), has_packet ? packet.get() : nullptr);
      if (rc == AVERROR(ENOMEM))
        throw Error(ErrorCode::kResource, input->path() + ": out of memory for sound");
      if (rc < 0 && rc != AVERROR_EOF) ++refused_packets;
    }
  }

  /// Time at which the next sample is expected, were there no hole.
  core::Timestamp expected_time() const {
    return segment_start +
           core::Timestamp{av_rescale(segment_samples, core::Timestamp::kTicksPerSecond, in_rate)};
  }

  /// Takes in one frame. False at the end of the stream, with the resampler drained.
  bool pull() {
    if (pending_silence > 0) {
      push_silence();
      if (pending_silence == 0) push(mono.data(), static_cast<int64_t>(mono.size()));
      return true;
    }
    if (!decode()) {
      drain_resampler();
      finish();
      return false;
    }
    if (frame->nb_samples <= 0) return true;
    check_format(frame->sample_rate, frame->ch_layout.nb_channels);
    if (frame->sample_rate != in_rate || frame->ch_layout.nb_channels != in_channels) change_format();

    mono.resize(static_cast<size_t>(frame->nb_samples));
    stats.non_finite_samples += mix(mono.data());
    total_samples += frame->nb_samples;
    require(total_samples < in_rate || !has_too_many_non_finite(), ErrorCode::kData, non_finite_text());

    const int64_t num_dropped = align();
    if (pending_silence > 0) return true;  // comes first, in pieces
    if (num_dropped < frame->nb_samples) push(mono.data() + num_dropped, frame->nb_samples - num_dropped);
    return true;
  }

  /// Notes the hole before this frame in pending_silence, or returns how many of its samples were heard
  /// already.
  int64_t align() {
    const int64_t raw_pts = frame->pts != AV_NOPTS_VALUE ? frame->pts : frame->best_effort_timestamp;
    if (raw_pts == AV_NOPTS_VALUE) {
      ++stats.missing_pts;
      if (!has_start) segment_start = start;
      has_start = true;
      return 0;
    }
    const core::Timestamp pts = input->time_of(stream, raw_pts) + offset;
    if (!has_start) {
      has_start = true;
      start = segment_start = pts;
      return 0;
    }
    const core::Timestamp expected = expected_time();
    const core::Timestamp hole = pts - expected;
    const core::Timestamp longest = input->has_discontinuities() ? kAudioJump : kLongestSilence;
    if (hole < core::Timestamp{-kAudioSetBack.ticks} || hole > longest) {
      ++stats.timestamp_jumps;
      offset = offset - hole;
      return 0;
    }
    const int64_t hole_samples = av_rescale(hole.ticks, in_rate, core::Timestamp::kTicksPerSecond);
    if (hole > kAudioTolerance) {
      ++stats.num_gaps;
      stats.silence_samples += hole_samples;
      pending_silence = hole_samples;
      return 0;
    }
    if (hole < core::Timestamp{-kAudioTolerance.ticks}) {
      ++stats.num_overlaps;
      const int64_t num_dropped = std::min<int64_t>(-hole_samples, frame->nb_samples);
      stats.dropped_samples += num_dropped;
      return num_dropped;
    }
    return 0;
  }

  /// One piece at a time: a hole of hours needs no more memory than one of a second.
  void push_silence() {
    const int64_t piece = std::min(pending_silence, kSilencePiece);
    silence.assign(static_cast<size_t>(piece), 0.0f);
    push(silence.data(), piece);
    pending_silence -= piece;
  }

  void change_format() {
    if (in_rate != 0) {
      ++stats.format_changes;
      if (frame->sample_rate != in_rate) {
        drain_resampler();
        segment_start = expected_time();
        segment_samples = 0;
      }
    }
    in_channels = frame->ch_layout.nb_channels;
    if (frame->sample_rate == in_rate) return;
    in_rate = frame->sample_rate;
    if (in_rate == out_rate) return;
    SwrContext* made = nullptr;
    AVChannelLayout layout{};
    av_channel_layout_default(&layout, 1);
    int rc = swr_alloc_set_opts2(&made, &layout, AV_SAMPLE_FMT_FLT, out_rate, &layout, AV_SAMPLE_FMT_FLT,
                                 in_rate, 0, nullptr);
    resampler.reset(made);
    if (rc >= 0) rc = swr_init(resampler.get());
    require(rc >= 0, ErrorCode::kData,
            fmt::format("{}: cannot resample {} Hz to {} Hz: {}", input->path(), in_rate, out_rate,
                        av_error_text(rc)));
  }

  int64_t mix(float* out) const {
    const auto format = static_cast<AVSampleFormat>(frame->format);
    const bool is_planar = av_sample_fmt_is_planar(format) != 0;
    switch (av_get_packed_sample_fmt(format)) {
      case AV_SAMPLE_FMT_U8:
        return mix_to_mono<uint8_t>(*frame, in_channels, is_planar, out);
      case AV_SAMPLE_FMT_S16:
        return mix_to_mono<int16_t>(*frame, in_channels, is_planar, out);
      case AV_SAMPLE_FMT_S32:
        return mix_to_mono<int32_t>(*frame, in_channels, is_planar, out);
      case AV_SAMPLE_FMT_S64:
        return mix_to_mono<int64_t>(*frame, in_channels, is_planar, out);
      case AV_SAMPLE_FMT_FLT:
        return mix_to_mono<float>(*frame, in_channels, is_planar, out);
      case AV_SAMPLE_FMT_DBL:
        return mix_to_mono<double>(*frame, in_channels, is_planar, out);
      default:
        throw Error(ErrorCode::kData, input->path() + ": unknown sample format");
    }
  }

  void push(const float* samples, int64_t num_samples) {
    segment_samples += num_samples;
    if (resampler == nullptr) {
      ready.insert(ready.end(), samples, samples + num_samples);
      return;
    }
    const int room = swr_get_out_samples(resampler.get(), static_cast<int>(num_samples));
    resample(reinterpret_cast<const uint8_t*>(samples), static_cast<int>(num_samples), room);
  }

  void drain_resampler() {
    if (resampler == nullptr) return;
    resample(nullptr, 0, swr_get_out_samples(resampler.get(), 0) + 64);
    resampler.reset();
  }

  void resample(const uint8_t* samples, int num_samples, int room) {
    const size_t before = ready.size();
    ready.resize(before + static_cast<size_t>(std::max(room, 0)));
    auto* out = reinterpret_cast<uint8_t*>(ready.data() + before);
    const int made =
        swr_convert(resampler.get(), &out, room, samples == nullptr ? nullptr : &samples, num_samples);
    require(made >= 0, ErrorCode::kData, input->path() + ": resampling failed: " + av_error_text(made));
    ready.resize(before + static_cast<size_t>(made));
  }

  bool has_too_many_non_finite() const {
    return static_cast<double>(stats.non_finite_samples) >
           kMaxNonFiniteShare * static_cast<double>(total_samples);
  }
  std::string non_finite_text() const {
    return fmt::format("{}: bad audio: {} of {} samples are NaN or Inf; at most 1 % is tolerated",
                       input->path(), stats.non_finite_samples, total_samples);
  }

  void finish() {
    stats.damaged_packets = refused_packets + input->damaged();
    require(!has_too_many_non_finite(), ErrorCode::kData, non_finite_text());
    require(total_samples > 0 || stats.damaged_packets == 0, ErrorCode::kData,
            fmt::format("{}: no sample of the {} stream could be decoded ({} damaged packets)", input->path(),
                        input->info().audio->codec, stats.damaged_packets));
    stats.truncated =
        input->is_truncated(stream, in_rate == 0 ? core::Timestamp{} : expected_time() - offset);
  }

  bool next(AudioBuffer& chunk) {
    while (!is_finished && static_cast<int64_t>(ready.size() - num_taken) < options.chunk_samples) {
      compact();
      is_finished = !pull();
    }
    stats.damaged_packets = refused_packets + input->damaged();
    const auto num = std::min<size_t>(ready.size() - num_taken, static_cast<size_t>(options.chunk_samples));
    chunk.sample_rate = out_rate;
    chunk.t0 = start + core::Timestamp{av_rescale(num_out, core::Timestamp::kTicksPerSecond, out_rate)};
    const auto from = ready.begin() + static_cast<ptrdiff_t>(num_taken);
    chunk.samples.assign(from, from + static_cast<ptrdiff_t>(num));
    num_taken += num;
    num_out += static_cast<int64_t>(num);
    return num > 0;
  }

  /// Drops what was given out, now and then, so that a long file needs constant memory.
  void compact() {
    if (num_taken < static_cast<size_t>(options.chunk_samples)) return;
    ready.erase(ready.begin(), ready.begin() + static_cast<ptrdiff_t>(num_taken));
    num_taken = 0;
  }

  AudioOptions options;
  std::unique_ptr<Input> input;
  AVStream* stream = nullptr;
  UniqueCodecContext decoder;
  UniquePacket packet = new_packet();
  UniqueFrame frame = new_frame();
  UniqueSwr resampler;
  int out_rate = 0;
  int in_rate = 0;
  int in_channels = 0;
  core::Timestamp start;
  core::Timestamp segment_start;  ///< since the input rate changed last
  int64_t segment_samples = 0;
  core::Timestamp offset;  ///< closes the discontinuities so far
  bool has_start = false;
  bool is_draining = false;
  bool is_finished = false;
  int64_t pending_silence = 0;
  int64_t total_samples = 0;
  int64_t refused_packets = 0;
  std::vector<float> mono;
  std::vector<float> silence;
  std::vector<float> ready;  ///< at the output rate; the first num_taken were given out
  size_t num_taken = 0;
  int64_t num_out = 0;
  AudioStats stats;
};

AudioReader::AudioReader(const std::string& path, const AudioOptions& options)
    : impl_(std::make_unique<Impl>(path, options)) {}
AudioReader::~AudioReader() = default;
AudioReader::AudioReader(AudioReader&&) noexcept = default;
AudioReader& AudioReader::operator=(AudioReader&&) noexcept = default;

bool AudioReader::next(AudioBuffer& chunk) {
  return impl_->next(chunk);
}
const MediaInfo& AudioReader::info() const {
  return impl_->input->info();
}
const AudioStats& AudioReader::stats() const {
  return impl_->stats;
}

AudioBuffer read_audio(const std::string& path, const AudioOptions& options, AudioStats* stats) {
  AudioReader reader(path, options);
  AudioBuffer whole;
  AudioBuffer chunk;
  bool is_first = true;
  while (reader.next(chunk)) {
    if (is_first) whole.t0 = chunk.t0;
    is_first = false;
    const auto num_samples = static_cast<double>(whole.samples.size() + chunk.samples.size());
    require(num_samples <= options.max_duration_s * chunk.sample_rate, ErrorCode::kResource,
            fmt::format("{}: sound longer than the limit of {} s; read it in chunks", path,
                        options.max_duration_s));
    whole.samples.insert(whole.samples.end(), chunk.samples.begin(), chunk.samples.end());
  }
  whole.sample_rate = chunk.sample_rate;
  if (is_first) whole.t0 = chunk.t0;
  if (stats != nullptr) *stats = reader.stats();
  return whole;
}

void write_wav(const std::string& path, const AudioBuffer& audio) {
  constexpr uint32_t kHeaderBytes = 12 + 26 + 12 + 8;
  const uint64_t data_bytes = audio.samples.size() * sizeof(float);
  require(audio.sample_rate > 0, ErrorCode::kConfig, path + ": sample rate must be positive");
  require(data_bytes + kHeaderBytes < UINT32_MAX, ErrorCode::kResource,
          path + ": sound too long for a WAV file (4 GB)");
  std::array<uint8_t, kHeaderBytes> header{};
  size_t at = 0;
  const auto put_tag = [&](const char* tag) {
    std::memcpy(header.data() + at, tag, 4);
    at += 4;
  };
  const auto put = [&](uint32_t value, int num_bytes) {
    for (int i = 0; i < num_bytes; ++i) header[at++] = static_cast<uint8_t>(value >> (8 * i));
  };
  const auto rate = static_cast<uint32_t>(audio.sample_rate);
  put_tag("RIFF");
  put(static_cast<uint32_t>(data_bytes + kHeaderBytes - 8), 4);
  put_tag("WAVE");
  put_tag("fmt ");
  put(18, 4);
  put(3, 2);  // IEEE float
  put(1, 2);
  put(rate, 4);
  put(rate * 4, 4);
  put(4, 2);
  put(32, 2);
  put(0, 2);        // no extension
  put_tag("fact");  // required for formats other than PCM
  put(4, 4);
  put(static_cast<uint32_t>(audio.samples.size()), 4);
  put_tag("data");
  put(static_cast<uint32_t>(data_bytes), 4);
  core::AtomicFile file(path);
  file.write(header.data(), header.size());
  file.write(audio.samples.data(), data_bytes);
  file.commit();
}

}  // namespace limbic::media
