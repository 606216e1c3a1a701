// Where the chunks of a dataset lie: "III.A.1" and "III.A.2" B-trees; "VII. Appendix C" the indexes of 1.10.
#include <fmt/format.h>

#include <algorithm>

#include "hdf5_heap.h"
#include "hdf5_object.h"

namespace limbic::formats::hdf5 {
namespace {

/// Reads an index, whatever its kind, into a list.
class ChunkReader {
 public:
  ChunkReader(const Image& image, const Object& dataset)
      : image_(image), dataset_(dataset), allowance_(image.allowance()), layout_(dataset.layout) {
    grid_ = chunk_grid(image, dataset);
    chunk_bytes_ = dataset.type.size;
    for (const uint64_t size : layout_.chunk) chunk_bytes_ *= size;
    set_up_places();
  }

  std::vector<Chunk> read() {
    const bool is_empty = std::find(grid_.begin(), grid_.end(), uint64_t{0}) != grid_.end();
    if (layout_.address == kUndefined || is_empty) return {};
    switch (layout_.index) {
      case ChunkIndex::kTree1:
        read_tree_1();
        break;
      case ChunkIndex::kSingle:
        add(std::vector<uint64_t>(grid_.size(), 0), layout_.address,
            layout_.is_single_filtered ? layout_.single_bytes : chunk_bytes_, layout_.single_mask);
        break;
      case ChunkIndex::kImplicit:
        read_implicit();
        break;
      case ChunkIndex::kFixedArray:
        read_fixed_array();
        break;
      case ChunkIndex::kExtensibleArray:
        read_extensible_array();
        break;
      case ChunkIndex::kTree2:
        read_tree_2();
        break;
    }
    std::sort(chunks_.begin(), chunks_.end(),
              [](const Chunk& a, const Chunk& b) { return a.index < b.index; });
    const auto twice = std::adjacent_find(chunks_.begin(), chunks_.end(),
                                          [](const Chunk& a, const Chunk& b) { return a.index == b.index; });
    if (twice != chunks_.end())
      image_.fail(twice->address, "two chunks at one place of a dataset; it is damaged");
    return std::move(chunks_);
  }

 private:
  /// Arrays count the chunks of the dataset's largest size, the unlimited dimension first.
  void set_up_places() {
    const size_t num_dims = grid_.size();
    for (size_t d = 0; d < num_dims; ++d) order_.push_back(d);
    const auto& max = dataset_.space.max_dims;
    const auto unlimited = std::find(max.begin(), max.end(), kUndefined);
    if (layout_.index == ChunkIndex::kExtensibleArray && unlimited != max.end()) {
      const auto d = static_cast<size_t>(unlimited - max.begin());
      order_.erase(order_.begin() + static_cast<int64_t>(d));
      order_.insert(order_.begin(), d);
    }
    const bool is_array = layout_.index == ChunkIndex::kImplicit ||
                          layout_.index == ChunkIndex::kFixedArray ||
                          layout_.index == ChunkIndex::kExtensibleArray;
    for (size_t d = 0; d < num_dims; ++d) {
      // The first of an extensible array may be unlimited: it is never multiplied with.
      const bool is_free = layout_.index == ChunkIndex::kExtensibleArray && d == order_[0];
      if (is_array && !is_free && max[d] == kUndefined)
        image_.fail(dataset_.address,
                    fmt::format("dimension {} is unlimited, which its index of chunks is not", d + 1));
      most_.push_back(max[d] == kUndefined || max[d] == 0 ? 0 : (max[d] - 1) / layout_.chunk[d] + 1);
    }
  }

  /// @param place  in an array; false: beyond the dataset
  bool coordinates(uint64_t place, std::vector<uint64_t>& at) const {
    at.assign(grid_.size(), 0);
    for (size_t i = order_.size(); i-- > 1;) {
      const size_t d = order_[i];
      if (most_[d] == 0) return false;
      at[d] = place % most_[d];
      place /= most_[d];
    }
    at[order_[0]] = place;
    return true;
  }

  void add(const std::vector<uint64_t>& at, uint64_t address, uint64_t num_bytes, uint32_t mask) {
    if (address == kUndefined) return;
    uint64_t index = 0;
    bool is_edge = false;
    for (size_t d = 0; d < grid_.size(); ++d) {
      if (at[d] >= grid_[d]) return;  // left from before the dataset shrank
      index = index * grid_[d] + at[d];
      is_edge = is_edge || (at[d] + 1) * layout_.chunk[d] > dataset_.space.dims[d];
    }
    if (is_edge && layout_.skips_edges) {
      num_bytes = chunk_bytes_;
      mask = ~uint32_t{0};
    }
    if (num_bytes > image_.size())
      image_.fail(
          std::min(address, image_.size()),
          fmt::format("a chunk of {} bytes in a file of {}; it is damaged", num_bytes, image_.size()));
    chunks_.push_back({index, address, num_bytes, mask});
  }

  void add_place(uint64_t place, Cursor& element, bool is_filtered, uint64_t element_bytes) {
    const uint64_t address = element.address();
    uint64_t num_bytes = chunk_bytes_;
    uint32_t mask = 0;
    if (is_filtered) {
      num_bytes = element.number(element_bytes - image_.num_address_bytes() - 4);
      mask = element.u32();
    }
    std::vector<uint64_t> at;
    if (coordinates(place, at)) add(at, address, num_bytes, mask);
  }

  void read_tree_1() {
    const size_t num_dims = grid_.size();
    for_each_leaf(image_, layout_.address, 1, 8 + 8 * (num_dims + 1), allowance_,
                  [&](Cursor& key, uint64_t address) {
                    const uint32_t num_bytes = key.u32();
                    const uint32_t mask = key.u32();
                    std::vector<uint64_t> at(num_dims);
                    for (size_t d = 0; d < num_dims; ++d) {
                      const uint64_t offset = key.number(8);
                      if (offset % layout_.chunk[d] != 0)
                        key.fail("a chunk that is not on the grid of chunks");
                      at[d] = offset / layout_.chunk[d];
                    }
                    add(at, address, num_bytes, mask);
                  });
  }

  void read_tree_2() {
    const bool is_filtered = !dataset_.filters.empty();
    for_each_record(image_, layout_.address, is_filtered ? 11 : 10, allowance_, [&](Cursor& record) {
      const uint64_t address = record.address();
      uint64_t num_bytes = chunk_bytes_;
      uint32_t mask = 0;
      const uint64_t rest = 8 * grid_.size();
      if (is_filtered) {
        if (record.left() < rest + 5 || record.left() > rest + 12)
          record.fail("a chunk's record of another size");
        num_bytes = record.number(record.left() - rest - 4);
        mask = record.u32();
      }
      std::vector<uint64_t> at(grid_.size());
      for (uint64_t& a : at) a = record.number(8);
      add(at, address, num_bytes, mask);
    });
  }

  /// Chunks lie one behind the other.
  void read_implicit() {
    uint64_t count = 1;
    for (size_t d = 0; d < grid_.size(); ++d) count = times(image_, count, most_[d], layout_.address);
    if (times(image_, count, chunk_bytes_, layout_.address) > image_.size())
      image_.fail(dataset_.address, fmt::format("{} chunks of {} bytes in a file of {}; it was cut off",
                                                count, chunk_bytes_, image_.size()));
    std::vector<uint64_t> at;
    for (uint64_t place = 0; place < count; ++place) {
      if (coordinates(place, at)) add(at, layout_.address + place * chunk_bytes_, chunk_bytes_, 0);
    }
  }

  struct ArrayHead {
    bool is_filtered = false;
    uint8_t element_bytes = 0;
  };
  ArrayHead array_head(Cursor& cursor, const char* what) {
    cursor.skip(4);
    const uint8_t version = cursor.u8();
    const uint8_t client = cursor.u8();
    ArrayHead head;
    head.element_bytes = cursor.u8();
    head.is_filtered = client == 1;
    const uint32_t address_bytes = image_.num_address_bytes();
    const bool fits = head.is_filtered
                          ? head.element_bytes > address_bytes + 4 && head.element_bytes <= address_bytes + 12
                          : head.element_bytes == address_bytes;
    if (version != 0 || client > 1 || !fits || head.is_filtered == dataset_.filters.empty())
      cursor.fail(fmt::format("{} of version {} for client {} with elements of {} bytes", what, version,
                              client, head.element_bytes));
    return head;
  }

  void add_elements(Cursor& cursor, uint64_t first, uint64_t count, const ArrayHead& head) {
    for (uint64_t i = 0; i < count; ++i) add_place(first + i, cursor, head.is_filtered, head.element_bytes);
  }

  static bool is_page_written(std::string_view bits, uint64_t page) {
    return (static_cast<uint8_t>(bits[page / 8]) & (0x80 >> page % 8)) != 0;
  }

  /// Pages of elements, each with its checksum. @param written  one bit a page
  void add_pages(uint64_t address, uint64_t first, uint64_t count, uint64_t page_elements,
                 std::string_view written, const ArrayHead& head) {
    for (uint64_t page = 0, done = 0; done < count; ++page) {
      const uint64_t here = std::min(page_elements, count - done);
      const uint64_t num_bytes = here * head.element_bytes + 4;
      if (is_page_written(written, page)) {
        const std::string bytes = image_.block(address, num_bytes, "a page of chunk addresses", allowance_);
        image_.verify(bytes, address, "a page of chunk addresses");
        Cursor cursor(image_, bytes, address);
        add_elements(cursor, first + done, here, head);
      }
      address += num_bytes;
      done += here;
    }
  }

  /// "VII.C. The Fixed Array Index"
  void read_fixed_array() {
    constexpr const char* kHead = "the header of a fixed array";
    const uint64_t address_bytes = image_.num_address_bytes();
    const std::string bytes =
        image_.block(layout_.address, 12 + address_bytes + image_.num_length_bytes(), kHead, allowance_);
    image_.expect_signature(bytes, "FAHD", layout_.address);
    image_.verify(bytes, layout_.address, kHead);
    Cursor cursor(image_, bytes, layout_.address);
    const ArrayHead head = array_head(cursor, "a fixed array");
    const uint8_t page_bits = cursor.u8();
    const uint64_t count = cursor.length();
    const uint64_t address = cursor.address();
    if (address == kUndefined) return;
    if (page_bits > 40 || count > image_.size())
      cursor.fail(fmt::format("an array of {} chunks in a file of {} bytes", count, image_.size()));
    const uint64_t page_elements = uint64_t{1} << page_bits;
    const bool is_paged = count > page_elements;
    const uint64_t num_pages = (count + page_elements - 1) / page_elements;
    const uint64_t prefix = 6 + address_bytes;
    const uint64_t body = is_paged ? (num_pages + 7) / 8 : count * head.element_bytes;
    constexpr const char* kBlock = "the block of a fixed array";
    const std::string block = image_.block(address, prefix + body + 4, kBlock, allowance_);
    image_.expect_signature(block, "FADB", address);
    image_.verify(block, address, kBlock);
    if (is_paged) {
      add_pages(address + block.size(), 0, count, page_elements, std::string_view(block).substr(prefix, body),
                head);
    } else {
      Cursor elements(image_, block, address);
      elements.skip(prefix);
      add_elements(elements, 0, count, head);
    }
  }

  /// "VII.D. The Extensible Array Index": an index block with the first elements and addresses of data
  /// blocks; then super blocks, each of them with addresses of ever more and larger data blocks.
  void read_extensible_array() {
    constexpr const char* kHead = "the header of an extensible array";
    const uint64_t address_bytes = image_.num_address_bytes();
    const std::string bytes =
        image_.block(layout_.address, 16 + 6 * image_.num_length_bytes() + address_bytes, kHead, allowance_);
    image_.expect_signature(bytes, "EAHD", layout_.address);
    image_.verify(bytes, layout_.address, kHead);
    Cursor cursor(image_, bytes, layout_.address);
    const ArrayHead head = array_head(cursor, "an extensible array");
    const uint8_t max_bits = cursor.u8();
    const uint64_t num_direct = cursor.u8();
    const uint64_t min_elements = cursor.u8();
    const uint64_t min_pointers = cursor.u8();
    const uint8_t page_bits = cursor.u8();
    const auto is_power = [](uint64_t n) { return n > 0 && (n & (n - 1)) == 0; };
    if (max_bits > 64 || !is_power(min_elements) || !is_power(min_pointers) || page_bits > 40 ||
        log2_floor(min_elements) > max_bits)
      cursor.fail("an extensible array with impossible sizes; the file is damaged");
    for (int i = 0; i < 6; ++i) cursor.length();  // statistics
    const uint64_t address = cursor.address();
    if (address == kUndefined) return;
    const uint64_t num_supers = 1 + max_bits - log2_floor(min_elements);
    // The index block itself holds the addresses of the first super blocks' data blocks.
    const uint64_t num_inner = std::min<uint64_t>(num_supers, 2 * log2_floor(min_pointers));
    const uint64_t num_blocks = 2 * (min_pointers - 1);
    const uint64_t body =
        num_direct * head.element_bytes + (num_blocks + num_supers - num_inner) * address_bytes;
    constexpr const char* kBlock = "the index block of an extensible array";
    const std::string block = image_.block(address, 10 + address_bytes + body, kBlock, allowance_);
    image_.expect_signature(block, "EAIB", address);
    image_.verify(block, address, kBlock);
    Cursor index(image_, block, address);
    index.skip(6 + address_bytes);
    add_elements(index, 0, num_direct, head);
    uint64_t first = num_direct;
    const uint64_t offset_bytes = (max_bits + 7U) / 8;
    const uint64_t page_elements = uint64_t{1} << page_bits;
    for (uint64_t super = 0; super < num_supers; ++super) {
      const uint64_t num_data = uint64_t{1} << super / 2;
      const uint64_t elements = (uint64_t{1} << (super + 1) / 2) * min_elements;
      const uint64_t num_pages = elements > page_elements ? elements / page_elements : 0;
      const uint64_t page_bytes = (num_pages + 7) / 8;  // of its bits, for each data block
      if (super < num_inner) {
        for (uint64_t i = 0; i < num_data; ++i, first += elements) {
          const uint64_t data = index.address();
          // Pages of these blocks have no bits: such small blocks have no pages.
          if (data != kUndefined)
            add_data_block(data, first, elements, 0, "", page_elements, offset_bytes, head);
        }
        continue;
      }
      const uint64_t at = index.address();
      if (at != kUndefined) {
        const uint64_t prefix = 6 + address_bytes + offset_bytes;
        if (num_data > image_.size() || page_bytes > image_.size())
          image_.fail(at, "a super block larger than the file; it is damaged");
        constexpr const char* kSuper = "a super block of an extensible array";
        const std::string table =
            image_.block(at, prefix + num_data * (page_bytes + address_bytes) + 4, kSuper, allowance_);
        image_.expect_signature(table, "EASB", at);
        image_.verify(table, at, kSuper);
        Cursor blocks(image_, table, at);
        blocks.skip(prefix);
        const std::string_view written = blocks.take(num_data * page_bytes);
        for (uint64_t i = 0; i < num_data; ++i) {
          const uint64_t data = blocks.address();
          if (data != kUndefined)
            add_data_block(data, first + i * elements, elements, num_pages,
                           written.substr(i * page_bytes, page_bytes), page_elements, offset_bytes, head);
        }
      }
      uint64_t num_all = 0;
      if (__builtin_mul_overflow(num_data, elements, &num_all) ||
          __builtin_add_overflow(first, num_all, &first))
        return;
    }
  }

  void add_data_block(uint64_t address, uint64_t first, uint64_t count, uint64_t num_pages,
                      std::string_view written, uint64_t page_elements, uint64_t offset_bytes,
                      const ArrayHead& head) {
    constexpr const char* kBlock = "a data block of an extensible array";
    const uint64_t prefix = 6 + image_.num_address_bytes() + offset_bytes;
    if (count > image_.size()) image_.fail(address, "a data block larger than the file; it is damaged");
    const uint64_t body = num_pages > 0 ? 0 : count * head.element_bytes;
    const std::string block = image_.block(address, prefix + body + 4, kBlock, allowance_);
    image_.expect_signature(block, "EADB", address);
    image_.verify(block, address, kBlock);
    if (num_pages > 0) {
      add_pages(address + block.size(), first, count, page_elements, written, head);
      return;
    }
    Cursor elements(image_, block, address);
    elements.skip(prefix);
    add_elements(elements, first, count, head);
  }

  const Image& image_;
  const Object& dataset_;
  Allowance allowance_;
  const Layout& layout_;
  std::vector<uint64_t> grid_;
  uint64_t chunk_bytes_ = 0;
  std::vector<size_t> order_;   ///< of the dimensions in arrays, slowest first
  std::vector<uint64_t> most_;  ///< chunks at the largest size; 0: unlimited
  std::vector<Chunk> chunks_;
};

}  // namespace

std::vector<uint64_t> chunk_grid(const Image& image, const Object& dataset) {
  std::vector<uint64_t> grid;
  uint64_t count = 1;
  for (size_t d = 0; d < dataset.space.dims.size(); ++d) {
    const uint64_t dim = dataset.space.dims[d];
    grid.push_back(dim == 0 ? 0 : (dim - 1) / dataset.layout.chunk[d] + 1);
    count = times(image, count, std::max<uint64_t>(1, grid.back()), dataset.address);
  }
  return grid;
}

const std::vector<Chunk>& chunks_of(const Image& image, const Object& dataset) {
  std::call_once(dataset.chunks_flag, [&] { dataset.chunks = ChunkReader(image, dataset).read(); });
  return dataset.chunks;
}

}  // namespace limbic::formats::hdf5
