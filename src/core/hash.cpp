#include "limbic/core/hash.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

extern "C" {
#include <libavutil/mem.h>
#include <libavutil/sha.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "limbic/core/error.h"

namespace limbic::core {

struct Sha256::Impl {
  AVSHA* state = av_sha_alloc();
  ~Impl() { av_free(state); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  require(impl_->state != nullptr && av_sha_init(impl_->state, 256) == 0, ErrorCode::kResource,
          "out of memory");
}
Sha256::~Sha256() = default;

void Sha256::update(const void* data, size_t num_bytes) {
  av_sha_update(impl_->state, static_cast<const uint8_t*>(data), num_bytes);
}

std::string Sha256::hex() {
  std::array<uint8_t, 32> digest{};
  av_sha_final(impl_->state, digest.data());
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : digest) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes.data(), bytes.size());
  return sha.hex();
}

std::string sha256_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  require(fd >= 0, ErrorCode::kData, path + ": cannot open: " + std::strerror(errno));
  struct Closer {
    int fd;
    ~Closer() { close(fd); }
  } closer{fd};
  struct stat info {};
  require(fstat(fd, &info) == 0 && S_ISREG(info.st_mode), ErrorCode::kData, path + ": not a regular file");
  Sha256 sha;
  std::vector<char> buffer(1 << 18);
  for (;;) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    require(n >= 0, ErrorCode::kData, path + ": read failed: " + std::strerror(errno));
    if (n == 0) return sha.hex();
    sha.update(buffer.data(), static_cast<size_t>(n));
  }
}

uint32_t crc32(const void* data, size_t num_bytes) {
  const auto* next = static_cast<const Bytef*>(data);
  uLong crc = ::crc32(0, Z_NULL, 0);
  while (num_bytes > 0) {
    const auto chunk = static_cast<uInt>(std::min<size_t>(num_bytes, 1u << 30));
    crc = ::crc32(crc, next, chunk);
    next += chunk;
    num_bytes -= chunk;
  }
  return static_cast<uint32_t>(crc);
}

}  // namespace limbic::core
