#include "token_model.h"

#include <algorithm>

#include "byte_trie.h"
#include "limbic/core/error.h"

namespace limbic::features::text {
namespace {

class WordPieceModel final : public TokenModel {
 public:
  WordPieceModel(const Vocabulary& vocabulary, const WordPieceModelOptions& options)
      : max_characters_(options.max_word_characters),
        trie_({vocabulary.ids().begin(), vocabulary.ids().end()}) {
    const auto unknown = vocabulary.id_of(options.unknown);
    require(unknown.has_value(), ErrorCode::kData,
            "the vocabulary lacks the unknown token '" + options.unknown + "'");
    unknown_ = *unknown;
    for (const char byte : options.continuation) {
      has_continuation_ = has_continuation_ && trie_.step(continuation_, byte);
    }
  }

  void tokenize(const TextCode* codes, size_t num_codes, std::vector<PieceToken>& out) const override {
    const size_t first_out = out.size();
    if (num_codes <= max_characters_) {
      const std::string word = to_utf8(codes, num_codes);
      size_t at = 0;     // byte
      size_t begin = 0;  // character
      while (at < word.size()) {
        ByteTrie::Match match;
        if (at == 0 || has_continuation_)
          match = trie_.longest(std::string_view(word).substr(at), at == 0 ? ByteTrie::kRoot : continuation_);
        if (match.value == ByteTrie::kNone || match.num_bytes == 0) break;
        size_t end = begin;
        for (size_t i = at; i < at + match.num_bytes; ++i) end += (word[i] & 0xC0) != 0x80;
        out.push_back({match.value, begin, end});
        at += match.num_bytes;
        begin = end;
      }
      if (at == word.size()) return;
      out.resize(first_out);
    }
    out.push_back({unknown_, 0, num_codes});
  }

 private:
  size_t max_characters_;
  ByteTrie trie_;
  int32_t unknown_ = 0;
  ByteTrie::Node continuation_ = ByteTrie::kRoot;
  bool has_continuation_ = true;
};

class WordLevelModel final : public TokenModel {
 public:
  WordLevelModel(const Vocabulary& vocabulary, const std::string& unknown)
      : ids_(vocabulary.ids()), unknown_(vocabulary.id_of(unknown)) {
    require(unknown_.has_value(), ErrorCode::kData,
            "the vocabulary lacks the unknown token '" + unknown + "'");
  }
  void tokenize(const TextCode* codes, size_t num_codes, std::vector<PieceToken>& out) const override {
    const auto found = ids_.find(to_utf8(codes, num_codes));
    out.push_back({found == ids_.end() ? *unknown_ : found->second, 0, num_codes});
  }

 private:
  std::unordered_map<std::string, int32_t> ids_;
  std::optional<int32_t> unknown_;
};

}  // namespace

void Vocabulary::add(std::string token, int64_t id) {
  require(id >= 0 && id < kMaxTokenId, ErrorCode::kData,
          "id " + std::to_string(id) + " of a token; expected 0 to " + std::to_string(kMaxTokenId - 1));
  const auto [at, is_new] = id_of_.try_emplace(std::move(token), static_cast<int32_t>(id));
  if (!is_new && at->second != id) {
    const auto old = token_of_.find(at->second);
    if (old != token_of_.end() && old->second == &at->first) token_of_.erase(old);
    at->second = static_cast<int32_t>(id);
  }
  token_of_[static_cast<int32_t>(id)] = &at->first;
  size_ = std::max(size_, id + 1);
}

std::optional<int32_t> Vocabulary::id_of(std::string_view token) const {
  const auto at = id_of_.find(std::string(token));
  return at == id_of_.end() ? std::nullopt : std::optional(at->second);
}

const std::string& Vocabulary::token(int32_t id) const {
  const auto at = token_of_.find(id);
  require(at != token_of_.end(), ErrorCode::kData,
          "id " + std::to_string(id) + " is not in the vocabulary of " + std::to_string(size_) + " tokens");
  return *at->second;
}

std::unique_ptr<TokenModel> word_piece_model(const Vocabulary& vocabulary,
                                             const WordPieceModelOptions& options) {
  return std::make_unique<WordPieceModel>(vocabulary, options);
}

std::unique_ptr<TokenModel> word_level_model(const Vocabulary& vocabulary, const std::string& unknown) {
  return std::make_unique<WordLevelModel>(vocabulary, unknown);
}

std::string byte_token(uint8_t byte) {
  constexpr const char* kHex = "0123456789ABCDEF";
  return std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">";
}

int byte_of_token(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return -1;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

std::vector<int32_t> byte_token_ids(const std::vector<ScoredToken>& tokens) {
  std::vector<int32_t> ids(256, -1);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const int byte = byte_of_token(tokens[i].text);
    if (byte >= 0) ids[static_cast<size_t>(byte)] = static_cast<int32_t>(i);
  }
  return ids;
}

}  // namespace limbic::features::text
