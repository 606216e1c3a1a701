#include "limbic/media/codecs.h"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace limbic::media {

std::vector<CodecStatus> wanted_codecs() {
  std::vector<CodecStatus> all;
  for (const char* name : {"libx264", "aac"})
    all.push_back({name, "write", avcodec_find_encoder_by_name(name) != nullptr});
  for (const char* name :
       {"h264", "hevc", "vp9", "mpeg4", "aac", "mp3", "flac", "opus", "mjpeg", "png", "webp"}) {
    all.push_back({name, "read", avcodec_find_decoder_by_name(name) != nullptr});
  }
  return all;
}

}  // namespace limbic::media
