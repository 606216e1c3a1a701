// Byte-pair encoding by ranked merges. The best pair comes from a heap and neighbours are linked, so that a
// piece of n symbols costs n log n: a megabyte without a blank is one piece.
#include <algorithm>
#include <queue>

#include "limbic/core/error.h"
#include "token_model.h"

namespace limbic::features::text {
namespace {

class BpeModel final : public TokenModel {
 public:
  BpeModel(const Vocabulary& vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
           const BpeModelOptions& options, const std::string& where)
      : ids_(vocabulary.ids()), options_(options) {
    if (!options.unknown.empty()) {
      unknown_ = vocabulary.id_of(options.unknown);
      require(unknown_.has_value(), ErrorCode::kData,
              where + ": the vocabulary lacks the unknown token '" + options.unknown + "'");
    }
    if (options.has_byte_fallback) {
      bytes_.assign(256, -1);
      for (int byte = 0; byte < 256; ++byte) {
        const auto id = vocabulary.id_of(byte_token(static_cast<uint8_t>(byte)));
        if (id) bytes_[static_cast<size_t>(byte)] = *id;
      }
    }
    merges_.reserve(merges.size());
    for (size_t rank = 0; rank < merges.size(); ++rank) {
      const auto& [left, right] = merges[rank];
      const auto fail = [&](const std::string& what) {
        throw Error(ErrorCode::kData, where + ": merge " + std::to_string(rank) + ": '" + what +
                                          "' is not in the vocabulary; expected both parts and their union");
      };
      const auto left_id = vocabulary.id_of(left);
      const auto right_id = vocabulary.id_of(right);
      if (!left_id) fail(left);
      if (!right_id) fail(right);
      if (right.compare(0, options.continuation.size(), options.continuation) != 0) fail(right);
      const std::string both = left + right.substr(options.continuation.size());
      const auto id = vocabulary.id_of(both);
      if (!id) fail(both);
      merges_[key_of(*left_id, *right_id)] = {static_cast<uint32_t>(rank), *id};
    }
  }

  void tokenize(const TextCode* codes, size_t num_codes, std::vector<PieceToken>& out) const override {
    if (options_.ignores_merges) {
      const auto whole = ids_.find(to_utf8(codes, num_codes));
      if (whole != ids_.end()) {
        out.push_back({whole->second, 0, num_codes});
        return;
      }
    }
    std::vector<Symbol> symbols = symbols_of(codes, num_codes);
    merge(symbols);
    for (size_t i = 0; i < symbols.size(); i = symbols[i].next) out.push_back(symbols[i].token);
  }

 private:
  struct Symbol {
    PieceToken token;
    size_t previous = 0;  ///< index; that of the first symbol means nothing
    size_t next = 0;      ///< index; the number of symbols after the last
    bool is_gone = false;
  };
  struct Merge {
    uint32_t rank = 0;
    int32_t id = 0;
  };
  struct Candidate {
    uint32_t rank = 0;
    size_t left = 0;
    int32_t id = 0;
    bool operator<(const Candidate& other) const {  // the top of the heap: lowest rank, then leftmost
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };

  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  }

  std::vector<Symbol> symbols_of(const TextCode* codes, size_t num_codes) const {
    std::vector<Symbol> symbols;
    symbols.reserve(num_codes);
    bool is_after_unknown = false;
    std::string text;
    for (size_t i = 0; i < num_codes; ++i) {
      text.clear();
      if (i > 0) text += options_.continuation;
      append_utf8(text, codes[i].code);
      if (i + 1 == num_codes) text += options_.end_of_word;
      const auto found = ids_.find(text);
      if (found != ids_.end()) {
        symbols.push_back({{found->second, i, i + 1}});
        is_after_unknown = false;
      } else if (append_bytes(text, i, symbols)) {
        is_after_unknown = false;
      } else if (unknown_) {
        if (is_after_unknown && options_.fuses_unknown)
          symbols.back().token.end = i + 1;
        else
          symbols.push_back({{*unknown_, i, i + 1}});
        is_after_unknown = true;
      }
    }
    for (size_t i = 0; i < symbols.size(); ++i) {
      symbols[i].previous = i - 1;
      symbols[i].next = i + 1;
    }
    return symbols;
  }

  /// The byte tokens of a character, when all are in the vocabulary.
  bool append_bytes(const std::string& text, size_t i, std::vector<Symbol>& symbols) const {
    if (bytes_.empty()) return false;
    const auto id_of = [&](char byte) { return bytes_[static_cast<uint8_t>(byte)]; };
    if (std::any_of(text.begin(), text.end(), [&](char byte) { return id_of(byte) < 0; })) return false;
    for (const char byte : text) symbols.push_back({{id_of(byte), i, i + 1}});
    return true;
  }

  void merge(std::vector<Symbol>& symbols) const {
    std::priority_queue<Candidate> queue;
    const auto consider = [&](size_t left) {
      const size_t right = symbols[left].next;
      if (right >= symbols.size()) return;
      const auto found = merges_.find(key_of(symbols[left].token.id, symbols[right].token.id));
      if (found != merges_.end()) queue.push({found->second.rank, left, found->second.id});
    };
    for (size_t i = 0; i + 1 < symbols.size(); ++i) consider(i);
    while (!queue.empty()) {
      const Candidate best = queue.top();
      queue.pop();
      Symbol& left = symbols[best.left];
      if (left.is_gone || left.next >= symbols.size()) continue;
      Symbol& right = symbols[left.next];
      // A candidate is out of date when one of its symbols has been merged since.
      const auto now = merges_.find(key_of(left.token.id, right.token.id));
      if (now == merges_.end() || now->second.id != best.id || now->second.rank != best.rank) continue;
      left.token.id = best.id;
      left.token.end = right.token.end;
      right.is_gone = true;
      left.next = right.next;
      if (left.next < symbols.size()) symbols[left.next].previous = best.left;
      if (best.left > 0) consider(left.previous);
      consider(best.left);
    }
  }

  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_map<uint64_t, Merge> merges_;
  std::vector<int32_t> bytes_;  ///< id of every byte token, -1 = absent; empty: no fallback
  std::optional<int32_t> unknown_;
  BpeModelOptions options_;
};

}  // namespace

std::unique_ptr<TokenModel> bpe_model(const Vocabulary& vocabulary,
                                      const std::vector<std::pair<std::string, std::string>>& merges,
                                      const BpeModelOptions& options, const std::string& where) {
  return std::make_unique<BpeModel>(vocabulary, merges, options, where);
}

}  // namespace limbic::features::text
