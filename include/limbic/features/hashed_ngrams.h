#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::features {

/// Lengths of n-grams, both included; 0 and 0 = none of this kind.
struct NgramRange {
  int64_t min = 0;
  int64_t max = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("min", min, "shortest n-gram; 0 = none of this kind");
    v("max", max, "longest n-gram");
  }
  void validate(config::Checks& checks) const;
  bool is_any() const { return max > 0; }
};

/// A text as counts of its n-grams, each at the column that its hash says (Weinberger et al. 2009): no
/// vocabulary, and nothing that is learned but `idf`.
struct HashedNgramsConfig {
  int64_t num_features = 4096;
  NgramRange words{1, 2};
  NgramRange characters;
  bool within_words = true;
  bool lower_case = true;
  bool strip_accents = false;
  bool is_signed = true;
  bool is_sublinear = false;
  bool is_l2 = true;

  template <class Visitor>
  void visit(Visitor& v) {
    v("num_features", num_features, "columns of word n-grams, and as many of character n-grams");
    v("words", words, "n-grams of words of two characters or more");
    v("characters", characters, "n-grams of characters");
    v("within_words", within_words, "character n-grams do not cross words, whose ends count as blanks");
    v("lower_case", lower_case, "capitals as small letters");
    v("strip_accents", strip_accents, "letters without their marks, after NFKD");
    v("signed", is_signed,
      "a bit of the hash is the sign: collisions cancel on average instead of adding up");
    v("sublinear", is_sublinear, "1 + ln(count) instead of the count, with its sign");
    v("l2", is_l2, "each kind of n-grams scaled to length 1");
  }
  void validate(config::Checks& checks) const;
  /// Columns in all.
  int64_t width() const { return num_features * ((words.is_any() ? 1 : 0) + (characters.is_any() ? 1 : 0)); }
};

/// scikit-learn's HashingVectorizer (word, then char or char_wb, beside each other), digit for digit in
/// float64: MurmurHash3 of the UTF-8 bytes, Python's lower case, its \w and white space. Const and
/// thread-safe.
class HashedNgrams {
 public:
  /// @param idf  a weight a column, or empty: applied before scaling
  /// @throws Error(kConfig); Error(kData) when `idf` does not fit
  explicit HashedNgrams(const HashedNgramsConfig& config, std::vector<double> idf = {});
  /// (F) of a UTF-8 text. @throws Error(kData) for more than 4 MiB
  std::vector<double> vector(std::string_view text) const;
  const HashedNgramsConfig& config() const { return config_; }

 private:
  HashedNgramsConfig config_;
  std::vector<double> idf_F_;
};

/// Learns how rare every column is: ln((1 + N) / (1 + texts that have it)) + 1, as scikit-learn's
/// TfidfTransformer. Give it the training part alone.
class IdfCounter {
 public:
  explicit IdfCounter(const HashedNgramsConfig& config);
  void add(std::string_view text);
  std::vector<double> idf() const;
  int64_t num_texts() const { return num_texts_; }

 private:
  HashedNgrams ngrams_;
  std::vector<int64_t> num_with_F_;
  int64_t num_texts_ = 0;
};

/// MurmurHash3_x86_32 (Appleby, public domain).
uint32_t murmur3_32(std::string_view bytes, uint32_t seed = 0);

}  // namespace limbic::features
