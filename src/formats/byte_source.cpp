#include "byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace limbic::formats::detail {

std::string shown(std::string_view name) {
  constexpr size_t kLongest = 80;
  std::string out = "'";
  for (const char c : name.substr(0, kLongest))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out + (name.size() > kLongest ? "...'" : "'");
}

FileSource::FileSource(const std::string& path, ErrorCode code) : ByteSource(path, code) {
  // O_NONBLOCK: opening a FIFO without a writer would otherwise wait for ever.
  fd_ = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd_ < 0) fail(fmt::format("cannot open: {}", std::strerror(errno)));
  struct stat status {};
  if (fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd_);
    fail("not a regular file");
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

FileSource::~FileSource() {
  close(fd_);
}

void FileSource::read(uint64_t offset, void* to, size_t num_bytes) const {
  auto* next = static_cast<char*>(to);
  while (num_bytes > 0) {
    const ssize_t n = pread(fd_, next, std::min<size_t>(num_bytes, 1U << 30), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(fmt::format("read failed: {}", std::strerror(errno)));
    if (n == 0) fail("the file became shorter while it was read");
    next += n;
    offset += static_cast<uint64_t>(n);
    num_bytes -= static_cast<size_t>(n);
  }
}

void MemorySource::read(uint64_t offset, void* to, size_t num_bytes) const {
  if (offset > bytes_.size() || num_bytes > bytes_.size() - offset) fail("read past the end");
  if (num_bytes > 0) std::memcpy(to, bytes_.data() + offset, num_bytes);
}

}  // namespace limbic::formats::detail
