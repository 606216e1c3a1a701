#include <ATen/Functions.h>

#include "limbic/core/error.h"
#include "limbic/features/feature_extractor.h"
#include "limbic/formats/safetensors.h"

namespace limbic::features {
namespace {

std::string_view text_of_stream(const affect::Stream& raw, const at::Tensor& bytes) {
  require(raw.values.defined() && raw.values.dim() == 1 && raw.values.scalar_type() == at::kByte,
          ErrorCode::kData, "expected a text (S,) of uint8, UTF-8");
  return {reinterpret_cast<const char*>(bytes.data_ptr<uint8_t>()), static_cast<size_t>(bytes.size(0))};
}

}  // namespace

void TokensFeature::validate(config::Checks& checks) const {
  checks.expect(!tokenizer.empty(), "tokenizer", "is empty; expected fit or the path of a tokenizer");
  const WordVocabularyOptions unset;
  checks.expect(tokenizer == kFitOnTraining ||
                    (vocabulary.lower_case == unset.lower_case && vocabulary.min_count == unset.min_count &&
                     vocabulary.max_size == unset.max_size),
                "vocabulary", "says what to learn; it needs tokenizer: fit");
  checks.expect(max_length >= 1 && max_length <= (int64_t{1} << 20), "max_length",
                "must be in [1, 2^20], got " + std::to_string(max_length));
}

bool takes_text(const ModalityFeature& feature) {
  return std::holds_alternative<HashedNgramsFeature>(feature) ||
         std::holds_alternative<TokensFeature>(feature);
}

int64_t vocabulary_size(const ModalityFeature& feature) {
  const auto* tokens = std::get_if<TokensFeature>(&feature);
  return tokens == nullptr ? 0 : load_tokenizer(tokens->tokenizer)->vocabulary_size();
}

bool wants_fit(const ModalityFeature& feature) {
  if (const auto* f = std::get_if<HashedNgramsFeature>(&feature)) return f->idf == kFitOnTraining;
  const auto* f = std::get_if<TokensFeature>(&feature);
  return f != nullptr && f->tokenizer == kFitOnTraining;
}

std::vector<std::pair<std::string, std::string*>> feature_files(FeatureConfig& config) {
  std::vector<std::pair<std::string, std::string*>> files;
  for (auto& [modality, feature] : config) {
    if (auto* f = std::get_if<HashedNgramsFeature>(&feature); f != nullptr && !f->idf.empty())
      files.emplace_back(modality, &f->idf);
    if (auto* f = std::get_if<TokensFeature>(&feature)) files.emplace_back(modality, &f->tokenizer);
  }
  return files;
}

affect::Stream ngrams_stream(const affect::Stream& raw, const HashedNgrams& ngrams) {
  const at::Tensor bytes = raw.values.contiguous();
  const auto x_F = ngrams.vector(text_of_stream(raw, bytes));
  affect::Stream stream = raw;
  stream.rate_hz = 0;
  stream.values = at::empty({1, static_cast<int64_t>(x_F.size())});
  for (size_t f = 0; f < x_F.size(); ++f) stream.values.data_ptr<float>()[f] = static_cast<float>(x_F[f]);
  stream.valid_T = at::ones({1}, at::kBool);
  return stream;
}

affect::Stream tokens_stream(const affect::Stream& raw, const Tokenizer& tokenizer,
                             const TokensFeature& feature) {
  const at::Tensor bytes = raw.values.contiguous();
  EncodeOptions options;
  options.add_special = feature.add_special;
  options.max_length = feature.max_length;
  options.truncate = feature.keep_end ? TruncateSide::kBegin : TruncateSide::kEnd;
  const Encoding encoding = tokenizer.encode(text_of_stream(raw, bytes), options);
  const auto num_tokens = static_cast<int64_t>(encoding.ids.size());
  affect::Stream stream = raw;
  stream.rate_hz = 0;
  stream.values = at::empty({num_tokens, 1});
  for (int64_t t = 0; t < num_tokens; ++t)
    stream.values.data_ptr<float>()[t] = static_cast<float>(encoding.ids[static_cast<size_t>(t)]);
  stream.valid_T = at::ones({num_tokens}, at::kBool);
  return stream;
}

void write_idf(const std::string& path, const std::vector<double>& idf) {
  at::Tensor idf_F = at::empty({static_cast<int64_t>(idf.size())}, at::kDouble);
  std::copy(idf.begin(), idf.end(), idf_F.data_ptr<double>());
  formats::write_safetensors(path, {{"idf", idf_F}});
}

std::vector<double> read_idf(const std::string& path) {
  const auto tensors = formats::read_safetensors(path).tensors;
  const auto idf = tensors.find("idf");
  require(idf != tensors.end() && idf->second.dim() == 1 && idf->second.scalar_type() == at::kDouble,
          ErrorCode::kData, path + ": expected one tensor 'idf' (F) of float64; write_idf makes it");
  const auto* x = idf->second.data_ptr<double>();
  return {x, x + idf->second.size(0)};
}

}  // namespace limbic::features
