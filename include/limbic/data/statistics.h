#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/data/loader.h"
#include "limbic/data/supervision.h"

namespace limbic::data {

/// Mean and standard deviation of a modality's features over real frames: per feature, or per channel of
/// images (in units of the stored uint8, 0 to 255).
struct InputStatistics {
  std::vector<double> mean_F;
  std::vector<double> std_F;
  int64_t num_frames = 0;
};

/// One pass over the loader's samples, without augmentation. The result does not depend on the number of
/// threads.
/// @throws Error(kData) naming the sample when a feature is not finite
std::map<std::string, InputStatistics> compute_input_statistics(const Loader& loader);

/// Task -> samples per class, over the given samples. Names that a task does not know are not counted. Of
/// several labels: samples where each holds; of values: where each is known. With `supervision`: what is left
/// of the labels, weak ones by their most probable class.
std::map<std::string, std::vector<int64_t>> class_counts(
    const Store& store, const std::vector<int64_t>& indices, const std::vector<affect::LabelSpace>& tasks,
    const std::map<std::string, TargetConfig>& targets = {}, const Supervisions& supervision = {});

}  // namespace limbic::data
