// The messages that say what a dataset is: "IV.A.2.b" dataspace, "i" layout, "l" filters.
#include <fmt/format.h>

#include <algorithm>

#include "hdf5_object.h"

namespace limbic::formats::hdf5 {

uint64_t Dataspace::num_elements() const {
  if (is_null) return 0;
  uint64_t count = 1;
  for (const uint64_t dim : dims) count *= dim;
  return count;
}

Dataspace parse_dataspace(Cursor cursor) {
  Dataspace space;
  const uint8_t version = cursor.u8();
  if (version != 1 && version != 2)
    cursor.fail(fmt::format("a dataspace of version {}; 1 and 2 are read", version));
  const uint8_t num_dims = cursor.u8();
  const uint8_t flags = cursor.u8();
  if (num_dims > 32) cursor.fail(fmt::format("{} dimensions; at most 32", num_dims));
  if (version == 1)
    cursor.skip(5);
  else
    space.is_null = cursor.u8() == 2;
  uint64_t count = 1;
  for (int d = 0; d < num_dims; ++d) {
    space.dims.push_back(cursor.length());
    // Products of the sizes alone, so that a zero among them hides no overflow.
    count = times(cursor.image(), count, std::max<uint64_t>(1, space.dims.back()), 0);
  }
  space.max_dims = space.dims;
  const uint32_t length_bytes = cursor.image().num_length_bytes();
  const uint64_t unlimited = length_bytes == 8 ? kUndefined : (UINT64_C(1) << 8 * length_bytes) - 1;
  for (int d = 0; d < num_dims && (flags & 1) != 0; ++d) {
    const uint64_t size = cursor.length();
    space.max_dims[static_cast<size_t>(d)] = size == unlimited ? kUndefined : size;
    if (size < space.dims[static_cast<size_t>(d)])
      cursor.fail(fmt::format("dimension {} of {} is longer than its largest size {}", d + 1,
                              space.dims[static_cast<size_t>(d)], size));
  }
  return space;
}

std::vector<Filter> parse_filters(Cursor cursor) {
  const uint8_t version = cursor.u8();
  if (version != 1 && version != 2)
    cursor.fail(fmt::format("a filter pipeline of version {}; 1 and 2 are read", version));
  const uint8_t num_filters = cursor.u8();
  if (num_filters > 32) cursor.fail(fmt::format("{} filters; at most 32", num_filters));
  if (version == 1) cursor.skip(6);
  std::vector<Filter> filters;
  for (int i = 0; i < num_filters; ++i) {
    Filter filter;
    filter.id = cursor.u16();
    const bool has_name = version == 1 || filter.id >= 256;
    const uint16_t name_size = has_name ? cursor.u16() : uint16_t{0};
    cursor.skip(2);
    const uint16_t num_values = cursor.u16();
    const std::string_view name = cursor.take(name_size);
    filter.name = name.substr(0, name.find('\0'));
    if (version == 1) cursor.skip((8 - name_size % 8) % 8);
    for (int k = 0; k < num_values; ++k) filter.values.push_back(cursor.u32());
    if (version == 1 && num_values % 2 != 0) cursor.skip(4);
    filters.push_back(std::move(filter));
  }
  return filters;
}

namespace {

/// The parameters of the index of layout version 4; those of arrays and trees stand in their own headers too.
void parse_chunk_index(Cursor& cursor, uint8_t flags, Layout& layout) {
  const uint8_t index = cursor.u8();
  layout.skips_edges = (flags & 1) != 0;
  if (index < 1 || index > 5) cursor.fail(fmt::format("a chunk index of type {}; 1 to 5 are known", index));
  layout.index = static_cast<ChunkIndex>(index);
  switch (layout.index) {
    case ChunkIndex::kSingle:
      layout.is_single_filtered = (flags & 2) != 0;
      if (layout.is_single_filtered) {
        layout.single_bytes = cursor.length();
        layout.single_mask = cursor.u32();
      }
      break;
    case ChunkIndex::kFixedArray:
      cursor.skip(1);
      break;
    case ChunkIndex::kExtensibleArray:
      cursor.skip(5);
      break;
    case ChunkIndex::kTree2:
      cursor.skip(6);
      break;
    default:
      break;
  }
}

}  // namespace

Layout parse_layout(Cursor cursor, const Dataspace& space, const Type& type) {
  Layout layout;
  const uint8_t version = cursor.u8();
  if (version < 1 || version > 4)
    cursor.fail(fmt::format("a layout of version {}; 1 to 4 are read", version));
  uint8_t num_dims = version < 3 ? cursor.u8() : uint8_t{0};
  const uint8_t layout_class = cursor.u8();
  if (layout_class > 3) cursor.fail(fmt::format("a layout of class {}; 0 to 3 are known", layout_class));
  layout.layout_class = static_cast<LayoutClass>(layout_class);
  const bool is_chunked = layout.layout_class == LayoutClass::kChunked;
  if (layout.layout_class == LayoutClass::kVirtual)
    cursor.fail("a virtual dataset (made of others), which is not read; copy it into a plain one");
  uint8_t flags = 0;
  uint64_t dim_bytes = 4;
  if (version < 3) {
    cursor.skip(5);
    if (layout.layout_class != LayoutClass::kCompact) layout.address = cursor.address();
  } else if (layout.layout_class == LayoutClass::kCompact) {
    layout.compact = cursor.take(cursor.u16());
  } else if (!is_chunked) {
    layout.address = cursor.address();
  } else if (version == 3) {
    num_dims = cursor.u8();
    layout.address = cursor.address();
  } else {
    flags = cursor.u8();
    num_dims = cursor.u8();
    dim_bytes = cursor.u8();
    if (dim_bytes < 1 || dim_bytes > 8) cursor.fail(fmt::format("sizes of {} bytes", dim_bytes));
  }
  for (int d = 0; d < num_dims; ++d) layout.chunk.push_back(cursor.number(dim_bytes));
  if (version < 3 && layout.layout_class == LayoutClass::kCompact) layout.compact = cursor.take(cursor.u32());
  if (!is_chunked) {
    layout.chunk.clear();
    return layout;
  }
  // The last is the size of an element.
  if (num_dims != space.dims.size() + 1 || num_dims < 2 || layout.chunk.back() != type.size)
    cursor.fail(fmt::format("chunks of {} dimensions for a dataset of {}, or of another type", num_dims - 1,
                            space.dims.size()));
  layout.chunk.pop_back();
  uint64_t num_bytes = type.size;
  for (const uint64_t size : layout.chunk) {
    if (size == 0) cursor.fail("chunks of no elements");
    num_bytes = times(cursor.image(), num_bytes, size, 0);
  }
  if (version == 4) {
    parse_chunk_index(cursor, flags, layout);
    layout.address = cursor.address();
  }
  return layout;
}

}  // namespace limbic::formats::hdf5
