#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "limbic/core/error.h"

namespace limbic::formats::detail {

/// Bytes that can be read anywhere: a file or memory.
class ByteSource {
 public:
  ByteSource(std::string name, ErrorCode code) : name_(std::move(name)), code_(code) {}
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  /// @throws when the range is not there
  virtual void read(uint64_t offset, void* to, size_t num_bytes) const = 0;

  [[noreturn]] void fail(const std::string& message) const { throw Error(code_, name_ + ": " + message); }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  ErrorCode code_;
};

/// A regular file, read with pread.
class FileSource final : public ByteSource {
 public:
  FileSource(const std::string& path, ErrorCode code);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  uint64_t size() const override { return size_; }
  void read(uint64_t offset, void* to, size_t num_bytes) const override;
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  uint64_t size_ = 0;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string_view bytes, const std::string& name, ErrorCode code)
      : ByteSource(name, code), bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  void read(uint64_t offset, void* to, size_t num_bytes) const override;

 private:
  std::string_view bytes_;
};

/// A name for an error message: quoted, printable, not long.
std::string shown(std::string_view name);

}  // namespace limbic::formats::detail
