#include <torch/nn/module.h>

#include <algorithm>

#include "limbic/model/multimodal.h"
#include "limbic/nn/state.h"

namespace limbic::model {

std::vector<PartSummary> model_summary(MultimodalModel& model) {
  std::vector<PartSummary> parts;
  const auto module = model.as_module();
  for (const auto& group : module->named_children()) {
    if (group.key() == "context") {  // one module, where the others are one a modality or task
      parts.push_back({group.key(), nn::num_parameters(*group.value())});
      continue;
    }
    for (const auto& part : group.value()->named_children()) {
      parts.push_back({group.key() + "." + part.key(), nn::num_parameters(*part.value())});
    }
  }
  parts.push_back({"total", nn::num_parameters(*module)});
  return parts;
}

std::string summary_text(const std::vector<PartSummary>& parts) {
  size_t name_width = 0;
  size_t count_width = 0;
  for (const auto& part : parts) {
    name_width = std::max(name_width, part.name.size());
    count_width = std::max(count_width, std::to_string(part.num_parameters).size());
  }
  std::string text;
  for (const auto& part : parts) {
    const auto count = std::to_string(part.num_parameters);
    text += part.name + std::string(name_width - part.name.size() + 2 + count_width - count.size(), ' ') +
            count + "\n";
  }
  return text;
}

}  // namespace limbic::model
