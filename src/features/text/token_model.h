#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text_codes.h"

namespace limbic::features::text {

/// Ids from this on are refused: float32 would not hold them.
constexpr int64_t kMaxTokenId = int64_t{1} << 24;

/// Strings and their ids, both ways. Where several strings share an id, the last added is the id's token.
class Vocabulary {
 public:
  /// A string that is there already gets the new id. @throws Error(kData) for an id out of range
  void add(std::string token, int64_t id);
  std::optional<int32_t> id_of(std::string_view token) const;
  bool has(int32_t id) const { return token_of_.count(id) > 0; }
  /// @throws Error(kData) for an unknown id
  const std::string& token(int32_t id) const;
  int64_t size() const { return size_; }  ///< one more than the highest id
  size_t num_tokens() const { return id_of_.size(); }
  const std::unordered_map<std::string, int32_t>& ids() const { return id_of_; }

 private:
  std::unordered_map<std::string, int32_t> id_of_;
  std::unordered_map<int32_t, const std::string*> token_of_;
  int64_t size_ = 0;
};

/// A token of a piece: characters [begin, end) of it.
struct PieceToken {
  int32_t id = 0;
  size_t begin = 0;
  size_t end = 0;
};

/// Cuts one piece into tokens. Const and thread-safe.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  /// Appends to `out`.
  virtual void tokenize(const TextCode* codes, size_t num_codes, std::vector<PieceToken>& out) const = 0;
};

/// The greedy longest match of BERT.
struct WordPieceModelOptions {
  std::string unknown = "[UNK]";
  std::string continuation = "##";
  size_t max_word_characters = 100;
};
/// @throws Error(kData) when the vocabulary lacks the unknown token
std::unique_ptr<TokenModel> word_piece_model(const Vocabulary& vocabulary,
                                             const WordPieceModelOptions& options);

/// A piece is a token as a whole.
std::unique_ptr<TokenModel> word_level_model(const Vocabulary& vocabulary, const std::string& unknown);

/// Byte-pair encoding by ranked merges (Sennrich et al. 2016).
struct BpeModelOptions {
  std::string unknown;         ///< empty: what is not in the vocabulary is dropped
  std::string continuation;    ///< before symbols that do not begin a piece
  std::string end_of_word;     ///< after the last symbol of a piece
  bool fuses_unknown = false;  ///< neighbours that are unknown are one token
  bool has_byte_fallback =
      false;                    ///< a character that is not in the vocabulary is its bytes <0x00> to <0xFF>
  bool ignores_merges = false;  ///< a piece that is in the vocabulary is one token
};
/// @param merges  by rank. @param where  for messages. @throws Error(kData) naming the merge
std::unique_ptr<TokenModel> bpe_model(const Vocabulary& vocabulary,
                                      const std::vector<std::pair<std::string, std::string>>& merges,
                                      const BpeModelOptions& options, const std::string& where);

/// What a unigram or SentencePiece token may be used for.
enum class TokenUse { kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };
struct ScoredToken {
  std::string text;
  float score = 0;         ///< log probability of unigram; of BPE the negative rank
  double exact_score = 0;  ///< as a tokenizer.json has it
  TokenUse use = TokenUse::kNormal;
};

/// Cuts characters that no token covers: as bytes, else unknown.
struct FallbackOptions {
  int32_t unknown_id = 0;  ///< negative: none, which is an error of the text
  bool fuses_unknown = true;
  bool has_byte_fallback = false;
};
/// The most probable segmentation (Kudo 2018). `in_float` adds scores in float32, as SentencePiece does;
/// Hugging Face adds doubles: sums that are nearly equal decide differently.
std::unique_ptr<TokenModel> unigram_model(const std::vector<ScoredToken>& tokens,
                                          const FallbackOptions& options, bool in_float);
/// SentencePiece's BPE: of all neighbours whose union is a token, the best score first.
std::unique_ptr<TokenModel> scored_bpe_model(const std::vector<ScoredToken>& tokens,
                                             const FallbackOptions& options);
/// SentencePiece's word and character models: what is a token as a whole, or unknown. Words begin, or end,
/// with U+2581.
enum class WholeUnit { kCharacter, kWordAfterSpace, kWordBeforeSpace };
std::unique_ptr<TokenModel> whole_model(const std::vector<ScoredToken>& tokens,
                                        const FallbackOptions& options, WholeUnit unit);

/// "<0x0A>"
std::string byte_token(uint8_t byte);
/// Its byte, or -1 for other strings.
int byte_of_token(std::string_view token);
/// The ids of the 256 byte tokens; -1 = absent.
std::vector<int32_t> byte_token_ids(const std::vector<ScoredToken>& tokens);

}  // namespace limbic::features::text
