// From the layout of a dataset to an array; only what a block needs is read.
#include "hdf5_read.h"

#include <fmt/format.h>

#include <algorithm>

namespace limbic::formats::hdf5 {
namespace {

/// Runs over the rows of a box: all of its indices but the last. Calls visit(index), where index.back() is
/// the first of its last dimension.
template <class Visit>
void for_each_row(const std::vector<uint64_t>& begin, const std::vector<uint64_t>& end, Visit&& visit) {
  std::vector<uint64_t> at = begin;
  for (;;) {
    visit(at);
    size_t d = at.size() - 1;
    for (; d > 0; --d) {
      if (++at[d - 1] < end[d - 1]) break;
      at[d - 1] = begin[d - 1];
    }
    if (d == 0) return;
  }
}

/// Where an index lies in an array, last dimension fastest.
uint64_t place_of(const std::vector<uint64_t>& at, const std::vector<uint64_t>& origin,
                  const std::vector<uint64_t>& shape) {
  uint64_t place = 0;
  for (size_t d = 0; d < at.size(); ++d) place = place * shape[d] + (at[d] - origin[d]);
  return place;
}

class BlockReader {
 public:
  BlockReader(const Image& image, const Object& dataset, std::vector<uint64_t> first,
              std::vector<uint64_t> count, Decoder& decoder, NpyArray& array)
      : image_(image),
        dataset_(dataset),
        element_(dataset.type.size),
        shape_(dataset.space.dims),
        first_(std::move(first)),
        count_(std::move(count)),
        decoder_(decoder),
        array_(array) {
    // One number is a row of one.
    if (shape_.empty()) {
      shape_ = {1};
      first_ = {0};
      count_ = {1};
    }
    for (size_t d = 0; d < shape_.size(); ++d) end_.push_back(first_[d] + count_[d]);
  }

  void read() {
    if (dataset_.layout.layout_class == LayoutClass::kChunked)
      read_chunks();
    else
      read_contiguous();
  }

 private:
  void fill(uint64_t num_elements) {
    // Zeros are there already.
    if (dataset_.fill.find_first_not_of('\0') == std::string::npos) return;
    decoder_.decode(dataset_.fill.data(), 0, num_elements, array_, 0);
  }

  void read_contiguous() {
    const Layout& layout = dataset_.layout;
    const bool is_compact = layout.layout_class == LayoutClass::kCompact;
    if (!is_compact && layout.address == kUndefined) {
      uint64_t num_elements = 1;
      for (const uint64_t n : count_) num_elements *= n;
      fill(num_elements);
      return;
    }
    uint64_t num_elements = 1;
    for (const uint64_t n : shape_) num_elements *= n;
    const uint64_t all = times(image_, num_elements, element_, dataset_.address);
    if (all > (is_compact ? layout.compact.size() : image_.size()))
      image_.fail(dataset_.address,
                  fmt::format("a dataset of {} bytes of which {} are there; the file was cut off", all,
                              is_compact ? layout.compact.size() : image_.size()));
    // Rows that follow each other in the file are read at once, in pieces.
    constexpr uint64_t kPiece = 1 << 20;
    std::string piece;
    const auto read_run = [&](uint64_t from, uint64_t num, uint64_t to) {
      while (num > 0) {
        const uint64_t here = std::min(num, std::max<uint64_t>(1, kPiece / element_));
        const char* bytes = nullptr;
        if (is_compact) {
          bytes = layout.compact.data() + from * element_;
        } else {
          piece.resize(here * element_);
          image_.read(layout.address + from * element_, piece.data(), piece.size(), "the data of a dataset");
          bytes = piece.data();
        }
        decoder_.decode(bytes, element_, here, array_, to);
        from += here;
        to += here;
        num -= here;
      }
    };
    // Trailing dimensions that are taken whole make longer rows.
    std::vector<uint64_t> shape = shape_, begin = first_, end = end_, count = count_;
    while (shape.size() > 1 && count.back() == shape.back()) {
      const uint64_t width = shape.back();
      shape.pop_back(), begin.pop_back(), end.pop_back(), count.pop_back();
      shape.back() *= width, begin.back() *= width, end.back() *= width, count.back() *= width;
    }
    const std::vector<uint64_t> zero(shape.size(), 0);
    for_each_row(begin, end, [&](const std::vector<uint64_t>& at) {
      read_run(place_of(at, zero, shape), count.back(), place_of(at, begin, count));
    });
  }

  void read_chunks() {
    const Layout& layout = dataset_.layout;
    const std::vector<Chunk>& chunks = chunks_of(image_, dataset_);
    const std::vector<uint64_t> grid = chunk_grid(image_, dataset_);
    const size_t num_dims = shape_.size();
    uint64_t chunk_elements = 1, rows_of_grid = 1;
    for (size_t d = 0; d < num_dims; ++d) {
      chunk_elements *= layout.chunk[d];
      if (d > 0) rows_of_grid *= grid[d];
    }
    uint64_t num_wanted = 1, num_covered = 0;
    for (const uint64_t n : count_) num_wanted *= n;
    // Chunks are sorted, so those of the rows stand together.
    const auto from = [](const Chunk& chunk, uint64_t index) { return chunk.index < index; };
    auto next =
        std::lower_bound(chunks.begin(), chunks.end(), first_[0] / layout.chunk[0] * rows_of_grid, from);
    const auto last =
        std::lower_bound(next, chunks.end(), ((end_[0] - 1) / layout.chunk[0] + 1) * rows_of_grid, from);
    std::vector<std::pair<const Chunk*, std::vector<uint64_t>>> wanted;
    std::vector<uint64_t> origin(num_dims), begin(num_dims), end(num_dims);
    const auto overlap = [&](const std::vector<uint64_t>& corner) {
      uint64_t num = 1;
      for (size_t d = 0; d < num_dims; ++d) {
        begin[d] = std::max(first_[d], corner[d]);
        // The corner lies within the dataset; corner + chunk may be beyond 64 bits.
        end[d] = end_[d] - corner[d] < layout.chunk[d] ? end_[d] : corner[d] + layout.chunk[d];
        if (corner[d] >= end_[d] || begin[d] >= end[d]) return uint64_t{0};
        num *= end[d] - begin[d];
      }
      return num;
    };
    for (; next != last; ++next) {
      uint64_t index = next->index;
      for (size_t d = num_dims; d-- > 0;) {
        origin[d] = index % grid[d] * layout.chunk[d];
        index /= grid[d];
      }
      const uint64_t num = overlap(origin);
      if (num == 0) continue;
      num_covered += num;
      wanted.emplace_back(&*next, origin);
    }
    if (num_covered < num_wanted) fill(num_wanted);
    const uint64_t chunk_bytes = chunk_elements * element_;
    uint64_t may_unpack = image_.warranted_bytes();
    std::string bytes;
    for (const auto& item : wanted) {
      const Chunk* chunk = item.first;
      const std::vector<uint64_t>& corner = item.second;
      if (chunk_bytes > may_unpack || chunk_bytes > image_.options().max_bytes)
        image_.fail(chunk->address, "chunks that unpack to more than this file can hold; it is damaged");
      may_unpack -= chunk_bytes;
      bytes.resize(chunk->num_bytes);
      image_.read(chunk->address, bytes.data(), bytes.size(), "a chunk");
      unfilter(image_, dataset_.filters, chunk->mask, chunk->address, chunk_bytes, bytes);
      overlap(corner);
      for_each_row(begin, end, [&](const std::vector<uint64_t>& at) {
        decoder_.decode(bytes.data() + place_of(at, corner, layout.chunk) * element_, element_,
                        end.back() - begin.back(), array_, place_of(at, first_, count_));
      });
    }
  }

  const Image& image_;
  const Object& dataset_;
  uint64_t element_;
  std::vector<uint64_t> shape_, first_, count_, end_;
  Decoder& decoder_;
  NpyArray& array_;
};

}  // namespace

NpyArray read_block(const Image& image, const Object& dataset, const std::vector<uint64_t>& first,
                    const std::vector<uint64_t>& count, std::string_view field, const std::string& where) {
  const std::vector<uint64_t>& dims = dataset.space.dims;
  if (first.size() != dims.size() || count.size() != dims.size())
    image.fail(
        fmt::format("{}: a block of {} dimensions of a dataset of {}", where, count.size(), dims.size()));
  uint64_t num_elements = dataset.space.is_null ? 0 : 1;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (first[d] > dims[d] || count[d] > dims[d] - first[d])
      image.fail(fmt::format("{}: indices {} to {} of dimension {}, which has {}", where, first[d],
                             first[d] + count[d], d + 1, dims[d]));
    num_elements *= count[d];
  }
  Decoder decoder(image, find_field(image, dataset.type, field, where));
  if (times(image, num_elements, dataset.type.size, dataset.address) > image.warranted_bytes())
    image.fail(dataset.address,
               fmt::format("{} elements of {} bytes, more than this file can hold; read fewer rows at a time",
                           num_elements, dataset.type.size));
  NpyArray array;
  decoder.prepare(array, dataset.space.is_null ? std::vector<uint64_t>{0} : count);
  if (num_elements > 0) BlockReader(image, dataset, first, count, decoder, array).read();
  return array;
}

}  // namespace limbic::formats::hdf5
