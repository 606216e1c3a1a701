#pragma once
#include <map>
#include <string>

#include "limbic/data/loader.h"
#include "limbic/model/bundle.h"

namespace limbic::train {

/// Temperatures of every task of classes or labels, fitted on what the loader has. A task without samples
/// gets none.
std::map<std::string, model::Calibration> calibrate(model::MultimodalModel& model, data::Loader& loader);

}  // namespace limbic::train
