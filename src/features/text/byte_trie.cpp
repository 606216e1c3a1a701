#include "byte_trie.h"

#include <algorithm>

namespace limbic::features::text {

ByteTrie::ByteTrie(std::vector<std::pair<std::string, int32_t>> entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // Level by level: the children of a node are then beside each other.
  struct Range {
    Node node;
    size_t first;
    size_t last;  // entries that share the node's string
    size_t depth;
  };
  nodes_.emplace_back();
  std::vector<Range> open{{kRoot, 0, entries.size(), 0}};
  for (size_t next = 0; next < open.size(); ++next) {
    Range range = open[next];
    max_bytes_ = std::max(max_bytes_, range.depth);
    // Shorter strings sort first: those that end here.
    while (range.first < range.last && entries[range.first].first.size() == range.depth) {
      nodes_[range.node].value = entries[range.first++].second;
    }
    nodes_[range.node].first_child = static_cast<uint32_t>(nodes_.size());
    while (range.first < range.last) {
      const char byte = entries[range.first].first[range.depth];
      size_t last = range.first;
      while (last < range.last && entries[last].first[range.depth] == byte) ++last;
      TrieNode child;
      child.byte = static_cast<uint8_t>(byte);
      open.push_back({static_cast<Node>(nodes_.size()), range.first, last, range.depth + 1});
      nodes_.push_back(child);
      ++nodes_[range.node].num_children;
      range.first = last;
    }
    if (next > (size_t{1} << 16)) {  // what is done with makes room
      open.erase(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(next + 1));
      next = static_cast<size_t>(-1);
    }
  }
  for (uint32_t i = 0; i < nodes_[kRoot].num_children; ++i) {
    of_root_[nodes_[nodes_[kRoot].first_child + i].byte] = nodes_[kRoot].first_child + i;
  }
}

bool ByteTrie::step(Node& node, char byte) const {
  const auto wanted = static_cast<uint8_t>(byte);
  if (node == kRoot) {
    node = of_root_[wanted];
    return node != kRoot;
  }
  const auto first = nodes_.begin() + nodes_[node].first_child;
  const auto last = first + nodes_[node].num_children;
  const auto found =
      std::lower_bound(first, last, wanted, [](const TrieNode& child, uint8_t b) { return child.byte < b; });
  if (found == last || found->byte != wanted) return false;
  node = static_cast<Node>(found - nodes_.begin());
  return true;
}

ByteTrie::Match ByteTrie::longest(std::string_view text, Node node) const {
  Match match;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!step(node, text[i])) break;
    if (value(node) != kNone) match = {value(node), i + 1};
  }
  return match;
}

}  // namespace limbic::features::text
