#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "limbic/cli/commands.h"
#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/data/importer.h"
#include "limbic/eval/metrics.h"
#include "limbic/train/experiment.h"

namespace limbic::cli {
namespace {

struct Entry {
  std::string name;
  std::string doc;
};

/// The alternatives of a `type:` key.
template <class Variant>
std::vector<Entry> alternatives() {
  std::vector<Entry> entries;
  for (const auto& alternative : config::type_of<Variant>().children)
    entries.push_back({alternative.name, alternative.doc});
  return entries;
}

std::vector<Entry> importers() {
  std::vector<Entry> entries;
  for (const auto& importer : data::importers()) entries.push_back({importer.kind, importer.doc});
  return entries;
}

std::vector<Entry> metrics() {
  std::vector<Entry> entries;
  for (const auto& metric : eval::metrics()) entries.push_back({metric.name, metric.doc});
  entries.push_back({eval::kAucName, "area under the ROC curve, mean over classes against the rest"});
  return entries;
}

struct Kind {
  const char* name;
  const char* doc;
  std::vector<Entry> (*list)();
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"encoders", "model.encoders.NAME.type", alternatives<nn::EncoderConfig>},
      {"temporal", "model.temporal.NAME.layer.type", alternatives<nn::TemporalConfig>},
      {"contexts", "model.modality_context.type, model.context.type", alternatives<nn::ContextConfig>},
      {"fusions", "model.fusion.type", alternatives<nn::FusionConfig>},
      {"objectives", "objectives.N.type", alternatives<objectives::ObjectiveConfig>},
      {"features", "data.features.NAME.type", alternatives<features::ModalityFeature>},
      {"splits", "data.split.type", alternatives<data::ProtocolConfig>},
      {"optimizers", "train.optimizer.type", alternatives<train::OptimizerConfig>},
      {"metrics", "train.early_stopping.metric", metrics},
      {"importers", "limbic data import KIND", importers},
  };
  return all;
}

void list(const std::string& wanted, bool as_json) {
  std::vector<std::string> names;
  for (const auto& kind : kinds()) names.emplace_back(kind.name);
  if (wanted.empty()) {
    for (const auto& kind : kinds()) std::printf("%-11s %s\n", kind.name, kind.doc);
    return;
  }
  const auto found = std::find(names.begin(), names.end(), wanted);
  require(found != names.end(), ErrorCode::kConfig,
          "list: there is no kind '" + wanted + "', only " + core::join(names) +
              core::did_you_mean(wanted, names));
  const auto entries = kinds()[static_cast<size_t>(found - names.begin())].list();
  if (as_json) {
    nlohmann::json json = nlohmann::json::array();
    for (const auto& entry : entries) json.push_back({{"name", entry.name}, {"doc", entry.doc}});
    std::printf("%s\n", json.dump(2).c_str());
    return;
  }
  size_t width = 0;
  for (const auto& entry : entries) width = std::max(width, entry.name.size());
  for (const auto& entry : entries)
    std::printf("%-*s  %s\n", static_cast<int>(width), entry.name.c_str(), entry.doc.c_str());
}

}  // namespace

void add_list(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::string kind;
    bool as_json = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* command = app.add_subcommand("list", "What a recipe can be made of: encoders, fusions, ...");
  command->add_option("kind", args->kind, "encoders, temporal, contexts, fusions, ...; empty = the kinds");
  command->add_flag("--json", args->as_json, "as JSON");
  command->callback([args] { list(args->kind, args->as_json); });
}

}  // namespace limbic::cli
