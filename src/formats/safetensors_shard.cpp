#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "limbic/core/suggest.h"
#include "limbic/formats/safetensors.h"
#include "safetensors_header.h"

namespace limbic::formats {

struct SafetensorsShard::Impl {
  struct Item {
    detail::Entry entry;
    TensorInfo info;
  };

  Impl(const std::string& path, ErrorCode code) : source(path, code) {
    detail::Header header = detail::read_header(source);
    void* mapped = mmap(nullptr, source.size(), PROT_READ, MAP_SHARED, source.fd(), 0);
    if (mapped == MAP_FAILED) source.fail(fmt::format("cannot map: {}", std::strerror(errno)));
    mapping = mapped;
    data = static_cast<const char*>(mapped) + header.data_offset;
    metadata = std::move(header.metadata);
    items.reserve(header.entries.size());
    for (detail::Entry& entry : header.entries) {
      names.push_back(entry.name);
      TensorInfo info{entry.dtype->name, entry.shape, entry.num_bytes(), entry.crc32};
      std::string name = entry.name;
      items.emplace(std::move(name), Item{std::move(entry), std::move(info)});
    }
    std::sort(names.begin(), names.end());
  }
  ~Impl() {
    if (mapping != nullptr) munmap(mapping, source.size());
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const Item& item(const std::string& name) const {
    const auto found = items.find(name);
    if (found == items.end()) {
      source.fail(fmt::format("no tensor {}{}", detail::shown(name), core::did_you_mean(name, names)));
    }
    return found->second;
  }
  const char* bytes_of(const detail::Entry& entry) const { return data + entry.begin; }

  detail::FileSource source;
  void* mapping = nullptr;
  const char* data = nullptr;
  std::unordered_map<std::string, Item> items;
  std::vector<std::string> names;
  Metadata metadata;
};

SafetensorsShard::SafetensorsShard(const std::string& path, ErrorCode code)
    : impl_(std::make_shared<const Impl>(path, code)) {}

at::Tensor SafetensorsShard::read(const std::string& name) const {
  const detail::Entry& entry = impl_->item(name).entry;
  at::Tensor tensor = at::empty(entry.shape, at::TensorOptions().dtype(entry.dtype->type));
  if (entry.num_bytes() > 0) std::memcpy(tensor.data_ptr(), impl_->bytes_of(entry), entry.num_bytes());
  detail::check_values(impl_->source, entry, tensor.data_ptr(), /*check_finite=*/false);
  return tensor;
}

at::Tensor SafetensorsShard::view(const std::string& name) const {
  const detail::Entry& entry = impl_->item(name).entry;
  const char* bytes = impl_->bytes_of(entry);
  if (entry.num_bytes() == 0 || reinterpret_cast<uintptr_t>(bytes) % entry.dtype->num_bytes != 0)
    return read(name);
  detail::check_values(impl_->source, entry, bytes, /*check_finite=*/false);
  // The deleter owns a share of the mapping.
  return at::from_blob(
      const_cast<char*>(bytes), entry.shape, [keep = impl_](void*) {},
      at::TensorOptions().dtype(entry.dtype->type));
}

bool SafetensorsShard::verify() const {
  bool has_checksums = !impl_->names.empty();
  for (const std::string& name : impl_->names) has_checksums = verify(name) && has_checksums;
  return has_checksums;
}

bool SafetensorsShard::verify(const std::string& name) const {
  const detail::Entry& entry = impl_->item(name).entry;
  return detail::check_crc(impl_->source, entry, impl_->bytes_of(entry));
}

bool SafetensorsShard::contains(const std::string& name) const {
  return impl_->items.count(name) > 0;
}
const TensorInfo& SafetensorsShard::info(const std::string& name) const {
  return impl_->item(name).info;
}
const std::vector<std::string>& SafetensorsShard::names() const {
  return impl_->names;
}
const Metadata& SafetensorsShard::metadata() const {
  return impl_->metadata;
}
const std::string& SafetensorsShard::path() const {
  return impl_->source.name();
}
uint64_t SafetensorsShard::num_bytes() const {
  return impl_->source.size();
}

}  // namespace limbic::formats
