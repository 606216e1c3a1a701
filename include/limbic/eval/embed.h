#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "limbic/affect/stream_shape.h"
#include "limbic/data/loader.h"
#include "limbic/eval/clustering.h"
#include "limbic/model/multimodal.h"

namespace limbic::eval {

inline constexpr const char* kFusedSpace = "fused";

/// Samples as points of one space: a modality's embedding, or "fused".
struct EmbeddingSpace {
  std::string name;
  Points points;
  std::vector<int64_t>
      row;  ///< of each point, into Embeddings::sample: samples that lack the modality have none
};
struct Embeddings {
  std::vector<int64_t> sample;  ///< rows of the store, in the loader's order
  std::vector<EmbeddingSpace>
      spaces;  ///< fused first, where the model has it, then the modalities; none empty
  std::map<std::string, std::vector<int64_t>>
      truth;  ///< task of classes -> class of each sample, -1 = unknown
};

/// What the model makes of every sample: ModelOutput::embedding_BD and fused_BD, in evaluation mode and
/// without gradients; the mode it was in is restored.
Embeddings embed(model::MultimodalModel& model, data::Loader& loader);
/// The inputs themselves, as a baseline that has learnt nothing: mean and standard deviation of every feature
/// over the real frames of a sample; of images the mean image, in [0, 1]. Modalities whose frames are ids of
/// tokens are left out.
Embeddings embed_inputs(const std::map<std::string, affect::StreamShape>& inputs, data::Loader& loader);

}  // namespace limbic::eval
