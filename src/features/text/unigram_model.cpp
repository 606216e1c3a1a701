// Models whose tokens have scores: unigram (Viterbi), and SentencePiece's BPE, word and character models.
#include <algorithm>
#include <limits>
#include <queue>

#include "byte_trie.h"
#include "limbic/core/error.h"
#include "token_model.h"

namespace limbic::features::text {
namespace {

/// Longer tokens are refused: a lattice costs the text's length times theirs.
constexpr size_t kMaxScoredTokenBytes = 1024;
/// SentencePiece's log probability of an unknown character, below the least of the vocabulary.
constexpr double kUnknownPenalty = 10.0;

bool is_found_in_text(TokenUse use) {
  return use == TokenUse::kNormal || use == TokenUse::kUserDefined || use == TokenUse::kUnused;
}

ByteTrie trie_of(const std::vector<ScoredToken>& tokens) {
  std::vector<std::pair<std::string, int32_t>> entries;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!is_found_in_text(tokens[i].use) || tokens[i].text.empty()) continue;
    require(tokens[i].text.size() <= kMaxScoredTokenBytes, ErrorCode::kData,
            "token " + std::to_string(i) + " has " + std::to_string(tokens[i].text.size()) +
                " bytes; expected at most " + std::to_string(kMaxScoredTokenBytes));
    entries.emplace_back(tokens[i].text, static_cast<int32_t>(i));
  }
  return ByteTrie(std::move(entries));
}

/// Appends tokens of a piece in order; what is unknown goes through the fallback.
class TokenSink {
 public:
  TokenSink(const FallbackOptions& options, const std::vector<int32_t>& bytes, std::vector<PieceToken>& out)
      : options_(options), bytes_(bytes), out_(out) {}

  void known(int32_t id, size_t begin, size_t end) {
    out_.push_back({id, begin, end});
    is_after_unknown_ = false;
  }
  void unknown(std::string_view text, size_t begin, size_t end) {
    const auto id_of = [&](char byte) { return bytes_[static_cast<uint8_t>(byte)]; };
    if (!bytes_.empty() &&
        std::all_of(text.begin(), text.end(), [&](char byte) { return id_of(byte) >= 0; })) {
      for (const char byte : text) out_.push_back({id_of(byte), begin, end});
      is_after_unknown_ = false;
      return;
    }
    require(options_.unknown_id >= 0, ErrorCode::kData,
            "a character that is not in the vocabulary, which has no unknown token");
    if (is_after_unknown_ && options_.fuses_unknown)
      out_.back().end = end;
    else
      out_.push_back({options_.unknown_id, begin, end});
    is_after_unknown_ = true;
  }

 private:
  const FallbackOptions& options_;
  const std::vector<int32_t>& bytes_;
  std::vector<PieceToken>& out_;
  bool is_after_unknown_ = false;
};

/// A piece as UTF-8 with the byte at which each character begins; one more entry for the end.
struct PieceBytes {
  std::string text;
  std::vector<uint32_t> begin;

  PieceBytes(const TextCode* codes, size_t num_codes) {
    text.reserve(num_codes);
    begin.reserve(num_codes + 1);
    for (size_t i = 0; i < num_codes; ++i) {
      begin.push_back(static_cast<uint32_t>(text.size()));
      append_utf8(text, codes[i].code);
    }
    begin.push_back(static_cast<uint32_t>(text.size()));
  }
  size_t num_codes() const { return begin.size() - 1; }
  std::string_view part(size_t first, size_t last) const {
    return std::string_view(text).substr(begin[first], begin[last] - begin[first]);
  }
};

template <class Score>
class UnigramModel final : public TokenModel {
 public:
  UnigramModel(const std::vector<ScoredToken>& tokens, const FallbackOptions& options)
      : options_(options), trie_(trie_of(tokens)) {
    Score least = std::numeric_limits<Score>::max();
    Score most = std::numeric_limits<Score>::lowest();
    bool is_any = false;
    for (const ScoredToken& token : tokens) {
      const auto score = static_cast<Score>(std::is_same_v<Score, float> ? token.score : token.exact_score);
      scores_.push_back(score);
      uses_.push_back(token.use);
      // SentencePiece looks at its normal tokens alone; Hugging Face knows no other kind.
      if (token.use != TokenUse::kNormal && std::is_same_v<Score, float>) continue;
      least = std::min(least, score);
      most = std::max(most, score);
      is_any = true;
    }
    most_ = is_any ? most : 0;
    unknown_score_ = static_cast<Score>((is_any ? least : 0) - static_cast<Score>(kUnknownPenalty));
    if (options.has_byte_fallback) bytes_ = byte_token_ids(tokens);
  }

  void tokenize(const TextCode* codes, size_t num_codes, std::vector<PieceToken>& out) const override {
    const PieceBytes piece(codes, num_codes);
    struct Best {
      int32_t id = ByteTrie::kNone;  ///< of the token that ends here; kNone = unknown character
      uint32_t begin = kNowhere;     ///< character at which it begins
      Score score = 0;
    };
    std::vector<Best> best(num_codes + 1);
    best[0].begin = 0;
    // Sums are doubles when they are compared and Scores when they are kept: SentencePiece decides so, and
    // near ties ("...." as ". ..." or "... .") depend on it.
    const auto offer = [&](size_t begin, size_t end, int32_t id, double score) {
      Best& at = best[end];
      const double sum = score + static_cast<double>(best[begin].score);
      if (at.begin == kNowhere || sum > static_cast<double>(at.score))
        at = {id, static_cast<uint32_t>(begin), static_cast<Score>(sum)};
    };
    for (size_t begin = 0; begin < num_codes; ++begin) {
      bool has_single = false;
      ByteTrie::Node node = ByteTrie::kRoot;
      size_t end = begin;
      for (size_t i = piece.begin[begin]; i < piece.text.size() && trie_.step(node, piece.text[i]); ++i) {
        if (i + 1 != piece.begin[end + 1]) continue;  // within a character
        ++end;
        const int32_t id = trie_.value(node);
        if (id == ByteTrie::kNone || uses_[static_cast<size_t>(id)] == TokenUse::kUnused) continue;
        offer(begin, end, id, score_of(id, piece.begin[end] - piece.begin[begin]));
        has_single = has_single || end == begin + 1;
      }
      if (!has_single) offer(begin, begin + 1, ByteTrie::kNone, static_cast<double>(unknown_score_));
    }
    std::vector<PieceToken> path;
    for (size_t end = num_codes; end > 0; end = best[end].begin)
      path.push_back({best[end].id, best[end].begin, end});
    TokenSink sink(options_, bytes_, out);
    for (auto token = path.rbegin(); token != path.rend(); ++token) {
      if (token->id == ByteTrie::kNone)
        sink.unknown(piece.part(token->begin, token->end), token->begin, token->end);
      else
        sink.known(token->id, token->begin, token->end);
    }
  }

 private:
  static constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();

  /// Strings that the user defined are always preferred.
  double score_of(int32_t id, size_t num_bytes) const {
    const auto i = static_cast<size_t>(id);
    if (uses_[i] != TokenUse::kUserDefined) return static_cast<double>(scores_[i]);
    return static_cast<double>(static_cast<Score>(num_bytes) * most_) - 0.1;
  }

  FallbackOptions options_;
  ByteTrie trie_;
  std::vector<Score> scores_;
  std::vector<TokenUse> uses_;
  std::vector<int32_t> bytes_;
  Score most_ = 0;
  Score unknown_score_ = 0;
};

ByteTrie trie_of_user_defined(const std::vector<ScoredToken>& tokens) {
  std::vector<std::pair<std::string, int32_t>> entries;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].use == TokenUse::kUserDefined && !tokens[i].text.empty())
      entries.emplace_back(tokens[i].text, static_cast<int32_t>(i));
  }
  return ByteTrie(std::move(entries));
}

/// First character after the user's string at `i`, or `i` where there is none. Strings are whole characters;
/// one that is not UTF-8 may end within one and takes all of it.
size_t user_defined_end(const ByteTrie& user_defined, const PieceBytes& piece, size_t i) {
  const auto match = user_defined.longest(std::string_view(piece.text).substr(piece.begin[i]));
  size_t end = i;
  while (piece.begin[end] < piece.begin[i] + match.num_bytes) ++end;
  return end;
}

class ScoredBpeModel final : public TokenModel {
 public:
  ScoredBpeModel(const std::vector<ScoredToken>& tokens, const FallbackOptions& options)
      : options_(options), trie_(trie_of(tokens)), user_defined_(trie_of_user_defined(tokens)) {
    for (const ScoredToken& token : tokens) {
      scores_.push_back(token.score);
      uses_.push_back(token.use);
    }
    if (options.has_byte_fallback) bytes_ = byte_token_ids(tokens);
  }

  void tokenize(const TextCode* codes, size_t num_codes, std::vector<PieceToken>& out) const override {
    const PieceBytes piece(codes, num_codes);
    std::vector<Symbol> symbols = symbols_of(piece);
    const CutOfUnused cut_of_unused = merge(piece, symbols);
    TokenSink sink(options_, bytes_, out);
    for (size_t i = 0; i < symbols.size(); i = symbols[i].next)
      emit(piece, symbols[i].begin, symbols[i].end, cut_of_unused, sink);
  }

 private:
  struct Symbol {
    size_t begin = 0;  ///< characters
    size_t end = 0;
    size_t previous = 0;
    size_t next = 0;
    bool is_frozen = false;  ///< defined by the user: never merged
  };
  struct Candidate {
    float score = 0;
    size_t left = 0;
    size_t right = 0;
    size_t num_characters = 0;
    bool operator<(const Candidate& other) const {
      return score != other.score ? score < other.score : left > other.left;
    }
  };

  int32_t id_of(std::string_view text) const {
    if (text.size() > trie_.max_bytes()) return ByteTrie::kNone;
    ByteTrie::Node node = ByteTrie::kRoot;
    for (const char byte : text) {
      if (!trie_.step(node, byte)) return ByteTrie::kNone;
    }
    return trie_.value(node);
  }

  /// Tokens that may not be used -> characters of the left part that they were merged from.
  using CutOfUnused = std::unordered_map<std::string_view, size_t>;

  std::vector<Symbol> symbols_of(const PieceBytes& piece) const {
    std::vector<Symbol> symbols;
    for (size_t i = 0; i < piece.num_codes();) {
      Symbol symbol;
      symbol.begin = i;
      const size_t user_end = user_defined_end(user_defined_, piece, i);
      symbol.is_frozen = user_end > i;
      symbol.end = symbol.is_frozen ? user_end : i + 1;
      symbol.previous = symbols.size() - 1;
      symbol.next = symbols.size() + 1;
      i = symbol.end;
      symbols.push_back(symbol);
    }
    return symbols;
  }

  CutOfUnused merge(const PieceBytes& piece, std::vector<Symbol>& symbols) const {
    CutOfUnused cut_of_unused;
    std::priority_queue<Candidate> queue;
    const auto consider = [&](size_t left, size_t right) {
      if (right >= symbols.size() || symbols[left].is_frozen || symbols[right].is_frozen) return;
      const std::string_view both = piece.part(symbols[left].begin, symbols[right].end);
      const int32_t id = id_of(both);
      if (id == ByteTrie::kNone) return;
      const auto i = static_cast<size_t>(id);
      queue.push({scores_[i], left, right, symbols[right].end - symbols[left].begin});
      if (uses_[i] == TokenUse::kUnused) cut_of_unused[both] = symbols[left].end - symbols[left].begin;
    };
    for (size_t i = 0; i + 1 < symbols.size(); ++i) consider(i, i + 1);
    while (!queue.empty()) {
      const Candidate best = queue.top();
      queue.pop();
      Symbol& left = symbols[best.left];
      Symbol& right = symbols[best.right];
      // Out of date when one of the two has been merged since.
      if (left.begin == left.end || right.begin == right.end || left.next != best.right ||
          right.end - left.begin != best.num_characters)
        continue;
      left.end = right.end;
      left.next = right.next;
      right.begin = right.end;  // gone
      if (left.next < symbols.size()) symbols[left.next].previous = best.left;
      if (best.left > 0) consider(left.previous, best.left);
      consider(best.left, left.next);
    }
    return cut_of_unused;
  }

  /// A token that may not be used falls back to what it was merged from.
  void emit(const PieceBytes& piece, size_t first, size_t last, const CutOfUnused& cut_of_unused,
            TokenSink& sink) const {
    std::vector<std::pair<size_t, size_t>> open{{first, last}};
    while (!open.empty()) {
      const auto [begin, end] = open.back();
      open.pop_back();
      const int32_t id = id_of(piece.part(begin, end));
      if (id != ByteTrie::kNone && uses_[static_cast<size_t>(id)] == TokenUse::kUnused) {
        const auto cut = cut_of_unused.find(piece.part(begin, end));
        if (cut != cut_of_unused.end()) {
          open.emplace_back(begin + cut->second, end);
          open.emplace_back(begin, begin + cut->second);
          continue;
        }
      }
      if (id == ByteTrie::kNone)
        sink.unknown(piece.part(begin, end), begin, end);
      else
        sink.known(id, begin, end);
    }
  }

  FallbackOptions options_;
  ByteTrie trie_;
  ByteTrie user_defined_;
  std::vector<float> scores_;
  std::vector<TokenUse> uses_;
  std::vector<int32_t> bytes_;
};

class WholeModel final : public TokenModel {
 public:
  WholeModel(const std::vector<ScoredToken>& tokens, const FallbackOptions& options, WholeUnit unit)
      : options_(options), unit_(unit) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (is_found_in_text(tokens[i].use)) ids_[tokens[i].text] = static_cast<int32_t>(i);
    }
    if (unit == WholeUnit::kCharacter) user_defined_ = trie_of_user_defined(tokens);
    if (options.has_byte_fallback) bytes_ = byte_token_ids(tokens);
  }
  void tokenize(const TextCode* codes, size_t num_codes, std::vector<PieceToken>& out) const override {
    TokenSink sink(options_, bytes_, out);
    const PieceBytes piece(codes, num_codes);
    for (size_t i = 0; i < num_codes;) {
      size_t end = std::max(i + 1, user_defined_end(user_defined_, piece, i));
      if (unit_ == WholeUnit::kWordAfterSpace)
        while (end < num_codes && codes[end].code != kSpaceCode) ++end;
      if (unit_ == WholeUnit::kWordBeforeSpace)
        while (end < num_codes && codes[end - 1].code != kSpaceCode) ++end;
      const auto found = ids_.find(std::string(piece.part(i, end)));
      if (found == ids_.end())
        sink.unknown(piece.part(i, end), i, end);
      else
        sink.known(found->second, i, end);
      i = end;
    }
  }

 private:
  static constexpr char32_t kSpaceCode = 0x2581;

  FallbackOptions options_;
  WholeUnit unit_;
  std::unordered_map<std::string, int32_t> ids_;
  ByteTrie user_defined_;
  std::vector<int32_t> bytes_;
};

}  // namespace

std::unique_ptr<TokenModel> unigram_model(const std::vector<ScoredToken>& tokens,
                                          const FallbackOptions& options, bool in_float) {
  if (in_float) return std::make_unique<UnigramModel<float>>(tokens, options);
  return std::make_unique<UnigramModel<double>>(tokens, options);
}

std::unique_ptr<TokenModel> scored_bpe_model(const std::vector<ScoredToken>& tokens,
                                             const FallbackOptions& options) {
  return std::make_unique<ScoredBpeModel>(tokens, options);
}

std::unique_ptr<TokenModel> whole_model(const std::vector<ScoredToken>& tokens,
                                        const FallbackOptions& options, WholeUnit unit) {
  return std::make_unique<WholeModel>(tokens, options, unit);
}

}  // namespace limbic::features::text
