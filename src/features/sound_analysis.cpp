#include "sound_analysis.h"

#include <utility>

#include "limbic/core/error.h"
#include "sound_source.h"

namespace limbic::features {
namespace {

class AudioSignal final : public SignalAnalysis {
 public:
  AudioSignal(SoundSource source, const SignalConfig& config) : source_(std::move(source)), config_(config.audio) {}

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

class EgemapsSignal final : public SignalAnalysis {
 public:
  EgemapsSignal(SoundSource source, const SignalConfig& config)
      : source_(std::move(source)), egemaps_(at_rate(config.egemaps, source_.rate_hz())) {}

  signals::Interval extent() const override { return source_.extent(); }
  void frames(const TableSink& sink) override {
    signals::EgemapsStream stream(egemaps_);
    const auto take = [&] {
      signals::Table rows = stream.take_frames();
      for (auto* times : {&rows.start_s, &rows.end_s}) {
        for (double& t : *times) t += extent().start_s;
      }
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

  /// Each window as a recording of its own. A window of the whole sound is not held in memory.
  static signals::Table functionals_of(const SoundSource& source, const signals::Egemaps& egemaps,
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

 private:
  SoundSource source_;
  signals::Egemaps egemaps_;
};
