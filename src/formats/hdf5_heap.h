#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "hdf5_image.h"

// The indexes behind large groups, attribute lists and chunked datasets.
namespace limbic::formats::hdf5 {

/// "III.G. Fractal Heap": objects by their heap ID.
class FractalHeap {
 public:
  FractalHeap(const Image& image, uint64_t address, Allowance& allowance);

  std::string object(std::string_view id);
  uint64_t id_size() const { return id_size_; }

 private:
  struct Block {
    uint64_t address = 0;
    uint64_t start = 0;  ///< its place in the heap
    std::string bytes;
  };
  uint64_t row_bytes(uint64_t row) const;
  uint64_t num_direct_rows() const;
  const Block& direct_block(uint64_t offset);
  uint64_t find_direct(uint64_t address, uint64_t num_rows, uint64_t begin, uint64_t offset, uint64_t& start,
                       uint64_t& size);
  std::string managed(Cursor& cursor);
  std::string huge(Cursor& cursor);

  const Image& image_;
  uint64_t address_;
  Allowance& allowance_;
  uint64_t id_size_ = 0;
  bool has_block_checksums_ = false;
  uint64_t huge_tree_ = 0;
  uint64_t width_ = 0;
  uint64_t first_block_bytes_ = 0;
  uint64_t max_direct_bytes_ = 0;
  uint64_t offset_bytes_ = 0;
  uint64_t size_bytes_ = 0;
  uint64_t root_ = 0;
  uint64_t num_root_rows_ = 0;
  std::map<uint64_t, std::string> indirect_;  ///< by address
  std::map<uint64_t, Block> blocks_;          ///< by their place in the heap
};

/// "III.A.2. Version 2 B-trees": every record, in order.
/// @param type  that the tree must have
void for_each_record(const Image& image, uint64_t address, uint8_t type, Allowance& allowance,
                     const std::function<void(Cursor&)>& visit);

/// "III.A.1. Version 1 B-trees": the leaves below a node; `visit` gets the key before each child and its
/// address.
/// @param type  0 groups, 1 chunks
void for_each_leaf(const Image& image, uint64_t address, uint8_t type, uint64_t key_bytes,
                   Allowance& allowance, const std::function<void(Cursor& key, uint64_t child)>& visit);

}  // namespace limbic::formats::hdf5
