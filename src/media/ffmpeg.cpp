#include "ffmpeg.h"

#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "limbic/core/error.h"

namespace limbic::media {
namespace {

thread_local std::string t_last_ffmpeg_error;

extern "C" void keep_ffmpeg_message(void* source, int level, const char* format, va_list args) {
  if (level > AV_LOG_ERROR) return;
  char line[512];
  int print_prefix = 1;
  av_log_format_line2(source, level, format, args, line, sizeof(line), &print_prefix);
  // A C library is the caller: nothing may be thrown into it.
  try {
    t_last_ffmpeg_error = line;
    while (!t_last_ffmpeg_error.empty() && t_last_ffmpeg_error.back() == '\n') t_last_ffmpeg_error.pop_back();
  } catch (const std::bad_alloc&) {
  }
}

template <class Pointer>
Pointer checked_allocation(Pointer pointer) {
  require(pointer != nullptr, ErrorCode::kResource, "out of memory for a media object");
  return pointer;
}

}  // namespace

UniquePacket new_packet() {
  return UniquePacket(checked_allocation(av_packet_alloc()));
}
UniqueFrame new_frame() {
  return UniqueFrame(checked_allocation(av_frame_alloc()));
}
UniqueCodecContext new_codec_context(const AVCodec* codec) {
  return UniqueCodecContext(checked_allocation(avcodec_alloc_context3(codec)));
}

std::string av_error_text(int error_number) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error_number, text, sizeof(text));
  return text;
}

void FfmpegLog::install() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(keep_ffmpeg_message); });
}
void FfmpegLog::reset() {
  t_last_ffmpeg_error.clear();
}
const std::string& FfmpegLog::last_error() {
  return t_last_ffmpeg_error;
}

}  // namespace limbic::media
