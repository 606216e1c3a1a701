#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "byte_source.h"

namespace limbic::formats::detail {

/// One field of a protobuf message, as it lies in the file.
struct WireField {
  enum class Kind { kVarint, kFixed64, kBytes, kFixed32 };
  uint64_t number = 0;
  Kind kind = Kind::kVarint;
  uint64_t value = 0;      ///< of kVarint, kFixed32 and kFixed64
  std::string_view bytes;  ///< of kBytes
  uint64_t offset = 0;     ///< of the field's tag in the file
};

/// Walks the fields of one protobuf message in untrusted bytes; every read is checked against the message's
/// end. Groups (an abandoned part of protobuf) are refused.
class WireReader {
 public:
  /// @param file     the whole file, for offsets in errors
  /// @param message  a part of it
  WireReader(const MemorySource& source, std::string_view file, std::string_view message)
      : source_(source), file_(file), rest_(message) {}

  /// False at the end of the message. @throws when the bytes are not protobuf
  bool next(WireField& field);
  /// The next varint of a packed list; only while !at_end().
  uint64_t varint();
  bool at_end() const { return rest_.empty(); }
  uint64_t offset() const { return static_cast<uint64_t>(rest_.data() - file_.data()); }
  [[noreturn]] void fail(uint64_t offset, const std::string& message) const;

 private:
  std::string_view take(uint64_t num_bytes, const char* what);

  const MemorySource& source_;
  std::string_view file_;
  std::string_view rest_;
};

}  // namespace limbic::formats::detail
