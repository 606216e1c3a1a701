// Benchmarks of recordings, on the very numbers that other tools get: compare.py leaves them as NAME.f64
// (doubles, little endian) in the folder $LIMBIC_BENCH_SERIES. Without it only the benchmarks by formula run.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "limbic/signals/audio/log_mel.h"
#include "limbic/signals/dsp/resample.h"
#include "limbic/signals/eda/cvx_eda.h"
#include "limbic/signals/eda/eda_analysis.h"
#include "limbic/signals/eda/eda_decompose.h"
#include "limbic/signals/heart/heart_analysis.h"
#include "limbic/signals/voice/egemaps.h"
#include "limbic/signals/voice/voice_analysis.h"

namespace limbic::signals {
namespace {

constexpr int kSpeechHz = 16000;

std::vector<double> read_series(const std::string& path) {
  std::vector<double> values(std::filesystem::file_size(path) / sizeof(double));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(double)));
  return values;
}

int64_t count(const std::vector<float>& x) {
  return static_cast<int64_t>(x.size());
}

using EdaWork = std::function<void(const TimeSeries&)>;
using SoundWork = std::function<void(const std::vector<float>&)>;

/// Registers recorded/NAME of the series file, when it is there.
void add(const std::string& folder, const std::string& name, const std::string& series, double rate_hz,
         const EdaWork& work) {
  const std::string path = folder + "/" + series + ".f64";
  if (!std::filesystem::exists(path)) return;
  benchmark::RegisterBenchmark(("recorded/" + name).c_str(), [=](benchmark::State& state) {
    const TimeSeries x{rate_hz, 0, read_series(path)};
    for (auto _ : state) work(x);
  })->Unit(benchmark::kMillisecond);
}

void add_sound(const std::string& folder, const std::string& name, const std::string& series,
               const SoundWork& work) {
  const std::string path = folder + "/" + series + ".f64";
  if (!std::filesystem::exists(path)) return;
  benchmark::RegisterBenchmark(("recorded/" + name).c_str(), [=](benchmark::State& state) {
    const auto values = read_series(path);
    const std::vector<float> x(values.begin(), values.end());
    for (auto _ : state) work(x);
  })->Unit(benchmark::kMillisecond);
}

void add_recorded(const std::string& folder) {
  for (const int rate_hz : {4, 25, 100}) {
    const std::string series = "eda_" + std::to_string(rate_hz);
    add(folder, "cvx_eda_" + std::to_string(rate_hz), series, rate_hz,
        [](const TimeSeries& x) { benchmark::DoNotOptimize(cvx_eda(x.values, x.rate_hz)); });
  }
  add(folder, "eda_high_pass", "eda_hour_4", 4,
      [](const TimeSeries& x) { benchmark::DoNotOptimize(decompose_eda(x.values, x.rate_hz)); });
  add(folder, "eda_everything", "eda_hour_4", 4, [](const TimeSeries& x) {
    benchmark::DoNotOptimize(EdaAnalysis(EdaConfig{}, x).intervals({{0, x.end_s()}}));
  });
  add(folder, "heart_bvp", "bvp_hour_64", 64, [](const TimeSeries& x) {
    const HeartAnalysis heart(HeartConfig{}, find_beats(x, HeartSource::kBvp));
    benchmark::DoNotOptimize(heart.intervals({heart.extent()}));
  });
  add_sound(folder, "egemaps", "speech_16000", [](const std::vector<float>& x) {
    benchmark::DoNotOptimize(Egemaps(EgemapsConfig{}).functionals(x.data(), count(x)));
  });
  // Subharmonic summation is not one of Praat's measures that it is compared with.
  add_sound(folder, "voice", "speech_16000", [](const std::vector<float>& x) {
    VoiceConfig config;
    config.has_shs = false;
    const auto voice = VoiceAnalysis::of(config, x.data(), count(x), kSpeechHz);
    benchmark::DoNotOptimize(voice.intervals({{0, voice.duration_s()}}));
  });
  add_sound(folder, "log_mel", "speech_16000", [](const std::vector<float>& x) {
    std::vector<float> out;
    LogMel(LogMelConfig{}).compute(x.data(), count(x), out);
    benchmark::DoNotOptimize(out.data());
  });
  add_sound(folder, "resample", "speech_44100",
            [](const std::vector<float>& x) { benchmark::DoNotOptimize(resample(x, 44100, kSpeechHz)); });
}

}  // namespace
}  // namespace limbic::signals

int main(int argc, char** argv) {
  if (const char* folder = std::getenv("LIMBIC_BENCH_SERIES")) limbic::signals::add_recorded(folder);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
