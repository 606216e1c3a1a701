#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/config/instances.h"
#include "limbic/data/augment.h"
#include "limbic/data/importer.h"
#include "limbic/data/loader.h"
#include "limbic/data/protocol.h"
#include "limbic/data/supervision.h"
#include "limbic/features/feature_config.h"
#include "limbic/model/multimodal.h"
#include "limbic/objectives/loss_balance.h"
#include "limbic/objectives/objective.h"
#include "limbic/train/ema.h"
#include "limbic/train/optimizer.h"
#include "limbic/train/schedule.h"
#include "limbic/weak/weak_config.h"

namespace limbic::train {

/// Where a store comes from when it is not there yet: `limbic data import KIND SOURCE --out STORE`.
struct ImportConfig {
  std::string kind;    ///< empty = the store must exist
  std::string source;  ///< folder; a relative one is also looked for in $LIMBIC_DATA (default ../shared/data)
  data::ImportOptions options;

  template <class Visitor>
  void visit(Visitor& v) {
    v("kind", kind, "corpus kind of `limbic data import`; empty = the store must exist");
    v("source", source,
      "the corpus; a relative path is also looked for in $LIMBIC_DATA (default ../shared/data)");
    v("options", options, "importer options");
  }
};

/// One of several corpora that are trained on together. How much of an epoch each gets says loader.mixing.
struct CorpusConfig {
  std::string store;
  ImportConfig import;
  std::map<std::string, std::string> map;  ///< task of the store -> task or level of the ontology

  template <class Visitor>
  void visit(Visitor& v) {
    v("store", store, "store folder (made by `limbic data import`)");
    v("import", import, "how to make the store when it is not there");
    v("map", map, "task of the store -> task or level of limbic's ontology, to bring corpora together");
  }
  void validate(config::Checks& checks) const {
    checks.expect(!store.empty(), "store", "must name a folder");
  }
};

/// How the training samples of a task are supervised. Validation and test keep their labels.
struct TaskSupervisionConfig {
  uint64_t seed = 0;
  data::BudgetConfig budget;
  data::LabelNoiseConfig noise;
  std::optional<weak::WeakLabelConfig> weak;

  template <class Visitor>
  void visit(Visitor& v) {
    v("seed", seed, "who keeps the label, and which labels are wrong; 0 = the recipe's seed");
    v("budget", budget, "how many training samples keep their label");
    v("noise", noise, "wrong labels among them");
    v("weak", weak, "labels of the others, from sensors, self-reports, annotators and rules");
  }
};

/// What is trained on, as what.
struct DataConfig {
  std::string store;  ///< store folder
  ImportConfig import;
  std::vector<CorpusConfig> corpora;          ///< instead of `store`: several stores as one
  std::vector<std::string> tasks{"emotion"};  ///< label spaces of the store, or targets, that get a head
  std::map<std::string, data::TargetConfig> targets;  ///< tasks made of what the store has
  data::ProtocolConfig split = data::GroupsProtocol{};
  std::map<std::string, TaskSupervisionConfig> supervision;
  features::FeatureConfig features;     ///< modality -> feature; these are the model's inputs
  std::vector<std::string> privileged;  ///< modalities of `features` that teachers alone read
  data::AugmentConfig augment;
  std::vector<data::AugmentConfig> views;
  data::LoaderConfig loader;

  template <class Visitor>
  void visit(Visitor& v) {
    v("store", store, "store folder (made by `limbic data import`)");
    v("import", import, "how to make the store when it is not there");
    v("corpora", corpora, "several stores as one, instead of store and import");
    v("tasks", tasks, "label spaces of the store, or targets, to learn");
    v("targets", targets, "task -> how it is made of the store's labels, numbers or annotation");
    v("split", split, "who trains, validates and tests");
    v("supervision", supervision,
      "task -> how many training samples keep their label, how many of these are wrong, and where the others "
      "get weak ones");
    v("features", features, "modality -> feature; the inputs of the model");
    v("privileged", privileged,
      "modalities of features that the model does not read, but objectives do (teachers); in training only");
    v("augment", augment, "modality -> random changes of training samples");
    v("views", views,
      "augmentation of each further view of a training sample, for objectives that compare views; missing "
      "ones are as augment");
    v("loader", loader, "batches");
  }
  /// What the model reads: `features` without the privileged ones.
  features::FeatureConfig model_features() const;
  /// The folders, for messages.
  std::string shown_stores() const;
  void validate(config::Checks& checks) const {
    checks.expect(store.empty() != corpora.empty(), "store",
                  corpora.empty() ? "must name a folder" : "must be empty beside corpora");
    checks.expect(!tasks.empty(), "tasks", "must name at least one task");
    checks.expect(!features.empty(), "features", "must name at least one modality");
  }
};

/// EarlyStoppingConfig::metric that chooses nothing: the last epoch is the best one. For parts of few people,
/// where any choice is mostly chance.
constexpr const char* kLastEpoch = "last";

/// When training stops before its last epoch, and which epoch is best.
struct EarlyStoppingConfig {
  /// Of the first task on the validation part, see eval::task_metric_names, or loss. auto: uar of classes,
  /// macro_f1 of several labels, ccc of values.
  std::string metric = "auto";
  int64_t patience = 0;  ///< epochs without a better value; 0 = never stop early

  template <class Visitor>
  void visit(Visitor& v) {
    v("metric", metric,
      "validation metric of the first task: auto (uar, macro_f1 or ccc), accuracy, weighted_f1, auc, mae, "
      "loss...; last: no choice, the last epoch");
    v("patience", patience, "epochs without improvement before stopping; 0 = never", config::at_least(0));
  }
  void validate(config::Checks& checks) const;
};

/// The loop.
struct TrainConfig {
  std::string init_from;  ///< run folder or bundle; empty = none
  int64_t epochs = 30;
  int num_threads = 0;
  OptimizerConfig optimizer = AdamWConfig{};
  ScheduleConfig schedule;
  EmaConfig ema;
  double clip_grad_norm = 5.0;
  EarlyStoppingConfig early_stopping;
  double checkpoint_minutes = 10.0;
  bool test_at_end = true;
  bool oracle = false;
  bool calibrate = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("init_from", init_from,
      "run or bundle whose weights this model begins with, where name and shape are the same: pre-training");
    v("epochs", epochs, "passes over the training part", config::at_least(1));
    v("num_threads", num_threads, "threads of the tensor library; 0 = every core", config::at_least(0));
    v("optimizer", optimizer, "how weights are updated");
    v("schedule", schedule, "learning rate over time");
    v("ema", ema, "averaged weights");
    v("clip_grad_norm", clip_grad_norm, "largest joint norm of the gradients; 0 = no limit",
      config::at_least(0.0));
    v("early_stopping", early_stopping, "which epoch is best, and when to stop");
    v("checkpoint_minutes", checkpoint_minutes, "also save in the middle of an epoch this often; 0 = never",
      config::at_least(0.0));
    v("test_at_end", test_at_end, "evaluate the best epoch on the test part, once, when training is over");
    v("oracle", oracle,
      "also evaluate the test part after every epoch, into a record of its own that nothing else reads: what "
      "papers "
      "that select on the test part would report");
    v("calibrate", calibrate,
      "fit a temperature for every task of classes or labels on the validation part when training is over; "
      "the "
      "bundle keeps it");
  }
};

/// A recipe: everything that decides the result of `limbic train`.
struct ExperimentConfig {
  std::string name = "experiment";
  uint64_t seed = 1;
  DataConfig data;
  model::ModelConfig model;
  std::vector<objectives::ObjectiveConfig> objectives{objectives::SupervisedConfig{}};
  objectives::BalanceConfig balance = objectives::FixedBalance{};
  TrainConfig train;

  template <class Visitor>
  void visit(Visitor& v) {
    v("name", name, "names the run folder");
    v("seed", seed, "seed of weights, order, augmentation and dropout");
    v("data", data, "what is trained on");
    v("model", model, "the model");
    v("objectives", objectives, "losses; they add up");
    v("balance", balance, "how the objectives are weighed against each other");
    v("train", train, "the loop");
  }
  void validate(config::Checks& checks) const;
};

/// The store of `config`, or its corpora as one.
/// @param may_import  a store that is not there is made by its importer first
/// @throws Error(kData, kConfig)
std::shared_ptr<const data::Store> open_store(const DataConfig& config, bool may_import = true);

/// config.tasks with their classes and kinds, from the store and config.targets.
/// @throws Error(kData, kConfig)
std::vector<affect::LabelSpace> task_spaces(const DataConfig& config, const data::Store& store);

/// early_stopping.metric for a first task: `auto` resolved, any other one checked.
/// @throws Error(kConfig) with the metrics that the task has
std::string selection_metric(const EarlyStoppingConfig& config, const affect::LabelSpace& task);

}  // namespace limbic::train

LIMBIC_CONFIG_INSTANCES(extern, limbic::train::ExperimentConfig)
