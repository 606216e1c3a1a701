#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/core/error.h"

namespace limbic::formats {

using TensorMap = std::map<std::string, at::Tensor>;
using Metadata = std::map<std::string, std::string>;

/// The contents of a safetensors file: named CPU tensors and free text, without limbic's checksum keys.
struct Safetensors {
  TensorMap tensors;
  Metadata metadata;
};

struct ReadOptions {
  bool allow_nonfinite = false;  ///< false: NaN or Inf in a float tensor is an error
  ErrorCode error_code =
      ErrorCode::kModel;  ///< what a bad file is to the caller: kModel weights, kData a store
};

// Note [Safetensors integrity]
// limbic's writers add a CRC-32 for each tensor ("limbic.crc32.<name>") and one for the meaning of the header
// ("limbic.header_crc32": names, dtypes, shapes, offsets, metadata) to `__metadata__`; every reader of the
// format may ignore them. Where one is present all must be, and they are checked. So in a file of ours with
// at least one tensor any single flipped bit is either an error or leaves every tensor and all metadata as
// they were (case of a hex digit in a \u escape). Files of other programs have no checksums and read as they
// are. A header may be 100 MB; its memory while reading stays below 64 MB, because it is parsed as a stream
// and what it says may take up at most 32 MiB.

/// Reads a whole file. Everything the header says is checked before a tensor is made, every tensor (checksum,
/// finite values, bools that are 0 or 1) before any is returned. The file is read with pread, tensor by
/// tensor. dtypes: BOOL U8 I8 I16 I32 I64 F16 BF16 F32 F64. @throws Error(options.error_code)
Safetensors read_safetensors(const std::string& path, const ReadOptions& options = {});
/// The same from memory; `name` stands for the path in errors.
Safetensors parse_safetensors(std::string_view bytes, const std::string& name,
                              const ReadOptions& options = {});

/// Writes the file atomically. The same tensors and metadata give the same bytes: tensors are ordered by
/// dtype width (widest first, so that each is aligned), then by name. Views, aliases and tensors on a device
/// are written as contiguous CPU copies, one at a time. @throws Error(kStorage), or Error(kInternal) for what
/// the format cannot hold
void write_safetensors(const std::string& path, const TensorMap& tensors, const Metadata& metadata = {});

/// What the header says about one tensor.
struct TensorInfo {
  std::string dtype;           ///< as in the file, e.g. "F32"
  std::vector<int64_t> shape;  ///< empty for a scalar
  uint64_t num_bytes = 0;
  std::optional<uint32_t> crc32;  ///< absent in files of other programs
};

/// Random access to the tensors of one file through a mapping. The header is checked when it opens, values
/// are not: see verify(). Const methods may be called from several threads; copies share the mapping. The
/// file must not be changed in place while it is open (a truncation would raise SIGBUS); limbic's writers
/// replace files, which is safe.
class SafetensorsShard {
 public:
  /// @throws Error(code)
  explicit SafetensorsShard(const std::string& path, ErrorCode code = ErrorCode::kData);

  /// A copy of its own. @throws Error(code) for an unknown name, with the nearest one
  at::Tensor read(const std::string& name) const;
  /// A read-only tensor over the mapping, which lives as long as it: writing into it ends the process. A
  /// tensor that is not aligned for its dtype (foreign files only) is copied.
  at::Tensor view(const std::string& name) const;
  /// Checks every tensor's checksum; false when the file has none. @throws Error(code) naming the first bad
  /// tensor
  bool verify() const;
  /// The same for one tensor.
  bool verify(const std::string& name) const;

  bool contains(const std::string& name) const;
  const TensorInfo& info(const std::string& name) const;
  /// Sorted.
  const std::vector<std::string>& names() const;
  const Metadata& metadata() const;
  const std::string& path() const;
  uint64_t num_bytes() const;  ///< of the file

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// Writes one file tensor by tensor, holding none of them: for shards. Tensors go to unnamed spool files
/// beside the target, one per dtype width, and are joined at finish(), so that each is aligned in the final
/// file; that costs the data's size twice on disk for a moment. Equal calls give equal bytes. Not
/// thread-safe.
class SafetensorsWriter {
 public:
  explicit SafetensorsWriter(std::string path);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  /// @throws Error(kInternal) for a name used twice or a tensor the format cannot hold, Error(kStorage)
  void add(const std::string& name, const at::Tensor& tensor);
  /// Makes the file appear. Without it nothing is left behind.
  void finish(const Metadata& metadata = {});

  uint64_t num_bytes() const;  ///< tensor data so far: to start the next shard in time
  size_t num_tensors() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::formats
