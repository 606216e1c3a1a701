#include "limbic/features/word_vocabulary.h"

#include <algorithm>
#include <charconv>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/utf8.h"
#include "pipeline.h"

namespace limbic::features {
namespace {

constexpr const char* kWordsHeader = "limbic-words 1 lower_case=";
constexpr size_t kMaxWordCharacters = 100;

void find_words(const text::TextCode* codes, size_t n, std::vector<text::CodeRange>& found) {
  const auto is_apostrophe = [](char32_t c) { return c == '\'' || c == 0x2019; };
  for (size_t i = 0; i < n;) {
    if (text::is_white_space(codes[i].code)) {
      ++i;
      continue;
    }
    size_t end = i + 1;
    if (text::is_word_character(codes[i].code)) {
      while (end < n &&
             (text::is_word_character(codes[end].code) || (is_apostrophe(codes[end].code) && end + 1 < n &&
                                                           text::is_word_character(codes[end + 1].code))))
        ++end;
    }
    found.push_back({i, end});
    i = end;
  }
}

/// NFC, so that a letter and its accent are one character however they were typed; the curved apostrophe of
/// subtitles is the straight one of books.
std::vector<text::Normalize> word_normalizers(bool lower_case) {
  std::vector<text::Normalize> steps{text::unicode_form(text::UnicodeForm::kNfc),
                                     text::replace_matches(text::literal("\xE2\x80\x99"), "'")};
  if (lower_case) steps.push_back(text::lower_case());
  return steps;
}

}  // namespace

WordCounter::WordCounter(WordVocabularyOptions options) : options_(options) {
  require(options.min_count >= 1 && options.max_size >= 0, ErrorCode::kConfig,
          "word vocabulary: min_count must be at least 1 and max_size not negative");
}

void WordCounter::add(std::string_view text) {
  text::TextCodes codes = text::decode_utf8(text);
  for (const auto& step : word_normalizers(options_.lower_case)) step(codes);
  std::vector<text::CodeRange> words;
  find_words(codes.data(), codes.size(), words);
  for (const auto& word : words) {
    if (word.end - word.begin <= kMaxWordCharacters)
      ++counts_[text::to_utf8(codes.data() + word.begin, word.end - word.begin)];
  }
}

std::vector<std::pair<std::string, int64_t>> WordCounter::words() const {
  std::vector<std::pair<std::string, int64_t>> words;
  for (const auto& [word, count] : counts_) {
    if (count >= options_.min_count) words.emplace_back(word, count);
  }
  std::sort(words.begin(), words.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  const size_t limit =
      static_cast<size_t>(options_.max_size == 0 ? text::kMaxTokenId - 2 : options_.max_size);
  if (words.size() > limit) words.resize(limit);
  return words;
}

void WordCounter::save(const std::string& path) const {
  std::string out = kWordsHeader + std::string(options_.lower_case ? "true" : "false") + "\n";
  for (const auto& [word, count] : words()) out += word + "\t" + std::to_string(count) + "\n";
  core::write_file(path, out);
}

std::shared_ptr<const Tokenizer> load_word_vocabulary(const std::string& path) {
  const std::string bytes = core::read_file(path, 256 << 20);
  text::PipelineParts parts;
  parts.vocabulary.add("<pad>", 0);
  parts.vocabulary.add("<unk>", 1);
  bool lower_case = true;
  std::string_view rest = bytes;
  for (int64_t line = 1; line == 1 || !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view row = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto fail = [&](const std::string& what) {
      throw Error(ErrorCode::kData, path + ":" + std::to_string(line) + ": " + what);
    };
    if (line == 1) {
      const std::string header = kWordsHeader;
      if (row != header + "true" && row != header + "false") fail("expected '" + header + "true' or false");
      lower_case = row == header + "true";
      continue;
    }
    const size_t tab = row.find('\t');
    if (tab == std::string_view::npos || tab == 0) fail("expected a word, a tab and its count");
    const std::string word(row.substr(0, tab));
    const std::string_view count = row.substr(tab + 1);
    int64_t number = 0;
    const auto read = std::from_chars(count.data(), count.data() + count.size(), number);
    if (read.ec != std::errc() || read.ptr != count.data() + count.size() || number < 1)
      fail("the count is not a positive whole number");
    if (!core::is_utf8(word)) fail("text that is not UTF-8");
    if (parts.vocabulary.id_of(word)) fail("the word '" + word + "' is there twice");
    if (line >= text::kMaxTokenId) fail("more than 2^24 words");
    parts.vocabulary.add(word, line);
  }
  parts.normalize = word_normalizers(lower_case);
  parts.pre_tokenize.push_back(
      text::split_at(find_words, text::SplitBehavior::kRemoved, /*is_inverted=*/true));
  parts.model = text::word_level_model(parts.vocabulary, "<unk>");
  parts.is_never_text = {true, false};
  return text::make_pipeline(std::move(parts));
}

}  // namespace limbic::features
