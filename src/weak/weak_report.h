#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "limbic/weak/weak_labels.h"

namespace limbic::weak {

/// What the report is made of.
struct ReportParts {
  LabelModelInput model_input;  ///< of the last model: groups are voters
  LabelModelFit fit;
  std::map<std::string, LabelModelInput> group_inputs;
  std::map<std::string, LabelModelFit> groups;
  std::map<std::string, LagEstimate> lags;  ///< of EDA sources whose lag was learned
  std::map<std::string, double> fixed_lags_s;
  const WeakLabels* labels = nullptr;
};
nlohmann::json make_report(const WeakLabelInput& input, const WeakLabelConfig& config,
                           const ReportParts& parts);

}  // namespace limbic::weak
