#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "byte_trie.h"
#include "limbic/features/tokenizer.h"
#include "normalizer.h"
#include "pre_tokenizer.h"
#include "token_model.h"

namespace limbic::features::text {

/// A string that is a token wherever it stands in the text.
struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool is_single_word = false;  ///< only between characters that are not of a word
  bool takes_left_space = false;
  bool takes_right_space = false;
  bool is_normalized = false;  ///< looked for in the normalised text
  bool is_special = false;     ///< decode leaves it out
};

/// Tokens as text, before they are joined: a step of decoding.
using DecodeStep = std::function<void(std::vector<std::string>& tokens)>;

/// What a tokenizer is made of, in the order of use.
struct PipelineParts {
  Vocabulary vocabulary;
  std::vector<AddedToken> added;
  std::vector<Normalize> normalize;
  std::vector<PreTokenize> pre_tokenize;
  std::unique_ptr<TokenModel> model;
  std::vector<int32_t> begin;  ///< ids added around the text
  std::vector<int32_t> end;
  bool trims_offsets = false;       ///< spans without the blanks at their ends
  std::vector<DecodeStep> decode;   ///< empty: tokens are joined by blanks
  std::vector<bool> is_never_text;  ///< by id: control tokens, which decode leaves out
};

/// @throws Error(kData) when an added token is empty
std::shared_ptr<const Tokenizer> make_pipeline(PipelineParts parts);

DecodeStep decode_word_piece(const std::string& continuation, bool cleans_up);
DecodeStep decode_byte_level();
DecodeStep decode_metaspace(const std::string& replacement, bool drops_first);
DecodeStep decode_end_of_word(const std::string& suffix);
DecodeStep decode_byte_fallback();
DecodeStep decode_replace(const std::string& what, const std::string& by);
DecodeStep decode_fuse();
DecodeStep decode_strip(const std::string& what, size_t at_begin, size_t at_end);

}  // namespace limbic::features::text
