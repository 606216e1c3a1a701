#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace limbic::features::text {

/// A character and the bytes of the text that it came from.
struct TextCode {
  char32_t code = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};
using TextCodes = std::vector<TextCode>;

/// More is refused before it costs memory.
constexpr size_t kMaxTextBytes = size_t{4} << 20;
/// Of a text while it is normalised: NFKC makes up to 18 characters of one.
constexpr size_t kMaxTextCodes = size_t{32} << 20;

/// The characters of UTF-8 bytes; a maximal part of a character that is broken off is U+FFFD (Unicode 3.9).
/// @param offset  of the first byte, for the spans. @throws Error(kData) past kMaxTextBytes
TextCodes decode_utf8(std::string_view text, size_t offset = 0);
void append_utf8(std::string& out, char32_t code);
std::string to_utf8(const TextCode* codes, size_t num_codes);
/// Throws Error(kData) when `num_codes` is more than kMaxTextCodes.
void check_num_codes(size_t num_codes);

/// Unicode's property White_Space.
bool is_white_space(char32_t code);
/// What Python's str.isspace says, which counts U+001C to U+001F too.
bool is_python_space(char32_t code);
bool is_letter(char32_t code);           ///< \p{L}
bool is_number(char32_t code);           ///< \p{N}
bool is_digit(char32_t code);            ///< \p{Nd}
bool is_mark(char32_t code);             ///< \p{M}
bool is_nonspacing_mark(char32_t code);  ///< \p{Mn}
bool is_punctuation(char32_t code);      ///< \p{P}
bool is_symbol(char32_t code);           ///< \p{S}
bool is_other(char32_t code);            ///< \p{C} without what is not assigned
/// \w of regular expressions over Unicode (UTS 18): letters, marks, digits, connectors, joiners.
bool is_word_character(char32_t code);
/// \w of Python: letters, numbers and the underscore.
bool is_python_word_character(char32_t code);
/// ASCII punctuation (symbols included) and \p{P}.
bool is_bert_punctuation(char32_t code);
bool is_cjk_ideograph(char32_t code);  ///< the blocks that BERT counts as Chinese

/// Unicode's full lower case of a character by itself: only U+0130 becomes two.
void append_lower(TextCodes& out, const TextCode& from);
/// Python's str.lower: as above, and a capital sigma at the end of a word is a final one.
TextCodes python_lower(const TextCodes& codes);

enum class Decomposition { kCanonical, kCompatibility };
/// NFD or NFKD. A part of a character has the span of the whole.
TextCodes decompose(const TextCodes& codes, Decomposition how);
/// NFC of what is decomposed: a character made of several has the span from the first to the last.
TextCodes compose(const TextCodes& decomposed);

/// First index after the grapheme cluster that begins at `begin` (UAX 29).
size_t grapheme_end(const TextCodes& codes, size_t begin);

}  // namespace limbic::features::text
