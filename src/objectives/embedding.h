#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "limbic/objectives/objective.h"

namespace limbic::objectives {

constexpr const char* kFused = "fused";  ///< the vector that the heads read, where an objective names one
constexpr const char* kEach = "each";    ///< every modality by itself

/// One vector a sample.
struct Embedding {
  at::Tensor vector_BD;
  at::Tensor counts_B;  ///< bool, true = the sample has one: the modality (fused: any) took part
};
/// @param name  a modality of the output, or kFused
Embedding embedding_of(const affect::ModelOutput& output, const std::string& name);

/// (B,) bool: rows of which the model saw something; undefined for an output without modalities.
at::Tensor used_rows(const affect::ModelOutput& output);

/// Names and widths of the embeddings that `wanted` stands for: one, or kEach.
/// @param objective  for messages: its kType
/// @throws Error(kConfig) when the model has no such embedding
std::map<std::string, int64_t> wanted_embeddings(const ObjectiveContext& context, const std::string& wanted,
                                                 const std::string& objective);

/// Indices of the rows that count, (N,) int64.
at::Tensor row_indices(const at::Tensor& counts_B);

}  // namespace limbic::objectives
