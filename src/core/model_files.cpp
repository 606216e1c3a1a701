#include "limbic/core/model_files.h"

#include <cstdlib>
#include <filesystem>

namespace limbic::core {
namespace {

/// An empty variable counts as unset, as the XDG specification says.
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string models_folder() {
  if (std::string own = variable("LIMBIC_MODELS"); !own.empty()) return own;
  if (const std::string data = variable("XDG_DATA_HOME"); !data.empty()) return data + "/limbic/models";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.local/share/limbic/models";
  return "";
}

std::optional<std::string> find_model_file(const std::string& file) {
  const std::string folder = models_folder();
  if (folder.empty()) return std::nullopt;
  std::string path = folder + "/" + file;
  std::error_code ec;
  if (!std::filesystem::is_regular_file(path, ec)) return std::nullopt;
  return path;
}

}  // namespace limbic::core
