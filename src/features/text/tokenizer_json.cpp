// Hugging Face's tokenizer.json (the format of tokenizers 0.13 to 0.21): every part is built or refused by
// name.
#include <nlohmann/json.hpp>

#include "limbic/core/error.h"
#include "limbic/features/tokenizer.h"
#include "limbic/formats/jsonl.h"
#include "pipeline.h"
#include "tokenizer_json_part.h"

namespace limbic::features {
namespace {

using text::JsonPart;

/// Steps of a normaliser or pre-tokeniser; each may look at the whole text.
constexpr size_t kMaxJsonSteps = 64;

/// `pattern: {"String": ..}` or `{"Regex": ..}`.
text::FindMatches find_of(const JsonPart& part) {
  const JsonPart pattern = part.at("pattern");
  if (const auto string = pattern.find("String")) return text::literal(string->string());
  const JsonPart regex = pattern.at("Regex");
  return text::regular_expression(regex.string(), regex.where());
}

char32_t one_character(const JsonPart& part) {
  const auto codes = text::decode_utf8(part.string());
  require(codes.size() == 1, ErrorCode::kData, part.where() + ": expected one character");
  return codes[0].code;
}

text::SplitBehavior behavior_of(const JsonPart& part) {
  const std::string name = part.string();
  if (name == "Removed") return text::SplitBehavior::kRemoved;
  if (name == "Isolated") return text::SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return text::SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return text::SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return text::SplitBehavior::kContiguous;
  throw Error(ErrorCode::kData,
              part.where() + ": behaviour '" + name +
                  "'; expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

std::string base64_bytes(const JsonPart& part) {
  const std::string& text = part.string();
  std::string out;
  uint32_t bits = 0;
  int num_bits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '=' && i + 2 >= text.size()) break;
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    require(value >= 0, ErrorCode::kData, part.where() + ": not base64");
    bits = bits << 6 | static_cast<uint32_t>(value);
    num_bits += 6;
    if (num_bits < 8) continue;
    num_bits -= 8;
    out += static_cast<char>(bits >> num_bits & 0xFF);
  }
  return out;
}

template <class Step>
void check_num_steps(const std::vector<Step>& steps, const JsonPart& part) {
  require(steps.size() <= kMaxJsonSteps, ErrorCode::kData,
          part.where() + ": more than " + std::to_string(kMaxJsonSteps) + " steps");
}

void add_normalizer(const JsonPart& part, std::vector<text::Normalize>& steps) {
  const std::string type = part.at("type").string();
  check_num_steps(steps, part);
  if (type == "Sequence") {
    part.at("normalizers").for_each([&](const JsonPart& inner) { add_normalizer(inner, steps); });
  } else if (type == "NFC") {
    steps.push_back(text::unicode_form(text::UnicodeForm::kNfc));
  } else if (type == "NFD") {
    steps.push_back(text::unicode_form(text::UnicodeForm::kNfd));
  } else if (type == "NFKC") {
    steps.push_back(text::unicode_form(text::UnicodeForm::kNfkc));
  } else if (type == "NFKD") {
    steps.push_back(text::unicode_form(text::UnicodeForm::kNfkd));
  } else if (type == "Lowercase") {
    steps.push_back(text::lower_case());
  } else if (type == "StripAccents") {
    steps.push_back(text::strip_accents());
  } else if (type == "Strip") {
    steps.push_back(text::strip_space(part.flag("strip_left", true), part.flag("strip_right", true)));
  } else if (type == "Prepend") {
    steps.push_back(text::prepend(part.at("prepend").string()));
  } else if (type == "Replace") {
    steps.push_back(text::replace_matches(find_of(part), part.at("content").string()));
  } else if (type == "ByteLevel") {
    steps.push_back(text::byte_level());
  } else if (type == "BertNormalizer") {
    text::BertNormalizerOptions options;
    options.clean_text = part.flag("clean_text", true);
    options.space_around_cjk = part.flag("handle_chinese_chars", true);
    options.lower_case = part.flag("lowercase", true);
    options.strip_accents = part.flag("strip_accents", options.lower_case);
    steps.push_back(text::bert_normalizer(options));
  } else if (type == "Precompiled") {
    const auto blob = part.find("precompiled_charsmap");
    if (!blob) return;  // null: characters stay as they are
    std::string bytes = base64_bytes(*blob);
    if (bytes.empty()) return;
    try {
      steps.push_back(text::precompiled(std::make_shared<const text::CharsMap>(std::move(bytes))));
    } catch (const Error& e) {
      throw e.in(blob->where());
    }
  } else {
    part.refuse_type("normaliser", type);
  }
}

void add_pre_tokenizer(const JsonPart& part, std::vector<text::PreTokenize>& steps) {
  const std::string type = part.at("type").string();
  check_num_steps(steps, part);
  if (type == "Sequence") {
    part.at("pretokenizers").for_each([&](const JsonPart& inner) { add_pre_tokenizer(inner, steps); });
  } else if (type == "Whitespace") {
    steps.push_back(text::split_at(text::regular_expression(R"(\w+|[^\w\s]+)", part.where()),
                                   text::SplitBehavior::kRemoved, /*is_inverted=*/true));
  } else if (type == "WhitespaceSplit") {
    steps.push_back(
        text::split_at(text::each_character(text::is_white_space), text::SplitBehavior::kRemoved));
  } else if (type == "BertPreTokenizer") {
    steps.push_back(text::bert_words());
  } else if (type == "ByteLevel") {
    steps.push_back(
        text::byte_level_words(part.flag("add_prefix_space", true), part.flag("use_regex", true)));
  } else if (type == "Metaspace") {
    auto scheme =
        part.flag("add_prefix_space", true) ? text::PrependScheme::kAlways : text::PrependScheme::kNever;
    if (const auto given = part.find("prepend_scheme")) {
      const std::string name = given->string();
      require(name == "always" || name == "first" || name == "never", ErrorCode::kData,
              given->where() + ": '" + name + "'; expected always, first or never");
      scheme = name == "always"  ? text::PrependScheme::kAlways
               : name == "first" ? text::PrependScheme::kFirst
                                 : text::PrependScheme::kNever;
    }
    steps.push_back(text::metaspace(one_character(part.at("replacement")), scheme, part.flag("split", true)));
  } else if (type == "Punctuation") {
    const auto behavior = part.find("behavior");
    steps.push_back(text::split_at(text::each_character(text::is_bert_punctuation),
                                   behavior ? behavior_of(*behavior) : text::SplitBehavior::kIsolated));
  } else if (type == "Digits") {
    steps.push_back(text::split_at(text::each_character(text::is_number),
                                   part.flag("individual_digits", false) ? text::SplitBehavior::kIsolated
                                                                         : text::SplitBehavior::kContiguous));
  } else if (type == "Split") {
    steps.push_back(
        text::split_at(find_of(part), behavior_of(part.at("behavior")), part.flag("invert", false)));
  } else if (type == "CharDelimiterSplit") {
    steps.push_back(
        text::split_at(text::literal(part.at("delimiter").string()), text::SplitBehavior::kRemoved));
  } else {
    part.refuse_type("pre-tokeniser", type);
  }
}

void read_vocabulary(const JsonPart& part, text::Vocabulary& vocabulary) {
  part.for_each_member([&](const std::string& token, const JsonPart& id) {
    try {
      vocabulary.add(token, id.whole_number());
    } catch (const Error& e) {
      throw e.in(part.where() + ": '" + token + "'");
    }
  });
}

std::unique_ptr<text::TokenModel> read_word_piece(const JsonPart& part, text::Vocabulary& vocabulary) {
  read_vocabulary(part.at("vocab"), vocabulary);
  text::WordPieceModelOptions options;
  options.unknown = part.text("unk_token", "[UNK]");
  options.continuation = part.text("continuing_subword_prefix", "##");
  if (const auto longest = part.find("max_input_chars_per_word")) {
    const int64_t number = longest->whole_number();
    require(number > 0, ErrorCode::kData, longest->where() + ": expected a positive number");
    options.max_word_characters = static_cast<size_t>(number);
  }
  return text::word_piece_model(vocabulary, options);
}

std::unique_ptr<text::TokenModel> read_bpe(const JsonPart& part, text::Vocabulary& vocabulary) {
  read_vocabulary(part.at("vocab"), vocabulary);
  if (const auto dropout = part.find("dropout")) {
    require(dropout->number() == 0, ErrorCode::kData,
            dropout->where() + ": merges that are dropped at random are not supported; expected null");
  }
  text::BpeModelOptions options;
  options.unknown = part.text("unk_token", "");
  options.continuation = part.text("continuing_subword_prefix", "");
  options.end_of_word = part.text("end_of_word_suffix", "");
  options.fuses_unknown = part.flag("fuse_unk", false);
  options.has_byte_fallback = part.flag("byte_fallback", false);
  options.ignores_merges = part.flag("ignore_merges", false);
  std::vector<std::pair<std::string, std::string>> merges;
  const JsonPart list = part.at("merges");
  list.for_each([&](const JsonPart& merge) {
    if (merge.is_string()) {
      const std::string& both = merge.string();
      const size_t blank = both.find(' ');
      require(blank != std::string::npos && both.find(' ', blank + 1) == std::string::npos, ErrorCode::kData,
              merge.where() + ": '" + both + "'; expected two parts with one blank between them");
      merges.emplace_back(both.substr(0, blank), both.substr(blank + 1));
    } else {
      merges.emplace_back(merge.item(0).string(), merge.item(1).string());
    }
  });
  return text::bpe_model(vocabulary, merges, options, list.where());
}

std::unique_ptr<text::TokenModel> read_unigram(const JsonPart& part, text::Vocabulary& vocabulary) {
  std::vector<text::ScoredToken> tokens;
  part.at("vocab").for_each([&](const JsonPart& entry) {
    text::ScoredToken token;
    token.text = entry.item(0).string();
    token.exact_score = entry.item(1).number();
    token.score = static_cast<float>(token.exact_score);
    vocabulary.add(token.text, static_cast<int64_t>(tokens.size()));
    tokens.push_back(std::move(token));
  });
  text::FallbackOptions options;
  options.unknown_id = -1;
  options.has_byte_fallback = part.flag("byte_fallback", false);
  if (const auto unknown = part.find("unk_id")) {
    const int64_t id = unknown->whole_number();
    require(id >= 0 && id < static_cast<int64_t>(tokens.size()), ErrorCode::kData,
            unknown->where() + ": " + std::to_string(id) + " is not in the vocabulary of " +
                std::to_string(tokens.size()));
    options.unknown_id = static_cast<int32_t>(id);
  }
  return text::unigram_model(tokens, options, /*in_float=*/false);
}

std::unique_ptr<text::TokenModel> read_model(const JsonPart& part, text::Vocabulary& vocabulary) {
  // Files before tokenizers 0.10 do not say the type of BPE and WordPiece models.
  std::string type = part.text("type", "");
  if (type.empty())
    type = part.find("merges") ? "BPE" : part.find("max_input_chars_per_word") ? "WordPiece" : "Unigram";
  if (type == "WordPiece") return read_word_piece(part, vocabulary);
  if (type == "BPE") return read_bpe(part, vocabulary);
  if (type == "Unigram") return read_unigram(part, vocabulary);
  if (type != "WordLevel") part.refuse_type("model", type);
  read_vocabulary(part.at("vocab"), vocabulary);
  return text::word_level_model(vocabulary, part.text("unk_token", "<unk>"));
}

/// `["[SEP]", 102]`
int32_t special_id(const JsonPart& part, const text::Vocabulary& vocabulary) {
  const int64_t id = part.item(1).whole_number();
  require(id >= 0 && id < text::kMaxTokenId && vocabulary.has(static_cast<int32_t>(id)), ErrorCode::kData,
          part.where() + ": id " + std::to_string(id) + " is not in the vocabulary");
  return static_cast<int32_t>(id);
}

void add_template(const JsonPart& part, text::PipelineParts& parts) {
  bool is_after_text = false;
  part.at("single").for_each([&](const JsonPart& item) {
    if (item.find("Sequence")) {
      require(!is_after_text, ErrorCode::kData, item.where() + ": the text twice; expected it once");
      is_after_text = true;
      return;
    }
    const std::string name = item.at("SpecialToken").at("id").string();
    part.at("special_tokens").at(name).at("ids").for_each([&](const JsonPart& id) {
      const int64_t number = id.whole_number();
      require(number >= 0 && number < text::kMaxTokenId && parts.vocabulary.has(static_cast<int32_t>(number)),
              ErrorCode::kData, id.where() + ": id " + std::to_string(number) + " is not in the vocabulary");
      (is_after_text ? parts.end : parts.begin).push_back(static_cast<int32_t>(number));
    });
  });
  require(is_after_text, ErrorCode::kData, part.where() + ".single: without the text ({\"Sequence\": ...})");
}

void add_post_processor(const JsonPart& part, text::PipelineParts& parts) {
  const std::string type = part.at("type").string();
  if (type == "Sequence") {
    part.at("processors").for_each([&](const JsonPart& inner) { add_post_processor(inner, parts); });
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    parts.begin.insert(parts.begin.begin(), special_id(part.at("cls"), parts.vocabulary));
    parts.end.push_back(special_id(part.at("sep"), parts.vocabulary));
    if (type == "RobertaProcessing") parts.trims_offsets = part.flag("trim_offsets", true);
  } else if (type == "TemplateProcessing") {
    add_template(part, parts);
  } else if (type == "ByteLevel") {
    parts.trims_offsets = part.flag("trim_offsets", true);
  } else {
    part.refuse_type("post-processor", type);
  }
}

void add_decoder(const JsonPart& part, std::vector<text::DecodeStep>& steps) {
  const std::string type = part.at("type").string();
  check_num_steps(steps, part);
  if (type == "Sequence") {
    part.at("decoders").for_each([&](const JsonPart& inner) { add_decoder(inner, steps); });
  } else if (type == "WordPiece") {
    steps.push_back(text::decode_word_piece(part.text("prefix", "##"), part.flag("cleanup", true)));
  } else if (type == "ByteLevel") {
    steps.push_back(text::decode_byte_level());
  } else if (type == "Metaspace") {
    const bool drops_first =
        part.text("prepend_scheme", "always") != "never" && part.flag("add_prefix_space", true);
    steps.push_back(text::decode_metaspace(part.text("replacement", "\xE2\x96\x81"), drops_first));
  } else if (type == "BPEDecoder") {
    steps.push_back(text::decode_end_of_word(part.text("suffix", "</w>")));
  } else if (type == "ByteFallback") {
    steps.push_back(text::decode_byte_fallback());
  } else if (type == "Fuse") {
    steps.push_back(text::decode_fuse());
  } else if (type == "Strip") {
    const int64_t at_begin = part.at("start").whole_number();
    const int64_t at_end = part.at("stop").whole_number();
    require(at_begin >= 0 && at_end >= 0, ErrorCode::kData,
            part.where() + ": start and stop must not be negative");
    steps.push_back(text::decode_strip(part.at("content").string(), static_cast<size_t>(at_begin),
                                       static_cast<size_t>(at_end)));
  } else if (type == "Replace") {
    const JsonPart what = part.at("pattern").at("String");
    steps.push_back(text::decode_replace(what.string(), part.at("content").string()));
  } else {
    part.refuse_type("decoder", type);
  }
}

void add_added_tokens(const JsonPart& list, text::PipelineParts& parts) {
  list.for_each([&](const JsonPart& entry) {
    text::AddedToken token;
    token.content = entry.at("content").string();
    const int64_t id = entry.at("id").whole_number();
    try {
      parts.vocabulary.add(token.content, id);
    } catch (const Error& e) {
      throw e.in(entry.where());
    }
    token.id = static_cast<int32_t>(id);
    token.is_special = entry.flag("special", false);
    token.is_single_word = entry.flag("single_word", false);
    token.takes_left_space = entry.flag("lstrip", false);
    token.takes_right_space = entry.flag("rstrip", false);
    token.is_normalized = entry.flag("normalized", !token.is_special);
    parts.added.push_back(std::move(token));
  });
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer_json(const std::string& path) {
  const nlohmann::json json = formats::read_json(path);
  const JsonPart file(json, path);
  text::PipelineParts parts;
  parts.model = read_model(file.at("model"), parts.vocabulary);
  if (const auto added = file.find("added_tokens")) add_added_tokens(*added, parts);
  if (const auto part = file.find("normalizer")) add_normalizer(*part, parts.normalize);
  if (const auto part = file.find("pre_tokenizer")) add_pre_tokenizer(*part, parts.pre_tokenize);
  if (const auto part = file.find("post_processor")) add_post_processor(*part, parts);
  if (const auto part = file.find("decoder")) add_decoder(*part, parts.decode);
  try {
    return text::make_pipeline(std::move(parts));
  } catch (const Error& e) {
    throw e.in(path);
  }
}

}  // namespace limbic::features
