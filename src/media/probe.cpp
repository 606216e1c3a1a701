#include "limbic/media/probe.h"

#include "input.h"

namespace limbic::media {

MediaInfo probe(const std::string& path, const OpenLimits& limits) {
  return Input(path, limits).info();
}

}  // namespace limbic::media
