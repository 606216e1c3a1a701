#include "pickle_document.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "text_input.h"

namespace limbic::formats::detail {
namespace {

/// Keys are compared a lot: one of more parts than this (tuples in tuples) is refused.
constexpr int kMaxKeyParts = 64;

bool begins_with(std::string_view bytes, std::string_view magic) {
  return bytes.substr(0, magic.size()) == magic;
}

/// Python's order does not matter here, only that equal keys are equal: 1 == 1.0 == True.
class KeyOrder {
 public:
  explicit KeyOrder(const PickleDocument& document) : document_(document) {}

  /// @throws Error(kData) for keys that Python would not take, or that are too large
  void check(PickleId id) const {
    int num_parts = 0;
    count_parts(id, num_parts);
  }
  int compare(PickleId a, PickleId b) const {
    if (a == b) return 0;
    const int rank_a = rank(a), rank_b = rank(b);
    if (rank_a != rank_b) return rank_a < rank_b ? -1 : 1;
    switch (rank_a) {
      case 0:
        return 0;
      case 1:
        return compare_numbers(a, b);
      case 2:
      case 3:
      case 4:
        return document_.text(a).compare(document_.text(b));
      case 5: {
        const auto& left = document_.items(a).ids;
        const auto& right = document_.items(b).ids;
        for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
          const int order = compare(left[i], right[i]);
          if (order != 0) return order;
        }
        return left.size() == right.size() ? 0 : left.size() < right.size() ? -1 : 1;
      }
      default:  // sets, types and complex numbers: the same only when they are one object
        return a < b ? -1 : 1;
    }
  }
  int compare(PickleId a, std::string_view text) const {
    const int rank_a = rank(a);
    return rank_a != 2 ? (rank_a < 2 ? -1 : 1) : document_.text(a).compare(text);
  }

 private:
  int rank(PickleId id) const {
    switch (document_.node(id).kind) {
      case NodeKind::kNone:
        return 0;
      case NodeKind::kBool:
      case NodeKind::kInt:
      case NodeKind::kFloat:
        return 1;
      case NodeKind::kText:
      case NodeKind::kPython2Text:
        return 2;
      case NodeKind::kBytes:
        return 3;
      case NodeKind::kBigInt:
        return 4;
      case NodeKind::kTuple:
        return 5;
      default:
        return 6;
    }
  }
  int compare_numbers(PickleId a, PickleId b) const {
    const PickleNode& left = document_.node(a);
    const PickleNode& right = document_.node(b);
    if (left.kind != NodeKind::kFloat && right.kind != NodeKind::kFloat)
      return left.integer == right.integer ? 0 : left.integer < right.integer ? -1 : 1;
    // Long doubles hold every int64 and every double.
    const auto value = [](const PickleNode& node) {
      return node.kind == NodeKind::kFloat ? static_cast<long double>(node.real)
                                           : static_cast<long double>(node.integer);
    };
    const long double x = value(left), y = value(right);
    if (std::isnan(x) || std::isnan(y)) {
      if (std::isnan(x) && std::isnan(y)) return a < b ? -1 : 1;  // nan != nan
      return std::isnan(x) ? 1 : -1;
    }
    return x == y ? 0 : x < y ? -1 : 1;
  }
  void count_parts(PickleId id, int& num_parts) const {
    if (++num_parts > kMaxKeyParts)
      document_.fail(fmt::format("a key of a dict or set has more than {} parts", kMaxKeyParts));
    switch (document_.node(id).kind) {
      case NodeKind::kList:
      case NodeKind::kDict:
      case NodeKind::kArray:
      case NodeKind::kWrapper:
        document_.fail("a list, dict or array is the key of a dict or set, which Python cannot hold");
      case NodeKind::kTuple:
        for (const PickleId part : document_.items(id).ids) count_parts(part, num_parts);
        break;
      default:
        break;
    }
  }

  const PickleDocument& document_;
};

}  // namespace

PickleBytes::PickleBytes(const std::string& path, uint64_t max_bytes) {
  mapping_.emplace(path);
  view_ = mapping_->bytes();
  require(!view_.empty(), ErrorCode::kData, path + ": an empty file; a pickle has at least 2 bytes");
  unpack(path, max_bytes);
}

PickleBytes::PickleBytes(std::string bytes, const std::string& name, uint64_t max_bytes)
    : owned_(std::move(bytes)), view_(owned_) {
  require(!owned_.empty(), ErrorCode::kData, name + ": empty; a pickle has at least 2 bytes");
  unpack(name, max_bytes);
}

void PickleBytes::unpack(const std::string& name, uint64_t max_bytes) {
  const auto fail = [&](const std::string& what) { throw Error(ErrorCode::kData, name + ": " + what); };
  struct Packing {
    std::string_view magic;
    const char* name;
  };
  for (const Packing& packing :
       {Packing{"BZh", "bzip2"},
        Packing{"\xFD"
                "7zXZ",
                "xz"},
        Packing{std::string_view("\x5D\0\0", 3), "lzma"}, Packing{"\x04\x22\x4D\x18", "lz4"},
        Packing{"\x28\xB5\x2F\xFD", "zstandard"}}) {
    if (begins_with(view_, packing.magic))
      fail(fmt::format(
          "packed with {}; plain, gzip and zlib are read: unpack it, or dump it again with compress=3",
          packing.name));
  }
  if (begins_with(view_, "PK\x03\x04"))
    fail("a zip archive, not a pickle (of PyTorch? save numpy arrays instead; of numpy? name it .npz)");
  if (begins_with(view_, "ZF")) fail("written by joblib before 0.10; load it there and dump it again");
  if (begins_with(view_, "\x89HDF")) fail("HDF5, not a pickle");
  const bool is_gzip = begins_with(view_, "\x1F\x8B");
  // No pickle begins with 'x'; zlib's second byte makes the first two a multiple of 31.
  const bool is_zlib =
      view_.size() > 2 && view_[0] == 'x' && ('x' * 256 + static_cast<unsigned char>(view_[1])) % 31 == 0;
  if (!is_gzip && !is_zlib) return;

  z_stream stream{};
  if (inflateInit2(&stream, is_gzip ? 15 + 16 : 15) != Z_OK)
    throw Error(ErrorCode::kResource, "zlib has no memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  std::string out;
  std::string piece(1 << 18, '\0');
  std::string_view rest = view_;
  for (;;) {
    const size_t given = std::min<size_t>(rest.size(), 1 << 30);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
    stream.avail_in = static_cast<uInt>(given);
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END)
      fail(fmt::format("byte {}: the packed data are {}", view_.size() - rest.size(),
                       rest.empty() ? "cut off" : "damaged"));
    rest.remove_prefix(given - stream.avail_in);
    const size_t got = piece.size() - stream.avail_out;
    if (got > max_bytes - out.size())
      fail(fmt::format("unpacks to more than the {} bytes allowed", max_bytes));
    out.append(piece.data(), got);
    if (status == Z_STREAM_END) {
      if (rest.empty()) break;
      // gzip files may be one after the other.
      if (!is_gzip || !begins_with(rest, "\x1F\x8B") || inflateReset(&stream) != Z_OK)
        fail(fmt::format("byte {}: something follows the packed data", view_.size() - rest.size()));
    }
  }
  if (out.empty()) fail("unpacks to nothing");
  owned_ = std::move(out);
  view_ = owned_;
}

std::string PickleDocument::utf8(PickleId id) const {
  const std::string_view bytes = text(id);
  if (node(id).kind != NodeKind::kPython2Text) return std::string(bytes);
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

void PickleDocument::charge(uint64_t num_bytes) {
  if (num_bytes > memory_left_)
    throw Error(ErrorCode::kData, name_ + ": its values need more memory than is allowed");
  memory_left_ -= num_bytes;
}

void PickleDocument::charge_copy(uint64_t num_bytes) {
  if (num_bytes > copies_left_)
    fail("the same values are copied again and again; no program that saves data writes this");
  copies_left_ -= num_bytes;
  charge(num_bytes);
}

PickleId PickleDocument::add(NodeKind kind, uint32_t ref) {
  charge(sizeof(PickleNode));
  if (nodes_.size() >= UINT32_MAX - 1) fail("more than 2^32 values");
  PickleNode node;
  node.kind = kind;
  node.ref = ref;
  nodes_.push_back(node);
  return static_cast<PickleId>(nodes_.size() - 1);
}

PickleId PickleDocument::add_integer(NodeKind kind, int64_t value) {
  const PickleId id = add(kind);
  nodes_[id].integer = value;
  return id;
}

PickleId PickleDocument::add_real(double value) {
  const PickleId id = add(NodeKind::kFloat);
  nodes_[id].real = value;
  return id;
}

PickleId PickleDocument::add_text(NodeKind kind, std::string_view text) {
  charge(sizeof text);
  texts_.push_back(text);
  return add(kind, static_cast<uint32_t>(texts_.size() - 1));
}

PickleId PickleDocument::add_owned(NodeKind kind, std::string text) {
  charge_copy(text.size());
  charge(sizeof text);
  owned_.push_back(std::move(text));
  return add_text(kind, owned_.back());
}

PickleId PickleDocument::add_items(NodeKind kind, std::vector<PickleId> ids) {
  charge(sizeof(PickleItems) + ids.size() * sizeof(PickleId));
  items_.push_back({std::move(ids), {}});
  return add(kind, static_cast<uint32_t>(items_.size() - 1));
}

PickleId PickleDocument::add_array(PickleArrayData array) {
  charge(sizeof array + array.shape.size() * sizeof(uint64_t));
  arrays_.push_back(std::move(array));
  return add(NodeKind::kArray, static_cast<uint32_t>(arrays_.size() - 1));
}

PickleId PickleDocument::add_dtype(NumpyType type) {
  charge(sizeof type);
  dtypes_.push_back(std::move(type));
  return add(NodeKind::kDtype, static_cast<uint32_t>(dtypes_.size() - 1));
}

void PickleDocument::finish() {
  const KeyOrder order(*this);
  for (const PickleNode& node : nodes_) {
    if (node.kind != NodeKind::kDict && node.kind != NodeKind::kSet) continue;
    PickleItems& items = items_[node.ref];
    const size_t width = node.kind == NodeKind::kDict ? 2 : 1;
    const size_t num_items = items.ids.size() / width;
    if (num_items == 0 || !items.order.empty()) continue;
    charge(num_items * sizeof(uint32_t));
    for (size_t i = 0; i < num_items; ++i) {
      const PickleId key = items.ids[i * width];
      order.check(key);
      if (nodes_[key].kind == NodeKind::kPython2Text) {
        charge_copy(text(key).size());
        texts_[nodes_[key].ref] = owned_.emplace_back(utf8(key));
        nodes_[key].kind = NodeKind::kText;
      }
    }
    std::vector<uint32_t> sorted(num_items);
    std::iota(sorted.begin(), sorted.end(), 0U);
    std::sort(sorted.begin(), sorted.end(), [&](uint32_t a, uint32_t b) {
      const int by_key = order.compare(items.ids[a * width], items.ids[b * width]);
      return by_key != 0 ? by_key < 0 : a < b;
    });
    // Of equal keys the first gives the place and the key, the last the value.
    std::vector<bool> is_repeated(num_items);
    uint32_t first = sorted[0];
    bool has_repeated = false;
    for (size_t i = 1; i < num_items; ++i) {
      const uint32_t now = sorted[i];
      if (order.compare(items.ids[first * width], items.ids[now * width]) == 0) {
        is_repeated[now] = has_repeated = true;
        if (width == 2) items.ids[2 * first + 1] = items.ids[2 * now + 1];
      } else {
        first = now;
      }
    }
    if (has_repeated) {
      std::vector<uint32_t> place(num_items);
      uint32_t kept = 0;
      for (uint32_t i = 0; i < num_items; ++i) {
        if (is_repeated[i]) continue;
        place[i] = kept;
        for (size_t k = 0; k < width; ++k) items.ids[kept * width + k] = items.ids[i * width + k];
        ++kept;
      }
      items.ids.resize(kept * width);
      sorted.erase(std::remove_if(sorted.begin(), sorted.end(), [&](uint32_t i) { return is_repeated[i]; }),
                   sorted.end());
      for (uint32_t& i : sorted) i = place[i];
    }
    items.order = std::move(sorted);
  }
}

int64_t PickleDocument::find(PickleId dict, std::string_view key) const {
  const PickleItems& all = items(dict);
  const KeyOrder order(*this);
  const auto found = std::lower_bound(
      all.order.begin(), all.order.end(), key,
      [&](uint32_t item, std::string_view wanted) { return order.compare(all.ids[2 * item], wanted) < 0; });
  if (found == all.order.end() || order.compare(all.ids[2 * *found], key) != 0) return -1;
  return *found;
}

}  // namespace limbic::formats::detail
