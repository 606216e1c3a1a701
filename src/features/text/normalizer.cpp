#include "normalizer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "limbic/core/error.h"

namespace limbic::features::text {
namespace {

struct ByteTable {
  std::array<char32_t, 256> character{};
  std::array<int, 512> byte{};

  // Radford et al. 2019, encoder.py: printable Latin-1 bytes stand for themselves, the others follow U+0100.
  ByteTable() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool is_printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const char32_t code = is_printable ? static_cast<char32_t>(b) : next++;
      character[static_cast<size_t>(b)] = code;
      byte[code] = b;
    }
  }
};
const ByteTable& byte_table() {
  static const ByteTable table;
  return table;
}

bool is_ascii(const TextCodes& codes) {
  return std::all_of(codes.begin(), codes.end(), [](const TextCode& c) { return c.code < 0x80; });
}

/// BERT's: tab and line ends are white space, and not control characters.
bool is_bert_space(char32_t code) {
  return is_white_space(code);
}
bool is_bert_control(char32_t code) {
  return code != '\t' && code != '\n' && code != '\r' && is_other(code);
}

void clean_bert_text(TextCodes& codes) {
  codes.erase(std::remove_if(codes.begin(), codes.end(),
                             [](const TextCode& c) {
                               return c.code == 0 || c.code == 0xFFFD || is_bert_control(c.code);
                             }),
              codes.end());
  for (TextCode& c : codes) {
    if (is_bert_space(c.code)) c.code = ' ';
  }
}

void remove_marks(TextCodes& codes, bool (*is_in)(char32_t)) {
  codes.erase(
      std::remove_if(codes.begin(), codes.end(), [is_in](const TextCode& c) { return is_in(c.code); }),
      codes.end());
}

void put_space_around_cjk(TextCodes& codes) {
  if (std::none_of(codes.begin(), codes.end(), [](const TextCode& c) { return is_cjk_ideograph(c.code); }))
    return;
  TextCodes out;
  out.reserve(codes.size());
  for (const TextCode& c : codes) {
    if (is_cjk_ideograph(c.code)) {
      out.push_back({' ', c.begin, c.end});
      out.push_back(c);
      out.push_back({' ', c.begin, c.end});
    } else {
      out.push_back(c);
    }
  }
  check_num_codes(out.size());
  codes = std::move(out);
}

}  // namespace

char32_t byte_character(uint8_t byte) {
  return byte_table().character[byte];
}

int byte_of_character(char32_t code) {
  return code < 512 ? byte_table().byte[code] : -1;
}

Normalize unicode_form(UnicodeForm form) {
  return [form](TextCodes& codes) {
    if (is_ascii(codes)) return;
    const bool is_compatible = form == UnicodeForm::kNfkc || form == UnicodeForm::kNfkd;
    codes = decompose(codes, is_compatible ? Decomposition::kCompatibility : Decomposition::kCanonical);
    if (form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc) codes = compose(codes);
  };
}

Normalize lower_case() {
  return [](TextCodes& codes) {
    TextCodes out;
    out.reserve(codes.size());
    for (const TextCode& c : codes) append_lower(out, c);
    codes = std::move(out);
  };
}

Normalize strip_accents() {
  return [](TextCodes& codes) { remove_marks(codes, is_mark); };
}

Normalize strip_space(bool at_begin, bool at_end) {
  return [=](TextCodes& codes) {
    const auto is_text = [](const TextCode& c) { return !is_white_space(c.code); };
    if (at_end) codes.erase(std::find_if(codes.rbegin(), codes.rend(), is_text).base(), codes.end());
    if (at_begin) codes.erase(codes.begin(), std::find_if(codes.begin(), codes.end(), is_text));
  };
}

Normalize prepend(const std::string& what) {
  return [added = decode_utf8(what)](TextCodes& codes) {
    if (codes.empty()) return;
    TextCodes front = added;
    for (TextCode& c : front) {
      c.begin = codes.front().begin;
      c.end = codes.front().end;
    }
    check_num_codes(codes.size() + front.size());
    codes.insert(codes.begin(), front.begin(), front.end());
  };
}

Normalize byte_level() {
  return [](TextCodes& codes) {
    TextCodes out;
    out.reserve(codes.size());
    std::string bytes;
    for (const TextCode& c : codes) {
      bytes.clear();
      append_utf8(bytes, c.code);
      for (const char byte : bytes)
        out.push_back({byte_character(static_cast<uint8_t>(byte)), c.begin, c.end});
    }
    check_num_codes(out.size());
    codes = std::move(out);
  };
}

Normalize bert_normalizer(const BertNormalizerOptions& options) {
  return [options, nfd = unicode_form(UnicodeForm::kNfd), lower = lower_case()](TextCodes& codes) {
    if (options.clean_text) clean_bert_text(codes);
    if (options.space_around_cjk) put_space_around_cjk(codes);
    if (options.strip_accents) {
      nfd(codes);
      // BERT leaves the spacing marks, Hugging Face's StripAccents does not.
      remove_marks(codes, is_nonspacing_mark);
    }
    if (options.lower_case) lower(codes);
  };
}

CharsMap::CharsMap(std::string blob) : blob_(std::move(blob)) {
  uint32_t trie_bytes = 0;
  require(blob_.size() >= sizeof trie_bytes, ErrorCode::kData,
          "character map: " + std::to_string(blob_.size()) + " bytes; expected the size of its trie first");
  std::memcpy(&trie_bytes, blob_.data(), sizeof trie_bytes);
  require(
      trie_bytes % sizeof(uint32_t) == 0 && trie_bytes >= sizeof(uint32_t) &&
          trie_bytes <= blob_.size() - sizeof trie_bytes,
      ErrorCode::kData,
      "character map: a trie of " + std::to_string(trie_bytes) + " bytes in " + std::to_string(blob_.size()));
  num_units_ = trie_bytes / sizeof(uint32_t);
}

CharsMap::Found CharsMap::longest(std::string_view text) const {
  return find(text, /*stops_at_first=*/false);
}
CharsMap::Found CharsMap::shortest(std::string_view text) const {
  return find(text, /*stops_at_first=*/true);
}

// A double array as darts-clone 0.32 lays it out. A unit has an offset to its children (bits 10 to 30, or 10
// to 28 and 8 more zero bits when bit 9 is set), bit 8 when a leaf is among them, and its own label in bits 0
// to 7; a leaf has bit 31 and a value.
CharsMap::Found CharsMap::find(std::string_view text, bool stops_at_first) const {
  const auto unit_at = [&](size_t at) {
    uint32_t unit = 0;
    if (at < num_units_) std::memcpy(&unit, blob_.data() + sizeof unit * (at + 1), sizeof unit);
    return unit;
  };
  const auto offset_of = [](uint32_t unit) { return size_t{unit >> 10} << ((unit & (1u << 9)) >> 6); };
  const std::string_view strings = std::string_view(blob_).substr(sizeof(uint32_t) * (num_units_ + 1));
  Found found;
  size_t at = 0;
  uint32_t unit = unit_at(0);
  at ^= offset_of(unit);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte == 0) break;  // ends a string of the trie
    at ^= byte;
    if (at >= num_units_) break;
    unit = unit_at(at);
    if ((unit & ((1u << 31) | 0xFFu)) != byte) break;
    at ^= offset_of(unit);
    if ((unit >> 8 & 1u) == 0) continue;
    if (at >= num_units_) break;
    const size_t value = unit_at(at) & 0x7FFFFFFFu;
    if (value >= strings.size()) break;
    const std::string_view rest = strings.substr(value);
    found = {i + 1, rest.substr(0, rest.find('\0'))};
    if (stops_at_first) break;
  }
  return found;
}

Normalize precompiled(std::shared_ptr<const CharsMap> map) {
  return [map = std::move(map)](TextCodes& codes) {
    TextCodes out;
    out.reserve(codes.size());
    const auto put = [&](std::string_view by, size_t first, size_t last) {
      for (TextCode c : decode_utf8(by)) {
        c.begin = codes[first].begin;
        c.end = codes[last - 1].end;
        out.push_back(c);
      }
      check_num_codes(out.size());
    };
    for (size_t i = 0; i < codes.size();) {
      const size_t end = grapheme_end(codes, i);
      // Only clusters below 6 bytes are looked up whole: a million marks on a letter are never one string.
      const std::string cluster = to_utf8(codes.data() + i, std::min<size_t>(end - i, 6));
      if (cluster.size() < 6) {
        const auto found = map->shortest(cluster);
        if (found.num_bytes > 0) {
          put(found.by, i, end);
          i = end;
          continue;
        }
      }
      for (; i < end; ++i) {
        const auto found = map->shortest(to_utf8(codes.data() + i, 1));
        if (found.num_bytes > 0) {
          put(found.by, i, i + 1);
        } else {
          out.push_back(codes[i]);
        }
      }
    }
    codes = std::move(out);
  };
}

}  // namespace limbic::features::text
