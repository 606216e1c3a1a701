#include "limbic/core/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "limbic/core/error.h"

namespace limbic::core {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTempMark = ".limbic-tmp-";

[[noreturn]] void throw_storage(const std::string& path, const char* what, int error_number) {
  throw Error(ErrorCode::kStorage, fmt::format("{}: {}: {}", path, what, std::strerror(error_number)));
}

std::string directory_of(const std::string& path) {
  const auto parent = fs::path(path).parent_path();
  return parent.empty() ? std::string(".") : parent.string();
}

void sync_path(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) throw_storage(path, "cannot open to sync", errno);
  const int rc = fsync(fd);
  const int error_number = errno;
  close(fd);
  // EINVAL: file systems that cannot sync directories.
  if (rc != 0 && error_number != EINVAL) throw_storage(path, "sync failed", error_number);
}

void sync_directory(const std::string& path) {
  sync_path(path, O_RDONLY | O_DIRECTORY);
}

void make_directories(const std::string& path) {
  std::error_code ec;
  fs::create_directories(path, ec);
  if (ec) throw Error(ErrorCode::kStorage, path + ": cannot make the directory: " + ec.message());
}

/// Whether the process that a temp name tells of still runs (or another took its number: then it is swept
/// later). A killed process that its parent has not reaped yet answers signals but writes no more.
bool is_writer_alive(const std::string& temp_name) {
  const pid_t pid = std::atoi(temp_name.c_str() + temp_name.rfind(kTempMark) + kTempMark.size());
  if (pid <= 0 || (kill(pid, 0) != 0 && errno != EPERM)) return false;
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(stat, text);
  const size_t name_end = text.rfind(')');  // the name in front may hold blanks and brackets
  return name_end == std::string::npos || name_end + 2 >= text.size() ||
         (text[name_end + 2] != 'Z' && text[name_end + 2] != 'X');
}

void write_all(int fd, const void* data, size_t num_bytes, const std::string& path) {
  const auto* next = static_cast<const char*>(data);
  while (num_bytes > 0) {
    const ssize_t n = ::write(fd, next, num_bytes);
    if (n < 0) {
      if (errno == EINTR) continue;
      throw_storage(path, "write failed", errno);
    }
    next += n;
    num_bytes -= static_cast<size_t>(n);
  }
}

}  // namespace

std::string temp_name_for(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  return fmt::format("{}{}{}-{}", path, kTempMark, getpid(), counter++);
}

bool is_temp_name(std::string_view file_name) {
  return file_name.find(kTempMark) != std::string_view::npos;
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), temp_path_(temp_name_for(path_)) {
  make_directories(directory_of(path_));
  fd_ = open(temp_path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) throw_storage(path_, "cannot write", errno);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(temp_path_.c_str());
}

void AtomicFile::write(const void* data, size_t num_bytes) {
  write_all(fd_, data, num_bytes, path_);
  num_bytes_ += num_bytes;
}

void AtomicFile::write_at(uint64_t offset, const void* data, size_t num_bytes) {
  if (lseek(fd_, static_cast<off_t>(offset), SEEK_SET) < 0) throw_storage(path_, "seek failed", errno);
  write_all(fd_, data, num_bytes, path_);
  if (lseek(fd_, 0, SEEK_END) < 0) throw_storage(path_, "seek failed", errno);
}

void AtomicFile::commit() {
  if (fsync(fd_) != 0) throw_storage(path_, "sync failed", errno);
  const int fd = fd_;
  fd_ = -1;
  // After a failed close or rename the temp is of no use; a failed fsync must not be retried either.
  if (close(fd) != 0 || rename(temp_path_.c_str(), path_.c_str()) != 0) {
    const int error_number = errno;
    unlink(temp_path_.c_str());
    throw_storage(path_, "cannot finish", error_number);
  }
  sync_directory(directory_of(path_));
}

void write_file(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string read_file(const std::string& path, uint64_t max_bytes) {
  // O_NONBLOCK: opening a FIFO without a writer would otherwise wait for ever.
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw Error(ErrorCode::kData, fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
  struct Closer {
    int fd;
    ~Closer() { close(fd); }
  } closer{fd};
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    throw Error(ErrorCode::kData, path + ": not a regular file");
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size > max_bytes) {
    throw Error(ErrorCode::kResource,
                fmt::format("{}: {} bytes; at most {} are read", path, size, max_bytes));
  }
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(ErrorCode::kData, fmt::format("{}: read failed: {}", path, std::strerror(errno)));
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

void sync_tree(const std::string& directory) {
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    sync_path(entry.path().string(), entry.is_directory() ? O_RDONLY | O_DIRECTORY : O_RDONLY);
  }
  sync_directory(directory);
}

void publish_directory(const std::string& from, const std::string& to) {
  sync_tree(from);
  // Plain rename() would replace an empty directory without a word; file systems without the flag say EINVAL.
  int rc = renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (rc != 0 && (errno == EINVAL || errno == ENOSYS)) rc = rename(from.c_str(), to.c_str());
  if (rc != 0) throw_storage(to, "cannot publish the directory", errno);
  sync_directory(directory_of(to));
}

void replace_symlink(const std::string& target, const std::string& link) {
  const std::string temp = temp_name_for(link);
  if (symlink(target.c_str(), temp.c_str()) != 0) throw_storage(link, "cannot link", errno);
  if (rename(temp.c_str(), link.c_str()) != 0) {
    const int error_number = errno;
    unlink(temp.c_str());
    throw_storage(link, "cannot replace the link", error_number);
  }
  sync_directory(directory_of(link));
}

void sweep_stale_temps(const std::string& directory, const std::string& of_name) {
  std::error_code ec;
  const std::string prefix = of_name.empty() ? "" : of_name + std::string(kTempMark);
  for (fs::directory_iterator entry(directory.empty() ? "." : directory, ec), end; !ec && entry != end;
       entry.increment(ec)) {
    const std::string name = entry->path().filename().string();
    if (!is_temp_name(name) || name.rfind(prefix, 0) != 0 || is_writer_alive(name)) continue;
    std::error_code ignored;  // another process may sweep too
    fs::remove_all(entry->path(), ignored);
  }
}

}  // namespace limbic::core
