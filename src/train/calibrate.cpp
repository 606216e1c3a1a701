#include "calibrate.h"

#include "limbic/eval/calibration.h"
#include "limbic/eval/predict.h"

namespace limbic::train {

std::map<std::string, model::Calibration> calibrate(model::MultimodalModel& model, data::Loader& loader) {
  std::map<std::string, model::Calibration> calibrations;
  std::map<std::string, double> temperature;
  for (const auto& [name, task] : eval::predict(model, loader)) {
    if (task.size() == 0 || task.labels.traits.kind == affect::TaskKind::kContinuous) continue;
    auto& calibration = calibrations[name];
    calibration.temperature = temperature[name] = task.labels.has_classes()
                                                      ? eval::fit_temperature(task.predictions)
                                                      : eval::fit_temperature(task.values);
    calibration.nll_before = task.loss;
    calibration.ece_before = task.value(eval::kEceName);
  }
  for (const auto& [name, task] : eval::predict(model, loader, temperature)) {
    const auto found = calibrations.find(name);
    if (found == calibrations.end()) continue;
    found->second.nll_after = task.loss;
    found->second.ece_after = task.value(eval::kEceName);
  }
  return calibrations;
}

}  // namespace limbic::train
