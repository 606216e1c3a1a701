#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/data/loader.h"
#include "limbic/eval/metrics.h"
#include "limbic/eval/value_metrics.h"
#include "limbic/model/multimodal.h"

namespace limbic::eval {

/// What a model said about the samples of one part, for one task. Samples whose target is unknown are left
/// out.
struct TaskPredictions {
  affect::LabelSpace labels;
  std::vector<Prediction> predictions;    ///< of a task of classes
  std::vector<ValuePrediction> values{};  ///< of any other
  /// NaN without samples. Mean cross-entropy, nats, per sample or per known label; of continuous tasks the
  /// mean squared error.
  double loss = 0.0;

  int64_t size() const { return static_cast<int64_t>(predictions.size() + values.size()); }
  /// A metric of task_metric_names() or "loss". @throws Error(kConfig)
  double value(const std::string& metric_name) const;
};

/// What is measured of a task: metric_names() and ece for classes, qwk and mae (in ranks) for ordered ones,
/// value_metric_names() for the others.
std::vector<std::string> task_metric_names(const affect::LabelSpace& task);

/// Runs the model over every sample of the loader, in evaluation mode and without gradients; the mode it was
/// in is restored.
/// @param temperature  by task, divides the logits of classes and labels; 1 where not named
/// @param hidden       modalities that count as absent
/// @return by task
std::map<std::string, TaskPredictions> predict(model::MultimodalModel& model, data::Loader& loader,
                                               const std::map<std::string, double>& temperature = {},
                                               const std::set<std::string>& hidden = {});
/// The same of batches that `change` has changed first.
std::map<std::string, TaskPredictions> predict_changed(model::MultimodalModel& model, data::Loader& loader,
                                                       const std::map<std::string, double>& temperature,
                                                       const std::function<void(affect::Batch&)>& change);

}  // namespace limbic::eval
