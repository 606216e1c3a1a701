#pragma once
#include <string>
#include <vector>

namespace limbic::media {

/// A codec that limbic uses, and whether this FFmpeg has it.
struct CodecStatus {
  std::string name;     ///< FFmpeg's name
  std::string purpose;  ///< "write H.264"
  bool is_there = false;
};

/// For `limbic doctor`.
std::vector<CodecStatus> wanted_codecs();

}  // namespace limbic::media
