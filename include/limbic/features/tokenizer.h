#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limbic::features {

/// Bytes [begin, end) of the text that was given.
struct ByteSpan {
  int64_t begin = 0;
  int64_t end = 0;
};

/// A text as tokens; the three lists have one entry a token.
struct Encoding {
  std::vector<int32_t> ids;
  std::vector<ByteSpan> spans;   ///< whole characters of the text; empty for tokens that stand for none of it
  std::vector<bool> is_special;  ///< true: added by the tokenizer ([CLS], </s>), not found in the text
  int64_t num_cut = 0;           ///< tokens of the text that `max_length` left out
};

/// What is left out of a text that is too long: of a dialogue, usually its begin.
enum class TruncateSide { kEnd, kBegin };

struct EncodeOptions {
  bool add_special = true;  ///< the model's own tokens around the text
  int64_t max_length = 0;   ///< tokens in all, those included; 0 = no limit
  TruncateSide truncate = TruncateSide::kEnd;
};

/// Text to numbers and back. Const and thread-safe. A text is at most 4 MiB; bytes that are not UTF-8 count
/// as U+FFFD, one for each maximal part of a character. Ids are below 2^24, so that float32 holds them
/// exactly.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// @throws Error(kData) for a text that is too long, Error(kConfig) for a max_length without room for a
  /// token
  virtual Encoding encode(std::string_view text, const EncodeOptions& options = {}) const = 0;
  /// The text that the ids stand for, as far as the tokenizer keeps it: one that lower-cases does not bring
  /// capitals back. @param skip_special  leaves out [CLS] and the like. @throws Error(kData) for an unknown
  /// id
  virtual std::string decode(const std::vector<int32_t>& ids, bool skip_special = true) const = 0;
  /// One more than the highest id: rows of an embedding.
  virtual int64_t vocabulary_size() const = 0;
  /// As it stands in the vocabulary ("##ing", "Ġthe", "▁the"). @throws Error(kData) for an unknown id
  virtual std::string token(int32_t id) const = 0;
  virtual std::optional<int32_t> id_of(std::string_view token) const = 0;
};

/// BERT's tokenizer from its vocab.txt.
struct WordPieceOptions {
  bool lower_case = true;        ///< also strips accents; false for "cased" models
  bool space_around_cjk = true;  ///< every CJK ideograph is a word
  std::string unknown = "[UNK]";
  std::string begin = "[CLS]";  ///< added around the text; empty = none
  std::string end = "[SEP]";
  int64_t max_word_characters = 100;  ///< a longer word is unknown
};
/// Devlin et al. 2018. @throws Error(kData) `path:line: ...`
std::shared_ptr<const Tokenizer> load_wordpiece(const std::string& vocabulary_path,
                                                const WordPieceOptions& options = {});

/// Whose form of byte-level BPE: GPT-2 adds nothing; RoBERTa adds <s> </s>; CLIP lower-cases, ends words with
/// </w> and adds <|startoftext|> <|endoftext|>.
enum class ByteBpeForm { kGpt2, kRoberta, kClip };
/// Radford et al. 2019 (GPT-2), Liu et al. 2019 (RoBERTa), Radford et al. 2021 (CLIP).
/// @throws Error(kData) naming the file and line
std::shared_ptr<const Tokenizer> load_byte_bpe(const std::string& vocabulary_json,
                                               const std::string& merges_txt, ByteBpeForm form);

/// A Hugging Face tokenizer.json: WordPiece, BPE, Unigram or WordLevel with their normalisers,
/// pre-tokenisers, post-processors and decoders. What is not supported is an error that names it; nothing is
/// skipped silently. Truncation and padding that the file asks for are not applied: EncodeOptions say how
/// long a text may be.
std::shared_ptr<const Tokenizer> load_tokenizer_json(const std::string& path);

/// A SentencePiece .model: unigram, BPE, word or character, with byte fallback and the file's own normaliser.
struct SentencePieceOptions {
  bool add_begin = false;  ///< <s> before the text, as LLaMA does
  bool add_end = false;    ///< </s> after it, as T5 does
};
/// Kudo and Richardson 2018. @throws Error(kData) with the byte offset
std::shared_ptr<const Tokenizer> load_sentencepiece(const std::string& path,
                                                    const SentencePieceOptions& options = {});

/// Whichever `path` is: a tokenizer.json, a vocab.txt, a .model, or a folder with one of them or with
/// vocab.json and merges.txt (RoBERTa's form when the vocabulary has <s> and </s>, CLIP's when it has
/// <|startoftext|>, else GPT-2's). @throws Error(kData) saying what was looked for
std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& path);

}  // namespace limbic::features
