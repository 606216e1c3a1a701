#include "check/text_shape.h"

#include <algorithm>
#include <limits>
#include <set>

namespace limbic::data {
namespace {

constexpr size_t kPieceBytes = 5;
constexpr size_t kNumMinhashes = 96;

uint64_t mixed(uint64_t x) {  // the finaliser of SplitMix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::set<std::string_view> pieces_of(const std::string& text) {
  std::set<std::string_view> pieces;
  const std::string_view view(text);
  for (size_t i = 0; i + kPieceBytes <= view.size(); ++i) pieces.insert(view.substr(i, kPieceBytes));
  return pieces;
}

}  // namespace

uint64_t hash_of_bytes(const void* data, size_t num_bytes) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (size_t i = 0; i < num_bytes; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
  return mixed(hash);
}

std::string normalised_text(std::string_view text) {
  std::string out;
  bool is_gap = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_upper = byte >= 'A' && byte <= 'Z';
    const bool is_word =
        is_upper || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
    if (!is_word) {
      is_gap = is_gap || (!out.empty() && byte != '\'');
      continue;
    }
    if (is_gap) out += ' ';
    is_gap = false;
    out += is_upper ? static_cast<char>(byte + 32) : c;
  }
  return out;
}

std::vector<uint32_t> minhashes_of(const std::string& text) {
  std::vector<uint32_t> least(kNumMinhashes, std::numeric_limits<uint32_t>::max());
  for (const auto piece : pieces_of(text)) {
    const uint64_t hash = hash_of_bytes(piece.data(), piece.size());
    for (size_t k = 0; k < kNumMinhashes; ++k)
      least[k] = std::min(least[k], static_cast<uint32_t>(mixed(hash + k * 0x9e3779b97f4a7c15ULL)));
  }
  return least;
}

double similarity_of(const std::string& a, const std::string& b) {
  const auto pieces_a = pieces_of(a);
  const auto pieces_b = pieces_of(b);
  size_t num_common = 0;
  for (const auto piece : pieces_a) num_common += pieces_b.count(piece);
  const size_t num_all = pieces_a.size() + pieces_b.size() - num_common;
  return num_all > 0 ? static_cast<double>(num_common) / static_cast<double>(num_all) : 0.0;
}

}  // namespace limbic::data
