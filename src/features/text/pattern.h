#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "text_codes.h"

namespace limbic::features::text {

/// Characters [begin, end) of a text.
struct CodeRange {
  size_t begin = 0;
  size_t end = 0;
};

/// Finds what a pattern matches, from left to right without overlap, appended to `found`.
using FindMatches =
    std::function<void(const TextCode* codes, size_t num_codes, std::vector<CodeRange>& found)>;

/// Every character for which `is_in` holds, one match each.
FindMatches each_character(bool (*is_in)(char32_t));
/// A literal string.
FindMatches literal(const std::string& what);
/// A regular expression of those that tokenizers are published with: GPT-2's, CLIP's, cl100k's (GPT-4, Llama
/// 3) and Qwen's word patterns, `\w+|[^\w\s]+`, and one class of characters with a count (`\s+`, ` {2,}`,
/// `\p{N}{1,3}`, `[^\s\p{L}]`, `▁`). Scanners by hand, so that no pattern of a file can cost more than linear
/// time.
/// @throws Error(kData) naming the pattern and `where`
FindMatches regular_expression(const std::string& pattern, const std::string& where);
/// GPT-2's pattern, which byte-level tokenizers use unless told otherwise.
FindMatches gpt2_words();

}  // namespace limbic::features::text
