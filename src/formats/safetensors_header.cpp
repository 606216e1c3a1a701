#include "safetensors_header.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/resolve_neg.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

#include "limbic/core/hash.h"

namespace limbic::formats::detail {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors data is little-endian");

constexpr std::string_view kCrcPrefix = "limbic.crc32.";
constexpr const char* kHeaderCrcKey = "limbic.header_crc32";

constexpr std::array<DtypeRow, 10> kDtypes = {{{"BOOL", c10::kBool, 1},
                                               {"U8", c10::kByte, 1},
                                               {"I8", c10::kChar, 1},
                                               {"I16", c10::kShort, 2},
                                               {"I32", c10::kInt, 4},
                                               {"I64", c10::kLong, 8},
                                               {"F16", c10::kHalf, 2},
                                               {"BF16", c10::kBFloat16, 2},
                                               {"F32", c10::kFloat, 4},
                                               {"F64", c10::kDouble, 8}}};

/// Bytes that shape and dtype need; every dimension counts in the overflow check, also beside a zero.
uint64_t bytes_of_shape(const ByteSource& source, const Entry& entry) {
  uint64_t product = entry.dtype->num_bytes;
  bool is_empty = false;
  for (const int64_t size : entry.shape) {
    is_empty = is_empty || size == 0;
    if (__builtin_mul_overflow(product, static_cast<uint64_t>(std::max<int64_t>(size, 1)), &product) ||
        product > INT64_MAX) {
      source.fail(fmt::format("tensor {}: its shape overflows 63 bits", shown(entry.name)));
    }
  }
  return is_empty ? 0 : product;
}

/// The order of the data; zero-size tensors share their offset with a neighbour.
bool comes_before(const Entry& a, const Entry& b) {
  return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
}

std::string hex32(uint32_t value) {
  return fmt::format("{:08x}", value);
}

std::optional<uint32_t> parse_hex32(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // Only the writer's own spelling: then a flipped bit cannot pass as another case of a digit.
  return hex32(value) == text ? std::optional<uint32_t>(value) : std::nullopt;
}

/// CRC-32 of what a header means: independent of blanks, key order and escapes. A chain over records, so that
/// it needs no copy of the whole.
uint32_t header_crc(const std::vector<Entry>& entries, const Metadata& metadata) {
  uint32_t chain = 0;
  std::string record;
  const auto text = [&](std::string_view part) {
    record += fmt::format("{}:", part.size());
    record += part;
  };
  const auto link = [&] {
    record.insert(0, reinterpret_cast<const char*>(&chain), sizeof(chain));
    chain = core::crc32(record.data(), record.size());
    record.clear();
  };
  for (const Entry& entry : entries) {
    text(entry.name);
    text(entry.dtype->name);
    for (const int64_t size : entry.shape) record += fmt::format("{},", size);
    record += fmt::format(";{};{};", entry.begin, entry.end);
    if (entry.crc32) record += hex32(*entry.crc32);
    link();
  }
  for (const auto& [key, value] : metadata) {
    text(key);
    text(value);
    link();
  }
  return chain;
}

template <class Word>
int64_t first_with_full_exponent(const void* data, uint64_t num_bytes, Word exponent) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (uint64_t i = 0; i < num_bytes; i += sizeof(Word)) {
    Word word;
    std::memcpy(&word, bytes + i, sizeof(Word));
    if ((word & exponent) == exponent) return static_cast<int64_t>(i / sizeof(Word));
  }
  return -1;
}

/// Index of the first NaN or Inf, -1 when there is none.
int64_t first_nonfinite(c10::ScalarType type, const void* data, uint64_t num_bytes) {
  switch (type) {
    case c10::kHalf:
      return first_with_full_exponent<uint16_t>(data, num_bytes, 0x7C00);
    case c10::kBFloat16:
      return first_with_full_exponent<uint16_t>(data, num_bytes, 0x7F80);
    case c10::kFloat:
      return first_with_full_exponent<uint32_t>(data, num_bytes, 0x7F800000U);
    case c10::kDouble:
      return first_with_full_exponent<uint64_t>(data, num_bytes, 0x7FF0000000000000ULL);
    default:
      return -1;
  }
}

}  // namespace

std::string supported_dtypes() {
  std::string names;
  for (const auto& row : kDtypes) names += (names.empty() ? "" : " ") + std::string(row.name);
  return names;
}

const DtypeRow* dtype_of(std::string_view name) {
  for (const auto& row : kDtypes) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

const DtypeRow* dtype_of(c10::ScalarType type) {
  for (const auto& row : kDtypes) {
    if (type == row.type) return &row;
  }
  return nullptr;
}

void check_layout(const ByteSource& source, std::vector<Entry>& entries, uint64_t num_data_bytes) {
  std::sort(entries.begin(), entries.end(), comes_before);
  uint64_t expected = 0;
  for (const Entry& entry : entries) {
    if (entry.begin > entry.end) {
      source.fail(fmt::format("tensor {}: data_offsets [{}, {}] go backwards", shown(entry.name), entry.begin,
                              entry.end));
    }
    const uint64_t needed = bytes_of_shape(source, entry);
    if (needed != entry.num_bytes()) {
      source.fail(fmt::format("tensor {}: shape and dtype need {} bytes, data_offsets give {}",
                              shown(entry.name), needed, entry.num_bytes()));
    }
    if (entry.end > num_data_bytes) {
      source.fail(fmt::format("tensor {}: ends at byte {} of {} bytes of data; the file is cut short",
                              shown(entry.name), entry.end, num_data_bytes));
    }
    if (entry.begin > expected) {
      source.fail(
          fmt::format("tensor {}: a hole of {} bytes before it", shown(entry.name), entry.begin - expected));
    }
    if (entry.begin < expected)
      source.fail(fmt::format("tensor {}: overlaps the one before it", shown(entry.name)));
    expected = entry.end;
  }
  if (expected != num_data_bytes) {
    source.fail(fmt::format("{} bytes after the last tensor", num_data_bytes - expected));
  }
}

void take_checksums(const ByteSource& source, std::vector<Entry>& entries, Metadata& metadata) {
  std::map<std::string, uint32_t> sums;
  const auto checksum = [&](const std::string& key, const std::string& value) {
    const auto parsed = parse_hex32(value);
    if (!parsed)
      source.fail(fmt::format("checksum {} is not 8 hex digits; the header is damaged", shown(key)));
    return *parsed;
  };
  for (auto at = metadata.lower_bound(std::string(kCrcPrefix)); at != metadata.end();) {
    if (std::string_view(at->first).substr(0, kCrcPrefix.size()) != kCrcPrefix) break;
    sums.emplace(at->first.substr(kCrcPrefix.size()), checksum(at->first, at->second));
    at = metadata.erase(at);
  }
  const auto own = metadata.find(kHeaderCrcKey);
  if (own == metadata.end()) {
    if (!sums.empty()) source.fail("tensors have checksums but the header has none; the header is damaged");
    return;
  }
  const uint32_t expected = checksum(own->first, own->second);
  metadata.erase(own);
  for (Entry& entry : entries) {
    const auto found = sums.find(entry.name);
    if (found == sums.end()) {
      source.fail(
          fmt::format("tensor {}: its checksum is missing; the header is damaged", shown(entry.name)));
    }
    entry.crc32 = found->second;
    sums.erase(found);
  }
  if (!sums.empty()) {
    source.fail(fmt::format("checksum of a tensor {} that is not there; the header is damaged",
                            shown(sums.begin()->first)));
  }
  if (header_crc(entries, metadata) != expected) {
    source.fail("the header does not match its checksum; it is damaged, or another program changed it");
  }
}

std::string build_header(std::vector<Entry> entries, const Metadata& metadata) {
  std::sort(entries.begin(), entries.end(), comes_before);
  Metadata all = metadata;
  for (const auto& [key, value] : metadata) {
    require(key != kHeaderCrcKey && std::string_view(key).substr(0, kCrcPrefix.size()) != kCrcPrefix,
            ErrorCode::kInternal, "metadata key " + shown(key) + " is reserved for checksums");
  }
  for (const Entry& entry : entries) all[std::string(kCrcPrefix) + entry.name] = hex32(*entry.crc32);
  all[kHeaderCrcKey] = hex32(header_crc(entries, metadata));

  std::string json;
  try {
    json = fmt::format("{{\"{}\":{}", kMetadataKey, nlohmann::json(all).dump());
    for (const Entry& entry : entries) {
      json += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                          nlohmann::json(entry.name).dump(), entry.dtype->name, fmt::join(entry.shape, ","),
                          entry.begin, entry.end);
    }
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorCode::kInternal,
                std::string("a tensor name or metadata text is not UTF-8: ") + e.what());
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');
  require(json.size() <= kMaxHeaderBytes, ErrorCode::kInternal,
          fmt::format("a safetensors header of {} bytes; at most {} can be read again", json.size(),
                      kMaxHeaderBytes));
  const uint64_t length = json.size();
  std::string head(reinterpret_cast<const char*>(&length), 8);
  return head + json;
}

at::Tensor storable(const std::string& name, const at::Tensor& tensor) {
  const auto check = [&](bool ok, const std::string& why) {
    if (!ok)
      throw Error(ErrorCode::kInternal,
                  "tensor " + shown(name) + " cannot be written as safetensors: " + why);
  };
  check(name != kMetadataKey, "the name is reserved");
  check(tensor.defined(), "it is undefined");
  check(tensor.layout() == c10::kStrided && !tensor.is_quantized(), "it is sparse or quantized");
  check(dtype_of(tensor.scalar_type()) != nullptr,
        fmt::format("dtype {} (supported: {})", c10::toString(tensor.scalar_type()), supported_dtypes()));
  return at::resolve_neg(tensor.detach().to(c10::kCPU)).contiguous();
}

bool check_crc(const ByteSource& source, const Entry& entry, const void* data) {
  if (!entry.crc32) return false;
  const uint32_t found = core::crc32(data, entry.num_bytes());
  if (found != *entry.crc32) {
    source.fail(fmt::format("tensor {}: checksum {} instead of {}; the file is damaged", shown(entry.name),
                            hex32(found), hex32(*entry.crc32)));
  }
  return true;
}

void check_values(const ByteSource& source, const Entry& entry, const void* data, bool check_finite) {
  if (entry.dtype->type == c10::kBool) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    const auto* end = bytes + entry.num_bytes();
    const auto* bad = std::find_if(bytes, end, [](unsigned char byte) { return byte > 1; });
    if (bad != end) {
      source.fail(fmt::format("tensor {}: element {} of a BOOL tensor is {}, not 0 or 1", shown(entry.name),
                              bad - bytes, *bad));
    }
  }
  const int64_t index = check_finite ? first_nonfinite(entry.dtype->type, data, entry.num_bytes()) : -1;
  if (index >= 0) {
    source.fail(fmt::format("tensor {}: element {} is not finite (NaN or Inf)", shown(entry.name), index));
  }
}

}  // namespace limbic::formats::detail
