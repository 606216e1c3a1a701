#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "limbic/cli/commands.h"
#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/core/threads.h"
#include "limbic/model/bundle.h"
#include "limbic/stream/infer.h"

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

struct InferArgs {
  std::vector<std::string> inputs;
  std::string model;
  std::string out;
  std::string config;
  std::vector<std::string> overrides;
  bool no_video = false;
  bool allow_partial = false;
  bool is_json = false;
  int num_threads = 0;
};

/// One input writes into --out itself; several write into a folder each, named after the file.
std::vector<std::string> output_folders(const InferArgs& args) {
  if (args.inputs.size() == 1) return {args.out};
  std::vector<std::string> folders;
  std::set<std::string> taken;
  for (const auto& input : args.inputs) {
    const std::string stem = fs::path(input).stem().string();
    std::string leaf = stem;
    for (int suffix = 2; !taken.insert(leaf).second; ++suffix) leaf = fmt::format("{}_{}", stem, suffix);
    folders.push_back((fs::path(args.out) / leaf).string());
  }
  return folders;
}

std::string one_line(const nlohmann::json& summary, const std::string& folder) {
  std::string people;
  for (const auto& person : summary.at("people")) {
    people += fmt::format("  #{}", person.at("id").get<int64_t>());
    for (const auto& [task, scores] : person.at("scores").items())
      people += " " + scores.at("label").get<std::string>();
  }
  if (summary.contains("recording")) {
    for (const auto& [task, scores] : summary.at("recording").items())
      people += "  voice " + scores.at("label").get<std::string>();
  }
  return fmt::format("{}: {} frames, {} with a face, {} persons{}, {:.2f}x real time -> {}\n",
                     summary.at("input").get<std::string>(), summary.at("num_frames").get<int64_t>(),
                     summary.at("num_frames_with_face").get<int64_t>(), summary.at("people").size(), people,
                     1.0 / std::max(1e-9, summary.at("processing").at("real_time_factor").get<double>()),
                     folder);
}

void run_infer(const InferArgs& args, Context& context) {
  core::set_num_threads(args.num_threads);
  const auto config = args.config.empty()
                          ? config::load_text<stream::InferenceConfig>("{}", "--set", args.overrides)
                          : config::load_file<stream::InferenceConfig>(args.config, args.overrides);
  const auto bundle = model::load_bundle(args.model);
  const auto folders = output_folders(args);
  nlohmann::json all = nlohmann::json::array();
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    try {
      const auto outputs =
          stream::infer_recording(args.inputs[i], bundle, config, folders[i], !args.no_video);
      if (args.is_json) {
        all.push_back(*outputs.summary);
      } else {
        std::fputs(one_line(*outputs.summary, folders[i]).c_str(), stdout);
      }
      if (outputs.is_truncated) {
        log::warn("truncated",
                  {{"input", args.inputs[i]}, {"effect", "results end where the file could be decoded"}});
        if (!args.allow_partial) context.exit_code = static_cast<int>(ErrorCode::kData);
      }
    } catch (const Error& error) {
      if (args.inputs.size() == 1) throw;
      // One bad recording does not cost the others their results; the exit code tells.
      log::screen(std::string("error: ") + error.what() + "\n", /*is_bar=*/false);
      context.exit_code = error.exit_code();
    }
  }
  if (args.is_json) std::puts((args.inputs.size() == 1 ? all.at(0) : all).dump(2).c_str());
}

}  // namespace

void add_infer(CLI::App& app, Context& context) {
  auto args = std::make_shared<InferArgs>();
  CLI::App* infer = app.add_subcommand("infer", "Recorded video or audio becomes timed, per-person emotions");
  infer->add_option("inputs", args->inputs, "recordings")->required();
  infer->add_option("--model", args->model, "bundle or run folder")->required();
  infer->add_option("--out", args->out, "output folder; with several inputs, a folder each in it")
      ->required();
  infer->add_option("--config", args->config, "YAML of how recordings are looked at");
  infer->add_option("--set", args->overrides, "dotted override, e.g. --set analysis_rate_hz=25")
      ->take_all()
      ->expected(1);
  infer->add_flag("--no-video", args->no_video, "write no annotated.mp4");
  infer->add_flag("--allow-partial", args->allow_partial, "exit 0 for a truncated recording");
  infer->add_flag("--json", args->is_json, "summary.json on stdout");
  infer->add_option("--num-threads", args->num_threads, "threads; 0 (default) = every core");
  infer->callback([args, &context] { run_infer(*args, context); });
}

}  // namespace limbic::cli
