#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "limbic/cli/commands.h"
#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/data/store.h"
#include "limbic/eval/dialogue_decoding.h"
#include "limbic/eval/report.h"
#include "limbic/train/experiment.h"

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

struct DecodeArgs {
  std::string target;
  std::string store, task, stream = "logits", split = "test", out;
  eval::DecodeOptions options;
  double shift = 0.0;
  bool is_json = false;
};

/// What is decoded, of whichever kind of target.
struct DecodeInput {
  std::shared_ptr<const data::Store> store;
  affect::LabelSpace labels;
  std::vector<eval::ScoredSample> scores;
};

affect::LabelSpace labels_of(const data::Store& store, const std::string& task) {
  if (!task.empty()) return store.label_space(task);
  const auto& spaces = store.info().label_spaces;
  std::vector<std::string> names;
  for (const auto& space : spaces) names.push_back(space.task);
  require(spaces.size() == 1, ErrorCode::kConfig,
          fmt::format("{}: which task? --task is one of {}", store.path(), core::join(names)));
  return spaces.front();
}

DecodeInput input_of_predictions(const std::string& path, std::shared_ptr<const data::Store> store,
                                 const std::string& task) {
  DecodeInput input{std::move(store), {}, {}};
  input.labels = labels_of(*input.store, task);
  input.scores =
      eval::scores_of_predictions(*input.store, eval::read_predictions(path, input.labels), input.labels);
  return input;
}

DecodeInput input_of_run(const DecodeArgs& args) {
  const auto config = config::load_file<train::ExperimentConfig>(args.target + "/config.yaml");
  const auto& tasks = config.data.tasks;
  require(!args.task.empty() || tasks.size() == 1, ErrorCode::kConfig,
          fmt::format("{}: which task? --task is one of {}", args.target, core::join(tasks)));
  const std::string task = args.task.empty() ? tasks.front() : args.task;
  const std::string path =
      eval::predictions_path(args.target + "/eval/" + args.split, task, tasks.size() == 1);
  require(fs::exists(path), ErrorCode::kData,
          path + ": missing; `limbic eval " + args.target + " --split " + args.split + "` writes it");
  auto data = config.data;
  if (!args.store.empty()) {
    data.store = args.store;
    data.corpora.clear();
  }
  return input_of_predictions(path, train::open_store(data, /*may_import=*/false), task);
}

DecodeInput input_of(const DecodeArgs& args) {
  if (fs::exists(args.target + "/config.yaml")) return input_of_run(args);
  if (fs::exists(args.target + "/dataset.yaml")) {
    DecodeInput input{data::Store::open(args.target), {}, {}};
    input.labels = labels_of(*input.store, args.task);
    input.scores = eval::scores_of_stream(*input.store, args.stream, input.labels);
    return input;
  }
  require(fs::is_regular_file(args.target), ErrorCode::kData,
          args.target + ": neither a run folder nor a store nor a predictions.jsonl");
  require(!args.store.empty(), ErrorCode::kConfig,
          args.target + ": which dialogues are these? --on names the store");
  return input_of_predictions(args.target, data::Store::open(args.store), args.task);
}

void run_decode(const DecodeArgs& args) {
  const DecodeInput input = input_of(args);
  const auto decoded = eval::decode_dialogues(*input.store, input.labels, input.scores, args.options);
  require(!decoded.after.empty(), ErrorCode::kData,
          args.target + ": no decoded sample has a label of task '" + input.labels.task + "'");
  const auto before = eval::evaluate(input.labels, decoded.before);
  const auto after = eval::evaluate(input.labels, decoded.after);
  if (!args.out.empty()) eval::write_predictions(args.out, input.labels, decoded.after);
  const auto& config = args.options.decoding;
  if (args.is_json) {
    nlohmann::json shift = nlohmann::json::object();
    for (const auto& [session, p] : decoded.shift_probability) shift[session] = p;
    const nlohmann::json json = {
        {"decoding", {{"beam", config.beam}, {"copies", config.copies}, {"alpha", config.alpha}}},
        {"shift_probability", shift},
        {"num_dialogues", decoded.num_dialogues},
        {"num_turns", decoded.num_turns},
        {"num_changed", decoded.num_changed},
        {"before", eval::to_json(before)},
        {"after", eval::to_json(after)}};
    std::fputs((json.dump(2) + "\n").c_str(), stdout);
    return;
  }
  std::string text =
      fmt::format("{} turns of {} dialogues; {} of {} labelled ones changed\n", decoded.num_turns,
                  decoded.num_dialogues, decoded.num_changed, decoded.after.size());
  for (const auto& [session, p] : decoded.shift_probability)
    text += fmt::format("probability of a shift{}: {:.4f}\n", session.empty() ? "" : " in " + session, p);
  text += "\nbefore\n" + eval::results_text({before}) + "\ndecoded\n" + eval::results_text({after});
  if (!args.out.empty()) text += "\nwritten to " + args.out + "\n";
  std::fputs(text.c_str(), stdout);
}

}  // namespace

void add_decode(CLI::App& app, Context& /*context*/) {
  auto args = std::make_shared<DecodeArgs>();
  CLI::App* decode = app.add_subcommand(
      "decode", "Dialogues decoded as a whole (Yeh et al. 2020): metrics before and after");
  decode
      ->add_option("target", args->target, "run folder, store with a stream of logits, or predictions.jsonl")
      ->required();
  decode->add_option("--on", args->store, "the store of a predictions.jsonl, or another one than the run's");
  decode->add_option("--task", args->task, "task, where there are several");
  decode->add_option("--split", args->split, "which predictions of a run: train, val, test (default) or all")
      ->check(CLI::IsMember({"train", "val", "test", "all"}));
  decode->add_option("--stream", args->stream, "the store's logits (default: logits)");
  decode->add_option("--beam", args->options.decoding.beam, "paths kept after every turn (default 5)");
  decode->add_option("--copies", args->options.decoding.copies,
                     "a dialogue is decoded this often in a row, the last copy counts (default 2)");
  decode->add_option("--alpha", args->options.decoding.alpha, "weight of classes yet unseen (default 1)");
  auto* shift = decode->add_option(
      "--shift", args->shift,
      "probability that a speaker's emotion changes; else counted in dialogues that are not decoded or, when "
      "all are, in the other sessions");
  decode->add_option("--shift-label", args->options.label_attribute,
                     "count changes of this attribute of the store, not of the task");
  decode->add_option("--out", args->out, "predictions.jsonl with the decoded classes");
  decode->add_flag("--json", args->is_json, "everything as JSON on stdout");
  decode->callback([args, shift] {
    if (shift->count() > 0) args->options.shift_probability = args->shift;
    run_decode(*args);
  });
}

}  // namespace limbic::cli
