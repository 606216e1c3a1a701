#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limbic::features::text {

/// Strings with a number each, found byte by byte: every prefix of a text that is among them in one walk.
class ByteTrie {
 public:
  static constexpr int32_t kNone = -1;
  using Node = uint32_t;
  static constexpr Node kRoot = 0;

  ByteTrie() : ByteTrie(std::vector<std::pair<std::string, int32_t>>{}) {}
  /// @param entries  values >= 0; of equal strings the last counts
  explicit ByteTrie(std::vector<std::pair<std::string, int32_t>> entries);

  /// Follows one byte; false when no string goes on so.
  bool step(Node& node, char byte) const;
  /// The value of the string that ends here, or kNone.
  int32_t value(Node node) const { return nodes_[node].value; }

  struct Match {
    int32_t value = kNone;
    size_t num_bytes = 0;
  };
  /// The longest string that `text` begins with, going on from `node`.
  Match longest(std::string_view text, Node node = kRoot) const;
  bool is_empty() const { return nodes_.size() == 1 && nodes_[0].value == kNone; }
  /// Length of the longest string, bytes.
  size_t max_bytes() const { return max_bytes_; }

 private:
  struct TrieNode {
    uint32_t first_child = 0;  ///< index into nodes_; the children are beside each other, by byte
    uint16_t num_children = 0;
    uint8_t byte = 0;
    int32_t value = kNone;
  };
  std::vector<TrieNode> nodes_;
  std::array<uint32_t, 256> of_root_{};  ///< 0 = none: most walks end at the first byte
  size_t max_bytes_ = 0;
};

}  // namespace limbic::features::text
