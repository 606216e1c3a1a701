#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace limbic::formats {

/// Files that belong together: a folder, or a zip archive read in memory. Names inside never become paths of
/// this machine unless they came from listing the folder.
class FileBundle {
 public:
  /// @param max_bytes  of one file once unpacked. @throws Error(kData)
  explicit FileBundle(const std::string& path, uint64_t max_bytes = UINT64_C(4) << 30);
  ~FileBundle();
  FileBundle(const FileBundle&) = delete;
  FileBundle& operator=(const FileBundle&) = delete;

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

}  // namespace limbic::formats
