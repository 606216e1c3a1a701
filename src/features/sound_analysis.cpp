#include "sound_analysis.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/core/model_files.h"
#include "limbic/nn/silero_vad.h"
#include "sound_source.h"

namespace limbic::features {
namespace {

class AudioSignal final : public SignalAnalysis {
 public:
  AudioSignal(SoundSource source, const SignalConfig& config)
      : source_(std::move(source)), config_(config.audio) {}

  signals::Interval extent() const override { return source_.extent(); }
  void frames(const TableSink& sink) override { run({}, sink); }
  void intervals(const std::vector<signals::Interval>& windows, const TableSink& sink) override {
    sink(run(windows, nullptr).intervals());
  }
  signals::EventTable events() override { return {}; }

 private:
  signals::AudioAnalysis run(const std::vector<signals::Interval>& windows, const TableSink& sink) const {
    signals::AudioAnalysis analysis(config_, source_.rate_hz(), source_.extent().start_s, windows);
    const auto take = [&] {
      const signals::Table rows = analysis.take_frames();
      if (sink) sink(rows);
    };
    source_.for_each_piece([&](const float* samples, int64_t count) {
      analysis.push(samples, count);
      take();
    });
    analysis.finish();
    take();
    return analysis;
  }

  SoundSource source_;
  signals::AudioAnalysisConfig config_;
};

signals::EgemapsConfig at_rate(signals::EgemapsConfig config, int64_t rate_hz) {
  config.sample_rate_hz = rate_hz;
  return config;
}

/// The times of rows that count from the first sample, on the file's clock.
void shift(signals::Table& table, double by_s) {
  for (auto* times : {&table.start_s, &table.end_s}) {
    for (double& t : *times) t += by_s;
  }
}

/// Each window as a recording of its own. A window of the whole sound is not held in memory.
signals::Table functionals_of(const SoundSource& source, const signals::Egemaps& egemaps,
                              const std::vector<signals::Interval>& windows) {
  signals::Table table = egemaps.intervals(nullptr, 0, {});  // its columns
  const auto extent = source.extent();
  if (windows.size() == 1 && windows[0].start_s <= extent.start_s && windows[0].end_s >= extent.end_s) {
    signals::EgemapsStream stream(egemaps);
    source.for_each_piece([&](const float* samples, int64_t count) {
      stream.push(samples, count);
      stream.take_frames();
    });
    stream.finish();
    stream.take_frames();
    table.add_row(windows[0].start_s, windows[0].end_s, stream.functionals());
    return table;
  }
  source.for_each_window(windows, [&](const signals::Interval& window, const float* samples, int64_t count) {
    table.add_row(window.start_s, window.end_s, egemaps.functionals(samples, count));
  });
  return table;
}

class EgemapsSignal final : public SignalAnalysis {
 public:
  EgemapsSignal(SoundSource source, const SignalConfig& config)
      : source_(std::move(source)), egemaps_(at_rate(config.egemaps, source_.rate_hz())) {}

  signals::Interval extent() const override { return source_.extent(); }
  void frames(const TableSink& sink) override {
    signals::EgemapsStream stream(egemaps_);
    const auto take = [&] {
      signals::Table rows = stream.take_frames();
      shift(rows, extent().start_s);
      sink(rows);
    };
    source_.for_each_piece([&](const float* samples, int64_t count) {
      stream.push(samples, count);
      take();
    });
    stream.finish();
    take();
  }
  void intervals(const std::vector<signals::Interval>& windows, const TableSink& sink) override {
    sink(functionals_of(source_, egemaps_, windows));
  }
  signals::EventTable events() override { return {}; }

 private:
  SoundSource source_;
  signals::Egemaps egemaps_;
};

/// Praat's measures of the whole sound, made once, and the eGeMAPS functionals of every window.
class VoiceSignal final : public SignalAnalysis {
 public:
  VoiceSignal(SoundSource source, const SignalConfig& config)
      : source_(std::move(source)),
        config_(config.voice),
        stress_(config.voice_stress),
        baseline_s_(config.baseline_s),
        egemaps_(at_rate(config.egemaps, source_.rate_hz())) {}

  signals::Interval extent() const override { return source_.extent(); }
  void frames(const TableSink& sink) override {
    constexpr int64_t kRowsAPiece = 6000;
    // At least once, for the columns.
    for (int64_t first = 0; first == 0 || first < voice().num_frames(); first += kRowsAPiece) {
      signals::Table rows = voice().frames(first, first + kRowsAPiece);
      shift(rows, extent().start_s);
      sink(rows);
    }
  }
  void intervals(const std::vector<signals::Interval>& windows, const TableSink& sink) override {
    const double t0_s = extent().start_s;
    std::vector<signals::Interval> from_first_sample;
    for (const auto& window : windows)
      from_first_sample.push_back({window.start_s - t0_s, window.end_s - t0_s});
    const signals::Table praat = voice().intervals(from_first_sample);
    const signals::Table egemaps = functionals_of(source_, egemaps_, windows);
    const signals::Table stress = stress_of(praat);
    signals::Table table = signals::beside({&praat, &stress, &egemaps});
    table.start_s = egemaps.start_s;  // on the file's clock
    table.end_s = egemaps.end_s;
    sink(table);
  }
  signals::EventTable events() override {
    signals::EventTable events = voice().events();
    for (auto& event : events.events) event.onset_s += extent().start_s;
    return events;
  }

 private:
  /// Against the baseline that was asked for; without one, against the first windows, and missing when they
  /// are not enough.
  signals::Table stress_of(const signals::Table& praat) const {
    std::vector<signals::Interval> baseline;
    for (const auto& range : baseline_s_) {
      require(range.size() == 2 && range[0] < range[1], ErrorCode::kConfig,
              "baseline_s: expected [start, end] in seconds, start before end");
      baseline.push_back({range[0] - extent().start_s, range[1] - extent().start_s});
    }
    const bool is_asked_for = !baseline.empty();
    try {
      return signals::voice_stress(praat, baseline, stress_);
    } catch (const Error& error) {
      if (is_asked_for || error.code() != ErrorCode::kData) throw;
    }
    // Every window as its own baseline: the columns, of which no value can be known.
    signals::Table table = signals::voice_stress(praat, {{-1e12, 1e12}}, stress_);
    std::fill(table.values_RC.begin(), table.values_RC.end(), signals::kMissing);
    return table;
  }

  signals::VoiceAnalysis& voice() {
    if (voice_) return *voice_;
    signals::VoiceLevel level;
    source_.for_each_piece([&](const float* samples, int64_t count) { level.add(samples, count); });
    voice_.emplace(config_, static_cast<double>(source_.rate_hz()), level);
    source_.for_each_piece([&](const float* samples, int64_t count) { voice_->push(samples, count); });
    voice_->finish();
    return *voice_;
  }

  SoundSource source_;
  signals::VoiceConfig config_;
  signals::VoiceStressConfig stress_;
  std::vector<std::vector<double>> baseline_s_;
  signals::Egemaps egemaps_;
  std::optional<signals::VoiceAnalysis> voice_;
};

constexpr int64_t kSpeechRate = 16000;
constexpr std::array<const char*, 2> kSileroFiles = {"silero_vad_v6.onnx", "silero_vad_v5.onnx"};

/// Probabilities are one every 32 ms (Silero) or 10 ms (energy): an hour takes 1 to 3 MB.
class SpeechSignal final : public SignalAnalysis {
 public:
  SpeechSignal(const std::string& path, const SpeechConfig& config)
      : source_(path, kSpeechRate), activity_(detect(config)) {}

  signals::Interval extent() const override { return source_.extent(); }
  void frames(const TableSink& sink) override { sink(activity_.frames()); }
  void intervals(const std::vector<signals::Interval>& windows, const TableSink& sink) override {
    sink(activity_.intervals(windows));
  }
  signals::EventTable events() override { return activity_.events(); }
  std::vector<std::string> notes() const override { return notes_; }

 private:
  static std::optional<std::string> weights(SpeechDetector detector) {
    if (detector == SpeechDetector::kEnergy) return std::nullopt;
    for (const char* file : kSileroFiles) {
      if (auto path = core::find_model_file(file)) return path;
    }
    require(detector == SpeechDetector::kAuto, ErrorCode::kModel,
            "Silero's weights are not in " + core::models_folder() +
                "; get them with: tools/models get silero_vad");
    return std::nullopt;
  }

  signals::VoiceActivity detect(const SpeechConfig& config) {
    std::vector<double> probabilities;
    const auto extent = source_.extent();
    if (const auto path = weights(config.detector)) {
      const at::NoGradGuard no_grad;
      const auto model = nn::build_silero_vad(*path, kSpeechRate);
      nn::SileroVadStream stream(model);
      source_.for_each_piece(
          [&](const float* samples, int64_t count) { stream.accept(samples, count, probabilities); });
      stream.finish(probabilities);
      const double frame_s = static_cast<double>(model->chunk_samples()) / static_cast<double>(kSpeechRate);
      return {std::move(probabilities), frame_s, extent.start_s, extent.end_s, config.segments};
    }
    if (config.detector == SpeechDetector::kAuto) {
      notes_.emplace_back(
          "speech is found by its energy: Silero's weights are not installed (tools/models get silero_vad)");
    }
    signals::EnergyVadConfig energy = config.energy;
    energy.sample_rate_hz = kSpeechRate;
    signals::EnergyVad detector(energy);
    source_.for_each_piece(
        [&](const float* samples, int64_t count) { detector.accept(samples, count, probabilities); });
    return {std::move(probabilities), detector.frame_s(), extent.start_s + detector.first_frame_s(),
            extent.end_s, config.segments};
  }

  SoundSource source_;
  std::vector<std::string> notes_;
  signals::VoiceActivity activity_;
};

}  // namespace

std::unique_ptr<SignalAnalysis> open_sound(const std::string& kind, const std::string& path,
                                           const SignalConfig& config) {
  if (kind == "speech") return std::make_unique<SpeechSignal>(path, config.speech);
  SoundSource source(path, config.sound_rate_hz);
  try {
    if (kind == "audio") return std::make_unique<AudioSignal>(std::move(source), config);
    if (kind == "egemaps") return std::make_unique<EgemapsSignal>(std::move(source), config);
    return std::make_unique<VoiceSignal>(std::move(source), config);
  } catch (const Error& error) {
    throw error.in(path);
  }
}

}  // namespace limbic::features
