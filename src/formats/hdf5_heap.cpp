#include "hdf5_heap.h"

#include <fmt/format.h>

#include <algorithm>

namespace limbic::formats::hdf5 {

FractalHeap::FractalHeap(const Image& image, uint64_t address, Allowance& allowance)
    : image_(image), address_(address), allowance_(allowance) {
  constexpr const char* kWhat = "the header of a fractal heap";
  const uint64_t size = 26 + 3 * image.num_address_bytes() + 12 * image.num_length_bytes();
  const std::string head = image.block(address, size, kWhat, allowance);
  image.expect_signature(head, "FRHP", address);
  Cursor cursor(image, head, address);
  cursor.skip(4);
  const uint8_t version = cursor.u8();
  if (version != 0) cursor.fail(fmt::format("a fractal heap of version {}; 0 is read", version));
  id_size_ = cursor.u16();
  if (cursor.u16() != 0)
    cursor.fail("a filtered fractal heap, which is not read; repack the file with h5repack");
  has_block_checksums_ = (cursor.u8() & 2) != 0;
  const uint64_t max_object = cursor.u32();
  cursor.length();  // next huge ID
  huge_tree_ = cursor.address();
  cursor.length();                              // free space
  cursor.address();                             // its manager
  for (int i = 0; i < 8; ++i) cursor.length();  // statistics
  width_ = cursor.u16();
  first_block_bytes_ = cursor.length();
  max_direct_bytes_ = cursor.length();
  const uint16_t max_heap_bits = cursor.u16();
  cursor.skip(2);
  root_ = cursor.address();
  num_root_rows_ = cursor.u16();
  image.verify(head, address, kWhat);
  const auto is_power = [](uint64_t n) { return n > 0 && (n & (n - 1)) == 0; };
  if (!is_power(width_) || !is_power(first_block_bytes_) || !is_power(max_direct_bytes_) ||
      max_direct_bytes_ < first_block_bytes_ || max_heap_bits > 64 || id_size_ < 2 ||
      max_direct_bytes_ > UINT64_C(1) << 40 || num_root_rows_ > 64)
    image.fail(address, "a fractal heap with impossible sizes; the file is damaged");
  offset_bytes_ = (max_heap_bits + 7U) / 8;
  size_bytes_ = num_bytes_for(std::min(max_direct_bytes_, max_object));
}

// Rows 0 and 1 hold blocks of the first size, each further row blocks of twice the size.
uint64_t FractalHeap::row_bytes(uint64_t row) const {
  return first_block_bytes_ << (row == 0 ? 0 : row - 1);
}

uint64_t FractalHeap::num_direct_rows() const {
  return log2_floor(max_direct_bytes_) - log2_floor(first_block_bytes_) + 2;
}

/// The address of the direct block that holds a place in the heap.
uint64_t FractalHeap::find_direct(uint64_t address, uint64_t num_rows, uint64_t begin, uint64_t offset,
                                  uint64_t& start, uint64_t& size) {
  constexpr const char* kWhat = "an indirect block of a fractal heap";
  for (int depth = 0; depth < 64; ++depth) {
    const uint64_t head = 5 + image_.num_address_bytes() + offset_bytes_;
    std::string& block = indirect_[address];
    if (block.empty()) {
      const uint64_t num_children = num_rows * width_;
      block = image_.block(address, head + num_children * image_.num_address_bytes() + 4, kWhat, allowance_);
      image_.expect_signature(block, "FHIB", address);
      image_.verify(block, address, kWhat);
    }
    uint64_t row = 0;
    start = begin;
    // A row too far would shift beyond 64 bits.
    const uint64_t last_row = std::min<uint64_t>(num_rows, 63 - log2_floor(first_block_bytes_ * width_));
    for (; row < last_row && offset - start >= width_ * row_bytes(row); ++row)
      start += width_ * row_bytes(row);
    if (row >= last_row) image_.fail(address, fmt::format("place {} is not in this fractal heap", offset));
    size = row_bytes(row);
    const uint64_t column = (offset - start) / size;
    start += column * size;
    Cursor cursor(image_, block, address);
    cursor.skip(head + (row * width_ + column) * image_.num_address_bytes());
    const uint64_t child = cursor.address();
    if (child == kUndefined)
      cursor.fail(fmt::format("nothing was written at place {} of a fractal heap", offset));
    if (row < num_direct_rows()) return child;
    begin = start;
    address = child;
    num_rows = log2_floor(size) - log2_floor(first_block_bytes_ * width_) + 1;
    if (num_rows > 64) image_.fail(address, "a fractal heap with impossible sizes; the file is damaged");
  }
  image_.fail(address, "a fractal heap that is nested too deeply");
}

const FractalHeap::Block& FractalHeap::direct_block(uint64_t offset) {
  uint64_t start = 0, size = first_block_bytes_;
  uint64_t address = root_;
  if (num_root_rows_ > 0) address = find_direct(root_, num_root_rows_, 0, offset, start, size);
  if (offset - start >= size || offset < start)
    image_.fail(address_, fmt::format("place {} is not in this fractal heap", offset));
  const auto known = blocks_.find(start);
  if (known != blocks_.end()) return known->second;
  constexpr const char* kWhat = "a direct block of a fractal heap";
  Block block{address, start, image_.block(address, size, kWhat, allowance_)};
  image_.expect_signature(block.bytes, "FHDB", address);
  if (has_block_checksums_) {
    // Its checksum stands behind its head and counts as zeros.
    const uint64_t at = 5 + image_.num_address_bytes() + offset_bytes_;
    if (at + 4 > block.bytes.size()) image_.fail(address, "a direct block too small for its head");
    std::string summed = block.bytes;
    std::fill_n(summed.begin() + static_cast<int64_t>(at), 4, '\0');
    image_.verify(summed + block.bytes.substr(at, 4), address, kWhat);
  }
  return blocks_.emplace(start, std::move(block)).first->second;
}

std::string FractalHeap::object(std::string_view id) {
  Cursor cursor(image_, id, address_);
  const uint8_t head = cursor.u8();
  if (head >> 6 != 0) cursor.fail(fmt::format("a heap ID of version {}", head >> 6));
  switch (head >> 4 & 3) {
    case 0:
      return managed(cursor);
    case 1:
      return huge(cursor);
    case 2:
      return std::string(id_size_ > 18 ? cursor.take(((head & 15U) << 8 | cursor.u8()) + uint64_t{1})
                                       : cursor.take((head & 15U) + uint64_t{1}));
    default:
      cursor.fail("a heap ID of unknown kind");
  }
}

std::string FractalHeap::managed(Cursor& cursor) {
  const uint64_t offset = cursor.number(offset_bytes_);
  const uint64_t size = cursor.number(std::min(size_bytes_, cursor.left()));
  const Block& block = direct_block(offset);
  const uint64_t at = offset - block.start;
  if (size > block.bytes.size() - at)
    image_.fail(block.address, fmt::format("{} bytes at place {} leave their block", size, offset));
  if (size > allowance_.left)
    image_.fail(block.address, "objects of a heap that overlap; the file is damaged");
  allowance_.left -= size;
  return block.bytes.substr(at, size);
}

// "Huge" objects lie outside; a B-tree of type 1 knows where.
std::string FractalHeap::huge(Cursor& cursor) {
  const uint64_t direct_bytes = image_.num_address_bytes() + image_.num_length_bytes();
  if (id_size_ - 1 >= direct_bytes) {
    const uint64_t address = cursor.address();
    const uint64_t size = cursor.length();
    return image_.block(address, size, "a huge object of a fractal heap", allowance_);
  }
  const uint64_t wanted = cursor.number(std::min<uint64_t>(cursor.left(), image_.num_length_bytes()));
  std::string found;
  bool is_found = false;
  for_each_record(image_, huge_tree_, 1, allowance_, [&](Cursor& record) {
    const uint64_t address = record.address();
    const uint64_t size = record.length();
    if (is_found || record.length() != wanted) return;
    is_found = true;
    found = image_.block(address, size, "a huge object of a fractal heap", allowance_);
  });
  if (!is_found) image_.fail(address_, fmt::format("no huge object {} in this fractal heap", wanted));
  return found;
}

}  // namespace limbic::formats::hdf5
