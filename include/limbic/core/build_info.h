#pragma once
#include <string>
#include <utility>
#include <vector>

namespace limbic::core {

/// "0.1.0"
std::string version();
/// Commit of the source tree at configure time, with "-dirty" when it had changes; "unknown" outside git.
std::string git_revision();
/// What a result depends on, as name -> version: compiler, build type, LibTorch, BLAS, FFmpeg, CPU, cores...
std::vector<std::pair<std::string, std::string>> environment();

}  // namespace limbic::core
