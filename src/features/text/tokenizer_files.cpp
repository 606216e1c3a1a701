// Tokenizers from vocabulary files: BERT's, and the three forms of byte-level BPE.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/features/tokenizer.h"
#include "limbic/features/word_vocabulary.h"
#include "limbic/formats/jsonl.h"
#include "pipeline.h"

namespace limbic::features {
namespace {

constexpr uint64_t kMaxVocabularyBytes = 64 << 20;

/// Lines without their ends; the last may lack one.
template <class Action>
void for_each_vocabulary_line(const std::string& path, Action&& action) {
  const std::string bytes = core::read_file(path, kMaxVocabularyBytes);
  std::string_view rest = bytes;
  for (int64_t line = 1; !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    try {
      action(text, line);
    } catch (const Error& e) {
      throw e.in(path + ":" + std::to_string(line));
    }
  }
}

void require_utf8(std::string_view bytes) {
  const auto codes = text::decode_utf8(bytes);
  require(text::to_utf8(codes.data(), codes.size()) == bytes, ErrorCode::kData, "text that is not UTF-8");
}

int32_t required_id(const text::Vocabulary& vocabulary, const std::string& token, const std::string& path) {
  const auto id = vocabulary.id_of(token);
  require(id.has_value(), ErrorCode::kData, path + ": the vocabulary lacks '" + token + "'");
  return *id;
}

text::AddedToken special_token(const std::string& content, int32_t id) {
  text::AddedToken token;
  token.content = content;
  token.id = id;
  token.is_special = true;
  return token;
}

std::vector<std::pair<std::string, std::string>> read_merges(const std::string& path) {
  std::vector<std::pair<std::string, std::string>> merges;
  for_each_vocabulary_line(path, [&](std::string_view line, int64_t number) {
    if (line.empty() || (number == 1 && line.substr(0, 8) == "#version")) return;
    require_utf8(line);
    const size_t blank = line.find(' ');
    require(blank != std::string_view::npos && blank > 0 && blank + 1 < line.size() &&
                line.find(' ', blank + 1) == std::string_view::npos,
            ErrorCode::kData, "expected two parts with one blank between them");
    merges.emplace_back(line.substr(0, blank), line.substr(blank + 1));
  });
  return merges;
}

text::Vocabulary read_vocabulary_json(const std::string& path) {
  const nlohmann::json json = formats::read_json(path, kMaxVocabularyBytes);
  require(json.is_object(), ErrorCode::kData, path + ": expected an object of tokens and their ids");
  text::Vocabulary vocabulary;
  for (const auto& [token, id] : json.items()) {
    require(id.is_number_integer(), ErrorCode::kData,
            path + ": token '" + token + "': expected a whole number");
    try {
      vocabulary.add(token, id.get<int64_t>());
    } catch (const Error& e) {
      throw e.in(path + ": token '" + token + "'");
    }
  }
  require(vocabulary.num_tokens() > 0, ErrorCode::kData, path + ": no token");
  return vocabulary;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_wordpiece(const std::string& vocabulary_path,
                                                const WordPieceOptions& options) {
  text::PipelineParts parts;
  for_each_vocabulary_line(vocabulary_path, [&](std::string_view line, int64_t number) {
    require_utf8(line);
    parts.vocabulary.add(std::string(line), number - 1);  // of a token that is there twice the last counts
  });
  for (const std::string* token : {&options.unknown, &options.begin, &options.end}) {
    if (token->empty()) continue;
    parts.added.push_back(special_token(*token, required_id(parts.vocabulary, *token, vocabulary_path)));
  }
  for (const char* token : {"[PAD]", "[MASK]"}) {
    if (const auto id = parts.vocabulary.id_of(token)) parts.added.push_back(special_token(token, *id));
  }
  text::BertNormalizerOptions normalizer;
  normalizer.space_around_cjk = options.space_around_cjk;
  normalizer.lower_case = normalizer.strip_accents = options.lower_case;
  parts.normalize.push_back(text::bert_normalizer(normalizer));
  parts.pre_tokenize.push_back(text::bert_words());
  text::WordPieceModelOptions model;
  model.unknown = options.unknown;
  model.max_word_characters = static_cast<size_t>(std::max<int64_t>(0, options.max_word_characters));
  parts.model = text::word_piece_model(parts.vocabulary, model);
  if (!options.begin.empty()) parts.begin.push_back(*parts.vocabulary.id_of(options.begin));
  if (!options.end.empty()) parts.end.push_back(*parts.vocabulary.id_of(options.end));
  parts.decode.push_back(text::decode_word_piece("##", /*cleans_up=*/true));
  return text::make_pipeline(std::move(parts));
}

std::shared_ptr<const Tokenizer> load_byte_bpe(const std::string& vocabulary_json,
                                               const std::string& merges_txt, ByteBpeForm form) {
  text::PipelineParts parts;
  parts.vocabulary = read_vocabulary_json(vocabulary_json);
  const auto add_special = [&](const std::string& content) {
    const int32_t id = required_id(parts.vocabulary, content, vocabulary_json);
    parts.added.push_back(special_token(content, id));
    return id;
  };
  text::BpeModelOptions model;
  bool adds_words = true;
  switch (form) {
    case ByteBpeForm::kGpt2:
      if (parts.vocabulary.id_of("<|endoftext|>")) add_special("<|endoftext|>");
      break;
    case ByteBpeForm::kRoberta:
      parts.begin.push_back(add_special("<s>"));
      parts.end.push_back(add_special("</s>"));
      for (const char* content : {"<pad>", "<unk>", "<mask>"}) {
        if (!parts.vocabulary.id_of(content)) continue;
        add_special(content);
        parts.added.back().takes_left_space = content == std::string_view("<mask>");
      }
      parts.trims_offsets = true;
      break;
    case ByteBpeForm::kClip:
      parts.begin.push_back(add_special("<|startoftext|>"));
      parts.end.push_back(add_special("<|endoftext|>"));
      parts.normalize = {text::unicode_form(text::UnicodeForm::kNfc),
                         text::replace_matches(text::regular_expression("\\s+", "CLIP"), " "),
                         text::lower_case()};
      parts.pre_tokenize.push_back(text::split_at(
          text::regular_expression(R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)", "CLIP"),
          text::SplitBehavior::kRemoved, /*is_inverted=*/true));
      adds_words = false;
      model.end_of_word = "</w>";
      model.unknown = "<|endoftext|>";
      break;
  }
  parts.pre_tokenize.push_back(text::byte_level_words(/*adds_prefix_space=*/false, adds_words));
  parts.decode.push_back(text::decode_byte_level());
  if (form == ByteBpeForm::kClip)
    parts.decode = {text::decode_end_of_word("</w>"), text::decode_byte_level()};
  parts.model = text::bpe_model(parts.vocabulary, read_merges(merges_txt), model, merges_txt);
  return text::make_pipeline(std::move(parts));
}

std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ec;
  if (!fs::is_directory(path, ec)) {
    const std::string extension = fs::path(path).extension();
    if (extension == ".json") return load_tokenizer_json(path);
    if (extension == ".model") return load_sentencepiece(path);
    if (extension == ".txt") {
      const bool is_words = core::read_file(path, kMaxVocabularyBytes).rfind("limbic-words ", 0) == 0;
      return is_words ? load_word_vocabulary(path) : load_wordpiece(path);
    }
    throw Error(ErrorCode::kData,
                path +
                    ": expected a tokenizer.json, a vocab.txt, a SentencePiece .model, or a "
                    "folder with one of them or with vocab.json and merges.txt");
  }
  const auto in_folder = [&](const char* name) { return (fs::path(path) / name).string(); };
  const auto has = [&](const char* name) { return fs::is_regular_file(in_folder(name), ec); };
  if (has("tokenizer.json")) return load_tokenizer_json(in_folder("tokenizer.json"));
  if (has("vocab.json") && has("merges.txt")) {
    const text::Vocabulary vocabulary = read_vocabulary_json(in_folder("vocab.json"));
    const ByteBpeForm form = vocabulary.id_of("<|startoftext|>")                   ? ByteBpeForm::kClip
                             : vocabulary.id_of("<s>") && vocabulary.id_of("</s>") ? ByteBpeForm::kRoberta
                                                                                   : ByteBpeForm::kGpt2;
    return load_byte_bpe(in_folder("vocab.json"), in_folder("merges.txt"), form);
  }
  if (has("vocab.txt")) return load_wordpiece(in_folder("vocab.txt"));
  for (const char* name : {"spiece.model", "sentencepiece.bpe.model", "tokenizer.model"}) {
    if (has(name)) return load_sentencepiece(in_folder(name));
  }
  throw Error(ErrorCode::kData,
              path +
                  ": no tokenizer.json, vocab.json with merges.txt, vocab.txt, spiece.model, "
                  "sentencepiece.bpe.model or tokenizer.model in this folder");
}

}  // namespace limbic::features
