#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "limbic/cli/commands.h"
#include "limbic/train/ablate_run.h"
#include "limbic/train/evaluate_run.h"

namespace limbic::cli {
namespace {

struct Args {
  std::string run;
  train::EvaluateOptions options;
  bool is_json = false;
};

/// The options that say what of a run is evaluated.
void add_part(CLI::App& command, Args& args) {
  command.add_option("run", args.run, "run folder")->required();
  command.add_option("--on", args.options.store, "another store than the one of training");
  command.add_option("--split", args.options.split, "train, val, test (default) or all")
      ->check(CLI::IsMember({"train", "val", "test", "all"}));
  command.add_option("--checkpoint", args.options.checkpoint, "best (default) or last")
      ->check(CLI::IsMember({"best", "last"}));
  command.add_option("--num-threads", args.options.num_threads, "threads; 0 (default) = every core");
}

void print(const train::EvaluateReport& report, bool is_json) {
  const std::string text = is_json ? report.metrics->dump(2) + "\n" : report.text;
  std::fputs(text.c_str(), stdout);
}

}  // namespace

void add_ablate(CLI::App& app, Context& /*context*/) {
  auto args = std::make_shared<Args>();
  CLI::App* ablate =
      app.add_subcommand("ablate", "Metrics of a trained run with every subset of its modalities");
  add_part(*ablate, *args);
  ablate->add_flag("--json", args->is_json, "subsets.json on stdout in place of the table");
  ablate->callback([args] { print(train::ablate_run(args->run, args->options), args->is_json); });
}

void add_eval(CLI::App& app, Context& /*context*/) {
  auto args = std::make_shared<Args>();
  CLI::App* eval = app.add_subcommand("eval", "Metrics of a trained run, with confidence intervals");
  add_part(*eval, *args);
  eval->add_flag("--ontology{builtin}", args->options.ontology,
                 "predicted classes of several tasks must not contradict each other; --ontology=FILE for an "
                 "ontology of your own");
  eval->add_option(
          "--coarse", args->options.coarse,
          "score at this task or level of the ontology, too: valence, quadrant, emotion4... (repeatable)")
      ->take_all()
      ->expected(1);
  eval->add_flag("--json", args->is_json, "metrics.json on stdout in place of the table");
  eval->callback([args] { print(train::evaluate_run(args->run, args->options), args->is_json); });
}

}  // namespace limbic::cli
