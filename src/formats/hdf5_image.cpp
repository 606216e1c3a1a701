#include "hdf5_image.h"

#include <fmt/format.h>

#include <algorithm>

namespace limbic::formats::hdf5 {
namespace {

constexpr std::string_view kHdf5Signature("\x89HDF\r\n\x1a\n", 8);

uint32_t rotated(uint32_t x, int bits) {
  return x << bits | x >> (32 - bits);
}

}  // namespace

uint32_t lookup3(std::string_view bytes) {
  uint32_t a = 0xdeadbeef + static_cast<uint32_t>(bytes.size());
  uint32_t b = a, c = a;
  const auto word = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4 && at + i < bytes.size(); ++i)
      value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + i])) << 8 * i;
    return value;
  };
  for (; bytes.size() > 12; bytes.remove_prefix(12)) {
    a += word(0);
    b += word(4);
    c += word(8);
    a = (a - c) ^ rotated(c, 4), c += b;
    b = (b - a) ^ rotated(a, 6), a += c;
    c = (c - b) ^ rotated(b, 8), b += a;
    a = (a - c) ^ rotated(c, 16), c += b;
    b = (b - a) ^ rotated(a, 19), a += c;
    c = (c - b) ^ rotated(b, 4), b += a;
  }
  if (bytes.empty()) return c;
  a += word(0);
  b += word(4);
  c += word(8);
  c = (c ^ b) - rotated(b, 14);
  a = (a ^ c) - rotated(c, 11);
  b = (b ^ a) - rotated(a, 25);
  c = (c ^ b) - rotated(b, 16);
  a = (a ^ c) - rotated(c, 4);
  b = (b ^ a) - rotated(a, 14);
  return (c ^ b) - rotated(b, 24);
}

uint32_t log2_floor(uint64_t value) {
  return value == 0 ? 0 : 63 - static_cast<uint32_t>(__builtin_clzll(value));
}

uint32_t num_bytes_for(uint64_t limit) {
  return log2_floor(limit) / 8 + 1;
}

uint64_t times(const Image& image, uint64_t a, uint64_t b, uint64_t address) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product))
    image.fail(address, fmt::format("{} times {}: a size beyond 64 bits", a, b));
  return product;
}

Image::Image(const std::string& path, const Hdf5Options& options)
    : source_(path, ErrorCode::kData), options_(options) {
  read_superblock();
}

void Image::fail(uint64_t address, const std::string& what) const {
  source_.fail(fmt::format("byte {}: {}", base_ + address, what));
}

uint64_t Image::warranted_bytes() const {
  // No file comes near 2^50 bytes.
  return std::min(size_, UINT64_C(1) << 50) * 1032 + (UINT64_C(64) << 10);
}

void Image::read(uint64_t address, void* to, uint64_t num_bytes, const char* what) const {
  if (address > size_ || num_bytes > size_ - address)
    fail(std::min(address, size_), fmt::format("{} of {} bytes lies beyond the end of the file ({} bytes); "
                                               "it is damaged or was cut off, fetch it again",
                                               what, num_bytes, base_ + size_));
  source_.read(base_ + address, to, num_bytes);
}

std::string Image::block(uint64_t address, uint64_t num_bytes, const char* what, Allowance& allowance) const {
  if (num_bytes > allowance.left)
    fail(std::min(address, size_), fmt::format("{}: its parts would be more than the whole file; links lead "
                                               "in a circle or sizes are damaged",
                                               what));
  // Even an empty block is work.
  allowance.left -= std::min(allowance.left, std::max<uint64_t>(num_bytes, 8));
  if (address > size_ || num_bytes > size_ - address) read(address, nullptr, num_bytes, what);
  std::string bytes(num_bytes, '\0');
  read(address, bytes.data(), num_bytes, what);
  return bytes;
}

void Image::verify(std::string_view block, uint64_t address, const char* what) const {
  if (!options_.verify_checksums) return;
  const size_t size = block.size() - 4;
  uint32_t stored = 0;
  for (size_t i = 0; i < 4; ++i)
    stored |= static_cast<uint32_t>(static_cast<uint8_t>(block[size + i])) << 8 * i;
  if (stored != lookup3(block.substr(0, size)))
    fail(address, fmt::format("{}: its checksum does not fit; the file is damaged, fetch it again", what));
}

void Image::expect_signature(std::string_view block, const char* signature, uint64_t address) const {
  if (block.substr(0, 4) != signature)
    fail(address, fmt::format("{} where '{}' should stand; the file is damaged",
                              detail::shown(block.substr(0, 4)), signature));
}

// "Level 0A: Format Signature and Superblock". A user block of 512, 1024, 2048 ... bytes may come before.
void Image::read_superblock() {
  const uint64_t file_size = source_.size();
  char signature[8];
  uint64_t at = 0;
  for (;;) {
    if (at + 8 > file_size) source_.fail("not an HDF5 file: no signature at byte 0, 512, 1024 ...");
    source_.read(at, signature, sizeof signature);
    if (std::string_view(signature, 8) == kHdf5Signature) break;
    at = at == 0 ? 512 : at * 2;
  }
  base_ = at;
  size_ = file_size - at;
  const uint64_t head_size = std::min<uint64_t>(size_, 160);
  Allowance all = allowance();
  const std::string head = block(0, head_size, "the superblock", all);
  Cursor cursor(*this, head, 0);
  cursor.skip(8);
  const uint8_t version = cursor.u8();
  if (version > 3) fail(8, fmt::format("superblock version {}; 0 to 3 are read", version));
  if (version <= 1) cursor.skip(4);
  num_address_bytes_ = cursor.u8();
  num_length_bytes_ = cursor.u8();
  const auto is_size = [](uint32_t n) { return n == 2 || n == 4 || n == 8; };
  if (!is_size(num_address_bytes_) || !is_size(num_length_bytes_))
    fail(cursor.at(), fmt::format("addresses of {} and lengths of {} bytes; 2, 4 and 8 are read",
                                  num_address_bytes_, num_length_bytes_));
  // The base address in the file is not believed: the library, too, takes the place of the signature.
  if (version <= 1) {
    cursor.skip(version == 0 ? 9 : 13);
    cursor.skip(4 * num_address_bytes_);  // base, free space, end of file, driver information
    cursor.skip(num_address_bytes_);      // of the root's name
    root_address_ = cursor.address();
  } else {
    cursor.skip(1);
    cursor.skip(3 * num_address_bytes_);  // base, extension, end of file
    root_address_ = cursor.address();
    const uint64_t size = cursor.at() + 4;
    cursor.skip(4);
    verify(std::string_view(head).substr(0, size), 0, "the superblock");
  }
}

std::shared_ptr<const Object> Image::kept_group(uint64_t address) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = groups_.find(address);
  return found == groups_.end() ? nullptr : found->second;
}

void Image::keep_group(uint64_t address, std::shared_ptr<const Object> group) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  groups_.emplace(address, std::move(group));
}

uint64_t Cursor::number(uint64_t num_bytes) {
  const std::string_view raw = take(num_bytes);
  uint64_t value = 0;
  for (size_t i = 0; i < raw.size(); ++i)
    value |= static_cast<uint64_t>(static_cast<uint8_t>(raw[i])) << 8 * i;
  return value;
}

uint64_t Cursor::address() {
  const uint32_t size = image_.num_address_bytes();
  const uint64_t value = number(size);
  return size < 8 && value == (UINT64_C(1) << 8 * size) - 1 ? kUndefined : value;
}

std::string_view Cursor::take(uint64_t num_bytes) {
  if (num_bytes > left()) fail(fmt::format("{} bytes expected, {} are left", num_bytes, left()));
  const std::string_view out = bytes_.substr(at_, num_bytes);
  at_ += num_bytes;
  return out;
}

std::string_view Cursor::text() {
  const size_t end = bytes_.find('\0', at_);
  if (end == std::string_view::npos) fail("a name that never ends");
  const std::string_view out = bytes_.substr(at_, end - at_);
  at_ = end + 1;
  return out;
}

void Cursor::align(uint64_t num_bytes) {
  at_ = std::min<uint64_t>(bytes_.size(), (at_ + num_bytes - 1) / num_bytes * num_bytes);
}

}  // namespace limbic::formats::hdf5
