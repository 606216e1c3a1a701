#include "degradation_curves.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/data/protocol.h"
#include "limbic/data/statistics.h"
#include "limbic/eval/ablation.h"

namespace limbic::train {
namespace {

using eval::DegradationKind;

std::map<std::string, std::vector<double>> training_deviations(const std::string& run,
                                                               const OpenedRun& opened) {
  // Not opened.config: an evaluation elsewhere has another store there.
  const auto config = config::load_file<ExperimentConfig>(run + "/config.yaml");
  data::LoaderInput input;
  input.store = open_store(config.data, /*may_import=*/false);
  input.indices = data::make_split(*input.store, config.data.split).train;
  input.features = opened.bundle.info.features;
  const data::Loader loader(std::move(input), config.data.loader);
  std::map<std::string, std::vector<double>> deviations;
  for (const auto& [modality, statistics] : data::compute_input_statistics(loader)) {
    require(!statistics.std_F.empty(), ErrorCode::kData,
            "no sample of the training part has modality '" + modality + "': noise has no unit there");
    deviations[modality] = statistics.std_F;
  }
  return deviations;
}

std::vector<double> levels_from_zero(std::vector<double> levels) {
  for (const double level : levels)
    require(std::isfinite(level) && level >= 0, ErrorCode::kConfig, "levels must be finite and not negative");
  levels.push_back(0.0);
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  return levels;
}

}  // namespace

std::vector<DegradationCurve> degradation_curves(const std::string& run, const OpenedRun& opened,
                                                 const AblateOptions& options,
                                                 const eval::TaskPredictions& clean) {
  std::vector<DegradationCurve> curves;
  eval::BootstrapOptions bootstrap;
  bootstrap.num_resamples = options.num_resamples;
  bootstrap.by_subject = options.by_subject;
  bootstrap.seed = options.seed;
  const auto at_zero = eval::metric_interval(clean, options.metric, bootstrap);
  for (const auto kind : {DegradationKind::kNoise, DegradationKind::kDrop}) {
    const bool is_noise = kind == DegradationKind::kNoise;
    const auto& wanted = is_noise ? options.noise : options.drop;
    if (wanted.empty()) continue;
    eval::Degradation degradation;
    degradation.kind = kind;
    degradation.seed = options.seed;
    if (is_noise) degradation.std_F = training_deviations(run, opened);
    std::vector<std::set<std::string>> targets;
    std::set<std::string> all;
    for (const auto& modality : opened.bundle.model->modalities()) {
      const auto shape = opened.bundle.info.inputs.find(modality);
      const bool has_ids = shape != opened.bundle.info.inputs.end() && shape->second.vocabulary > 0;
      if (is_noise && has_ids) continue;
      targets.push_back({modality});
      all.insert(modality);
    }
    if (all.size() > 1) targets.push_back(all);
    for (const auto& target : targets) {
      DegradationCurve curve{
          kind, target.size() > 1 ? kAllModalities : *target.begin(), levels_from_zero(wanted), {}};
      degradation.modalities = target;
      for (const double level : curve.level) {
        if (level == 0) {
          curve.value.push_back(at_zero);
          continue;
        }
        degradation.level = level;
        const auto predictions = eval::predict_changed(*opened.bundle.model, *opened.loader,
                                                       opened.temperature, eval::Degrader(degradation));
        curve.value.push_back(
            eval::metric_interval(predictions.at(clean.labels.task), options.metric, bootstrap));
      }
      curves.push_back(std::move(curve));
    }
  }
  return curves;
}

}  // namespace limbic::train
