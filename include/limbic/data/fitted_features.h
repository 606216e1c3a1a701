#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/features/feature_config.h"

namespace limbic::data {

class Store;

/// Learns what features take from texts (`tokenizer: fit`, `idf: fit`) from the given samples, the training
/// part, and writes it to DIRECTORY/<modality>/words.txt or idf.safetensors. Files that are there already are
/// taken as they are, so that a resumed run goes on with its own. The same samples in any order give the same
/// bytes. @return the features with the paths of these files in place of `fit`
/// @throws Error(kData) when no sample has a text, Error(kStorage)
features::FeatureConfig fitted_features(features::FeatureConfig features, const Store& store,
                                        const std::vector<int64_t>& training, const std::string& directory);

}  // namespace limbic::data
