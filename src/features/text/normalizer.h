#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "text_codes.h"

namespace limbic::features::text {

/// A step that rewrites a text before it is split.
using Normalize = std::function<void(TextCodes&)>;

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };
Normalize unicode_form(UnicodeForm form);
Normalize lower_case();
/// Without marks; they stand by themselves after NFD.
Normalize strip_accents();
Normalize strip_space(bool at_begin, bool at_end);
Normalize prepend(const std::string& what);
/// Every character as its UTF-8 bytes in GPT-2's printable form.
Normalize byte_level();

struct BertNormalizerOptions {
  bool clean_text = true;  ///< without control characters; every white space is a blank
  bool space_around_cjk = true;
  bool strip_accents = true;
  bool lower_case = true;
};
Normalize bert_normalizer(const BertNormalizerOptions& options);

/// GPT-2's printable character for a byte, and back (-1: not one of them).
char32_t byte_character(uint8_t byte);
int byte_of_character(char32_t code);

/// The normaliser inside SentencePiece models: replacements by longest prefix, in a double-array trie. The
/// bytes come from strangers: every step of the walk is checked.
class CharsMap {
 public:
  /// @param blob  uint32 size of the trie, the trie, strings that end with 0. @throws Error(kData)
  explicit CharsMap(std::string blob);
  struct Found {
    size_t num_bytes = 0;  ///< that are replaced; 0 = nothing found
    std::string_view by;
  };
  Found longest(std::string_view text) const;
  Found shortest(std::string_view text) const;

 private:
  Found find(std::string_view text, bool stops_at_first) const;
  std::string blob_;
  size_t num_units_ = 0;
};
/// As Hugging Face applies it: a grapheme cluster below 6 bytes as a whole, else its characters one by one.
Normalize precompiled(std::shared_ptr<const CharsMap> map);

}  // namespace limbic::features::text
