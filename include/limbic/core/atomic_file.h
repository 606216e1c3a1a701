#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace limbic::core {

/// A file that appears under its final name only when it is complete: temp in the same directory, fsync,
/// rename, fsync of the directory. Destroyed without commit(), it leaves nothing and the old file stays.
class AtomicFile {
 public:
  /// Parent directories are made. @throws Error(kStorage)
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t num_bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Overwrites bytes already written, for headers that are known last.
  void write_at(uint64_t offset, const void* data, size_t num_bytes);
  /// @throws Error(kStorage); after that the final name still has its old content.
  void commit();

  /// Where the bytes are until commit(): for libraries that write to a path themselves.
  const std::string& temp_path() const { return temp_path_; }
  uint64_t num_bytes() const { return num_bytes_; }

 private:
  std::string path_;
  std::string temp_path_;
  int fd_ = -1;
  uint64_t num_bytes_ = 0;
};

/// The whole of `text` as a file, atomically. @throws Error(kStorage)
void write_file(const std::string& path, std::string_view text);
/// A regular file's bytes. FIFOs, devices and directories are refused without blocking.
/// @throws Error(kData) missing or not regular, Error(kResource) larger than `max_bytes`
std::string read_file(const std::string& path, uint64_t max_bytes = UINT64_C(1) << 32);

/// Makes `from` (a complete directory beside it) appear as `to`, durably; `to` must not exist. Files inside
/// are synced first.
void publish_directory(const std::string& from, const std::string& to);
/// Points the symbolic link `link` at `target` (relative), replacing it in one step.
void replace_symlink(const std::string& target, const std::string& link);
/// Syncs a directory and all that is in it.
void sync_tree(const std::string& directory);
/// Removes temp files and directories that killed processes left in `directory` (empty = the current one): of
/// `name`, or all when it is empty.
void sweep_stale_temps(const std::string& directory, const std::string& name = "");
/// True for names that AtomicFile and publish_directory use while they write.
bool is_temp_name(std::string_view file_name);
/// A temp name for `path` in the same directory.
std::string temp_name_for(const std::string& path);

}  // namespace limbic::core
