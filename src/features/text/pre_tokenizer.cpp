#include "pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "normalizer.h"

namespace limbic::features::text {
namespace {

struct Chunk {
  CodeRange range;
  bool is_match = false;
};

/// Matches and what lies between them, without gaps, within [0, n).
std::vector<Chunk> chunks_of(const std::vector<CodeRange>& matches, size_t n, bool is_inverted) {
  std::vector<Chunk> chunks;
  size_t at = 0;
  for (const CodeRange& match : matches) {
    if (match.begin > at) chunks.push_back({{at, match.begin}, is_inverted});
    chunks.push_back({match, !is_inverted});
    at = match.end;
  }
  if (at < n) chunks.push_back({{at, n}, is_inverted});
  return chunks;
}

void append_split(const std::vector<Chunk>& chunks, SplitBehavior behavior, std::vector<CodeRange>& out) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const Chunk& chunk : chunks) {
        if (!chunk.is_match) out.push_back(chunk.range);
      }
      return;
    case SplitBehavior::kIsolated:
      for (const Chunk& chunk : chunks) out.push_back(chunk.range);
      return;
    case SplitBehavior::kContiguous:
      for (size_t i = 0; i < chunks.size(); ++i) {
        if (i > 0 && chunks[i].is_match == chunks[i - 1].is_match)
          out.back().end = chunks[i].range.end;
        else
          out.push_back(chunks[i].range);
      }
      return;
    case SplitBehavior::kMergedWithPrevious:
      for (size_t i = 0; i < chunks.size(); ++i) {
        if (i > 0 && chunks[i].is_match && !chunks[i - 1].is_match)
          out.back().end = chunks[i].range.end;
        else
          out.push_back(chunks[i].range);
      }
      return;
    case SplitBehavior::kMergedWithNext:
      for (size_t i = 0; i < chunks.size(); ++i) {
        if (i > 0 && !chunks[i].is_match && chunks[i - 1].is_match)
          out.back().end = chunks[i].range.end;
        else
          out.push_back(chunks[i].range);
      }
      return;
  }
}

/// Cuts one piece; positions in `out` are those of the whole text.
void split_piece(const TextCodes& codes, const CodeRange& piece, const FindMatches& find,
                 SplitBehavior behavior, bool is_inverted, std::vector<CodeRange>& matches,
                 std::vector<CodeRange>& out) {
  matches.clear();
  const size_t n = piece.end - piece.begin;
  find(codes.data() + piece.begin, n, matches);
  const size_t first = out.size();
  append_split(chunks_of(matches, n, is_inverted), behavior, out);
  for (size_t i = first; i < out.size(); ++i) {
    out[i].begin += piece.begin;
    out[i].end += piece.begin;
  }
}

/// Rebuilds the text with `front` before those pieces for which `wants` holds. The new character has the
/// place of the one that follows, as in Hugging Face's offsets.
template <class Wants>
void put_before_pieces(Pieces& pieces, char32_t front, const Wants& wants) {
  const bool is_any = [&] {
    for (size_t i = 0; i < pieces.ranges.size(); ++i) {
      if (wants(i)) return true;
    }
    return false;
  }();
  if (!is_any) return;
  TextCodes codes;
  codes.reserve(pieces.codes.size() + pieces.ranges.size());
  for (size_t i = 0; i < pieces.ranges.size(); ++i) {
    CodeRange& range = pieces.ranges[i];
    const size_t begin = codes.size();
    if (wants(i)) {
      const TextCode& next = pieces.codes[range.begin];
      codes.push_back({front, next.begin, next.end});
    }
    codes.insert(codes.end(), pieces.codes.begin() + static_cast<std::ptrdiff_t>(range.begin),
                 pieces.codes.begin() + static_cast<std::ptrdiff_t>(range.end));
    range = {begin, codes.size()};
  }
  check_num_codes(codes.size());
  pieces.codes = std::move(codes);
}

}  // namespace

PreTokenize split_at(FindMatches find, SplitBehavior behavior, bool is_inverted) {
  return [find = std::move(find), behavior, is_inverted](Pieces& pieces) {
    std::vector<CodeRange> out;
    std::vector<CodeRange> matches;
    for (const CodeRange& piece : pieces.ranges)
      split_piece(pieces.codes, piece, find, behavior, is_inverted, matches, out);
    pieces.ranges = std::move(out);
  };
}

PreTokenize bert_words() {
  return [space = split_at(each_character(is_white_space), SplitBehavior::kRemoved),
          punctuation =
              split_at(each_character(is_bert_punctuation), SplitBehavior::kIsolated)](Pieces& pieces) {
    space(pieces);
    punctuation(pieces);
  };
}

PreTokenize byte_level_words(bool adds_prefix_space, bool splits) {
  return [=, words = split_at(gpt2_words(), SplitBehavior::kIsolated)](Pieces& pieces) {
    if (adds_prefix_space) {
      put_before_pieces(pieces, ' ',
                        [&](size_t i) { return pieces.codes[pieces.ranges[i].begin].code != ' '; });
    }
    if (splits) words(pieces);
    TextCodes codes;
    codes.reserve(pieces.codes.size());
    std::string bytes;
    for (CodeRange& range : pieces.ranges) {
      const size_t begin = codes.size();
      for (size_t i = range.begin; i < range.end; ++i) {
        const TextCode& c = pieces.codes[i];
        bytes.clear();
        append_utf8(bytes, c.code);
        for (const char byte : bytes)
          codes.push_back({byte_character(static_cast<uint8_t>(byte)), c.begin, c.end});
      }
      range = {begin, codes.size()};
    }
    check_num_codes(codes.size());
    pieces.codes = std::move(codes);
  };
}

PreTokenize metaspace(char32_t replacement, PrependScheme scheme, bool splits) {
  const FindMatches find_replacement = [replacement](const TextCode* codes, size_t n,
                                                     std::vector<CodeRange>& found) {
    for (size_t i = 0; i < n; ++i) {
      if (codes[i].code == replacement) found.push_back({i, i + 1});
    }
  };
  return [=, words = split_at(find_replacement, SplitBehavior::kMergedWithNext)](Pieces& pieces) {
    for (TextCode& c : pieces.codes) {
      if (c.code == ' ') c.code = replacement;
    }
    if (scheme != PrependScheme::kNever) {
      put_before_pieces(pieces, replacement, [&](size_t i) {
        return pieces.codes[pieces.ranges[i].begin].code != replacement &&
               (scheme == PrependScheme::kAlways || pieces.codes[pieces.ranges[i].begin].begin == 0);
      });
    }
    if (splits) words(pieces);
  };
}

std::function<void(TextCodes&)> replace_matches(FindMatches find, const std::string& content) {
  return [find = std::move(find), by = decode_utf8(content)](TextCodes& codes) {
    std::vector<CodeRange> matches;
    find(codes.data(), codes.size(), matches);
    if (matches.empty()) return;
    size_t num_codes = codes.size() + matches.size() * by.size();
    for (const CodeRange& match : matches) num_codes -= match.end - match.begin;
    check_num_codes(num_codes);
    TextCodes out;
    out.reserve(num_codes);
    size_t at = 0;
    const auto keep_until = [&](size_t end) {
      out.insert(out.end(), codes.begin() + static_cast<std::ptrdiff_t>(at),
                 codes.begin() + static_cast<std::ptrdiff_t>(end));
    };
    for (const CodeRange& match : matches) {
      keep_until(match.begin);
      for (const TextCode& c : by)
        out.push_back({c.code, codes[match.begin].begin, codes[match.end - 1].end});
      at = match.end;
    }
    keep_until(codes.size());
    codes = std::move(out);
  };
}

}  // namespace limbic::features::text
