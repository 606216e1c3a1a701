#pragma once
#include <string>

#include "limbic/data/sample.h"

namespace limbic::data {

/// The official split, or "all" where the corpus has none.
std::string split_name(const Sample& sample);

}  // namespace limbic::data
