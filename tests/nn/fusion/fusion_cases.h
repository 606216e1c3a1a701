#pragma once
// The fusions that fusion_contract_test.cpp checks, one list a kind of fusion, each in its own file.
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "limbic/nn/fusion.h"

namespace limbic::nn {

/// Small sizes, no dropout; `modalities` have different widths.
struct FusionCase {
  std::string name;
  FusionConfig config;
  std::vector<ModalityShape> modalities;
  /// Losses that count something they read as a constant: central differences do not apply to them.
  std::vector<std::string> stopped_losses = {};
};
inline void PrintTo(const FusionCase& fusion_case, std::ostream* out) {
  *out << fusion_case.name;
}

/// M modalities m0, m1...; their embeddings are 4, 5... and their tokens 3, 4... wide.
inline std::vector<ModalityShape> fusion_modalities(int64_t num_modalities) {
  std::vector<ModalityShape> shapes;
  for (int64_t m = 0; m < num_modalities; ++m) shapes.push_back({"m" + std::to_string(m), 4 + m, 3 + m});
  return shapes;
}

std::vector<FusionCase> embedding_fusion_cases();
std::vector<FusionCase> token_fusion_cases();
std::vector<FusionCase> dialogue_fusion_cases();

}  // namespace limbic::nn
