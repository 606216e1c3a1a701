#include "pipeline.h"

#include <algorithm>
#include <utility>

#include "limbic/core/error.h"

namespace limbic::features::text {
namespace {

/// A stretch of a text that is an added token, or is not.
struct Segment {
  size_t begin = 0;
  size_t end = 0;
  const AddedToken* token = nullptr;
};

/// Cuts texts at added tokens: of those that match at a place, the longest.
class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
    std::vector<std::pair<std::string, int32_t>> entries;
    for (size_t i = 0; i < tokens_.size(); ++i)
      entries.emplace_back(tokens_[i].content, static_cast<int32_t>(i));
    trie_ = ByteTrie(std::move(entries));
  }
  bool is_empty() const { return tokens_.empty(); }

  /// @param codes  characters [first, last) of them
  std::vector<Segment> cut(const TextCodes& codes, size_t first, size_t last) const {
    std::vector<Segment> segments;
    size_t done = first;
    for (size_t i = first; i < last;) {
      const Segment found = is_empty() ? Segment{} : match_at(codes, i, last);
      if (found.token == nullptr || !is_word_apart(codes, found, first, last)) {
        ++i;
        continue;
      }
      Segment match = found;
      if (match.token->takes_left_space) {
        while (match.begin > done && is_white_space(codes[match.begin - 1].code)) --match.begin;
      }
      if (match.token->takes_right_space) {
        while (match.end < last && is_white_space(codes[match.end].code)) ++match.end;
      }
      if (match.begin > done) segments.push_back({done, match.begin, nullptr});
      segments.push_back(match);
      done = i = match.end;
    }
    if (done < last) segments.push_back({done, last, nullptr});
    return segments;
  }

 private:
  Segment match_at(const TextCodes& codes, size_t i, size_t last) const {
    Segment best;
    ByteTrie::Node node = ByteTrie::kRoot;
    std::string bytes;
    for (size_t at = i; at < last; ++at) {
      bytes.clear();
      append_utf8(bytes, codes[at].code);
      for (const char byte : bytes) {
        if (!trie_.step(node, byte)) return best;
      }
      const int32_t value = trie_.value(node);
      if (value != ByteTrie::kNone) best = {i, at + 1, &tokens_[static_cast<size_t>(value)]};
    }
    return best;
  }

  static bool is_word_apart(const TextCodes& codes, const Segment& match, size_t first, size_t last) {
    if (!match.token->is_single_word) return true;
    return (match.begin == first || !is_word_character(codes[match.begin - 1].code)) &&
           (match.end == last || !is_word_character(codes[match.end].code));
  }

  std::vector<AddedToken> tokens_;
  ByteTrie trie_;
};

class Pipeline final : public Tokenizer {
 public:
  explicit Pipeline(PipelineParts parts) : parts_(std::move(parts)) {
    std::vector<AddedToken> raw;
    std::vector<AddedToken> normalized;
    for (AddedToken& token : parts_.added) {
      require(!token.content.empty(), ErrorCode::kData,
              "added token with id " + std::to_string(token.id) + " is empty");
      if (token.is_special) mark_never_text(token.id);
      if (!token.is_normalized) {
        raw.push_back(token);
        continue;
      }
      TextCodes codes = decode_utf8(token.content);
      normalize(codes);
      token.content = to_utf8(codes.data(), codes.size());
      if (!token.content.empty()) normalized.push_back(token);
    }
    raw_ = AddedTokens(std::move(raw));
    normalized_ = AddedTokens(std::move(normalized));
  }

  Encoding encode(std::string_view text, const EncodeOptions& options) const override {
    const TextCodes codes = decode_utf8(text);
    Encoding encoding;
    for (const Segment& segment : raw_.cut(codes, 0, codes.size())) {
      if (segment.token != nullptr) {
        append(encoding, segment.token->id, codes, segment.begin, segment.end);
        continue;
      }
      TextCodes part(codes.begin() + static_cast<std::ptrdiff_t>(segment.begin),
                     codes.begin() + static_cast<std::ptrdiff_t>(segment.end));
      normalize(part);
      for (const Segment& inner : normalized_.cut(part, 0, part.size())) {
        if (inner.token != nullptr) {
          append(encoding, inner.token->id, part, inner.begin, inner.end);
        } else {
          encode_part(part, inner, encoding);
        }
      }
    }
    if (parts_.trims_offsets) {
      for (ByteSpan& span : encoding.spans) trim(text, span);
    }
    truncate(encoding, options);
    if (options.add_special) add_special(encoding);
    return encoding;
  }

  std::string decode(const std::vector<int32_t>& ids, bool skip_special) const override {
    std::vector<std::string> tokens;
    for (const int32_t id : ids) {
      const std::string& token = parts_.vocabulary.token(id);
      if (!(skip_special && is_never_text(id))) tokens.push_back(token);
    }
    std::string out;
    for (const auto& step : parts_.decode) step(tokens);
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0 && parts_.decode.empty()) out += ' ';
      out += tokens[i];
    }
    return out;
  }

  int64_t vocabulary_size() const override { return parts_.vocabulary.size(); }
  std::string token(int32_t id) const override { return parts_.vocabulary.token(id); }
  std::optional<int32_t> id_of(std::string_view token) const override {
    return parts_.vocabulary.id_of(token);
  }

 private:
  void normalize(TextCodes& codes) const {
    for (const auto& step : parts_.normalize) {
      step(codes);
      check_num_codes(codes.size());
    }
  }

  void mark_never_text(int32_t id) {
    const auto i = static_cast<size_t>(id);
    if (parts_.is_never_text.size() <= i) parts_.is_never_text.resize(i + 1, false);
    parts_.is_never_text[i] = true;
  }
  bool is_never_text(int32_t id) const {
    const auto i = static_cast<size_t>(id);
    return i < parts_.is_never_text.size() && parts_.is_never_text[i];
  }

  void encode_part(const TextCodes& part, const Segment& segment, Encoding& encoding) const {
    Pieces pieces;
    pieces.codes.assign(part.begin() + static_cast<std::ptrdiff_t>(segment.begin),
                        part.begin() + static_cast<std::ptrdiff_t>(segment.end));
    pieces.ranges = {{0, pieces.codes.size()}};
    for (const auto& step : parts_.pre_tokenize) step(pieces);
    std::vector<PieceToken> tokens;
    for (const CodeRange& range : pieces.ranges) {
      tokens.clear();
      parts_.model->tokenize(pieces.codes.data() + range.begin, range.end - range.begin, tokens);
      for (const PieceToken& token : tokens)
        append(encoding, token.id, pieces.codes, range.begin + token.begin, range.begin + token.end);
    }
  }

  static void append(Encoding& encoding, int32_t id, const TextCodes& codes, size_t begin, size_t end) {
    // Marks change places in normalisation, so the first character need not be the one that began first.
    ByteSpan span{codes[begin].begin, codes[begin].end};
    for (size_t i = begin + 1; i < end; ++i) {
      span.begin = std::min<int64_t>(span.begin, codes[i].begin);
      span.end = std::max<int64_t>(span.end, codes[i].end);
    }
    encoding.ids.push_back(id);
    encoding.spans.push_back(span);
    encoding.is_special.push_back(false);
  }

  static void trim(std::string_view text, ByteSpan& span) {
    while (span.begin < span.end && text[static_cast<size_t>(span.begin)] == ' ') ++span.begin;
    while (span.end > span.begin && text[static_cast<size_t>(span.end - 1)] == ' ') --span.end;
  }

  void truncate(Encoding& encoding, const EncodeOptions& options) const {
    if (options.max_length == 0) return;
    const auto num_special =
        options.add_special ? static_cast<int64_t>(parts_.begin.size() + parts_.end.size()) : 0;
    require(options.max_length > num_special, ErrorCode::kConfig,
            "max_length " + std::to_string(options.max_length) +
                " leaves no room for text: " + std::to_string(num_special) + " special tokens are added");
    const auto room = static_cast<size_t>(options.max_length - num_special);
    if (encoding.ids.size() <= room) return;
    const size_t num_cut = encoding.ids.size() - room;
    const auto cut = [&](auto& list) {
      if (options.truncate == TruncateSide::kEnd)
        list.resize(room);
      else
        list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(num_cut));
    };
    cut(encoding.ids);
    cut(encoding.spans);
    cut(encoding.is_special);
    encoding.num_cut = static_cast<int64_t>(num_cut);
  }

  void add_special(Encoding& encoding) const {
    encoding.ids.insert(encoding.ids.begin(), parts_.begin.begin(), parts_.begin.end());
    encoding.spans.insert(encoding.spans.begin(), parts_.begin.size(), ByteSpan{});
    encoding.is_special.insert(encoding.is_special.begin(), parts_.begin.size(), true);
    const int64_t text_end = encoding.spans.empty() ? 0 : encoding.spans.back().end;
    encoding.ids.insert(encoding.ids.end(), parts_.end.begin(), parts_.end.end());
    encoding.spans.insert(encoding.spans.end(), parts_.end.size(), ByteSpan{text_end, text_end});
    encoding.is_special.insert(encoding.is_special.end(), parts_.end.size(), true);
  }

  PipelineParts parts_;
  AddedTokens raw_;
  AddedTokens normalized_;
};

/// Every occurrence of `what`, from left to right.
std::string replaced(const std::string& text, const std::string& what, const std::string& by) {
  if (what.empty()) return text;
  std::string out;
  size_t at = 0;
  for (size_t found = text.find(what); found != std::string::npos; found = text.find(what, at)) {
    out.append(text, at, found - at);
    out += by;
    at = found + what.size();
  }
  return out.append(text, at, std::string::npos);
}

/// Bytes that are not UTF-8 as U+FFFD.
std::string as_utf8(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    size_t length = std::min(bytes.size(), kMaxTextBytes);
    while (length < bytes.size() && length > kMaxTextBytes - 4 && (bytes[length] & 0xC0) == 0x80) --length;
    const TextCodes codes = decode_utf8(bytes.substr(0, length));
    out += to_utf8(codes.data(), codes.size());
    bytes.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::shared_ptr<const Tokenizer> make_pipeline(PipelineParts parts) {
  return std::make_shared<const Pipeline>(std::move(parts));
}

DecodeStep decode_word_piece(const std::string& continuation, bool cleans_up) {
  return [=](std::vector<std::string>& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0) {
        const bool continues = !continuation.empty() && token.rfind(continuation, 0) == 0;
        token = continues ? token.substr(continuation.size()) : " " + token;
      }
      if (!cleans_up) continue;
      for (const auto& [from, to] :
           std::initializer_list<std::pair<const char*, const char*>>{{" .", "."},
                                                                      {" ?", "?"},
                                                                      {" !", "!"},
                                                                      {" ,", ","},
                                                                      {" ' ", "'"},
                                                                      {" n't", "n't"},
                                                                      {" 'm", "'m"},
                                                                      {" do not", " don't"},
                                                                      {" 's", "'s"},
                                                                      {" 've", "'ve"},
                                                                      {" 're", "'re"}}) {
        token = replaced(token, from, to);
      }
    }
  };
}

DecodeStep decode_byte_level() {
  return [](std::vector<std::string>& tokens) {
    std::string bytes;
    for (const std::string& token : tokens) {
      const TextCodes codes = decode_utf8(token);
      const bool is_bytes = std::all_of(codes.begin(), codes.end(),
                                        [](const TextCode& c) { return byte_of_character(c.code) >= 0; });
      if (!is_bytes) {
        bytes += token;
        continue;
      }
      for (const TextCode& c : codes) bytes += static_cast<char>(byte_of_character(c.code));
    }
    tokens = {as_utf8(bytes)};
  };
}

DecodeStep decode_metaspace(const std::string& replacement, bool drops_first) {
  return [=](std::vector<std::string>& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i == 0 && drops_first && tokens[i].rfind(replacement, 0) == 0)
        tokens[i].erase(0, replacement.size());
      tokens[i] = replaced(tokens[i], replacement, " ");
    }
  };
}

DecodeStep decode_end_of_word(const std::string& suffix) {
  return [=](std::vector<std::string>& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = replaced(tokens[i], suffix, i + 1 < tokens.size() ? " " : "");
  };
}

DecodeStep decode_byte_fallback() {
  return [](std::vector<std::string>& tokens) {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      const std::string text = as_utf8(bytes);
      if (text == bytes) {
        out.push_back(text);
      } else {  // not a character: one sign a byte
        for (size_t i = 0; i < bytes.size(); ++i) out.emplace_back("\xEF\xBF\xBD");
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      const int byte = byte_of_token(token);
      if (byte >= 0) {
        bytes += static_cast<char>(byte);
        continue;
      }
      flush();
      out.push_back(std::move(token));
    }
    flush();
    tokens = std::move(out);
  };
}

DecodeStep decode_replace(const std::string& what, const std::string& by) {
  return [=](std::vector<std::string>& tokens) {
    for (auto& token : tokens) token = replaced(token, what, by);
  };
}

DecodeStep decode_fuse() {
  return [](std::vector<std::string>& tokens) {
    std::string all;
    for (const auto& token : tokens) all += token;
    tokens = {all};
  };
}

DecodeStep decode_strip(const std::string& what, size_t at_begin, size_t at_end) {
  return [=](std::vector<std::string>& tokens) {
    if (what.empty()) return;
    for (auto& token : tokens) {
      for (size_t i = 0; i < at_begin && token.rfind(what, 0) == 0; ++i) token.erase(0, what.size());
      for (size_t i = 0; i < at_end && token.size() >= what.size() &&
                         token.compare(token.size() - what.size(), what.size(), what) == 0;
           ++i)
        token.resize(token.size() - what.size());
    }
  };
}

}  // namespace limbic::features::text
