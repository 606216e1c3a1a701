#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "limbic/core/atomic_file.h"
#include "limbic/core/hash.h"
#include "limbic/formats/safetensors.h"
#include "safetensors_header.h"

namespace limbic::formats {
namespace detail {

constexpr std::array<uint64_t, 4> kSpoolWidths = {8, 4, 2, 1};

/// An unnamed file beside the target that holds the tensors of one dtype width.
class Spool {
 public:
  ~Spool() {
    if (fd_ >= 0) close(fd_);
  }
  void write(const std::string& target, const void* data, uint64_t size) {
    if (fd_ < 0) open_for(target);
    const auto* next = static_cast<const char*>(data);
    for (uint64_t left = size; left > 0;) {
      const ssize_t n = ::write(fd_, next, left);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(target, "write failed");
      next += n;
      left -= static_cast<uint64_t>(n);
    }
    num_bytes_ += size;
  }
  void append_to(core::AtomicFile& file, const std::string& target) const {
    std::vector<char> buffer(num_bytes_ > 0 ? 1 << 20 : 0);
    for (uint64_t at = 0; at < num_bytes_;) {
      const ssize_t n = pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail(target, "cannot read the spooled data");
      file.write(buffer.data(), static_cast<size_t>(n));
      at += static_cast<uint64_t>(n);
    }
  }
  uint64_t num_bytes() const { return num_bytes_; }

 private:
  void open_for(const std::string& target) {
    const std::string temp = core::temp_name_for(target);
    fd_ = open(temp.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd_ < 0) fail(target, "cannot write");
    unlink(temp.c_str());
  }
  [[noreturn]] static void fail(const std::string& target, const char* what) {
    throw Error(ErrorCode::kStorage, fmt::format("{}: {}: {}", target, what, std::strerror(errno)));
  }

  int fd_ = -1;
  uint64_t num_bytes_ = 0;
};

}  // namespace detail

struct SafetensorsWriter::Impl {
  explicit Impl(std::string target) : path(std::move(target)), file(path) {}

  std::string path;
  core::AtomicFile file;
  std::array<detail::Spool, detail::kSpoolWidths.size()> spools;
  std::array<std::vector<detail::Entry>, detail::kSpoolWidths.size()> entries;
  std::set<std::string> names;
  uint64_t num_bytes = 0;
};

SafetensorsWriter::SafetensorsWriter(std::string path) : impl_(std::make_unique<Impl>(std::move(path))) {}
SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::add(const std::string& name, const at::Tensor& tensor) {
  require(impl_ != nullptr, ErrorCode::kInternal, "SafetensorsWriter: add after finish");
  const at::Tensor data = detail::storable(name, tensor);
  require(impl_->names.insert(name).second, ErrorCode::kInternal,
          impl_->path + ": tensor " + detail::shown(name) + " is added twice");
  detail::Entry entry;
  entry.name = name;
  entry.dtype = detail::dtype_of(data.scalar_type());
  entry.shape = data.sizes().vec();
  const uint64_t size = static_cast<uint64_t>(data.numel()) * entry.dtype->num_bytes;
  entry.crc32 = core::crc32(data.data_ptr(), size);
  size_t lane = 0;
  while (detail::kSpoolWidths[lane] != entry.dtype->num_bytes) ++lane;
  entry.begin = impl_->spools[lane].num_bytes();
  entry.end = entry.begin + size;
  impl_->spools[lane].write(impl_->path, data.data_ptr(), size);
  impl_->entries[lane].push_back(std::move(entry));
  impl_->num_bytes += size;
}

void SafetensorsWriter::finish(const Metadata& metadata) {
  require(impl_ != nullptr, ErrorCode::kInternal, "SafetensorsWriter: finish is called twice");
  const auto impl = std::move(impl_);
  std::vector<detail::Entry> all;
  uint64_t offset = 0;
  for (size_t lane = 0; lane < detail::kSpoolWidths.size(); ++lane) {
    for (detail::Entry& entry : impl->entries[lane]) {
      entry.begin += offset;
      entry.end += offset;
      all.push_back(std::move(entry));
    }
    offset += impl->spools[lane].num_bytes();
  }
  impl->file.write(detail::build_header(all, metadata));
  for (const detail::Spool& spool : impl->spools) spool.append_to(impl->file, impl->path);
  impl->file.commit();
}

uint64_t SafetensorsWriter::num_bytes() const {
  return impl_ == nullptr ? 0 : impl_->num_bytes;
}
size_t SafetensorsWriter::num_tensors() const {
  return impl_ == nullptr ? 0 : impl_->names.size();
}

}  // namespace limbic::formats
