#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "augment/wave.h"
#include "limbic/core/error.h"

namespace limbic::data {

affect::Stream change_text(const affect::Stream& text, const TextAugment& config, core::Rng& rng) {
  require(text.values.defined() && text.values.dim() == 1 && text.values.scalar_type() == at::kByte,
          ErrorCode::kConfig, "augment." + text.modality + ": `text` wants a transcript (S,) uint8");
  const at::Tensor bytes = text.values.contiguous();
  const auto* from = bytes.data_ptr<uint8_t>();
  // White space before each word stays with it. ASCII white space cannot be a part of a UTF-8 character.
  struct Word {
    int64_t begin = 0, word = 0, end = 0;
  };
  const auto is_space = [](uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  std::vector<Word> words;
  for (int64_t i = 0; i < bytes.numel();) {
    Word one{i, i, i};
    while (one.word < bytes.numel() && is_space(from[one.word])) ++one.word;
    one.end = one.word;
    while (one.end < bytes.numel() && !is_space(from[one.end])) ++one.end;
    i = one.end;
    if (one.end > one.word) words.push_back(one);
  }
  if (words.empty()) return text;
  const auto survivor = static_cast<size_t>(rng.below(static_cast<int64_t>(words.size())));
  std::vector<bool> is_dropped, is_masked;
  bool has_any = false;
  bool is_changed = false;
  for (size_t w = 0; w < words.size(); ++w) {
    is_dropped.push_back(rng.chance(config.word_drop));
    is_masked.push_back(rng.chance(config.word_mask));
    has_any = has_any || !is_dropped.back();
    is_changed = is_changed || is_dropped.back() || is_masked.back();
  }
  if (!is_changed) return text;
  if (!has_any) is_dropped[survivor] = false;
  std::string kept;
  for (size_t w = 0; w < words.size(); ++w) {
    if (is_dropped[w]) continue;
    const auto* data = reinterpret_cast<const char*>(from);
    if (!kept.empty()) kept.append(data + words[w].begin, data + words[w].word);
    if (is_masked[w]) {
      kept += config.mask_token;
    } else {
      kept.append(data + words[w].word, data + words[w].end);
    }
  }
  affect::Stream out = text;
  out.values = at::empty({static_cast<int64_t>(kept.size())}, at::kByte);
  std::copy(kept.begin(), kept.end(), out.values.data_ptr<uint8_t>());
  out.valid_T = at::ones({out.values.size(0)}, at::kBool);
  return out;
}

}  // namespace limbic::data
