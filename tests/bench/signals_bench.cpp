// What an hour of each signal costs on one core. Every benchmark reports x_real_time: seconds of signal per
// second of work. Signals are made by formula, so that it runs without corpora.
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "limbic/core/rng.h"
#include "limbic/signals/audio/audio_analysis.h"
#include "limbic/signals/audio/log_mel.h"
#include "limbic/signals/eda/cvx_eda.h"
#include "limbic/signals/eda/eda_analysis.h"
#include "limbic/signals/eda/eda_simulator.h"
#include "limbic/signals/heart/heart_analysis.h"
#include "limbic/signals/motion/imu_analysis.h"
#include "limbic/signals/voice/egemaps.h"
#include "limbic/signals/voice/voice_analysis.h"
#include "limbic/signals/voice/voice_functionals.h"

namespace limbic::signals {
namespace {

constexpr double kTwoPi = 6.283185307179586;

/// Syllables of a gliding voice with harmonics and breath, pauses between phrases.
std::vector<float> speech(double seconds, int rate_hz) {
  core::Rng rng(1);
  std::vector<float> x(static_cast<size_t>(seconds * rate_hz));
  double phase = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double t = static_cast<double>(i) / rate_hz;
    phase += kTwoPi * (130 + 30 * std::sin(kTwoPi * 0.4 * t) + 8 * std::sin(kTwoPi * 5 * t)) / rate_hz;
    double voice = 0;
    for (int h = 1; h <= 20; ++h) voice += std::sin(h * phase) / h;
    const bool is_pause = std::fmod(t, 3.0) > 2.4;
    const double level = is_pause ? 0.0 : 0.1 * std::max(0.0, std::sin(kTwoPi * 2 * t));
    x[i] = static_cast<float>(level * voice + 0.002 * rng.normal());
  }
  return x;
}

TimeSeries skin(double seconds, double rate_hz) {
  EdaSimulatorConfig config;
  config.duration_s = seconds;
  config.rate_hz = rate_hz;
  return simulate_eda(config).eda;
}

void report(benchmark::State& state, double seconds) {
  state.counters["x_real_time"] =
      benchmark::Counter(seconds * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void log_mel(benchmark::State& state) {
  const auto x = speech(60, 16000);
  const LogMel mel(LogMelConfig{});
  std::vector<float> out;
  for (auto _ : state) mel.compute(x.data(), static_cast<int64_t>(x.size()), out);
  report(state, 60);
}
BENCHMARK(log_mel)->Unit(benchmark::kMillisecond);

void audio_all_columns(benchmark::State& state) {
  const auto x = speech(60, 16000);
  for (auto _ : state) benchmark::DoNotOptimize(analyse_audio(x, 16000));
  report(state, 60);
}
BENCHMARK(audio_all_columns)->Unit(benchmark::kMillisecond);

void egemaps_functionals(benchmark::State& state) {
  const auto x = speech(60, 16000);
  const Egemaps egemaps(EgemapsConfig{});
  for (auto _ : state)
    benchmark::DoNotOptimize(egemaps.functionals(x.data(), static_cast<int64_t>(x.size())));
  report(state, 60);
}
BENCHMARK(egemaps_functionals)->Unit(benchmark::kMillisecond);

void voice_praat_all(benchmark::State& state) {
  const auto x = speech(60, 16000);
  for (auto _ : state) {
    const auto voice = VoiceAnalysis::of(VoiceConfig{}, x.data(), static_cast<int64_t>(x.size()), 16000);
    benchmark::DoNotOptimize(voice.intervals({{0, 60}}));
  }
  report(state, 60);
}
BENCHMARK(voice_praat_all)->Unit(benchmark::kMillisecond);

void voice_functionals_687(benchmark::State& state) {
  const auto x = speech(4, 16000);
  const VoiceFunctionals functionals(VoiceFunctionalsConfig{});
  std::vector<float> out;
  for (auto _ : state) functionals.compute(x.data(), static_cast<int64_t>(x.size()), out);
  report(state, 4);
}
BENCHMARK(voice_functionals_687)->Unit(benchmark::kMillisecond);

/// Quality, cleaning, high-pass decomposition, responses, features of the hour.
void eda_high_pass(benchmark::State& state) {
  const auto eda = skin(3600, static_cast<double>(state.range(0)));
  for (auto _ : state) {
    const EdaAnalysis analysis(EdaConfig{}, eda);
    benchmark::DoNotOptimize(analysis.intervals({{0, 3600}}));
  }
  report(state, 3600);
}
BENCHMARK(eda_high_pass)->Arg(4)->Arg(100)->Unit(benchmark::kMillisecond);

void eda_cvxeda(benchmark::State& state) {
  const auto eda = skin(600, static_cast<double>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(cvx_eda(eda.values, eda.rate_hz));
  report(state, 600);
}
BENCHMARK(eda_cvxeda)->Arg(4)->Arg(25)->Arg(100)->Unit(benchmark::kMillisecond);

void heart_bvp_64hz(benchmark::State& state) {
  core::Rng rng(2);
  TimeSeries bvp{64, 0, {}};
  for (int i = 0; i < 3600 * 64; ++i) {
    const double beat = std::fmod(i / 64.0 * 1.15 + 0.05 * std::sin(kTwoPi * 0.25 * i / 64.0), 1.0);
    bvp.values.push_back(60 * std::exp(-40 * (beat - 0.3) * (beat - 0.3)) + rng.normal());
  }
  for (auto _ : state) {
    const HeartAnalysis heart(HeartConfig{}, find_beats(bvp, HeartSource::kBvp));
    benchmark::DoNotOptimize(heart.intervals({{0, 3600}}));
  }
  report(state, 3600);
}
BENCHMARK(heart_bvp_64hz)->Unit(benchmark::kMillisecond);

void imu_32hz(benchmark::State& state) {
  core::Rng rng(3);
  TriaxialSeries acc{32, 0, {}, {}, {}};
  for (int i = 0; i < 3600 * 32; ++i) {
    acc.x.push_back(0.3 * std::sin(kTwoPi * 1.8 * i / 32.0) + 0.02 * rng.normal());
    acc.y.push_back(0.1 * std::cos(kTwoPi * 0.9 * i / 32.0));
    acc.z.push_back(1 + 0.02 * rng.normal());
  }
  for (auto _ : state) benchmark::DoNotOptimize(ImuAnalysis(ImuConfig{}, acc).intervals({{0, 3600}}));
  report(state, 3600);
}
BENCHMARK(imu_32hz)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace limbic::signals
