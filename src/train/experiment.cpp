#include "limbic/train/experiment.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/core/suggest.h"
#include "limbic/data/combine.h"
#include "limbic/eval/metrics.h"

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
  std::vector<std::string> known = eval::metric_names();
  known.emplace_back("loss");
  checks.expect(
      std::find(known.begin(), known.end(), metric) != known.end(), "metric",
      "must be one of " + core::join(known) + ", got '" + metric + "'" + core::did_you_mean(metric, known));
}

void ExperimentConfig::validate(config::Checks& checks) const {
  checks.expect(!name.empty() && name.find_first_of("/\\ ") == std::string::npos, "name",
                "must be a folder name without blanks, got '" + name + "'");
  checks.expect(!objectives.empty(), "objectives", "must hold at least one objective");
  for (const auto& [modality, encoder] : model.encoders) {
    checks.expect(data.features.count(modality) == 1, "model",
                  "encoders." + modality + " has no features: add data.features." + modality);
  }
  for (const auto& [modality, feature] : data.features) {
    checks.expect(model.encoders.count(modality) == 1, "model",
                  "data.features." + modality + " has no encoder: add model.encoders." + modality);
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

std::string DataConfig::shown_stores() const {
  std::string shown = store;
  for (const auto& corpus : corpora) shown += (shown.empty() ? "" : " + ") + corpus.store;
  return shown;
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
