#include "limbic/train/experiment.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/core/suggest.h"
#include "limbic/data/combine.h"
#include "limbic/eval/predict.h"

namespace limbic::train {
namespace {

namespace fs = std::filesystem;

/// A relative source is looked for here first, then among the real corpora.
std::string find_source(const std::string& source) {
  if (fs::exists(source)) return source;
  const char* corpora = std::getenv("LIMBIC_DATA");
  const std::string in_corpora = std::string(corpora != nullptr ? corpora : "../shared/data") + "/" + source;
  if (fs::path(source).is_relative() && fs::exists(in_corpora)) return in_corpora;
  throw Error(ErrorCode::kData,
              source + ": no such corpus, nor " + in_corpora +
                  "; set LIMBIC_DATA to the folder of the corpora or data.import.source to this one");
}

}  // namespace

void EarlyStoppingConfig::validate(config::Checks& checks) const {
  // The first task's kind decides (selection_metric); here, what no kind has.
  std::vector<std::string> known{"auto", "loss", kLastEpoch};
  affect::LabelSpace any{"any", {"one"}, {affect::TaskKind::kOrdinal, {-3.0, 3.0}, 1.0}};
  for (const auto kind :
       {affect::TaskKind::kOrdinal, affect::TaskKind::kMultiLabel, affect::TaskKind::kContinuous}) {
    any.traits.kind = kind;
    for (const auto& name : eval::task_metric_names(any)) {
      const bool is_new = std::find(known.begin(), known.end(), name) == known.end();
      if (is_new && name.find("_one") == std::string::npos) known.push_back(name);
    }
  }
  const bool is_known = std::any_of(known.begin(), known.end(), [&](const std::string& name) {
    return metric == name || metric.rfind(name + "_", 0) == 0;
  });
  checks.expect(
      is_known, "metric",
      "must be one of " + core::join(known) + ", got '" + metric + "'" + core::did_you_mean(metric, known));
}

void ExperimentConfig::validate(config::Checks& checks) const {
  checks.expect(!name.empty() && name.find_first_of("/\\ ") == std::string::npos, "name",
                "must be a folder name without blanks, got '" + name + "'");
  checks.expect(!objectives.empty(), "objectives", "must hold at least one objective");
  const auto seen = data.model_features();
  for (const auto& [modality, encoder] : model.encoders) {
    checks.expect(seen.count(modality) == 1, "model",
                  data.features.count(modality) == 1
                      ? "encoders." + modality + " reads a modality of data.privileged"
                      : "encoders." + modality + " has no features: add data.features." + modality);
  }
  for (const auto& [modality, feature] : seen) {
    checks.expect(model.encoders.count(modality) == 1, "model",
                  "data.features." + modality + " has no encoder: add model.encoders." + modality +
                      ", or name it in data.privileged if objectives alone read it");
  }
  for (const auto& modality : data.privileged) {
    checks.expect(data.features.count(modality) == 1, "data",
                  "privileged: '" + modality + "' is no modality of data.features");
  }
  for (const auto& [task, target] : data.targets) {
    checks.expect(std::find(data.tasks.begin(), data.tasks.end(), task) != data.tasks.end(), "data",
                  "targets." + task + " is no task of data.tasks (" + core::join(data.tasks) + ")");
  }
  for (const auto& [task, levels] : data.supervision) {
    checks.expect(std::find(data.tasks.begin(), data.tasks.end(), task) != data.tasks.end(), "data",
                  "supervision." + task + " is no task of data.tasks (" + core::join(data.tasks) + ")");
  }
  for (const auto& [task, head] : model.heads) {
    checks.expect(std::find(data.tasks.begin(), data.tasks.end(), task) != data.tasks.end(), "model",
                  "heads." + task + " is no task of data.tasks (" + core::join(data.tasks) + ")");
  }
}

namespace {

std::shared_ptr<const data::Store> open_one(const std::string& store, const ImportConfig& import,
                                            bool may_import) {
  if (may_import && !fs::exists(store)) {
    require(!import.kind.empty(), ErrorCode::kData,
            store + ": no such store; make it with `limbic data import KIND SOURCE --out " + store + "`");
    const std::string source = find_source(import.source);
    log::info("import", {{"kind", import.kind}, {"source", source}, {"store", store}});
    data::import_corpus(import.kind, source, store, import.options);
  }
  return data::Store::open(store);
}

}  // namespace

features::FeatureConfig DataConfig::model_features() const {
  auto seen = features;
  for (const auto& modality : privileged) seen.erase(modality);
  return seen;
}

std::string DataConfig::shown_stores() const {
  std::string shown = store;
  for (const auto& corpus : corpora) shown += (shown.empty() ? "" : " + ") + corpus.store;
  return shown;
}

std::vector<affect::LabelSpace> task_spaces(const DataConfig& config, const data::Store& store) {
  std::vector<affect::LabelSpace> tasks;
  for (const auto& task : config.tasks) {
    const auto target = config.targets.find(task);
    tasks.push_back(target == config.targets.end() ? store.label_space(task)
                                                   : data::target_space(task, target->second, store));
  }
  return tasks;
}

std::string selection_metric(const EarlyStoppingConfig& config, const affect::LabelSpace& task) {
  if (config.metric == "auto") {
    if (task.has_classes()) return "uar";
    return task.traits.kind == affect::TaskKind::kMultiLabel ? "macro_f1" : "ccc";
  }
  auto known = eval::task_metric_names(task);
  known.emplace_back("loss");
  known.emplace_back(kLastEpoch);
  require(std::find(known.begin(), known.end(), config.metric) != known.end(), ErrorCode::kConfig,
          "train.early_stopping.metric: task '" + task.task + "' has no '" + config.metric + "', only " +
              core::join(known) + core::did_you_mean(config.metric, known));
  return config.metric;
}

std::shared_ptr<const data::Store> open_store(const DataConfig& config, bool may_import) {
  if (config.corpora.empty()) return open_one(config.store, config.import, may_import);
  std::vector<data::CorpusMember> members;
  for (const auto& corpus : config.corpora) {
    data::CorpusMember member{open_one(corpus.store, corpus.import, may_import)};
    for (const auto& [task, wanted] : corpus.map) {
      member.label_maps[task] = data::map_labels(member.store->label_space(task), member.store->info().name,
                                                 wanted, affect::Ontology::load());
    }
    members.push_back(std::move(member));
  }
  return data::combine_stores(members);
}

}  // namespace limbic::train

LIMBIC_CONFIG_INSTANCES(, limbic::train::ExperimentConfig)
