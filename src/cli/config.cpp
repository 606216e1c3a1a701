#include "limbic/config/config.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "limbic/cli/commands.h"
#include "limbic/core/error.h"
#include "limbic/train/experiment.h"

namespace limbic::cli {

void add_config(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::vector<std::string> recipes;
    std::vector<std::string> overrides;
    bool is_origin = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* config = app.add_subcommand("config", "Recipes: show, validate, schema, describe");
  config->require_subcommand(1);

  CLI::App* show = config->add_subcommand("show", "The resolved recipe: every value, defaults included");
  show->add_option("recipe", args->recipes, "YAML recipe")->required()->expected(1);
  show->add_option("--set", args->overrides, "dotted override (repeatable)")->take_all()->expected(1);
  show->add_flag("--origin", args->is_origin, "say where each value comes from");
  show->callback([args] {
    const std::string& path = args->recipes.front();
    const std::string text =
        args->is_origin ? config::show_origin<train::ExperimentConfig>(path, args->overrides)
                        : config::dump(config::load_file<train::ExperimentConfig>(path, args->overrides));
    std::fputs(text.c_str(), stdout);
  });

  CLI::App* validate = config->add_subcommand("validate", "Check recipes; says every problem of each");
  validate->add_option("recipes", args->recipes, "YAML recipes")->required();
  validate->add_option("--set", args->overrides, "dotted override (repeatable)")->take_all()->expected(1);
  validate->callback([args] {
    std::string problems;
    for (const auto& path : args->recipes) {
      try {
        config::load_file<train::ExperimentConfig>(path, args->overrides);
        std::printf("%s: well-formed\n", path.c_str());
      } catch (const Error& error) {
        problems += (problems.empty() ? "" : "\n") + std::string(error.what());
      }
    }
    if (!problems.empty()) throw Error(ErrorCode::kConfig, problems);
  });

  CLI::App* schema = config->add_subcommand("schema", "JSON Schema (draft-07) of recipes, for editors");
  schema->callback([] { std::puts(config::schema<train::ExperimentConfig>("limbic recipe").c_str()); });

  CLI::App* describe = config->add_subcommand("describe", "Every key of a recipe: type, default, meaning");
  describe->callback([] { std::fputs(config::describe<train::ExperimentConfig>().c_str(), stdout); });
}

}  // namespace limbic::cli
