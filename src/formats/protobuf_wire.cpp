#include "protobuf_wire.h"

#include <fmt/format.h>

#include <cstring>

namespace limbic::formats::detail {

void WireReader::fail(uint64_t offset, const std::string& message) const {
  source_.fail(fmt::format("at byte {}: {}", offset, message));
}

std::string_view WireReader::take(uint64_t num_bytes, const char* what) {
  if (num_bytes > rest_.size()) {
    fail(offset(), fmt::format("{} of {} bytes where only {} are left; the file is cut short or damaged",
                               what, num_bytes, rest_.size()));
  }
  const std::string_view taken = rest_.substr(0, num_bytes);
  rest_.remove_prefix(num_bytes);
  return taken;
}

uint64_t WireReader::varint() {
  const uint64_t start = offset();
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) fail(start, "a number that does not end; the file is cut short or damaged");
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail(start, "a number of more than 64 bits; this is not a protobuf file");
}

bool WireReader::next(WireField& field) {
  if (at_end()) return false;
  field = WireField{};
  field.offset = offset();
  const uint64_t tag = varint();
  field.number = tag >> 3;
  if (field.number == 0 || field.number >= (UINT64_C(1) << 29)) {
    fail(field.offset, fmt::format("field number {}; this is not a protobuf file", field.number));
  }
  switch (tag & 7) {
    case 0:
      field.kind = WireField::Kind::kVarint;
      field.value = varint();
      return true;
    case 1: {
      field.kind = WireField::Kind::kFixed64;
      std::memcpy(&field.value, take(8, "a number").data(), 8);
      return true;
    }
    case 2: {
      field.kind = WireField::Kind::kBytes;
      const uint64_t num_bytes = varint();
      field.bytes = take(num_bytes, "a field");
      return true;
    }
    case 5: {
      field.kind = WireField::Kind::kFixed32;
      uint32_t value = 0;
      std::memcpy(&value, take(4, "a number").data(), 4);
      field.value = value;
      return true;
    }
    default:
      fail(field.offset, fmt::format("wire type {}; this is not a protobuf file of today", tag & 7));
  }
}

}  // namespace limbic::formats::detail
