#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "limbic/cli/commands.h"
#include "limbic/config/config.h"
#include "limbic/train/supervision.h"

namespace limbic::cli {

void add_weak(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::string recipe;
    std::vector<std::string> overrides;
    std::string out;
    bool is_json = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* weak = app.add_subcommand(
      "weak", "Weak labels of a recipe's training part: where they come from and how far to trust them");
  weak->add_option("recipe", args->recipe, "YAML recipe with data.supervision")->required();
  weak->add_option("--set", args->overrides, "dotted override, as for train (repeatable)")
      ->take_all()
      ->expected(1);
  weak->add_option("--out", args->out, "JSON Lines file: what every training sample is taught with");
  weak->add_flag("--json", args->is_json, "the reports as JSON on stdout in place of the table");
  weak->callback([args] {
    const auto config = config::load_file<train::ExperimentConfig>(args->recipe, args->overrides);
    const auto run = train::run_weak(config, args->out);
    nlohmann::json reports = nlohmann::json::object();
    for (const auto& [task, report] : run.reports) reports[task] = *report;
    std::fputs(args->is_json ? (reports.dump(2) + "\n").c_str() : run.text.c_str(), stdout);
  });
}

}  // namespace limbic::cli
