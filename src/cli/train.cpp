#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "limbic/cli/commands.h"
#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/core/progress.h"
#include "limbic/core/threads.h"
#include "limbic/formats/jsonl.h"
#include "limbic/model/cost.h"
#include "limbic/train/cross_validation.h"
#include "limbic/train/evaluate_run.h"
#include "limbic/train/trainer.h"

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

struct TrainArgs {
  std::string recipe;
  std::vector<std::string> overrides;
  std::vector<std::string> more_overrides;
  std::string resume;
  std::string out;
  bool is_dry_run = false;
  bool is_cross_validation = false;
  int64_t stop_after = 0;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

train::ExperimentConfig read_recipe(const TrainArgs& args) {
  if (args.resume.empty()) {
    require(!args.recipe.empty(), ErrorCode::kConfig,
            "train needs a recipe, e.g. limbic train configs/ravdess_audio.yaml, "
            "or --resume RUN");
    auto overrides = args.overrides;
    overrides.insert(overrides.end(), args.more_overrides.begin(), args.more_overrides.end());
    auto experiment = config::load_file<train::ExperimentConfig>(args.recipe, overrides);
    model::resolve_pretrained(experiment.model);
    return experiment;
  }
  require(args.recipe.empty() && args.overrides.empty() && args.out.empty(), ErrorCode::kConfig,
          "--resume goes on with the recipe in the run folder; it takes no recipe, --set or --out");
  const std::string path = args.resume + "/config.yaml";
  require(fs::exists(path), ErrorCode::kModel, args.resume + ": not a run folder: config.yaml is missing");
  return config::load_file<train::ExperimentConfig>(path);
}

void report_end(const train::FitResult& result, const train::RunFolder& run, Context& context) {
  using End = train::FitResult::End;
  if (result.end == End::kSignal) {
    context.exit_code = 128 + result.signal;
    log::screen(fmt::format("stopped by signal {}; go on with: limbic train --resume {}\n", result.signal,
                            run.path()),
                /*is_bar=*/false);
  } else if (result.end == End::kPaused) {
    log::screen(fmt::format("paused after epoch {}; go on with: limbic train --resume {}\n",
                            result.epochs_done, run.path()),
                /*is_bar=*/false);
  }
}

/// Trains to the end, unless a signal or stop_after comes first.
/// @return the results on the test part, empty without one; nothing when training is not finished
std::optional<std::string> fit(const train::ExperimentConfig& experiment, train::RunFolder& run, bool is_new,
                               int64_t stop_after, Context& context) {
  log::set_file(run / "train.log");
  train::Trainer trainer(experiment, run);
  if (is_new) {
    auto manifest = train::make_manifest(context.command_line, experiment.seed, core::num_threads());
    manifest["data"] = trainer.data_manifest();
    formats::write_json(run / "manifest.json", manifest);
    // Last: a folder with config.yaml is a run.
    core::write_file(run / "config.yaml", config::dump(experiment));
  }
  log::info("run    " + run.path());
  for (const auto& line : lines_of(trainer.summary())) log::info(line);
  const auto result = trainer.fit(stop_after);
  report_end(result, run, context);
  using End = train::FitResult::End;
  if (result.end != End::kFinished && result.end != End::kStoppedEarly) return std::nullopt;

  trainer.write_bundle();
  train::finish_manifest(run, {{"epochs", result.epochs_done},
                               {"best_epoch", result.best_epoch},
                               {"metric", experiment.train.early_stopping.metric},
                               {"best_value", result.best_value},
                               {"peak_memory_bytes", core::peak_resident_bytes()}});
  std::string results;
  if (experiment.train.test_at_end && trainer.has_test_part())
    results = train::evaluate_run(run.path(), {}).text;
  log::screen(fmt::format("best epoch {}: {} {:.4f} on validation\nnext: limbic eval {}\n", result.best_epoch,
                          experiment.train.early_stopping.metric, result.best_value, run.path()),
              /*is_bar=*/false);
  return results;
}

/// Every fold is a run folder of its own, DIR/fold_00... (DIR/fold_00/inner_00... of a nested one); folds
/// that are done stay as they are, so the same command goes on after an interruption.
void cross_validate(const TrainArgs& args, const train::ExperimentConfig& experiment, Context& context) {
  require(!args.out.empty(), ErrorCode::kConfig,
          "--cross-validate needs --out DIR; fold_00, fold_01... go there");
  const auto folds = train::experiments_of_folds(experiment, train::open_store(experiment.data)->samples());
  std::vector<std::string> runs;
  std::map<std::string, std::vector<std::string>> runs_of_fold;
  for (const auto& fold : folds) {
    runs.push_back(args.out + "/" + fold.folder);
    runs_of_fold[args.out + "/" + fold.fold].push_back(runs.back());
    const bool is_new = !fs::exists(runs.back() + "/config.yaml");
    if (!is_new) {
      const auto begun = config::load_file<train::ExperimentConfig>(runs.back() + "/config.yaml");
      require(config::dump(begun) == config::dump(fold.experiment), ErrorCode::kConfig,
              runs.back() + ": a fold of another recipe; choose another --out");
    }
    if (fs::exists(runs.back() + "/eval/test/metrics.json")) continue;
    auto run = is_new ? train::RunFolder::create(runs.back(), experiment.name, experiment.seed)
                      : train::RunFolder::open(runs.back());
    if (!fit(fold.experiment, run, is_new, 0, context)) return;
  }
  log::set_file("");
  std::vector<std::string> outer;
  for (const auto& fold : folds) {
    const std::string path = args.out + "/" + fold.fold;
    if (!outer.empty() && outer.back() == path) continue;
    outer.push_back(path);
    if (fold.folder != fold.fold) train::average_inner(path, runs_of_fold.at(path));
  }
  std::fputs(train::pool_folds(args.out, outer).text.c_str(), stdout);
}

void run_train(const TrainArgs& args, Context& context) {
  const auto experiment = read_recipe(args);
  if (args.is_dry_run) {
    const auto scratch = fs::temp_directory_path() / fmt::format("limbic-dry-run-{}", getpid());
    {
      auto run = train::RunFolder::create(scratch.string(), experiment.name, experiment.seed);
      train::Trainer trainer(experiment, run);
      const auto cost = trainer.dry_run();
      std::fputs((trainer.data_summary() + model::cost_text(cost)).c_str(), stdout);
    }
    std::error_code ec;
    fs::remove_all(scratch, ec);
    return;
  }

  if (args.is_cross_validation) {
    cross_validate(args, experiment, context);
    return;
  }
  const bool is_new = args.resume.empty();
  auto run = is_new ? train::RunFolder::create(args.out, experiment.name, experiment.seed)
                    : train::RunFolder::open(args.resume);
  if (const auto results = fit(experiment, run, is_new, args.stop_after, context)) {
    std::fputs(results->c_str(), stdout);
  }
}

}  // namespace

void add_train(CLI::App& app, Context& context) {
  auto args = std::make_shared<TrainArgs>();
  CLI::App* train = app.add_subcommand("train", "Fit a model and write a run folder");
  train->add_option("recipe", args->recipe, "YAML recipe, e.g. configs/ravdess_audio.yaml");
  train->add_option("overrides", args->more_overrides, "further overrides, as for --set");
  train
      ->add_option("--set", args->overrides,
                   "dotted override, e.g. --set train.optimizer.lr=3e-4; lists by index, + adds an element "
                   "(repeatable)")
      ->take_all()
      ->expected(1);
  train->add_option("--resume", args->resume,
                    "go on with this run folder, from its newest complete checkpoint");
  train->add_option("--out", args->out, "run folder (default runs/<name>/<time>_s<seed>); never overwritten");
  train->add_flag(
      "--cross-validate", args->is_cross_validation,
      "train every fold of a group_kfold, leave_one_out or time_blocks split into --out and pool their test "
      "parts");
  train->add_flag(
      "--dry-run", args->is_dry_run,
      "one batch of each kind; prints what the model costs: parameters, MACs, time, memory; writes nothing");
  train->add_option("--stop-after", args->stop_after, "pause after this many epochs; --resume goes on")
      ->check(CLI::PositiveNumber);
  train->callback([args, &context] { run_train(*args, context); });
}

}  // namespace limbic::cli
