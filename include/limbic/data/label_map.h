#pragma once
#include <map>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"

namespace limbic::data {

/// How the labels of a store become the classes of a shared task.
struct LabelMap {
  std::string task;                                   ///< the shared one
  std::vector<std::string> classes;                   ///< of the shared task, in the order of the outputs
  std::map<std::string, std::string> class_of_label;  ///< label of the store -> class
  std::vector<std::string> unmapped;                  ///< labels without a class, in the store's order
  std::map<std::string, std::string> reasons;         ///< label without a class -> why

  affect::LabelSpace label_space() const { return {task, classes}; }
};

}  // namespace limbic::data
