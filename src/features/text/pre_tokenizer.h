#pragma once
#include <functional>
#include <string>
#include <vector>

#include "pattern.h"
#include "text_codes.h"

namespace limbic::features::text {

/// A text in pieces: the model looks at each by itself. Characters between pieces are dropped.
struct Pieces {
  TextCodes codes;
  std::vector<CodeRange> ranges;
};

/// A step that cuts pieces into smaller ones or rewrites them.
using PreTokenize = std::function<void(Pieces& pieces)>;

/// What becomes of the matches that a piece is cut at.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
/// @param is_inverted  what lies between the matches counts as matched
PreTokenize split_at(FindMatches find, SplitBehavior behavior, bool is_inverted = false);

/// BERT's: white space separates, punctuation is a piece a character.
PreTokenize bert_words();
/// GPT-2's: words by its pattern (unless not `splits`), then bytes as printable characters.
PreTokenize byte_level_words(bool adds_prefix_space, bool splits);
enum class PrependScheme { kAlways, kFirst, kNever };
/// SentencePiece's: blanks become `replacement`, which begins a piece.
PreTokenize metaspace(char32_t replacement, PrependScheme scheme, bool splits);

/// Rewrites the matches of `find` as `content`: the Replace normaliser.
std::function<void(TextCodes&)> replace_matches(FindMatches find, const std::string& content);

}  // namespace limbic::features::text
