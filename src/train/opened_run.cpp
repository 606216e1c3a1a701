#include "opened_run.h"

#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/threads.h"
#include "limbic/nn/state.h"
#include "limbic/train/checkpoint.h"

namespace limbic::train {
namespace {

namespace fs = std::filesystem;

/// The samples to evaluate; what the split lets through goes into `notes`.
std::vector<int64_t> samples_of(const data::Store& store, const ExperimentConfig& config,
                                const EvaluateOptions& options, eval::ResultNotes& notes) {
  if (options.split == "all") {
    std::vector<int64_t> all(static_cast<size_t>(store.size()));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  const auto split = data::make_split(store, config.data.split);
  notes.leaks = split.leaks.counts_by_name();
  auto indices = split.part(options.split);
  require(!indices.empty(), ErrorCode::kData,
          store.path() + ": the " + options.split + " part of the run's split is empty");
  return indices;
}

}  // namespace

OpenedRun open_run(const std::string& run, const EvaluateOptions& options) {
  require(fs::exists(run + "/config.yaml"), ErrorCode::kModel,
          run + ": not a run folder: config.yaml is missing");
  core::set_num_threads(options.num_threads);
  OpenedRun opened;
  auto& config = opened.config;
  config = config::load_file<ExperimentConfig>(run + "/config.yaml");
  auto& bundle = opened.bundle;
  bundle = model::load_bundle(run);
  if (options.checkpoint != "best") {
    nn::load_state(*bundle.model->as_module(), CheckpointStore(run + "/ckpt").load(options.checkpoint).model);
  }
  opened.is_elsewhere = !options.store.empty() && options.store != config.data.store;
  if (opened.is_elsewhere) {
    config.data.store = options.store;
    config.data.corpora.clear();
  }
  opened.store = open_store(config.data, /*may_import=*/false);

  data::LoaderInput input;
  input.store = opened.store;
  input.indices = samples_of(*opened.store, config, options, opened.notes);
  input.tasks = bundle.info.tasks;
  input.targets = config.data.targets;
  input.features = bundle.info.features;
  opened.loader = std::make_unique<data::Loader>(std::move(input), config.data.loader);
  // A temperature is of the weights in the bundle alone.
  if (options.checkpoint == "best") opened.temperature = model::temperatures(bundle.info);
  return opened;
}

std::string results_folder(const std::string& run, const OpenedRun& opened, const EvaluateOptions& options) {
  std::string folder = run + "/eval/" + options.split;
  if (opened.is_elsewhere) folder += "@" + opened.store->info().name;
  if (options.checkpoint != "best") folder += "." + options.checkpoint;
  return folder;
}

}  // namespace limbic::train
