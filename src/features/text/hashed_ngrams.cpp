#include "limbic/features/hashed_ngrams.h"

#include <utf8proc.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "limbic/core/error.h"
#include "text_codes.h"

namespace limbic::features {
namespace {

constexpr int64_t kMaxNgram = 16;
constexpr int64_t kMaxNgramColumns = int64_t{1} << 22;

/// Column and sign of an n-gram, as scikit-learn's FeatureHasher takes them from a signed hash.
void count_ngram(std::string_view ngram, bool is_signed, int64_t num_features, double* counts_F) {
  const auto hash = static_cast<int32_t>(murmur3_32(ngram));
  // The magnitude of the least int32 does not fit; scikit-learn has a column of its own for it.
  const int64_t column = hash == INT32_MIN ? (INT32_MAX - (num_features - 1)) % num_features
                                           : std::abs(static_cast<int64_t>(hash)) % num_features;
  counts_F[column] += is_signed && hash < 0 ? -1.0 : 1.0;
}

text::TextCodes prepared_text(std::string_view bytes, const HashedNgramsConfig& config) {
  text::TextCodes codes = text::decode_utf8(bytes);
  if (config.lower_case) codes = text::python_lower(codes);
  if (config.strip_accents) {
    codes = text::decompose(codes, text::Decomposition::kCompatibility);
    const auto is_mark = [](const text::TextCode& c) {
      return utf8proc_get_property(static_cast<utf8proc_int32_t>(c.code))->combining_class != 0;
    };
    codes.erase(std::remove_if(codes.begin(), codes.end(), is_mark), codes.end());
  }
  return codes;
}

/// Words of two characters or more; n-grams have a blank between words.
void count_word_ngrams(const text::TextCodes& codes, const HashedNgramsConfig& config, double* counts_F) {
  std::string all;  // the words with a blank after each
  std::vector<std::pair<size_t, size_t>> words;
  for (size_t i = 0; i < codes.size();) {
    if (!text::is_python_word_character(codes[i].code)) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < codes.size() && text::is_python_word_character(codes[end].code)) ++end;
    if (end - i >= 2) {
      const size_t begin = all.size();
      all += text::to_utf8(codes.data() + i, end - i);
      words.emplace_back(begin, all.size());
      all += ' ';
    }
    i = end;
  }
  for (int64_t n = config.words.min; n <= config.words.max; ++n) {
    const auto length = static_cast<size_t>(n);
    for (size_t i = 0; i + length <= words.size(); ++i) {
      const size_t begin = words[i].first;
      const size_t end = words[i + length - 1].second;
      count_ngram(std::string_view(all).substr(begin, end - begin), config.is_signed, config.num_features,
                  counts_F);
    }
  }
}

/// Characters as bytes, and where each begins; one more entry for the end.
struct CharacterBytes {
  std::string bytes;
  std::vector<size_t> begin{0};
  void add(char32_t code) {
    text::append_utf8(bytes, code);
    begin.push_back(bytes.size());
  }
  size_t size() const { return begin.size() - 1; }
  std::string_view part(size_t first, size_t num) const {
    return std::string_view(bytes).substr(begin[first], begin[first + num] - begin[first]);
  }
};

/// n-grams of a piece; a piece shorter than n counts once as a whole when `counts_short`.
void count_character_ngrams(const CharacterBytes& piece, const HashedNgramsConfig& config, bool counts_short,
                            double* counts_F) {
  for (int64_t n = config.characters.min; n <= config.characters.max; ++n) {
    const auto length = static_cast<size_t>(n);
    if (length >= piece.size()) {
      if (counts_short || length == piece.size())
        count_ngram(piece.bytes, config.is_signed, config.num_features, counts_F);
      return;
    }
    for (size_t i = 0; i + length <= piece.size(); ++i)
      count_ngram(piece.part(i, length), config.is_signed, config.num_features, counts_F);
  }
}

void count_characters(const text::TextCodes& codes, const HashedNgramsConfig& config, double* counts_F) {
  CharacterBytes piece;
  if (!config.within_words) {
    // Two white spaces or more are one blank; a single one stays what it is.
    for (size_t i = 0; i < codes.size();) {
      size_t end = i;
      while (end < codes.size() && text::is_python_space(codes[end].code)) ++end;
      piece.add(end - i >= 2 ? U' ' : codes[i].code);
      i = end - i >= 2 ? end : i + 1;
    }
    if (piece.size() > 0) count_character_ngrams(piece, config, /*counts_short=*/false, counts_F);
    return;
  }
  for (size_t i = 0; i < codes.size();) {
    if (text::is_python_space(codes[i].code)) {
      ++i;
      continue;
    }
    piece = {};
    piece.add(' ');
    for (; i < codes.size() && !text::is_python_space(codes[i].code); ++i) piece.add(codes[i].code);
    piece.add(' ');
    count_character_ngrams(piece, config, /*counts_short=*/true, counts_F);
  }
}

void weigh_block(const HashedNgramsConfig& config, const double* idf_F, double* x_F) {
  double square = 0;
  for (int64_t f = 0; f < config.num_features; ++f) {
    double& x = x_F[f];
    if (x == 0) continue;
    if (config.is_sublinear) x = std::copysign(1.0 + std::log(std::abs(x)), x);
    if (idf_F != nullptr) x *= idf_F[f];
    square += x * x;
  }
  if (!config.is_l2 || square == 0) return;
  const double norm = std::sqrt(square);
  for (int64_t f = 0; f < config.num_features; ++f) x_F[f] /= norm;
}

/// A column whose n-grams cancel has them all the same.
HashedNgramsConfig unsigned_counts(HashedNgramsConfig config) {
  config.is_signed = config.is_sublinear = config.is_l2 = false;
  return config;
}

}  // namespace

void NgramRange::validate(config::Checks& checks) const {
  const bool is_none = min == 0 && max == 0;
  checks.expect(is_none || (min >= 1 && min <= max && max <= kMaxNgram), "",
                "expected 1 <= min <= max <= " + std::to_string(kMaxNgram) + ", or 0 and 0 for none; got " +
                    std::to_string(min) + " and " + std::to_string(max));
}

void HashedNgramsConfig::validate(config::Checks& checks) const {
  checks.expect(
      num_features >= 1 && num_features <= kMaxNgramColumns, "num_features",
      "must be in [1, " + std::to_string(kMaxNgramColumns) + "], got " + std::to_string(num_features));
  checks.expect(words.is_any() || characters.is_any(), "words",
                "neither words nor characters; expected one of them");
}

uint32_t murmur3_32(std::string_view bytes, uint32_t seed) {
  const auto rotated = [](uint32_t x, int by) { return x << by | x >> (32 - by); };
  const auto mixed = [&](uint32_t k) { return rotated(k * 0xCC9E2D51u, 15) * 0x1B873593u; };
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])); };
  uint32_t h = seed;
  size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    h ^= mixed(byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24);
    h = rotated(h, 13) * 5 + 0xE6546B64u;
  }
  uint32_t tail = 0;
  for (size_t k = bytes.size(); k-- > i;) tail = tail << 8 | byte(k);
  if (i < bytes.size()) h ^= mixed(tail);
  h ^= static_cast<uint32_t>(bytes.size());
  h = (h ^ h >> 16) * 0x85EBCA6Bu;
  h = (h ^ h >> 13) * 0xC2B2AE35u;
  return h ^ h >> 16;
}

HashedNgrams::HashedNgrams(const HashedNgramsConfig& config, std::vector<double> idf)
    : config_(config), idf_F_(std::move(idf)) {
  config::ThrowingChecks checks("hashed_ngrams");
  config.validate(checks);
  config::ThrowingChecks words("hashed_ngrams.words");
  config.words.validate(words);
  config::ThrowingChecks characters("hashed_ngrams.characters");
  config.characters.validate(characters);
  require(idf_F_.empty() || static_cast<int64_t>(idf_F_.size()) == config.width(), ErrorCode::kData,
          "hashed_ngrams: idf has " + std::to_string(idf_F_.size()) + " weights; expected " +
              std::to_string(config.width()));
}

std::vector<double> HashedNgrams::vector(std::string_view text) const {
  const text::TextCodes codes = prepared_text(text, config_);
  std::vector<double> x_F(static_cast<size_t>(config_.width()), 0.0);
  int64_t at = 0;
  const auto finish = [&] {
    weigh_block(config_, idf_F_.empty() ? nullptr : idf_F_.data() + at, x_F.data() + at);
    at += config_.num_features;
  };
  if (config_.words.is_any()) {
    count_word_ngrams(codes, config_, x_F.data() + at);
    finish();
  }
  if (config_.characters.is_any()) {
    count_characters(codes, config_, x_F.data() + at);
    finish();
  }
  return x_F;
}

IdfCounter::IdfCounter(const HashedNgramsConfig& config)
    : ngrams_(unsigned_counts(config)), num_with_F_(static_cast<size_t>(config.width()), 0) {}

void IdfCounter::add(std::string_view text) {
  const auto x_F = ngrams_.vector(text);
  for (size_t f = 0; f < x_F.size(); ++f) num_with_F_[f] += x_F[f] != 0;
  ++num_texts_;
}

std::vector<double> IdfCounter::idf() const {
  std::vector<double> idf_F;
  idf_F.reserve(num_with_F_.size());
  for (const int64_t num_with : num_with_F_)
    idf_F.push_back(std::log(static_cast<double>(1 + num_texts_) / static_cast<double>(1 + num_with)) + 1.0);
  return idf_F;
}

}  // namespace limbic::features
