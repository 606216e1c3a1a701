#pragma once
// The one place that includes FFmpeg's headers and owns its objects.
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/core/time.h"

namespace limbic::media {

struct FfmpegDeleter {
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVCodecParameters* p) const { avcodec_parameters_free(&p); }
  void operator()(SwsContext* p) const { sws_freeContext(p); }
  void operator()(SwrContext* p) const { swr_free(&p); }
};
using UniquePacket = std::unique_ptr<AVPacket, FfmpegDeleter>;
using UniqueFrame = std::unique_ptr<AVFrame, FfmpegDeleter>;
using UniqueCodecContext = std::unique_ptr<AVCodecContext, FfmpegDeleter>;
using UniqueSws = std::unique_ptr<SwsContext, FfmpegDeleter>;
using UniqueSwr = std::unique_ptr<SwrContext, FfmpegDeleter>;

/// The muxer and its open file.
struct OutputDeleter {
  void operator()(AVFormatContext* context) const {
    avio_closep(&context->pb);
    avformat_free_context(context);
  }
};

using UniqueOutput = std::unique_ptr<AVFormatContext, OutputDeleter>;

/// @throws Error(kResource) when memory is out
UniquePacket new_packet();
UniqueFrame new_frame();
UniqueCodecContext new_codec_context(const AVCodec* codec);

/// FFmpeg's text for an error number.
std::string av_error_text(int error_number);

/// FFmpeg's own messages of this thread, instead of on stderr: the last one of level error or worse since
/// reset(). The first use routes the process' FFmpeg log here.
class FfmpegLog {
 public:
  static void install();
  static void reset();
  static const std::vector<std::string>& errors();
  /// Empty when there was none.
  static const std::string& last_error();
  static bool contains(std::string_view text);
};

/// err_recognition that makes damage visible: with it 36 fewer of 142 silently damaged files pass
/// (reliability notes §2c), and no sound one is refused.
constexpr int kStrictDecoding = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;

constexpr AVRational kNanoseconds{1, static_cast<int>(core::Timestamp::kTicksPerSecond)};

}  // namespace limbic::media
