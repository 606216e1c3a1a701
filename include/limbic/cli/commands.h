#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace limbic::cli {

/// What subcommands share.
struct Context {
  std::vector<std::string> command_line;
  int exit_code = 0;  ///< of a command that ended without an exception
};

/// Each call adds one subcommand; its callback runs after a successful parse.
void add_ablate(CLI::App& app, Context& context);
void add_cluster(CLI::App& app, Context& context);
void add_config(CLI::App& app, Context& context);
void add_data(CLI::App& app, Context& context);
/// Of `data`.
void add_data_bench(CLI::App& data);
void add_decode(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_eval(CLI::App& app, Context& context);
void add_features(CLI::App& app, Context& context);
void add_infer(CLI::App& app, Context& context);
void add_list(CLI::App& app, Context& context);
void add_ontology(CLI::App& app, Context& context);
void add_simulate(CLI::App& app, Context& context);
void add_study(CLI::App& app, Context& context);
void add_train(CLI::App& app, Context& context);
void add_weak(CLI::App& app, Context& context);

/// The whole program: parses, runs, maps errors to exit codes and one line on stderr.
int run(int argc, char** argv);

}  // namespace limbic::cli
