#include "limbic/formats/safetensors.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "limbic/core/atomic_file.h"
#include "limbic/core/hash.h"
#include "safetensors_header.h"

namespace limbic::formats {
namespace {

Safetensors read_all(const detail::ByteSource& source, const ReadOptions& options) {
  detail::Header header = detail::read_header(source);
  Safetensors contents;
  for (const detail::Entry& entry : header.entries) {
    at::Tensor tensor;
    try {
      tensor = at::empty(entry.shape, at::TensorOptions().dtype(entry.dtype->type));
    } catch (const c10::Error&) {
      throw Error(ErrorCode::kResource, fmt::format("{}: tensor {}: no memory for {} bytes", source.name(),
                                                    detail::shown(entry.name), entry.num_bytes()));
    }
    source.read(header.data_offset + entry.begin, tensor.data_ptr(), entry.num_bytes());
    detail::check_crc(source, entry, tensor.data_ptr());
    detail::check_values(source, entry, tensor.data_ptr(), !options.allow_nonfinite);
    contents.tensors.emplace(entry.name, std::move(tensor));
  }
  contents.metadata = std::move(header.metadata);
  return contents;
}

}  // namespace

Safetensors read_safetensors(const std::string& path, const ReadOptions& options) {
  return read_all(detail::FileSource(path, options.error_code), options);
}

Safetensors parse_safetensors(std::string_view bytes, const std::string& name, const ReadOptions& options) {
  return read_all(detail::MemorySource(bytes, name, options.error_code), options);
}

void write_safetensors(const std::string& path, const TensorMap& tensors, const Metadata& metadata) {
  std::vector<detail::Entry> entries;
  for (const auto& [name, tensor] : tensors) {
    require(tensor.defined(), ErrorCode::kInternal,
            "tensor " + detail::shown(name) + " cannot be written as safetensors: it is undefined");
    detail::Entry entry;
    entry.name = name;
    entry.dtype = detail::dtype_of(tensor.scalar_type());
    if (entry.dtype == nullptr) detail::storable(name, tensor);  // throws, with the reason
    entry.shape = tensor.sizes().vec();
    entry.crc32 = 0;
    entries.push_back(std::move(entry));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const detail::Entry& a, const detail::Entry& b) {
    return a.dtype->num_bytes > b.dtype->num_bytes;  // by name within a width, as the map is
  });
  uint64_t offset = 0;
  for (detail::Entry& entry : entries) {
    entry.begin = offset;
    offset += static_cast<uint64_t>(tensors.at(entry.name).numel()) * entry.dtype->num_bytes;
    entry.end = offset;
  }
  core::AtomicFile file(path);
  // The checksums are known last; their width is fixed, so the header is written twice.
  const std::string draft = detail::build_header(entries, metadata);
  file.write(draft);
  for (detail::Entry& entry : entries) {
    const at::Tensor data = detail::storable(entry.name, tensors.at(entry.name));
    entry.crc32 = core::crc32(data.data_ptr(), entry.num_bytes());
    file.write(data.data_ptr(), entry.num_bytes());
  }
  file.write_at(0, detail::build_header(entries, metadata).data(), draft.size());
  file.commit();
}

}  // namespace limbic::formats
