// Unicode by utf8proc 2.8 (Unicode 15): 350 kB, one C file with exact tables. ICU knows the same properties,
// but its data file is 31 MB and its normaliser does not say which characters a result came from.
#include "text_codes.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "limbic/core/error.h"

namespace limbic::features::text {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

utf8proc_category_t category(char32_t code) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}
bool is_category_in(char32_t code, utf8proc_category_t first, utf8proc_category_t last) {
  const auto found = category(code);
  return found >= first && found <= last;
}

int combining_class(char32_t code) {
  // Below U+0300 nothing combines: most text is there.
  return code < 0x300 ? 0 : utf8proc_get_property(static_cast<utf8proc_int32_t>(code))->combining_class;
}

/// Letters without case that case conversion looks through (Unicode 3.13, Case_Ignorable).
bool is_case_ignorable(char32_t code) {
  switch (code) {
    case 0x27:
    case 0x2E:
    case 0x3A:
    case 0xB7:
    case 0x387:
    case 0x55F:
    case 0x5F4:
    case 0x2018:
    case 0x2019:
    case 0x2024:
    case 0x2027:
    case 0xFE13:
    case 0xFE52:
    case 0xFE55:
    case 0xFF07:
    case 0xFF0E:
    case 0xFF1A:
      return true;
    default:
      break;
  }
  const auto found = category(code);
  return found == UTF8PROC_CATEGORY_MN || found == UTF8PROC_CATEGORY_ME || found == UTF8PROC_CATEGORY_CF ||
         found == UTF8PROC_CATEGORY_LM || found == UTF8PROC_CATEGORY_SK;
}

bool is_cased(char32_t code) {
  return is_category_in(code, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LT) || code == 0xAA || code == 0xBA ||
         (code >= 0x2160 && code <= 0x217F) || (code >= 0x24B6 && code <= 0x24E9);
}

/// One character of two, or 0 where they do not combine.
char32_t composed_pair(char32_t first, char32_t second) {
  std::array<utf8proc_int32_t, 2> pair{static_cast<utf8proc_int32_t>(first),
                                       static_cast<utf8proc_int32_t>(second)};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  return utf8proc_normalize_utf32(pair.data(), 2, options) == 1 ? static_cast<char32_t>(pair[0]) : 0;
}

/// Length of the sequence at `at` when it is well-formed (then `code` is set), else of its maximal part.
size_t take_utf8(std::string_view text, size_t at, char32_t& code) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  code = kReplacement;
  if (lead < 0x80) {
    code = lead;
    return 1;
  }
  if (lead < 0xC2 || lead > 0xF4) return 1;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte has narrower bounds where else the form would be overlong, a surrogate or too high.
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t value = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if (at + i >= text.size()) return i;
    const unsigned next = byte(at + i);
    if (next < (i == 1 ? low : 0x80u) || next > (i == 1 ? high : 0xBFu)) return i;
    value = value << 6 | (next & 0x3F);
  }
  code = value;
  return length;
}

}  // namespace

TextCodes decode_utf8(std::string_view text, size_t offset) {
  require(text.size() <= kMaxTextBytes && offset <= kMaxTextBytes, ErrorCode::kData,
          "a text of " + std::to_string(text.size()) + " bytes; at most " + std::to_string(kMaxTextBytes) +
              "; split it");
  TextCodes codes;
  codes.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    char32_t code = 0;
    const size_t length = take_utf8(text, at, code);
    codes.push_back({code, static_cast<uint32_t>(offset + at), static_cast<uint32_t>(offset + at + length)});
    at += length;
  }
  return codes;
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::string to_utf8(const TextCode* codes, size_t num_codes) {
  std::string out;
  out.reserve(num_codes);
  for (size_t i = 0; i < num_codes; ++i) append_utf8(out, codes[i].code);
  return out;
}

void check_num_codes(size_t num_codes) {
  require(num_codes <= kMaxTextCodes, ErrorCode::kData,
          "the tokenizer's normalisation makes more than " + std::to_string(kMaxTextCodes) +
              " characters of a text; expected a text that is shorter, or other rules");
}

bool is_white_space(char32_t code) {
  if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
  return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
         code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool is_python_space(char32_t code) {
  return is_white_space(code) || (code >= 0x1C && code <= 0x1F);
}

bool is_letter(char32_t code) {
  if (code < 0x80) return (code | 0x20) >= 'a' && (code | 0x20) <= 'z';
  return is_category_in(code, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO);
}

bool is_number(char32_t code) {
  if (code < 0x80) return code >= '0' && code <= '9';
  return is_category_in(code, UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO);
}

bool is_digit(char32_t code) {
  return category(code) == UTF8PROC_CATEGORY_ND;
}

bool is_mark(char32_t code) {
  return is_category_in(code, UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME);
}

bool is_nonspacing_mark(char32_t code) {
  return code >= 0x300 && category(code) == UTF8PROC_CATEGORY_MN;
}

bool is_punctuation(char32_t code) {
  return is_category_in(code, UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO);
}

bool is_symbol(char32_t code) {
  return is_category_in(code, UTF8PROC_CATEGORY_SM, UTF8PROC_CATEGORY_SO);
}

bool is_other(char32_t code) {
  return is_category_in(code, UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CO);
}

bool is_word_character(char32_t code) {
  if (code < 0x80) return is_letter(code) || is_number(code) || code == '_';
  const auto found = category(code);
  if (found >= UTF8PROC_CATEGORY_LU && found <= UTF8PROC_CATEGORY_NL) return true;
  // The joiners, and the circled and squared letters, which are alphabetic although symbols.
  return found == UTF8PROC_CATEGORY_PC || code == 0x200C || code == 0x200D ||
         (code >= 0x24B6 && code <= 0x24E9) || (code >= 0x1F130 && code <= 0x1F149) ||
         (code >= 0x1F150 && code <= 0x1F169) || (code >= 0x1F170 && code <= 0x1F189);
}

bool is_python_word_character(char32_t code) {
  return code == '_' || is_letter(code) || is_number(code);
}

bool is_bert_punctuation(char32_t code) {
  if (code < 0x80) return code > ' ' && code < 0x7F && !is_letter(code) && !is_number(code);
  return is_punctuation(code);
}

bool is_cjk_ideograph(char32_t code) {
  return (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0x3400 && code <= 0x4DBF) ||
         (code >= 0x20000 && code <= 0x2A6DF) || (code >= 0x2A700 && code <= 0x2B73F) ||
         (code >= 0x2B740 && code <= 0x2B81F) || (code >= 0x2B820 && code <= 0x2CEAF) ||
         (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x2F800 && code <= 0x2FA1F);
}

void append_lower(TextCodes& out, const TextCode& from) {
  if (from.code == 0x130) {
    out.push_back({'i', from.begin, from.end});
    out.push_back({0x307, from.begin, from.end});
    return;
  }
  out.push_back({static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(from.code))),
                 from.begin, from.end});
}

TextCodes python_lower(const TextCodes& codes) {
  TextCodes out;
  out.reserve(codes.size());
  // Whether the next character with a case follows directly: one pass from the end, so that a long run of
  // sigmas costs no more than other text.
  std::vector<bool> is_cased_next(codes.size(), false);
  for (size_t i = codes.size(); i-- > 1;) {
    is_cased_next[i - 1] = is_case_ignorable(codes[i].code) ? is_cased_next[i] : is_cased(codes[i].code);
  }
  bool is_cased_before = false;
  for (size_t i = 0; i < codes.size(); ++i) {
    append_lower(out, codes[i]);
    if (codes[i].code == 0x3A3 && is_cased_before && !is_cased_next[i]) out.back().code = 0x3C2;
    if (!is_case_ignorable(codes[i].code)) is_cased_before = is_cased(codes[i].code);
  }
  return out;
}

TextCodes decompose(const TextCodes& codes, Decomposition how) {
  const auto options = static_cast<utf8proc_option_t>(
      UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (how == Decomposition::kCompatibility ? UTF8PROC_COMPAT : 0));
  TextCodes out;
  out.reserve(codes.size());
  std::array<utf8proc_int32_t, 32> parts{};
  for (const TextCode& from : codes) {
    if (from.code < 0x80) {
      out.push_back(from);
      continue;
    }
    int boundary = 0;
    const auto num_parts =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(from.code), parts.data(),
                                static_cast<utf8proc_ssize_t>(parts.size()), options, &boundary);
    require(num_parts > 0 && static_cast<size_t>(num_parts) <= parts.size(), ErrorCode::kInternal,
            "Unicode: a character that does not decompose");
    for (utf8proc_ssize_t i = 0; i < num_parts; ++i) {
      out.push_back({static_cast<char32_t>(parts[static_cast<size_t>(i)]), from.begin, from.end});
    }
    check_num_codes(out.size());
  }
  // Canonical order: marks between two starters by their class.
  for (size_t i = 0; i < out.size();) {
    if (combining_class(out[i].code) == 0) {
      ++i;
      continue;
    }
    size_t last = i;
    while (last < out.size() && combining_class(out[last].code) != 0) ++last;
    std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(i),
                     out.begin() + static_cast<std::ptrdiff_t>(last),
                     [](const TextCode& a, const TextCode& b) {
                       return combining_class(a.code) < combining_class(b.code);
                     });
    i = last;
  }
  return out;
}

TextCodes compose(const TextCodes& decomposed) {
  TextCodes out;
  out.reserve(decomposed.size());
  size_t starter = decomposed.size();  // index in `out`; past the end: none yet
  int last_class = -1;                 // of what stands between the starter and here; -1: nothing
  for (const TextCode& next : decomposed) {
    const int next_class = combining_class(next.code);
    const bool is_blocked = last_class != -1 && (last_class == 0 || last_class >= next_class);
    if (starter < out.size() && !is_blocked && next.code >= 0x300) {
      const char32_t both = composed_pair(out[starter].code, next.code);
      if (both != 0) {
        out[starter].code = both;
        out[starter].begin = std::min(out[starter].begin, next.begin);
        out[starter].end = std::max(out[starter].end, next.end);
        continue;
      }
    }
    if (next_class == 0) {
      starter = out.size();
      last_class = -1;
    } else {
      last_class = next_class;
    }
    out.push_back(next);
  }
  return out;
}

size_t grapheme_end(const TextCodes& codes, size_t begin) {
  utf8proc_int32_t state = 0;
  size_t end = begin + 1;
  while (end < codes.size() &&
         !utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(codes[end - 1].code),
                                           static_cast<utf8proc_int32_t>(codes[end].code), &state)) {
    ++end;
  }
  return end;
}

}  // namespace limbic::features::text
