#pragma once
#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "byte_source.h"
#include "limbic/formats/safetensors.h"

namespace limbic::formats::detail {

/// One dtype of the format.
struct DtypeRow {
  const char* name;
  c10::ScalarType type;
  uint64_t num_bytes;
};
/// nullptr where LibTorch 1.13 or limbic has no such type.
const DtypeRow* dtype_of(std::string_view name);
const DtypeRow* dtype_of(c10::ScalarType type);
/// "BOOL U8 ...", for error messages.
std::string supported_dtypes();

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  ///< as the reference implementation
constexpr const char* kMetadataKey = "__metadata__";

struct Entry {
  std::string name;
  const DtypeRow* dtype = nullptr;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  ///< half-open byte range [begin, end) in the data
  uint64_t end = 0;
  std::optional<uint32_t> crc32;

  uint64_t num_bytes() const { return end - begin; }
};

struct Header {
  std::vector<Entry> entries;  ///< by offset
  Metadata metadata;           ///< without the checksum keys
  uint64_t data_offset = 0;    ///< of the data in the file
};

/// Reads and checks all that the header says. @throws Error, one message per rule
Header read_header(const ByteSource& source);

/// Sorts the entries by offset and checks that they fill the data without hole or overlap.
void check_layout(const ByteSource& source, std::vector<Entry>& entries, uint64_t num_data_bytes);
/// Moves the checksums out of the metadata into the entries (by offset) and checks the header's own.
void take_checksums(const ByteSource& source, std::vector<Entry>& entries, Metadata& metadata);

/// The first bytes of a file: length and JSON, padded to a multiple of 8. Their number does not depend on the
/// checksums' values, which may be filled in later.
std::string build_header(std::vector<Entry> entries, const Metadata& metadata);

/// The tensor as the format stores it: on the CPU, contiguous, values resolved. @throws Error(kInternal)
at::Tensor storable(const std::string& name, const at::Tensor& tensor);

/// Checks a tensor's bytes: checksum where there is one, bools, finite values.
void check_values(const ByteSource& source, const Entry& entry, const void* data, bool check_finite);
/// False when there is no checksum.
bool check_crc(const ByteSource& source, const Entry& entry, const void* data);

}  // namespace limbic::formats::detail
