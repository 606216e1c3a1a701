#include <c10/util/Exception.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <sstream>

#include "limbic/cli/commands.h"
#include "limbic/core/build_info.h"
#include "limbic/core/error.h"
#include "limbic/core/interrupt.h"
#include "limbic/core/log.h"
#include "limbic/core/progress.h"
#include "limbic/core/suggest.h"
#include "limbic/core/threads.h"
#include "limbic/nn/torchscript.h"

namespace limbic::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  limbic simulate corpus --subjects 6 --minutes 1 --seed 7      a synthetic corpus with known emotions
  limbic data import simulated corpus --out stores/corpus       any corpus becomes a store
  limbic data show stores/corpus                                what is in it
  limbic config validate configs/ravdess_audio.yaml             is a recipe well-formed?
  limbic train configs/ravdess_audio.yaml --set seed=2          a run folder under runs/
  limbic study configs/studies/wesad_privileged.yaml            variants x seeds, compared
  limbic eval runs/ravdess_audio/latest --split test            metrics with confidence intervals
  limbic cluster runs/ravdess_audio/latest                      are its clusters emotions, or people?
  limbic ablate runs/talk/latest --noise 0.5,1,2                which modalities does it need?
  limbic decode runs/meld/latest                                dialogues decoded as a whole
  limbic infer talk.mp4 --model runs/demo/latest --out out      a video becomes timed emotions
  limbic ontology show anger                                    what a label means, and where it belongs
  limbic doctor                                                 is this machine set up well?

stdout carries data, stderr the log and progress. Exit codes: 0 ok, 1 internal error, 2 usage or config, 3 data,
4 model or checkpoint, 5 resource or device, 6 training diverged, 7 storage, 128+n stopped by signal n.
)";

void print_error(const std::string& message) {
  const bool is_red = log::use_color();
  log::screen(std::string(is_red ? "\033[31merror:\033[0m " : "error: ") + message + "\n", /*is_bar=*/false);
}

std::vector<std::string> names_of(const std::vector<const CLI::App*>& apps) {
  std::vector<std::string> names;
  for (const auto* app : apps) names.push_back(app->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

/// Says what was meant: CLI11 itself answers `limbic trian` with "A subcommand is required".
std::string usage_message(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const CLI::App* level = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("-", 0) == 0) {
      if (word.rfind("--", 0) != 0) continue;
      const std::string name = word.substr(0, word.find('='));
      auto known = options_of(*level);
      for (const auto& global : options_of(app)) known.push_back(global);
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        return "unknown option '" + name + "'" + core::did_you_mean(name, known);
      }
      continue;
    }
    const auto subcommands = level->get_subcommands([](const CLI::App*) { return true; });
    if (subcommands.empty()) break;
    const auto found = std::find_if(subcommands.begin(), subcommands.end(),
                                    [&](const CLI::App* sub) { return sub->get_name() == word; });
    if (found == subcommands.end()) {
      const auto known = names_of(subcommands);
      return "unknown command '" + word + "'" + core::did_you_mean(word, known) +
             " (known: " + core::join(known) + ")";
    }
    level = *found;
  }
  std::string text = error.what();
  if (level != &app) text += "; see `limbic " + level->get_name() + " --help`";
  return text;
}

void add_global_options(CLI::App& app) {
  app.set_version_flag("--version", "limbic " + core::version() + " (" + core::git_revision() + ")");
  app.add_flag_callback(
      "-q,--quiet", [] { log::set_level(log::Level::kWarn); }, "warnings and errors only");
  app.add_flag_callback(
      "-v,--verbose", [] { log::set_level(log::Level::kDebug); }, "every step");
  app.add_option_function<std::string>(
         "--color",
         [](const std::string& when) {
           log::set_color(when == "always"  ? log::Color::kAlways
                          : when == "never" ? log::Color::kNever
                                            : log::Color::kAuto);
         },
         "auto (default), always or never; NO_COLOR is honoured")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_flag_callback(
      "--allow-torchscript", [] { nn::allow_torchscript(); },
      "encoders of type torchscript may run, in a sandboxed process");
  app.add_flag_callback(
      "--no-progress", [] { core::Progress::set_default_mode(core::Progress::Mode::kOff); },
      "no progress bar");
}

/// LibTorch's messages carry a backtrace; the first line says what happened.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

int run(int argc, char** argv) {
  core::tune_process();
  core::install_stop_handlers();

  CLI::App app{"Multimodal emotion recognition: training, and inference on recorded video", "limbic"};
  app.footer(kExamples);
  app.fallthrough();
  app.require_subcommand(1);
  add_global_options(app);
  Context context;
  context.command_line.assign(argv, argv + argc);
  add_simulate(app, context);
  add_data(app, context);
  add_study(app, context);
  add_train(app, context);
  add_weak(app, context);
  add_eval(app, context);
  add_ablate(app, context);
  add_cluster(app, context);
  add_features(app, context);
  add_infer(app, context);
  add_list(app, context);
  add_ontology(app, context);
  add_config(app, context);
  add_decode(app, context);
  add_doctor(app, context);

  try {
    if (argc == 1) {
      std::fputs(app.help().c_str(), stdout);
      return static_cast<int>(ErrorCode::kConfig);
    }
    app.parse(argc, argv);
    return context.exit_code;
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    print_error(usage_message(app, error, argc, argv));
    return static_cast<int>(ErrorCode::kConfig);
  } catch (const core::Interrupted& stop) {
    log::screen("stopped by signal " + std::to_string(stop.signal_number()) + "\n", /*is_bar=*/false);
    return 128 + stop.signal_number();
  } catch (const Error& error) {
    print_error(error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    print_error(
        "out of memory; use smaller batches (data.loader.batch_size) or a smaller cache "
        "(data.loader.cache_mib)");
    return static_cast<int>(ErrorCode::kResource);
  } catch (const c10::Error& error) {
    print_error("internal: " + first_line(error.what_without_backtrace()) +
                "; please report it with the command line");
    return static_cast<int>(ErrorCode::kInternal);
  } catch (const std::exception& error) {
    print_error("internal: " + first_line(error.what()) + "; please report it with the command line");
    return static_cast<int>(ErrorCode::kInternal);
  }
}

}  // namespace limbic::cli
