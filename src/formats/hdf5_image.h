#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "byte_source.h"
#include "limbic/formats/hdf5.h"

// The bytes of an HDF5 file and what bounds the work that they can cause. "HDF5 File Format Specification
// Version 3.0" (The HDF Group); section names in comments are its.
namespace limbic::formats::hdf5 {

constexpr uint64_t kUndefined = ~UINT64_C(0);  ///< the address of what was never written

/// Bytes of metadata that one operation may still read. No honest structure lies in the file twice, so a
/// file of links that lead in circles or share their targets runs out instead of keeping us busy.
struct Allowance {
  uint64_t left = 0;
};

/// An open file. Addresses count from the superblock, as everywhere in the file.
class Image {
 public:
  Image(const std::string& path, const Hdf5Options& options);

  [[noreturn]] void fail(uint64_t address, const std::string& what) const;
  [[noreturn]] void fail(const std::string& what) const { source_.fail(what); }

  Allowance allowance() const { return {size_ + (UINT64_C(64) << 10)}; }
  /// Metadata. @param what  for the refusal when it is not all there
  std::string block(uint64_t address, uint64_t num_bytes, const char* what, Allowance& allowance) const;
  /// Data of a dataset.
  void read(uint64_t address, void* to, uint64_t num_bytes, const char* what) const;
  /// Holds a block against the Jenkins checksum in its last four bytes.
  void verify(std::string_view block, uint64_t address, const char* what) const;
  /// @throws unless the block begins with the four letters
  void expect_signature(std::string_view block, const char* signature, uint64_t address) const;

  uint64_t size() const { return size_; }
  /// What data of this file can unpack to at most: deflate makes 1032 bytes of one.
  uint64_t warranted_bytes() const;
  uint64_t root_address() const { return root_address_; }
  uint32_t num_address_bytes() const { return num_address_bytes_; }
  uint32_t num_length_bytes() const { return num_length_bytes_; }
  const Hdf5Options& options() const { return options_; }

  /// Groups that were opened, so that a path through a large one lists it once.
  std::shared_ptr<const Object> kept_group(uint64_t address) const;
  void keep_group(uint64_t address, std::shared_ptr<const Object> group) const;

 private:
  void read_superblock();

  detail::FileSource source_;
  Hdf5Options options_;
  uint64_t base_ = 0;  ///< of the superblock in the file
  uint64_t size_ = 0;  ///< from there to the end
  uint64_t root_address_ = 0;
  uint32_t num_address_bytes_ = 8;
  uint32_t num_length_bytes_ = 8;
  mutable std::mutex mutex_;
  mutable std::map<uint64_t, std::shared_ptr<const Object>> groups_;
};

/// Takes little-endian numbers from a block of metadata; every step is checked.
class Cursor {
 public:
  /// @param address  of the block, for messages. The bytes must outlive the cursor.
  Cursor(const Image& image, std::string_view bytes, uint64_t address)
      : image_(image), bytes_(bytes), address_(address) {}

  uint64_t number(uint64_t num_bytes);
  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  /// kUndefined when all its bits are set.
  uint64_t address();
  uint64_t length() { return number(image_.num_length_bytes()); }
  std::string_view take(uint64_t num_bytes);
  void skip(uint64_t num_bytes) { take(num_bytes); }
  /// Text up to a zero byte, which is passed.
  std::string_view text();
  /// On to a multiple of `num_bytes` from the block's start, or to its end.
  void align(uint64_t num_bytes);

  uint64_t at() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }
  const Image& image() const { return image_; }
  [[noreturn]] void fail(const std::string& what) const { image_.fail(address_ + at_, what); }

 private:
  const Image& image_;
  std::string_view bytes_;
  uint64_t address_;
  uint64_t at_ = 0;
};

/// Bob Jenkins' lookup3 ("hashlittle" with seed 0), the checksum of metadata.
uint32_t lookup3(std::string_view bytes);
/// How many bytes a number up to `limit` takes.
uint32_t num_bytes_for(uint64_t limit);
/// floor(log2(value)); 0 for 0.
uint32_t log2_floor(uint64_t value);
/// @throws "...: beyond 64 bits"
uint64_t times(const Image& image, uint64_t a, uint64_t b, uint64_t address);

}  // namespace limbic::formats::hdf5
