#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace limbic::formats::detail {

/// The files of a recording: a folder, or a zip archive read in memory. Names inside never become paths of
/// this machine unless they came from listing the folder.
class SensorFiles {
 public:
  /// @throws Error(kData)
  SensorFiles(const std::string& path, uint64_t max_bytes);
  ~SensorFiles();
  SensorFiles(const SensorFiles&) = delete;
  SensorFiles& operator=(const SensorFiles&) = delete;

  /// Folder: names of its files. Zip: entries, with their folders. Sorted.
  const std::vector<std::string>& names() const { return names_; }
  /// A file's bytes; a name that ends in .gz is unpacked.
  std::string read(const std::string& name) const;
  /// For error messages: folder/name or archive.zip/name.
  std::string where(const std::string& name) const { return path_ + "/" + name; }

 private:
  struct Archive;
  std::string path_;
  uint64_t max_bytes_;
  std::vector<std::string> names_;
  std::unique_ptr<Archive> archive_;
};

/// A file's bytes, unpacked when they are gzip. @throws Error(kData) past max_bytes
std::string read_unpacked(const std::string& path, uint64_t max_bytes);
/// Up to `num_bytes` from the start, unpacked when they are gzip; does not fail on a damaged tail.
std::string read_head(const std::string& path, size_t num_bytes);
/// @throws Error(kData) truncated, damaged, more than max_bytes
std::string gunzip(std::string_view bytes, const std::string& name, uint64_t max_bytes);

std::string lower_case(std::string_view text);
bool ends_with(std::string_view text, std::string_view end);
/// The last part of a path.
std::string base_name(std::string_view path);

}  // namespace limbic::formats::detail
