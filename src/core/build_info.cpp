#include "limbic/core/build_info.h"

#include <ATen/Config.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

extern "C" {
#include <libavutil/avutil.h>
}

#include <fstream>

#include "limbic/core/threads.h"
#include "limbic_build_config.h"

namespace limbic::core {
namespace {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string os_name() {
  std::ifstream release("/etc/os-release");
  for (std::string line; std::getline(release, line);) {
    if (line.rfind("PRETTY_NAME=", 0) == 0) return line.substr(13, line.size() - 14);
  }
  utsname name{};
  uname(&name);
  return name.sysname;
}

}  // namespace

std::string version() {
  return LIMBIC_VERSION;
}
std::string git_revision() {
  return LIMBIC_GIT_REVISION;
}

std::vector<std::pair<std::string, std::string>> environment() {
  return {
      {"limbic", version()},
      {"git", git_revision()},
      {"compiler", LIMBIC_COMPILER},
      {"build_type", LIMBIC_BUILD_TYPE},
      {"libtorch", TORCH_VERSION},
      {"ffmpeg", av_version_info()},
      {"opencv", LIMBIC_OPENCV_VERSION},
      {"eigen", LIMBIC_EIGEN_VERSION},
      {"os", os_name()},
      {"cpu", cpu_model()},
      {"cores", std::to_string(num_cores())},
      {"threads", std::to_string(num_threads())},
      {"memory", fmt::format("{:.1f} GiB", static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                                               static_cast<double>(sysconf(_SC_PAGESIZE)) / 1073741824.0)},
  };
}

}  // namespace limbic::core
