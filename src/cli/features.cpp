#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "limbic/cli/commands.h"
#include "limbic/config/config.h"
#include "limbic/core/build_info.h"
#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/core/suggest.h"
#include "limbic/features/signal_analysis.h"
#include "limbic/features/signal_figure.h"
#include "limbic/features/table_writer.h"

namespace limbic::cli {
namespace {

struct FeaturesArgs {
  std::string kind;
  std::vector<std::string> inputs;
  std::string out;
  std::string events;
  std::string plot;
  bool is_frame = false;
  double window_s = 0;
  double step_s = 0;
  std::string config;
  std::vector<std::string> overrides;
  std::vector<std::string> also;
  std::vector<std::string> baselines;
};

std::string kinds_footer() {
  std::string text = "\nKinds:\n";
  for (const auto& kind : features::signal_kinds()) text += fmt::format("  {:<12} {}\n", kind.name, kind.doc);
  return text + "\nOne row for the whole recording unless --frame or --window is given.\n";
}

/// "5-20" as the YAML list [5, 20].
std::string baseline_of(const std::string& text) {
  const size_t dash = text.find('-', 1);
  if (dash == std::string::npos)
    throw CLI::ValidationError("--baseline", "expected START-END in seconds, got '" + text + "'");
  return "[" + text.substr(0, dash) + ", " + text.substr(dash + 1) + "]";
}

features::SignalConfig read_settings(const FeaturesArgs& args) {
  auto overrides = args.overrides;
  if (!args.baselines.empty()) overrides.push_back("baseline_s=[" + core::join(args.baselines) + "]");
  return args.config.empty() ? config::load_text<features::SignalConfig>("{}", "--set", overrides)
                             : config::load_file<features::SignalConfig>(args.config, overrides);
}

/// Rows of one recording to `sink`; events and the figure, where they are asked for.
void extract(const FeaturesArgs& args, const std::string& input, const features::SignalConfig& config,
             const features::TableSink& sink) {
  const auto& kind = features::signal_kind(args.kind);
  const auto analysis = features::open_signal(kind.name, input, config, args.also);
  for (const auto& note : analysis->notes()) log::info(note);
  features::SignalFigure figure(kind);
  const bool wants_figure = !args.plot.empty();
  if (args.is_frame) {
    analysis->frames([&](const signals::Table& rows) {
      sink(rows);
      if (wants_figure) figure.add(rows);
    });
  } else {
    const auto extent = analysis->extent();
    const double step_s = args.step_s > 0 ? args.step_s : args.window_s;
    analysis->intervals(args.window_s > 0 ? features::windows_of(extent, args.window_s, step_s)
                                          : std::vector<signals::Interval>{extent},
                        sink);
    if (wants_figure) analysis->frames([&](const signals::Table& rows) { figure.add(rows); });
  }
  if (args.events.empty() && !wants_figure) return;
  const auto events = analysis->events();
  if (!args.events.empty()) features::write_events(args.events, events);
  if (wants_figure) figure.write(args.plot, input, events);
}

void run_features(const FeaturesArgs& args, Context& context) {
  require(!(args.is_frame && args.window_s > 0), ErrorCode::kConfig,
          "--frame and --window exclude each other");
  require(args.step_s == 0 || args.window_s > 0, ErrorCode::kConfig, "--step needs --window");
  const bool is_batch = args.inputs.size() > 1;
  require(!is_batch || (args.events.empty() && args.plot.empty() && args.also.empty()), ErrorCode::kConfig,
          "--events, --plot and --also are for one recording; several give one table");
  features::check_table_path(args.out);
  const auto config = read_settings(args);
  const auto& kind = features::signal_kind(args.kind);

  std::unique_ptr<features::TableWriter> writer;
  int64_t num_rows = 0;
  const auto write = [&](const signals::Table& rows, const std::string& input) {
    if (writer == nullptr) {
      writer = features::TableWriter::create(args.out, {rows.columns, args.is_frame, is_batch},
                                             {{"Kind", kind.name},
                                              {"Input", is_batch ? "see column file" : input},
                                              {"GeneratedBy", "limbic " + core::version()},
                                              {"Config", config::dump(config)}});
    }
    writer->add(rows, input);
    num_rows += static_cast<int64_t>(rows.num_rows());
  };
  size_t num_failed = 0;
  if (!is_batch) {
    extract(args, args.inputs[0], config, [&](const signals::Table& rows) { write(rows, args.inputs[0]); });
  }
  for (size_t i = 0; is_batch && i < args.inputs.size(); ++i) {
    try {
      // A file that fails half way leaves no rows.
      std::vector<signals::Table> tables;
      extract(args, args.inputs[i], config, [&](const signals::Table& rows) { tables.push_back(rows); });
      for (const auto& rows : tables) write(rows, args.inputs[i]);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kData) throw;
      log::screen(std::string("error: ") + error.what() + "\n", /*is_bar=*/false);
      context.exit_code = error.exit_code();
      ++num_failed;
    }
  }
  require(
      writer != nullptr, ErrorCode::kData,
      (is_batch ? std::string("not one input") : args.inputs[0]) + ": no row of " + kind.name + " features");
  writer->finish();
  const std::string what =
      is_batch ? fmt::format("{} of {} files", args.inputs.size() - num_failed, args.inputs.size())
               : args.inputs[0];
  std::printf("%s: %lld rows -> %s\n", what.c_str(), static_cast<long long>(num_rows), args.out.c_str());
}

}  // namespace

void add_features(CLI::App& app, Context& context) {
  auto args = std::make_shared<FeaturesArgs>();
  CLI::App* features =
      app.add_subcommand("features", "Features of a recording: voice, skin, heart, eyes, motion");
  features->footer(kinds_footer());
  features->add_option("kind", args->kind, "what to look at, see below")->required();
  features
      ->add_option(
          "inputs", args->inputs,
          "audio or video files; sensor files or folders (E4, EDF, XDF, MAT, CSV...); several make one table")
      ->required();
  features
      ->add_option("--out", args->out, "table: .csv or .npz; a .json beside it says what the columns mean")
      ->required();
  features->add_flag("--frame", args->is_frame, "one row a frame or sample");
  features->add_option("--window", args->window_s, "one row a window of so many seconds")
      ->check(CLI::PositiveNumber);
  features->add_option("--step", args->step_s, "seconds from window to window (default: the window)")
      ->check(CLI::PositiveNumber);
  features->add_option("--events", args->events,
                       "also write what happened: onset, duration, label (.tsv or .csv)");
  features->add_option("--plot", args->plot, "also draw the course over time (.svg or .png)");
  features
      ->add_option("--also", args->also, "sensor kinds: a further recording of the same time (repeatable)")
      ->take_all()
      ->expected(1);
  features
      ->add_option("--baseline", args->baselines,
                   "voice: seconds START-END in which the speaker is calm, for the stress index (repeatable)")
      ->take_all()
      ->expected(1)
      ->transform(baseline_of);
  features->add_option("--config", args->config,
                       "YAML of the analyses' settings; `limbic config describe features` lists them");
  features
      ->add_option("--set", args->overrides,
                   "dotted override, e.g. --set eda.decompose.method=cvxeda (repeatable)")
      ->take_all()
      ->expected(1);
  features->callback([args, &context] { run_features(*args, context); });
}

}  // namespace limbic::cli
