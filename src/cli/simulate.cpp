#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "limbic/cli/commands.h"
#include "limbic/config/config.h"
#include "limbic/data/simulator.h"

namespace limbic::cli {

void add_simulate(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::string out;
    data::SimulatorConfig config;
    std::vector<std::string> overrides;
  };
  auto args = std::make_shared<Args>();
  CLI::App* simulate =
      app.add_subcommand("simulate", "Write a synthetic audiovisual + EDA corpus with known emotion");
  simulate->add_option("out", args->out, "folder of the corpus; must not exist")->required();
  simulate->add_option("--subjects", args->config.subjects, "number of subjects");
  simulate->add_option("--minutes", args->config.minutes, "minutes of recording per subject");
  simulate->add_option("--seed", args->config.seed, "seed; the same seed gives the same corpus");
  simulate
      ->add_option("--set", args->overrides,
                   "any other setting, e.g. --set masking=0.4 --set annotators=3 (repeatable); all of them: "
                   "limbic config describe simulator")
      ->take_all()
      ->expected(1);
  simulate->callback([args] {
    if (!args->overrides.empty()) {
      args->config =
          config::load_text<data::SimulatorConfig>(config::dump(args->config), "simulate", args->overrides);
    }
    const auto report = data::simulate_corpus(args->out, args->config);
    std::printf("%s: %lld sessions, %.1f minutes of video\n", args->out.c_str(),
                static_cast<long long>(report.num_sessions), report.minutes);
  });
}

}  // namespace limbic::cli
