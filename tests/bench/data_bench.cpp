// Benchmarks of the data loader. Features made by formula (2048 x [100, 128] float32, as in performance.md)
// and, where $LIMBIC_BENCH_STORES names a folder with stores of FER2013 and RAVDESS, the recipes' inputs.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "limbic/core/threads.h"
#include "limbic/data/loader.h"
#include "limbic/data/store.h"

namespace limbic::data {
namespace {

constexpr int64_t kNumSamples = 2048;
constexpr int64_t kNumFrames = 100;
constexpr int64_t kNumFeatures = 128;

/// A store of its own, removed at the end of the process.
class FeatureStore {
 public:
  FeatureStore()
      : path_(std::filesystem::temp_directory_path() /
              ("limbic_data_bench_" + std::to_string(static_cast<long>(::getpid())))) {
    DatasetInfo info;
    info.name = "features";
    info.importer = "bench";
    info.label_spaces = {{"emotion", {"a", "b"}}};
    info.modalities["x"] = {"series", 100.0, "", {kNumFeatures}};
    StoreWriter writer(path_, info);
    const at::Tensor base = at::arange(kNumFrames * kNumFeatures, at::kFloat).mul_(1e-3).sin_();
    for (int64_t i = 0; i < kNumSamples; ++i) {
      Sample sample;
      sample.id = "s" + std::to_string(i);
      sample.labels["emotion"] = i % 2 == 0 ? "a" : "b";
      RawStream x;
      x.rate_hz = 100;
      x.values = base.add(static_cast<double>(i)).reshape({kNumFrames, kNumFeatures});
      writer.add(sample, {{"x", x}});
    }
    writer.finish();
  }
  ~FeatureStore() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void run_epochs(benchmark::State& state, LoaderInput input, LoaderConfig config) {
  core::set_num_threads(1);
  input.is_training = true;
  input.indices.resize(static_cast<size_t>(input.store->size()));
  std::iota(input.indices.begin(), input.indices.end(), 0);
  Loader loader(std::move(input), std::move(config));
  int64_t epoch = 0;
  const auto one_epoch = [&] {
    loader.begin_epoch(epoch++);
    while (auto batch = loader.next()) benchmark::DoNotOptimize(batch->streams.begin()->second.x.data_ptr());
  };
  one_epoch();  // fills the cache
  for (auto _ : state) one_epoch();
  state.SetItemsProcessed(state.iterations() * loader.num_batches() * loader.config().batch_size);
}

void cached_features(benchmark::State& state) {
  static const FeatureStore features;
  LoaderInput input;
  input.store = Store::open(features.path());
  input.tasks = {input.store->label_space("emotion")};
  input.features = {{"x", features::ValuesFeature{}}};
  LoaderConfig config;
  config.batch_size = 64;
  config.num_workers = state.range(0);
  config.cache_mib = state.range(1);
  run_epochs(state, std::move(input), std::move(config));
}
BENCHMARK(cached_features)
    ->Name("loader/features")
    ->ArgNames({"workers", "cache_mib"})
    ->ArgsProduct({{0, 1, 2}, {1024, 0}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

std::string stores() {
  const char* folder = std::getenv("LIMBIC_BENCH_STORES");
  return folder == nullptr ? "stores" : folder;
}

void recipe_images(benchmark::State& state) {
  LoaderInput input;
  input.store = Store::open(stores() + "/fer2013");
  input.tasks = {input.store->label_space("emotion")};
  input.features = {{"face", features::FaceCropFeature{}}};
  ImageAugment image;
  image.shift_px = 4;
  image.rotate_deg = 10;
  image.scale = 0.1;
  image.padding = Padding::kReplicate;
  image.erase = 0.5;
  input.augment = {{"face", image}};
  LoaderConfig config;
  config.batch_size = 64;
  config.num_workers = state.range(0);
  run_epochs(state, std::move(input), std::move(config));
}

void recipe_log_mel(benchmark::State& state) {
  LoaderInput input;
  input.store = Store::open(stores() + "/ravdess");
  input.tasks = {input.store->label_space("emotion")};
  features::LogMelFeature audio;
  audio.mel.num_mels = 64;
  audio.trim.enabled = true;
  input.features = {{"audio", audio}};
  SpectrumAugment spectrum;
  spectrum.stretch = 0.1;
  spectrum.band_shift = 2;
  spectrum.band_scale = 0.05;
  spectrum.gain = 0.3;
  input.augment = {{"audio", spectrum}};
  LoaderConfig config;
  config.batch_size = 16;
  config.num_workers = state.range(0);
  config.cache_mib = state.range(1);
  config.max_frames = {{"audio", 200}};
  run_epochs(state, std::move(input), std::move(config));
}

const bool kHasStores = [] {
  if (std::filesystem::exists(stores() + "/fer2013")) {
    benchmark::RegisterBenchmark("loader/fer2013_images", recipe_images)
        ->ArgName("workers")
        ->Arg(0)
        ->Arg(1)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
  if (std::filesystem::exists(stores() + "/ravdess")) {
    benchmark::RegisterBenchmark("loader/ravdess_log_mel", recipe_log_mel)
        ->ArgNames({"workers", "cache_mib"})
        ->Args({0, 1024})
        ->Args({1, 1024})
        ->Args({0, 0})
        ->Args({1, 0})
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
  return true;
}();

}  // namespace
}  // namespace limbic::data
