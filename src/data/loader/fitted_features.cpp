#include "limbic/data/fitted_features.h"

#include <ATen/Functions.h>

#include <filesystem>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/data/store.h"
#include "limbic/features/feature_extractor.h"
#include "limbic/features/word_vocabulary.h"
#include "loader/feature_source.h"

namespace limbic::data {
namespace {

/// Hands every training text to `counter`, an IdfCounter or WordCounter.
template <class Counter>
void count_texts(Counter& counter, const std::string& modality, const features::ModalityFeature& feature,
                 const Store& store, const std::vector<int64_t>& training) {
  const std::string raw = raw_stream_for(modality, feature, store.info());
  int64_t num_texts = 0;
  for (const int64_t i : training) {
    if (!store.samples().has_stream(raw, i)) continue;
    const at::Tensor bytes = store.read(i, raw).contiguous();
    require(bytes.dim() == 1 && bytes.scalar_type() == at::kByte, ErrorCode::kData,
            "features." + modality + ": '" + raw + "' of " + std::string(store.samples().id(i)) +
                " is no text (S,) of uint8");
    counter.add(
        {reinterpret_cast<const char*>(bytes.data_ptr<uint8_t>()), static_cast<size_t>(bytes.size(0))});
    ++num_texts;
  }
  require(num_texts > 0, ErrorCode::kData,
          "features." + modality + ": no training sample has '" + raw + "': nothing to fit on");
}

}  // namespace

features::FeatureConfig fitted_features(features::FeatureConfig features, const Store& store,
                                        const std::vector<int64_t>& training, const std::string& directory) {
  for (auto& [modality, feature] : features) {
    if (!features::wants_fit(feature)) continue;
    const std::string folder = directory + "/" + modality;
    if (auto* ngrams = std::get_if<features::HashedNgramsFeature>(&feature)) {
      ngrams->idf = folder + "/idf.safetensors";
      if (std::filesystem::exists(ngrams->idf)) continue;
      features::IdfCounter counter(ngrams->ngrams);
      count_texts(counter, modality, feature, store, training);
      features::write_idf(ngrams->idf, counter.idf());
    } else if (auto* tokens = std::get_if<features::TokensFeature>(&feature)) {
      const features::WordVocabularyOptions options = std::exchange(tokens->vocabulary, {});
      tokens->tokenizer = folder + "/words.txt";
      if (std::filesystem::exists(tokens->tokenizer)) continue;
      features::WordCounter counter(options);
      count_texts(counter, modality, feature, store, training);
      counter.save(tokens->tokenizer);
    }
  }
  return features;
}

}  // namespace limbic::data
