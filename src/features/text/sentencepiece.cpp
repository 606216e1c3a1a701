// SentencePiece (Kudo and Richardson 2018): the text is one sequence in which a blank is U+2581; the file
// brings its normaliser along.
#include <algorithm>

#include "limbic/core/error.h"
#include "limbic/features/tokenizer.h"
#include "limbic/formats/sentencepiece_model.h"
#include "pipeline.h"

namespace limbic::features {
namespace {

using formats::SentencePieceModel;
using text::TextCode;
using text::TextCodes;

constexpr char32_t kSpaceSymbol = 0x2581;
const std::string& space_symbol() {
  static const std::string symbol = "\xE2\x96\x81";
  return symbol;
}

struct SentencePieceRules {
  std::shared_ptr<const text::CharsMap> map;  ///< null: none
  text::ByteTrie user_defined;                ///< stay as they are
  bool adds_dummy_prefix = true;
  bool removes_extra_spaces = true;
  bool escapes_spaces = true;
  bool treats_space_as_suffix = false;
};

/// The text as its replacements, blanks not yet escaped.
TextCodes sentencepiece_replacements(const TextCodes& codes, const SentencePieceRules& rules) {
  TextCodes out;
  out.reserve(codes.size() + 1);
  std::string bytes;
  std::vector<size_t> code_at;  // byte -> character
  for (size_t i = 0; i < codes.size(); ++i) {
    text::append_utf8(bytes, codes[i].code);
    code_at.resize(bytes.size(), i);
  }
  code_at.push_back(codes.size());
  for (size_t at = 0; at < bytes.size();) {
    const std::string_view rest = std::string_view(bytes).substr(at);
    const size_t first = code_at[at];
    const auto user = rules.user_defined.longest(rest);
    text::CharsMap::Found found;
    if (user.num_bytes == 0 && rules.map != nullptr) found = rules.map->longest(rest);
    // A map of strangers may match a part of a character: all of it is then replaced.
    size_t last = code_at[at + std::max(user.num_bytes, found.num_bytes)];
    if (last < codes.size() && last > 0 &&
        code_at[at + std::max(user.num_bytes, found.num_bytes) - 1] == last)
      ++last;
    last = std::max(last, first + 1);
    if (found.num_bytes > 0) {
      for (TextCode c : text::decode_utf8(found.by)) {
        c.begin = codes[first].begin;
        c.end = codes[last - 1].end;
        out.push_back(c);
      }
      text::check_num_codes(out.size());
    } else {
      out.insert(out.end(), codes.begin() + static_cast<std::ptrdiff_t>(first),
                 codes.begin() + static_cast<std::ptrdiff_t>(last));
    }
    while (at < bytes.size() && code_at[at] < last) ++at;
  }
  return out;
}

text::Normalize sentencepiece_normalizer(SentencePieceRules rules) {
  return [rules = std::move(rules)](TextCodes& codes) {
    if (codes.empty()) return;
    const uint32_t text_end = codes.back().end;
    TextCodes replaced = sentencepiece_replacements(codes, rules);
    const char32_t space = rules.escapes_spaces ? kSpaceSymbol : U' ';
    const auto is_blank = [](const TextCode& c) { return c.code == ' '; };
    if (rules.removes_extra_spaces) {
      // Of blanks beside each other the first stays; none at the ends.
      replaced.erase(replaced.begin(), std::find_if_not(replaced.begin(), replaced.end(), is_blank));
      size_t kept = 0;
      for (size_t i = 0; i < replaced.size(); ++i) {
        if (kept > 0 && is_blank(replaced[i]) && is_blank(replaced[kept - 1]))
          replaced[kept - 1].end = replaced[i].end;
        else
          replaced[kept++] = replaced[i];
      }
      replaced.resize(kept);
      while (!replaced.empty() && (is_blank(replaced.back()) || replaced.back().code == space))
        replaced.pop_back();
    }
    codes.clear();
    if (replaced.empty()) return;
    if (rules.adds_dummy_prefix && !rules.treats_space_as_suffix)
      codes.push_back({space, replaced.front().begin, replaced.front().begin});
    for (const TextCode& c : replaced) codes.push_back({is_blank(c) ? space : c.code, c.begin, c.end});
    if (rules.adds_dummy_prefix && rules.treats_space_as_suffix) codes.push_back({space, text_end, text_end});
  };
}

text::DecodeStep decode_sentencepiece(const SentencePieceModel& model, const std::string& unknown) {
  return [unknown, surface = model.unknown_surface,
          drops_first_space = model.adds_dummy_prefix || model.removes_extra_spaces,
          drops_spaces = model.removes_extra_spaces, to_blanks = text::decode_replace(space_symbol(), " "),
          fallback = text::decode_byte_fallback()](std::vector<std::string>& tokens) {
    bool is_at_begin = true;
    for (std::string& token : tokens) {
      if (token == unknown) {
        token = surface;
      } else if (is_at_begin && drops_first_space && token.rfind(space_symbol(), 0) == 0) {
        token.erase(0, space_symbol().size());
        is_at_begin = drops_spaces;
      }
      is_at_begin = is_at_begin && token.empty();
    }
    to_blanks(tokens);
    fallback(tokens);
  };
}

text::TokenUse use_of(SentencePieceModel::PieceType type) {
  switch (type) {
    case SentencePieceModel::PieceType::kUnknown:
      return text::TokenUse::kUnknown;
    case SentencePieceModel::PieceType::kControl:
      return text::TokenUse::kControl;
    case SentencePieceModel::PieceType::kUserDefined:
      return text::TokenUse::kUserDefined;
    case SentencePieceModel::PieceType::kUnused:
      return text::TokenUse::kUnused;
    case SentencePieceModel::PieceType::kByte:
      return text::TokenUse::kByte;
    case SentencePieceModel::PieceType::kNormal:
      break;
  }
  return text::TokenUse::kNormal;
}

std::shared_ptr<const Tokenizer> sentencepiece_tokenizer(const SentencePieceModel& model,
                                                         const SentencePieceOptions& options) {
  text::PipelineParts parts;
  std::vector<text::ScoredToken> tokens;
  std::vector<std::pair<std::string, int32_t>> user_defined;
  text::FallbackOptions fallback;
  fallback.unknown_id = -1;
  fallback.has_byte_fallback = model.has_byte_fallback;
  std::string unknown;
  for (const auto& piece : model.pieces) {
    const auto id = static_cast<int32_t>(tokens.size());
    tokens.push_back({piece.text, piece.score, static_cast<double>(piece.score), use_of(piece.type)});
    require(!parts.vocabulary.id_of(piece.text), ErrorCode::kData,
            "piece " + std::to_string(id) + " is there twice: '" + piece.text + "'");
    parts.vocabulary.add(piece.text, id);
    parts.is_never_text.push_back(tokens.back().use == text::TokenUse::kControl);
    if (tokens.back().use == text::TokenUse::kUserDefined) user_defined.emplace_back(piece.text, id);
    if (tokens.back().use == text::TokenUse::kUnknown) {
      require(unknown.empty(), ErrorCode::kData,
              "two unknown pieces, the second with id " + std::to_string(id));
      unknown = piece.text;
      fallback.unknown_id = id;
    }
  }
  require(!unknown.empty(), ErrorCode::kData, "no unknown piece; expected one");
  if (model.has_byte_fallback) {
    const auto ids = text::byte_token_ids(tokens);
    const auto absent = std::find_if(ids.begin(), ids.end(), [](int32_t id) { return id < 0; });
    require(absent == ids.end(), ErrorCode::kData,
            "byte fallback without the piece " +
                text::byte_token(static_cast<uint8_t>(absent == ids.end() ? 0 : absent - ids.begin())));
  }
  require(!model.has_denormalizer, ErrorCode::kData, "a denormaliser is not supported");

  SentencePieceRules rules;
  if (!model.characters_map.empty()) rules.map = std::make_shared<const text::CharsMap>(model.characters_map);
  rules.user_defined = text::ByteTrie(std::move(user_defined));
  rules.adds_dummy_prefix = model.adds_dummy_prefix;
  rules.removes_extra_spaces = model.removes_extra_spaces;
  rules.escapes_spaces = model.escapes_spaces;
  rules.treats_space_as_suffix = model.treats_space_as_suffix;
  parts.normalize.push_back(sentencepiece_normalizer(std::move(rules)));
  switch (model.kind) {
    case SentencePieceModel::Kind::kUnigram:
      parts.model = text::unigram_model(tokens, fallback, /*in_float=*/true);
      break;
    case SentencePieceModel::Kind::kBpe:
      parts.model = text::scored_bpe_model(tokens, fallback);
      break;
    case SentencePieceModel::Kind::kWord:
      parts.model = text::whole_model(tokens, fallback,
                                      model.treats_space_as_suffix ? text::WholeUnit::kWordBeforeSpace
                                                                   : text::WholeUnit::kWordAfterSpace);
      break;
    case SentencePieceModel::Kind::kCharacter:
      parts.model = text::whole_model(tokens, fallback, text::WholeUnit::kCharacter);
      break;
  }
  const auto control_id = [&](const std::string& piece) {
    const auto id = parts.vocabulary.id_of(piece);
    require(id && tokens[static_cast<size_t>(*id)].use == text::TokenUse::kControl, ErrorCode::kData,
            "no control piece '" + piece + "' to add around the text");
    return *id;
  };
  if (options.add_begin) parts.begin.push_back(control_id(model.begin_piece));
  if (options.add_end) parts.end.push_back(control_id(model.end_piece));
  parts.decode.push_back(decode_sentencepiece(model, unknown));
  return text::make_pipeline(std::move(parts));
}

}  // namespace

std::shared_ptr<const Tokenizer> load_sentencepiece(const std::string& path,
                                                    const SentencePieceOptions& options) {
  const auto model = formats::read_sentencepiece_model(path);
  try {
    return sentencepiece_tokenizer(model, options);
  } catch (const Error& e) {
    throw e.in(path);
  }
}

}  // namespace limbic::features
