#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/data/store.h"

namespace limbic::data {

/// A feature column that may say the label instead of what it was measured for.
struct Giveaway {
  std::string modality;
  std::string column;  ///< its name, or its number where the store names none
  std::string task;    ///< empty where it is about time
  std::string why;
};

/// Columns of series streams that bear the name of a task, that alone separate the classes of a task without
/// a mistake, or that grow (or fall) from window to window of every recording, so that they tell when a
/// window was and with it what the protocol of the recording did then. Reads at most 5,000 of the samples,
/// evenly spaced.
/// @param train  training samples: what lies in other parts is nobody's business
std::vector<Giveaway> find_giveaways(const Store& store, const std::vector<int64_t>& train,
                                     const std::vector<std::string>& tasks,
                                     const std::vector<std::string>& modalities);

}  // namespace limbic::data
