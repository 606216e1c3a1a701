#pragma once
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "limbic/core/rng.h"

namespace limbic::test_files {

inline std::string word_piece_vocabulary() {
  return "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\nworld\n##s\ncafe\nun\n##aff\n##able\n,\n!\n你\n好\n'\nt\ndon\n";
}

inline nlohmann::json added_token(const std::string& content, int id) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", content == "<mask>"},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

/// RoBERTa's form with 12 merges.
inline nlohmann::json bpe_json() {
  nlohmann::json json = nlohmann::json::parse(R"({"version": "1.0", "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0], "trim_offsets": true,
                       "add_prefix_space": false},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false, "byte_fallback": false,
      "merges": ["h e", "l l", "he ll", "hell o", "o r", "Ġ w", "Ġw or", "l d", "Ġwor ld", "Ã ©", "' s", "Ġ Ġ"]}})");
  int id = 0;
  for (const char* token : {"<s>",   "</s>", "<mask>", "h",    "e",  "l",      "o",  "w",  "r",  "d",  "Ġ",
                            "!",     "Ã",    "©",      "1",    "2",  "Ċ",      "'",  "s",  "he", "ll", "hell",
                            "hello", "or",   "Ġw",     "Ġwor", "ld", "Ġworld", "Ã©", "'s", "ĠĠ"}) {
    json["model"]["vocab"][token] = id++;
  }
  json["added_tokens"] = {added_token("<s>", 0), added_token("</s>", 1), added_token("<mask>", 2)};
  return json;
}

inline nlohmann::json unigram_json() {
  nlohmann::json json = nlohmann::json::parse(R"({"version": "1.0",
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"},
      {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
    "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}], "pair": [],
      "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
    "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
    "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false, "vocab": [["<unk>", 0.0], ["</s>", 0.0],
      ["▁", -3.0], ["▁he", -4.0], ["llo", -4.5], ["▁hello", -6.0], ["▁wor", -5.0], ["ld", -4.0], ["l", -6.0],
      ["d", -6.5], ["!", -3.5], ["1", -5.5], ["e", -6.1], ["h", -6.2]]}})");
  json["added_tokens"] = {added_token("<unk>", 0), added_token("</s>", 1)};
  return json;
}

/// A SentencePiece .model. @param kind  1 unigram, 2 BPE
inline std::string sentencepiece_model(int kind, bool has_bytes) {
  const auto field = [](char tag, const std::string& bytes) {
    std::string out(1, tag);
    for (size_t n = bytes.size();; n >>= 7) {
      out += static_cast<char>((n & 0x7F) | (n > 0x7F ? 0x80 : 0));
      if (n <= 0x7F) break;
    }
    return out + bytes;
  };
  std::string model;
  const auto piece = [&](const std::string& text, float score, char type) {
    std::string bytes(sizeof score, '\0');
    std::memcpy(bytes.data(), &score, sizeof score);
    model += field('\x0A', field('\x0A', text) + "\x15" + bytes + "\x18" + type);
  };
  piece("<unk>", 0, 2);
  piece("<s>", 0, 3);
  piece("</s>", 0, 3);
  piece("<x>", 0, 4);
  if (has_bytes) {
    for (int byte = 0; byte < 256; ++byte) {
      const char* hex = "0123456789ABCDEF";
      piece(std::string("<0x") + hex[byte >> 4] + hex[byte & 15] + ">", 0, 6);
    }
  }
  float score = -1;
  for (const char* text :
       {"▁h", "el", "lo", "▁hel", "▁hello", "▁lo", "▁low", "▁", "h", "e", "l", "o", "w", "r", "d"})
    piece(text, score -= 1, text == std::string("▁hel") ? 5 : 1);
  std::string trainer = std::string("\x18") + static_cast<char>(kind);
  if (has_bytes) trainer += "\x98\x02\x01";  // field 35
  return model + field('\x12', trainer) + field('\x1A', field('\x0A', "identity"));
}

/// One value somewhere in the tree is removed or becomes another.
inline nlohmann::json edited_json(nlohmann::json json, core::Rng& rng) {
  const auto below = [&](size_t n) { return static_cast<size_t>(rng.uniform() * static_cast<double>(n)); };
  nlohmann::json* at = &json;
  while (at->is_structured() && !at->empty()) {
    auto child = at->begin();
    std::advance(child, static_cast<std::ptrdiff_t>(below(at->size())));
    if (child->is_structured() && !child->empty() && rng.chance(0.8)) {
      at = &*child;
      continue;
    }
    switch (below(7)) {
      case 0:
        at->erase(child);
        break;
      case 1:
        *child = nullptr;
        break;
      case 2:
        *child = -1;
        break;
      case 3:
        *child = 1e300;
        break;
      case 4:
        *child = std::string(below(20), 'l');
        break;
      case 5:
        *child = nlohmann::json::array({"a", 1});
        break;
      default:
        *child = json.value("model", nlohmann::json());
        break;
    }
    break;
  }
  return json;
}

}  // namespace limbic::test_files
