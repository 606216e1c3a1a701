#include "limbic/core/data_files.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic_build_config.h"

namespace limbic::core {

std::string data_file(const std::string& file) {
  namespace fs = std::filesystem;
  std::error_code ec;
  std::vector<std::string> folders;
  const char* own = std::getenv("LIMBIC_SHARE");
  if (own != nullptr && *own != '\0') {
    folders = {own};
  } else {
    const fs::path program = fs::read_symlink("/proc/self/exe", ec);
    if (!ec) folders.push_back((program.parent_path().parent_path() / "share/limbic").string());
    folders.insert(folders.end(), {LIMBIC_INSTALL_SHARE, LIMBIC_SOURCE_DIR "/data"});
  }
  for (const auto& folder : folders) {
    std::string path = folder + "/" + file;
    if (fs::is_regular_file(path, ec)) return path;
  }
  throw Error(ErrorCode::kConfig, file + ": not found in " + join(folders) +
                                      "; set LIMBIC_SHARE to the folder that holds limbic's data files");
}

}  // namespace limbic::core
