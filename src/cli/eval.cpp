#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "limbic/cli/commands.h"
#include "limbic/train/evaluate_run.h"

namespace limbic::cli {

void add_eval(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::string run;
    train::EvaluateOptions options;
    bool is_json = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* eval = app.add_subcommand("eval", "Metrics of a trained run, with confidence intervals");
  eval->add_option("run", args->run, "run folder")->required();
  eval->add_option("--on", args->options.store, "another store than the one of training");
  eval->add_option("--split", args->options.split, "train, val, test (default) or all")
      ->check(CLI::IsMember({"train", "val", "test", "all"}));
  eval->add_option("--checkpoint", args->options.checkpoint, "best (default) or last")
      ->check(CLI::IsMember({"best", "last"}));
  eval->add_flag("--ontology{builtin}", args->options.ontology,
                 "predicted classes of several tasks must not contradict each other; --ontology=FILE for an "
                 "ontology of your own");
  eval->add_option(
          "--coarse", args->options.coarse,
          "score at this task or level of the ontology, too: valence, quadrant, emotion4... (repeatable)")
      ->take_all()
      ->expected(1);
  eval->add_option("--num-threads", args->options.num_threads, "threads; 0 (default) = every core");
  eval->add_flag("--json", args->is_json, "metrics.json on stdout in place of the table");
  eval->callback([args] {
    const auto report = train::evaluate_run(args->run, args->options);
    const std::string text = args->is_json ? report.metrics->dump(2) + "\n" : report.text;
    std::fputs(text.c_str(), stdout);
  });
}

}  // namespace limbic::cli
