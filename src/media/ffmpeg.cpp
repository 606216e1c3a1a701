#include "ffmpeg.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <new>
#include <utility>

#include "limbic/core/error.h"

namespace limbic::media {
namespace {

constexpr size_t kMaxFfmpegErrors = 32;
thread_local std::vector<std::string> t_ffmpeg_errors;

extern "C" void keep_ffmpeg_message(void* source, int level, const char* format, va_list args) {
  if (level > AV_LOG_ERROR) return;
  char line[512];
  int print_prefix = 1;
  av_log_format_line2(source, level, format, args, line, sizeof(line), &print_prefix);
  // A C library is the caller: nothing may be thrown into it.
  try {
    std::string text = line;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    if (t_ffmpeg_errors.size() == kMaxFfmpegErrors) t_ffmpeg_errors.erase(t_ffmpeg_errors.begin());
    t_ffmpeg_errors.push_back(std::move(text));
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
  t_ffmpeg_errors.clear();
}
const std::vector<std::string>& FfmpegLog::errors() {
  return t_ffmpeg_errors;
}
const std::string& FfmpegLog::last_error() {
  static const std::string none;
  return t_ffmpeg_errors.empty() ? none : t_ffmpeg_errors.back();
}
bool FfmpegLog::contains(std::string_view text) {
  return std::any_of(t_ffmpeg_errors.begin(), t_ffmpeg_errors.end(),
                     [text](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace limbic::media
