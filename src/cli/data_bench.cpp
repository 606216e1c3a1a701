#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "limbic/cli/commands.h"
#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/threads.h"
#include "limbic/data/fitted_features.h"
#include "limbic/data/loader.h"
#include "limbic/train/experiment.h"

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

struct DataBenchArgs {
  std::string recipe;
  std::vector<std::string> overrides;
  int64_t epochs = 2;
};

/// "12,345 /s", or "-" for a stage that took no time worth the name.
std::string rate_of(int64_t count, double seconds) {
  return seconds > 1e-6 && count > 0 ? fmt::format("{:.0f} /s", static_cast<double>(count) / seconds) : "-";
}

void run_data_bench(const DataBenchArgs& args) {
  const auto config = config::load_file<train::ExperimentConfig>(args.recipe, args.overrides);
  core::set_num_threads(config.train.num_threads);
  data::LoaderInput input;
  input.store = train::open_store(config.data);
  input.tasks = train::task_spaces(config.data, *input.store);
  input.targets = config.data.targets;
  input.indices = data::make_split(input.store->samples(), config.data.split).train;
  const auto scratch = fs::temp_directory_path() / fmt::format("limbic-data-bench-{}", getpid());
  input.features = data::fitted_features(config.data.features, *input.store, input.indices, scratch.string());
  input.augment = config.data.augment;
  input.is_training = true;
  input.seed = config.seed;
  data::Loader loader(std::move(input), config.data.loader);
  std::error_code ec;
  fs::remove_all(scratch, ec);  // the loader has read it
  std::fputs(
      fmt::format("{}: {} training samples, {} batches an epoch, {} workers\n", config.data.shown_stores(),
                  loader.num_samples(), loader.num_batches(), config.data.loader.num_workers)
          .c_str(),
      stdout);
  std::fputs("epoch       wall      batches         read     features      augment      collate  padding\n",
             stdout);
  data::LoaderProfile before;
  for (int64_t epoch = 0; epoch < args.epochs; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    loader.begin_epoch(epoch);
    while (loader.next()) {
    }
    const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto sum = loader.profile();
    const int64_t samples = sum.num_samples - before.num_samples;
    const auto frames = static_cast<double>(sum.num_frames - before.num_frames);
    const auto padded = static_cast<double>(sum.num_padded_frames - before.num_padded_frames);
    std::fputs(
        fmt::format("{:>5} {:>8.2f} s {:>12} {:>12} {:>12} {:>12} {:>12} {:>7.1f}%\n", epoch + 1, wall_s,
                    rate_of(samples, wall_s),
                    rate_of(sum.num_read - before.num_read, sum.read_s - before.read_s),
                    rate_of(sum.num_computed - before.num_computed, sum.features_s - before.features_s),
                    rate_of(sum.num_augmented - before.num_augmented, sum.augment_s - before.augment_s),
                    rate_of(samples, sum.collate_s - before.collate_s),
                    padded > 0 ? 100 * (1 - frames / padded) : 0.0)
            .c_str(),
        stdout);
    before = sum;
  }
  std::fputs(fmt::format("batches: samples per second of wall clock; stages: per second of one thread. "
                         "Features in memory: {} MiB\n",
                         loader.cache_bytes() >> 20)
                 .c_str(),
             stdout);
}

}  // namespace

void add_data_bench(CLI::App& data) {
  auto args = std::make_shared<DataBenchArgs>();
  CLI::App* bench =
      data.add_subcommand("bench", "How fast batches of a recipe are made, and where the time goes");
  bench->add_option("recipe", args->recipe, "YAML experiment file")->required()->check(CLI::ExistingFile);
  bench->add_option("--set", args->overrides, "dotted override, e.g. data.loader.num_workers=2");
  bench->add_option("--epochs", args->epochs, "epochs; the first one fills the cache")
      ->check(CLI::PositiveNumber);
  bench->callback([args] { run_data_bench(*args); });
}

}  // namespace limbic::cli
