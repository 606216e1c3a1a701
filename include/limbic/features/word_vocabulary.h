#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/features/tokenizer.h"

namespace limbic::features {

struct WordVocabularyOptions {
  bool lower_case = true;
  int64_t min_count = 2;  ///< rarer words are unknown
  int64_t max_size = 0;   ///< words that are kept, the most frequent; 0 = all

  template <class Visitor>
  void visit(Visitor& v) {
    v("lower_case", lower_case, "capitals as small letters");
    v("min_count", min_count, "rarer words are unknown", config::at_least(1));
    v("max_size", max_size, "words that are kept, the most frequent; 0 = all", config::at_least(0));
  }
};

/// Counts the words of training texts, for models that learn their embedding from scratch. A word is a run of
/// letters, marks, digits and connectors with apostrophes inside ("don't"); every other character that is not
/// white space is a word by itself ("!"). Words of more than 100 characters do not count. One thread.
class WordCounter {
 public:
  explicit WordCounter(WordVocabularyOptions options);
  /// @throws Error(kData) for a text of more than 4 MiB
  void add(std::string_view text);
  /// The words that stay, most frequent first, those of one count by their bytes.
  std::vector<std::pair<std::string, int64_t>> words() const;
  /// A text file: a first line that says how words are cut, then a word and its count a line; the word in
  /// line n has id n. Id 0 is <pad>, 1 <unk>. Atomic; the same texts in any order give the same bytes.
  /// @throws Error(kStorage)
  void save(const std::string& path) const;

 private:
  WordVocabularyOptions options_;
  std::unordered_map<std::string, int64_t> counts_;
};

/// The tokenizer of such a file. @throws Error(kData) `path:line: ...`
std::shared_ptr<const Tokenizer> load_word_vocabulary(const std::string& path);

}  // namespace limbic::features
