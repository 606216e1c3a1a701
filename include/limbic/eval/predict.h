#pragma once
#include <map>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/data/loader.h"
#include "limbic/eval/metrics.h"
#include "limbic/model/multimodal.h"

namespace limbic::eval {

/// What a model said about the samples of one part, for one task. Samples whose label is unknown are left
/// out.
struct TaskPredictions {
  affect::LabelSpace labels;
  std::vector<Prediction> predictions;
  double loss = 0.0;  ///< mean cross-entropy, nats; NaN without samples

  /// A metric of metric_names() or "loss". @throws Error(kConfig)
  double value(const std::string& metric_name) const;
};

/// Runs the model over every sample of the loader, in evaluation mode and without gradients; the mode it was
/// in is restored. @return by task
std::map<std::string, TaskPredictions> predict(model::MultimodalModel& model, data::Loader& loader);

}  // namespace limbic::eval
