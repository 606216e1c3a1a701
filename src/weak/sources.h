#pragma once
#include <map>
#include <string>
#include <vector>

#include "limbic/weak/weak_labels.h"

namespace limbic::weak {

/// Skin conductance of a part, analysed, before its lag is known.
struct EdaReading {
  std::string name;
  const EdaSource* config = nullptr;  ///< of the WeakLabelConfig
  std::vector<EdaTrack> tracks;
  std::vector<EdaWindow> windows;  ///< of the samples that have the stream
  std::vector<size_t> position;    ///< of each window among the input's indices
  std::vector<double> levels_C;

  /// Scores of every sample of the input at a lag. @param num_samples  of the input
  Scorer at(double lag_s, size_t num_samples) const;
};

/// What the sources say about every sample of the input.
struct ReadSources {
  std::vector<Voter> voters;
  std::vector<Scorer> scorers;
  std::vector<EdaReading> eda;
};

/// A number for each person of the input: who is nobody by name is known by the recording.
std::vector<int32_t> people_of(const WeakLabelInput& input);

/// @throws Error(kConfig, kData)
ReadSources read_sources(const WeakLabelInput& input, const WeakLabelConfig& config);

}  // namespace limbic::weak
