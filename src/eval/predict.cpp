#include "limbic/eval/predict.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/nn/module.h>

#include <cmath>
#include <limits>

namespace limbic::eval {

double TaskPredictions::value(const std::string& metric_name) const {
  if (metric_name == "loss") return loss;
  if (metric_name == kAucName) return auc(predictions, labels.num_classes());
  return metric(metric_name).value(confusion(predictions, labels.num_classes()));
}

std::map<std::string, TaskPredictions> predict(model::MultimodalModel& model, data::Loader& loader) {
  const auto module = model.as_module();
  const bool was_training = module->is_training();
  module->eval();
  std::map<std::string, TaskPredictions> all;
  for (const auto& task : model.tasks()) all[task.task].labels = task;
  const auto& store = *loader.input().store;
  {
    const c10::InferenceMode inference;
    loader.begin_epoch(0);
    while (const auto batch = loader.next()) {
      const auto output = model.forward(*batch);
      for (auto& [name, task] : all) {
        const auto target = batch->targets.find(name);
        if (target == batch->targets.end()) continue;
        const auto log_p_BC = at::log_softmax(output.logits_BC.at(name).to(at::kDouble), 1).contiguous();
        const int64_t num_classes = log_p_BC.size(1);
        for (int64_t b = 0; b < batch->size(); ++b) {
          if (!target->second.mask_B[b].item<bool>()) continue;
          const double* log_p_C = log_p_BC.data_ptr<double>() + b * num_classes;
          std::vector<double> probabilities(log_p_C, log_p_C + num_classes);
          for (auto& value : probabilities) value = std::exp(value);
          const auto truth = target->second.y_B[b].item<int64_t>();
          const std::string& id = batch->ids[static_cast<size_t>(b)];
          task.loss -= log_p_C[truth];
          task.predictions.push_back(make_prediction(
              id, std::string(store.samples().subject(store.index_of(id))), truth, std::move(probabilities)));
        }
      }
    }
  }
  for (auto& [name, task] : all) {
    const auto count = static_cast<double>(task.predictions.size());
    task.loss = count > 0 ? task.loss / count : std::numeric_limits<double>::quiet_NaN();
  }
  module->train(was_training);
  return all;
}

}  // namespace limbic::eval
