#include "limbic/data/simulator.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "limbic/cli/commands.h"

namespace limbic::cli {

void add_simulate(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::string out;
    data::SimulatorConfig config;
  };
  auto args = std::make_shared<Args>();
  CLI::App* simulate =
      app.add_subcommand("simulate", "Write a synthetic audiovisual + EDA corpus with known emotion");
  simulate->add_option("out", args->out, "folder of the corpus; must not exist")->required();
  simulate->add_option("--subjects", args->config.subjects, "number of subjects");
  simulate->add_option("--minutes", args->config.minutes, "minutes of recording per subject");
  simulate->add_option("--seed", args->config.seed, "seed; the same seed gives the same corpus");
  simulate->callback([args] {
    const auto report = data::simulate_corpus(args->out, args->config);
    std::printf("%s: %lld sessions, %.1f minutes of video\n", args->out.c_str(),
                static_cast<long long>(report.num_sessions), report.minutes);
  });
}

}  // namespace limbic::cli
