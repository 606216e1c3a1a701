#include "limbic/core/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "limbic/core/error.h"

namespace limbic::core {

struct MappedFile::Mapping {
  explicit Mapping(const std::string& path) {
    // O_NONBLOCK: opening a FIFO without a writer would otherwise wait for ever.
    const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) throw Error(ErrorCode::kData, fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
    struct stat info {};
    const bool is_file = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    num_bytes = is_file ? static_cast<size_t>(info.st_size) : 0;
    void* mapped = num_bytes > 0 ? mmap(nullptr, num_bytes, PROT_READ, MAP_SHARED, fd, 0) : nullptr;
    const int error_number = errno;
    close(fd);
    require(is_file, ErrorCode::kData, path + ": not a regular file");
    if (mapped == MAP_FAILED) {
      throw Error(ErrorCode::kResource, fmt::format("{}: cannot map: {}", path, std::strerror(error_number)));
    }
    data = static_cast<const char*>(mapped);
  }
  ~Mapping() {
    if (data != nullptr) munmap(const_cast<char*>(data), num_bytes);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const char* data = nullptr;
  size_t num_bytes = 0;
};

MappedFile::MappedFile(const std::string& path) : mapping_(std::make_shared<const Mapping>(path)) {}

std::string_view MappedFile::bytes() const {
  return {mapping_->data, mapping_->num_bytes};
}

}  // namespace limbic::core
