// Benchmarks of stores: a corpus of a million utterances, made once in a temp folder (a minute, 1 GB), opened
// and read at random.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "limbic/core/rng.h"
#include "limbic/data/store.h"

namespace limbic::data {
namespace {

constexpr int64_t kNumUtterances = 1'000'000;

/// The store, gone when the program ends.
class MillionUtterances {
 public:
  MillionUtterances() {
    std::string pattern = (std::filesystem::temp_directory_path() / "limbic-bench-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    DatasetInfo info;
    info.name = "million";
    info.label_spaces = {{"emotion", {"angry", "happy", "neutral", "sad"}}};
    info.modalities["eda"] = {"series", 4.0, "microsiemens", {1}};
    StoreWriter writer(store(), info);
    RawStream stream;
    stream.rate_hz = 4;
    stream.values = at::empty({8, 1}, at::kFloat);
    for (int64_t i = 0; i < kNumUtterances; ++i) {
      Sample sample;
      sample.corpus = "million";
      sample.subject = fmt::format("speaker_{:04}", i / 500);
      sample.session = fmt::format("session_{:05}", i / 100);
      sample.dialogue = fmt::format("dialogue_{:06}", i / 10);
      sample.turn = i % 10;
      sample.clip = sample.dialogue;
      sample.id = fmt::format("{}_turn_{:02}", sample.dialogue, sample.turn);
      sample.split = i % 10 == 0 ? "test" : "train";
      sample.t0 = core::Timestamp::from_seconds(2.0 * static_cast<double>(i % 10));
      sample.duration = core::Timestamp::from_seconds(2.0);
      sample.labels["emotion"] = info.label_spaces[0].classes[static_cast<size_t>(i % 4)];
      sample.values["valence"] = 0.001 * static_cast<double>(i % 1000);
      sample.source_path = fmt::format("{}/{}.wav", sample.session, sample.id);
      sample.source_sha256 = fmt::format("{:064x}", i * 0x9E3779B97F4A7C15ULL);
      for (int64_t t = 0; t < 8; ++t) stream.values.data_ptr<float>()[t] = static_cast<float>(i + t);
      writer.add(std::move(sample), {{"eda", stream}});
    }
    writer.finish();
  }
  ~MillionUtterances() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  std::string store() const { return path_ + "/store"; }

 private:
  std::string path_;
};

const MillionUtterances& million() {
  static const MillionUtterances utterances;
  return utterances;
}

void store_open(benchmark::State& state) {
  const std::string path = million().store();
  for (auto _ : state) benchmark::DoNotOptimize(Store::open(path)->size());
}
BENCHMARK(store_open)->Unit(benchmark::kMillisecond);

/// The same without its index: the manifest is parsed, every shard's header checked.
void store_open_manifest(benchmark::State& state) {
  const std::string path = million().store();
  for (auto _ : state) {
    std::vector<Problem> problems;
    benchmark::DoNotOptimize(Store::open_lenient(path, problems)->size());
  }
}
BENCHMARK(store_open_manifest)->Unit(benchmark::kMillisecond)->Iterations(1);

void store_random_reads(benchmark::State& state) {
  const auto store = Store::open(million().store());
  core::Rng rng(1);
  for (auto _ : state) benchmark::DoNotOptimize(store->read(rng.below(store->size()), "eda").data_ptr());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(store_random_reads);

void store_find(benchmark::State& state) {
  const auto store = Store::open(million().store());
  core::Rng rng(2);
  for (auto _ : state) {
    const int64_t i = rng.below(store->size());
    benchmark::DoNotOptimize(store->samples().find(store->samples().id(i)));
  }
}
BENCHMARK(store_find);

}  // namespace
}  // namespace limbic::data
