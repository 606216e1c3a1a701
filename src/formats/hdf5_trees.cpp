#include <fmt/format.h>

#include <vector>

#include "hdf5_heap.h"

namespace limbic::formats::hdf5 {
namespace {

/// Walks one version 2 B-tree.
class Tree2 {
 public:
  Tree2(const Image& image, uint64_t address, uint8_t type, Allowance& allowance,
        const std::function<void(Cursor&)>& visit)
      : image_(image), allowance_(allowance), visit_(visit), type_(type) {
    constexpr const char* kWhat = "the header of a B-tree";
    const uint64_t size = 22 + image.num_address_bytes() + image.num_length_bytes();
    const std::string head = image.block(address, size, kWhat, allowance);
    image.expect_signature(head, "BTHD", address);
    image.verify(head, address, kWhat);
    Cursor cursor(image, head, address);
    cursor.skip(4);
    const uint8_t version = cursor.u8();
    const uint8_t its_type = cursor.u8();
    if (version != 0 || its_type != type)
      cursor.fail(
          fmt::format("a B-tree of version {} type {}; expected version 0 type {}", version, its_type, type));
    node_bytes_ = cursor.u32();
    record_bytes_ = cursor.u16();
    depth_ = cursor.u16();
    cursor.skip(2);
    root_ = cursor.address();
    num_root_records_ = cursor.u16();
    if (record_bytes_ == 0 || node_bytes_ < 10 + uint64_t{record_bytes_} || depth_ > 32)
      cursor.fail(fmt::format("a B-tree of depth {} with nodes of {} and records of {} bytes", depth_,
                              node_bytes_, record_bytes_));
    // How many records a node of each level can hold gives the width of the counts beside the pointers.
    uint64_t most = (node_bytes_ - 10) / record_bytes_;
    uint64_t most_below = most;
    count_bytes_ = num_bytes_for(most);
    total_bytes_.push_back(0);
    for (uint32_t level = 1; level <= depth_; ++level) {
      const uint64_t pointer = image.num_address_bytes() + count_bytes_ + total_bytes_.back();
      if (node_bytes_ < 10 + pointer) cursor.fail("a B-tree with nodes too small for their pointers");
      most = (node_bytes_ - 10 - pointer) / (record_bytes_ + pointer);
      if (__builtin_mul_overflow(most_below, most + 1, &most_below) ||
          __builtin_add_overflow(most_below, most, &most_below))
        cursor.fail("a B-tree for more than 2^64 records");
      total_bytes_.push_back(num_bytes_for(most_below));
    }
  }

  void walk() {
    if (root_ != kUndefined) walk_node(root_, num_root_records_, depth_);
  }

 private:
  void walk_node(uint64_t address, uint64_t num_records, uint32_t level) {
    const uint64_t pointer =
        image_.num_address_bytes() + count_bytes_ + (level > 0 ? total_bytes_[level - 1] : 0);
    const uint64_t records_bytes = num_records * record_bytes_;
    const uint64_t used = 6 + records_bytes + (level > 0 ? (num_records + 1) * pointer : 0);
    if (used + 4 > node_bytes_)
      image_.fail(address, fmt::format("{} records in a B-tree node of {} bytes", num_records, node_bytes_));
    // Nodes are as large as the header says; what is behind their checksum is free.
    const std::string node = image_.block(address, used + 4, "a B-tree node", allowance_);
    image_.expect_signature(node, level > 0 ? "BTIN" : "BTLF", address);
    image_.verify(node, address, "a B-tree node");
    Cursor records(image_, node, address);
    records.skip(5);
    if (records.u8() != type_) records.fail("a B-tree node of another type than its tree");
    Cursor pointers(image_, node, address);
    pointers.skip(6 + records_bytes);
    for (uint64_t i = 0; i <= num_records; ++i) {
      if (level > 0) {
        const uint64_t child = pointers.address();
        const uint64_t count = pointers.number(count_bytes_);
        pointers.skip(total_bytes_[level - 1]);
        walk_node(child, count, level - 1);
      }
      if (i == num_records) break;
      const uint64_t at = address + records.at();
      Cursor record(image_, records.take(record_bytes_), at);
      visit_(record);
    }
  }

  const Image& image_;
  Allowance& allowance_;
  const std::function<void(Cursor&)>& visit_;
  uint8_t type_;
  uint32_t node_bytes_ = 0;
  uint16_t record_bytes_ = 0;
  uint16_t depth_ = 0;
  uint64_t root_ = 0;
  uint64_t num_root_records_ = 0;
  uint64_t count_bytes_ = 0;
  std::vector<uint64_t> total_bytes_;  ///< by level: of the number of records below
};

class Tree1 {
 public:
  Tree1(const Image& image, uint8_t type, uint64_t key_bytes, Allowance& allowance,
        const std::function<void(Cursor&, uint64_t)>& visit)
      : image_(image), type_(type), key_bytes_(key_bytes), allowance_(allowance), visit_(visit) {}

  /// @param expected_level  of the node; -1: the root's is not known
  void walk(uint64_t address, int expected_level) {
    constexpr const char* kWhat = "a B-tree node";
    const uint64_t address_bytes = image_.num_address_bytes();
    const uint64_t head_bytes = 8 + 2 * address_bytes;
    const std::string head = image_.block(address, head_bytes, kWhat, allowance_);
    image_.expect_signature(head, "TREE", address);
    Cursor cursor(image_, head, address);
    cursor.skip(4);
    const uint8_t type = cursor.u8();
    const uint8_t level = cursor.u8();
    const uint16_t num_entries = cursor.u16();
    if (type != type_) cursor.fail(fmt::format("a B-tree of type {}; expected {}", type, type_));
    // Every level counts down by one, so no path is longer than the root's level.
    if (expected_level >= 0 ? level != expected_level : level > 64)
      cursor.fail(fmt::format("a B-tree node of level {}", level));
    const uint64_t size = num_entries * (key_bytes_ + address_bytes);
    const std::string body = image_.block(address + head_bytes, size, kWhat, allowance_);
    Cursor entries(image_, body, address + head_bytes);
    for (int i = 0; i < num_entries; ++i) {
      const uint64_t at = address + head_bytes + entries.at();
      Cursor key(image_, entries.take(key_bytes_), at);
      const uint64_t child = entries.address();
      if (level > 0)
        walk(child, level - 1);
      else
        visit_(key, child);
    }
  }

 private:
  const Image& image_;
  uint8_t type_;
  uint64_t key_bytes_;
  Allowance& allowance_;
  const std::function<void(Cursor&, uint64_t)>& visit_;
};

}  // namespace

void for_each_record(const Image& image, uint64_t address, uint8_t type, Allowance& allowance,
                     const std::function<void(Cursor&)>& visit) {
  Tree2(image, address, type, allowance, visit).walk();
}

void for_each_leaf(const Image& image, uint64_t address, uint8_t type, uint64_t key_bytes,
                   Allowance& allowance, const std::function<void(Cursor&, uint64_t)>& visit) {
  Tree1(image, type, key_bytes, allowance, visit).walk(address, -1);
}

}  // namespace limbic::formats::hdf5
