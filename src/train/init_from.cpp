#include "init_from.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/model/bundle.h"
#include "limbic/nn/state.h"

namespace limbic::train {

InitReport init_from(model::MultimodalModel& model, const std::string& from) {
  const auto source = model::load_bundle(from);
  const auto given = nn::state_of(*source.model->as_module());
  const auto own = nn::state_of(*model.as_module());
  InitReport report;
  report.num_own = static_cast<int64_t>(own.size());
  // Statistics of inputs fit any encoder of the modality; what was learned must, too.
  const auto parameters = model.as_module()->named_parameters();
  int64_t num_of_encoders = 0;
  at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : own) {
    const auto found = given.find(name);
    if (found == given.end()) continue;
    if (found->second.sizes() != tensor.sizes() || found->second.scalar_type() != tensor.scalar_type()) {
      report.unlike.push_back(name);
      continue;
    }
    at::Tensor(tensor).copy_(found->second);
    ++report.num_taken;
    if (name.rfind("encoders.", 0) == 0 && parameters.contains(name)) ++num_of_encoders;
  }
  require(num_of_encoders > 0, ErrorCode::kModel,
          "train.init_from: no tensor of an encoder of " + from + " fits this model; it has encoders for " +
              core::join(source.model->modalities()) + ", this model for " + core::join(model.modalities()) +
              (report.unlike.empty() ? "" : ", and these differ in shape: " + core::join(report.unlike)));
  return report;
}

}  // namespace limbic::train
