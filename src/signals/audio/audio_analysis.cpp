#include "limbic/signals/audio/audio_analysis.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "frame_reader.h"
#include "limbic/core/error.h"
#include "limbic/signals/audio/loudness.h"
#include "limbic/signals/audio/mfcc.h"
#include "limbic/signals/audio/spectral_shape.h"
#include "limbic/signals/audio/stft.h"
#include "limbic/signals/dsp/interval_functionals.h"

namespace limbic::signals {
namespace {

/// Frames that are computed at once.
constexpr int64_t kFramesAPass = 64;
/// Samples that are taken at once, so that memory does not depend on the pieces.
constexpr int64_t kSamplesAPass = 1 << 15;

MfccConfig mfcc_config(const AudioAnalysisConfig& c, int64_t sample_rate_hz) {
  MfccConfig m;
  m.mel.sample_rate_hz = sample_rate_hz;
  m.mel.window_samples = std::llround(c.window_s * static_cast<double>(sample_rate_hz));
  m.mel.hop_samples = std::llround(c.hop_s * static_cast<double>(sample_rate_hz));
  m.mel.sample_scale = SampleScale::kInt16;
  m.mel.num_mels = c.num_mels;
  m.mel.low_hz = c.low_hz;
  m.mel.high_hz = c.high_hz;
  m.num_cepstra = c.num_cepstra;
  m.lifter = c.lifter;
  return m;
}

StftConfig shape_stft(const LogMelConfig& mel) {
  StftConfig s;
  s.sample_rate_hz = mel.sample_rate_hz;
  s.window_samples = mel.window_samples;
  s.hop_samples = mel.hop_samples;
  s.framing = Framing::kSnipEdges;
  return s;
}

SpectralShape shape_of(const StftConfig& stft) {
  SpectralShapeConfig c;
  c.sample_rate_hz = stft.sample_rate_hz;
  c.fft_samples = fft_samples_of(stft.fft_samples, stft.window_samples);
  FrameLayout layout;
  layout.window_samples = stft.window_samples;
  layout.window = stft.window;
  return SpectralShape(c, FrameReader(layout).window());
}

const AudioAnalysisConfig& checked_analysis(const AudioAnalysisConfig& config) {
  config::ThrowingChecks checks("audio_analysis");
  config.validate(checks);
  return config;
}

}  // namespace

void AudioAnalysisConfig::validate(config::Checks& checks) const {
  checks.expect(window_s > 0 && window_s <= 10, "window_s",
                "must be in (0, 10], got " + std::to_string(window_s));
  checks.expect(hop_s > 0 && hop_s <= window_s, "hop_s",
                "must be in (0, window_s], got " + std::to_string(hop_s));
  checks.expect(!deltas || mfcc, "deltas", "needs mfcc: true");
  checks.expect(delta_half_window >= 1 && delta_half_window <= 100, "delta_half_window",
                "must be in [1, 100], got " + std::to_string(delta_half_window));
  checks.expect(log_mel || mfcc || shape || loudness, "", "nothing to measure: set a group");
}

struct AudioAnalysis::Impl {
  AudioAnalysisConfig config;
  Mfcc mfcc;
  Stft stft;
  SpectralShape shape;
  LoudnessMeter meter;
  std::vector<Column> columns;
  IntervalFunctionals functionals;
  std::vector<Interval> windows;
  double rate_hz;
  double t0_s;
  int64_t window;
  int64_t hop;

  bool is_finished = false;
  std::vector<float> buffer;      ///< samples from that of the next frame to compute
  int64_t num_computed = 0;       ///< frames
  std::vector<float> last_power;  ///< spectrum of the frame before
  int64_t num_out = 0;            ///< rows
  std::vector<double> rows;       ///< computed, not out: without deltas
  std::vector<float> cepstra;     ///< of frames from cepstra_start on
  int64_t cepstra_start = 0;
  Table table;

  Impl(const AudioAnalysisConfig& c, int64_t sample_rate_hz, double start_s, std::vector<Interval> intervals)
      : config(checked_analysis(c)),
        mfcc(mfcc_config(c, sample_rate_hz)),
        stft(shape_stft(mfcc.config().mel)),
        shape(shape_of(stft.config())),
        meter(static_cast<double>(sample_rate_hz)),
        columns(all_columns()),
        functionals(columns, intervals),
        windows(std::move(intervals)),
        rate_hz(static_cast<double>(sample_rate_hz)),
        t0_s(start_s),
        window(mfcc.config().mel.window_samples),
        hop(mfcc.config().mel.hop_samples) {
    require(std::isfinite(t0_s), ErrorCode::kConfig,
            "audio_analysis: the time of the first sample is not a number");
    table.columns = columns;
  }

  std::vector<Column> all_columns() const {
    std::vector<Column> out;
    const auto indexed = [&](const std::string& name, const std::string& suffix, int64_t count,
                             const char* doc) {
      for (int64_t i = 0; i < count; ++i) out.push_back({name + std::to_string(i) + suffix, "1", doc});
    };
    if (config.log_mel) indexed("log_mel_", "", config.num_mels, "ln of a mel filter's energy (Kaldi)");
    if (config.mfcc) indexed("mfcc_", "", config.num_cepstra, "mel cepstrum (Kaldi)");
    if (config.deltas) {
      indexed("mfcc_", "_delta", config.num_cepstra, "its course, per frame");
      indexed("mfcc_", "_delta2", config.num_cepstra, "the course of its course");
    }
    if (config.shape) {
      out.insert(out.end(), shape.columns().begin(), shape.columns().end());
      out.push_back({"zero_crossing_rate", "1", "fraction of neighbouring samples that differ in sign"});
    }
    if (config.loudness) {
      out.push_back({"level", "dB", "root mean square, of full scale"});
      out.push_back({"loudness_momentary", "LUFS", "BS.1770 loudness of the 0.4 s before the frame's end"});
      out.push_back({"loudness_short_term", "LUFS", "BS.1770 loudness of the 3 s before the frame's end"});
    }
    return out;
  }

  void push(const float* samples, int64_t num_samples) {
    require(!is_finished, ErrorCode::kInternal, "audio_analysis: push after finish");
    for (int64_t i = 0; i < num_samples; i += kSamplesAPass) {
      const int64_t count = std::min(kSamplesAPass, num_samples - i);
      if (config.loudness) meter.push(samples + i, count);
      buffer.insert(buffer.end(), samples + i, samples + i + count);
      if (num_available() >= kFramesAPass) compute();
    }
  }

  int64_t num_available() const {
    const auto size = static_cast<int64_t>(buffer.size());
    return size < window ? 0 : 1 + (size - window) / hop;
  }

  /// Steps of the meter that ended within the first `samples`.
  int64_t steps_before(int64_t samples) const {
    const double step = 0.1 * rate_hz;
    auto count = static_cast<int64_t>(static_cast<double>(samples) / step);
    while (std::llround(static_cast<double>(count + 1) * step) <= samples) ++count;
    while (count > 0 && std::llround(static_cast<double>(count) * step) > samples) --count;
    return count;
  }

  /// Measures every frame that the buffer holds.
  void compute() {
    const int64_t count = num_available();
    if (count > 0) {
      const int64_t used = window + (count - 1) * hop;
      std::vector<float> mel;
      std::vector<float> power;
      if (config.log_mel || config.mfcc) mfcc.log_mel().compute(buffer.data(), used, mel);
      if (config.shape) stft.power(buffer.data(), used, power);
      for (int64_t t = 0; t < count; ++t) measure(t, mel, power);
      if (config.shape) last_power.assign(power.end() - stft.num_bins(), power.end());
      buffer.erase(buffer.begin(), buffer.begin() + count * hop);
      num_computed += count;
    }
    emit();
  }

  /// Appends frame t of this pass to `rows` and `cepstra`.
  void measure(int64_t t, const std::vector<float>& mel, const std::vector<float>& power) {
    const float* frame = buffer.data() + t * hop;
    const bool is_finite = std::all_of(frame, frame + window, [](float v) { return std::isfinite(v); });
    const size_t row = rows.size();
    const size_t num_mels = static_cast<size_t>(config.num_mels);
    const size_t num_cepstra = static_cast<size_t>(config.num_cepstra);
    rows.resize(row + columns.size(), kMissing);
    if (config.mfcc) cepstra.resize(cepstra.size() + num_cepstra, std::nanf(""));
    if (!is_finite) return;
    double* out = rows.data() + row;
    if (config.log_mel) out = std::copy_n(mel.data() + static_cast<size_t>(t) * num_mels, num_mels, out);
    if (config.mfcc) {
      float* c = cepstra.data() + cepstra.size() - num_cepstra;
      mfcc.of_log_mel(mel.data() + static_cast<size_t>(t) * num_mels, c);
      out = std::copy_n(c, num_cepstra, out);
    }
    if (config.deltas) out += 2 * num_cepstra;
    if (config.shape) {
      const float* now = power.data() + t * stft.num_bins();
      const float* before = t > 0 ? now - stft.num_bins() : last_power.empty() ? nullptr : last_power.data();
      shape.describe(now, before, out);
      out += shape.columns().size();
      *out++ = zero_crossing_rate(frame, window);
    }
    if (config.loudness) {
      const int64_t step = steps_before((num_computed + t) * hop + window) - 1;
      out[0] = level_db(frame, window);
      out[1] = meter.momentary_lufs(step);
      out[2] = meter.short_term_lufs(step);
    }
  }

  // Deltas of frame t look at frames t - 2 n ... t + 2 n, n = delta_half_window; beyond the recording's ends
  // stand its end frames, as in regression_deltas.
  double cepstrum(int64_t t, size_t c) const {
    const int64_t at = std::clamp<int64_t>(t, 0, num_computed - 1) - cepstra_start;
    return static_cast<double>(cepstra[static_cast<size_t>(at * config.num_cepstra) + c]);
  }
  double delta(int64_t t, size_t c) const {
    t = std::clamp<int64_t>(t, 0, num_computed - 1);
    double sum = 0;
    double norm = 0;
    for (int64_t k = 1; k <= config.delta_half_window; ++k) {
      sum += static_cast<double>(k) * (cepstrum(t + k, c) - cepstrum(t - k, c));
      norm += 2.0 * static_cast<double>(k * k);
    }
    return sum / norm;
  }
  double delta2(int64_t t, size_t c) const {
    double sum = 0;
    double norm = 0;
    for (int64_t k = 1; k <= config.delta_half_window; ++k) {
      sum += static_cast<double>(k) * (delta(t + k, c) - delta(t - k, c));
      norm += 2.0 * static_cast<double>(k * k);
    }
    return sum / norm;
  }

  /// Completes rows whose deltas are known.
  void emit() {
    const int64_t late = config.deltas ? 2 * config.delta_half_window : 0;
    const int64_t end = is_finished ? num_computed : num_computed - late;
    const size_t width = columns.size();
    const auto count = static_cast<size_t>(std::max<int64_t>(0, end - num_out));
    const auto num_cepstra = static_cast<size_t>(config.num_cepstra);
    for (size_t r = 0; r < count; ++r, ++num_out) {
      double* row = rows.data() + r * width;
      if (config.deltas) {
        double* out = row + (config.log_mel ? config.num_mels : 0) + config.num_cepstra;
        for (size_t c = 0; c < num_cepstra; ++c) {
          out[c] = delta(num_out, c);
          out[num_cepstra + c] = delta2(num_out, c);
        }
      }
      const double start = t0_s + static_cast<double>(num_out * hop) / rate_hz;
      const double end_s = t0_s + static_cast<double>(num_out * hop + window) / rate_hz;
      table.start_s.push_back(start);
      table.end_s.push_back(end_s);
      functionals.add(start, end_s, row);
    }
    const auto out_end = rows.begin() + static_cast<std::ptrdiff_t>(count * width);
    table.values_RC.insert(table.values_RC.end(), rows.begin(), out_end);
    rows.erase(rows.begin(), out_end);
    const int64_t unused = std::max<int64_t>(0, num_out - late) - cepstra_start;
    if (config.mfcc && unused > 0) {
      cepstra.erase(cepstra.begin(), cepstra.begin() + unused * config.num_cepstra);
      cepstra_start += unused;
    }
  }

  Table intervals() {
    require(is_finished, ErrorCode::kInternal, "audio_analysis: intervals before finish");
    Table base = functionals.finish();
    if (!config.loudness) return base;
    Table out;
    out.columns = base.columns;
    out.columns.push_back({"loudness_integrated", "LUFS", "gated BS.1770 loudness of the interval"});
    out.columns.push_back({"loudness_range", "LU", "EBU Tech 3342 loudness range of the interval"});
    const size_t width = base.num_columns();
    for (size_t r = 0; r < windows.size(); ++r) {
      const auto step_of = [&](double time_s) {
        return std::clamp((time_s - t0_s) * 10.0, 0.0, static_cast<double>(meter.num_steps()));
      };
      const auto first = static_cast<int64_t>(std::ceil(step_of(windows[r].start_s) - 1e-6));
      const auto last = static_cast<int64_t>(std::floor(step_of(windows[r].end_s) + 1e-6));
      const auto begin = base.values_RC.begin() + static_cast<std::ptrdiff_t>(r * width);
      std::vector<double> values(begin, begin + static_cast<std::ptrdiff_t>(width));
      values.push_back(meter.integrated_lufs(first, last));
      values.push_back(meter.range_lu(first, last));
      out.add_row(windows[r].start_s, windows[r].end_s, values);
    }
    return out;
  }
};

AudioAnalysis::AudioAnalysis(const AudioAnalysisConfig& config, int64_t sample_rate_hz, double t0_s,
                             std::vector<Interval> intervals)
    : impl_(std::make_unique<Impl>(config, sample_rate_hz, t0_s, std::move(intervals))) {}
AudioAnalysis::~AudioAnalysis() = default;
AudioAnalysis::AudioAnalysis(AudioAnalysis&&) noexcept = default;
AudioAnalysis& AudioAnalysis::operator=(AudioAnalysis&&) noexcept = default;

void AudioAnalysis::push(const float* samples, int64_t num_samples) {
  impl_->push(samples, num_samples);
}

void AudioAnalysis::finish() {
  if (impl_->is_finished) return;
  impl_->compute();
  impl_->is_finished = true;
  impl_->emit();
}

Table AudioAnalysis::take_frames() {
  Table out = std::exchange(impl_->table, {});
  impl_->table.columns = impl_->columns;
  return out;
}

Table AudioAnalysis::intervals() {
  return impl_->intervals();
}
const std::vector<Column>& AudioAnalysis::columns() const {
  return impl_->columns;
}

AudioTables analyse_audio(const std::vector<float>& samples, int64_t sample_rate_hz,
                          const AudioAnalysisConfig& config, double t0_s,
                          const std::vector<Interval>& intervals) {
  AudioAnalysis analysis(config, sample_rate_hz, t0_s, intervals);
  analysis.push(samples.data(), static_cast<int64_t>(samples.size()));
  analysis.finish();
  return {analysis.take_frames(), analysis.intervals()};
}

}  // namespace limbic::signals
