#include "limbic/config/config.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "limbic/cli/commands.h"
#include "limbic/core/error.h"
#include "limbic/data/simulator.h"
#include "limbic/data/table_config.h"
#include "limbic/features/signal_config.h"
#include "limbic/stream/inference_config.h"
#include "limbic/train/experiment.h"

namespace limbic::cli {
namespace {

template <class T>
struct Settings {
  using Type = T;
};

/// Calls `action` with the type of the settings that a topic is about.
template <class Action>
std::string with_topic(const std::string& topic, Action&& action) {
  if (topic == "features") return action(Settings<features::SignalConfig>{});
  if (topic == "table") return action(Settings<data::TableConfig>{});
  if (topic == "simulator") return action(Settings<data::SimulatorConfig>{});
  if (topic == "inference") return action(Settings<stream::InferenceConfig>{});
  return action(Settings<train::ExperimentConfig>{});
}

}  // namespace

void add_config(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::vector<std::string> recipes;
    std::vector<std::string> overrides;
    bool is_origin = false;
    std::string topic = "recipe";
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

  const auto add_topic = [args](CLI::App* command) {
    command
        ->add_option(
            "topic", args->topic,
            "recipe (default), table (of `limbic data import table`), features (of `limbic features "
            "--config`), inference (of `limbic infer --config`) or simulator (of `limbic simulate --set`)")
        ->check(CLI::IsMember({"recipe", "table", "features", "inference", "simulator"}));
  };
  CLI::App* schema = config->add_subcommand("schema", "JSON Schema (draft-07), for editors");
  add_topic(schema);
  schema->callback([args] {
    const std::string title = "limbic " + args->topic;
    std::puts(with_topic(args->topic, [&](auto settings) {
                return config::schema<typename decltype(settings)::Type>(title);
              }).c_str());
  });

  CLI::App* describe = config->add_subcommand("describe", "Every key: type, default, meaning");
  add_topic(describe);
  describe->callback([args] {
    std::fputs(with_topic(args->topic,
                          [](auto settings) { return config::describe<typename decltype(settings)::Type>(); })
                   .c_str(),
               stdout);
  });
}

}  // namespace limbic::cli
