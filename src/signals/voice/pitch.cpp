#include "limbic/signals/voice/pitch.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/signals/table.h"
#include "voice/pitch_frames.h"
#include "voice/pitch_path.h"

namespace limbic::signals {
namespace {

const PitchConfig& checked_pitch(const PitchConfig& config) {
  config::ThrowingChecks checks("pitch");
  config.validate(checks);
  return config;
}

double automatic_hop_s(const PitchConfig& c) {
  if (c.hop_s > 0) return c.hop_s;
  if (c.method == PitchMethod::kSubharmonicSum) return 0.01;
  return (c.method == PitchMethod::kAutocorrelation ? 0.75 : 0.25) / c.floor_hz;
}

CorrelationFrames::Options options_of(const PitchConfig& c) {
  using Window = CorrelationFrames::Window;
  constexpr int64_t kDepth = 70;
  constexpr int64_t kAccurateDepth = 700;
  const int64_t depth = c.very_accurate ? kAccurateDepth : kDepth;
  if (c.method == PitchMethod::kCrossCorrelation) return {Window::kNone, c.floor_hz, 1.0, depth};
  return {c.very_accurate ? Window::kGaussian : Window::kHann, c.floor_hz, 3.0, depth};
}

}  // namespace

void PitchConfig::validate(config::Checks& checks) const {
  const auto got = [](double value) { return ", got " + std::to_string(value); };
  checks.expect(floor_hz >= 10 && floor_hz <= 2000, "floor_hz", "must be in [10, 2000]" + got(floor_hz));
  checks.expect(ceiling_hz > floor_hz && ceiling_hz <= 20000, "ceiling_hz",
                "must be above floor_hz and at most 20000" + got(ceiling_hz));
  checks.expect(hop_s == 0 || (hop_s >= 1e-4 && hop_s <= 10), "hop_s",
                "must be 0 (automatic) or in [0.0001, 10]" + got(hop_s));
  checks.expect(max_candidates >= 2 && max_candidates <= 100, "max_candidates",
                "must be in [2, 100], got " + std::to_string(max_candidates));
  const auto expect_cost = [&](double value, const char* name) {
    checks.expect(value >= 0 && value <= 100, name, "must be in [0, 100]" + got(value));
  };
  expect_cost(silence_threshold, "silence_threshold");
  expect_cost(voicing_threshold, "voicing_threshold");
  expect_cost(octave_cost, "octave_cost");
  expect_cost(octave_jump_cost, "octave_jump_cost");
  expect_cost(voiced_unvoiced_cost, "voiced_unvoiced_cost");
  checks.expect(shs_harmonics >= 1 && shs_harmonics <= 100, "shs_harmonics",
                "must be in [1, 100], got " + std::to_string(shs_harmonics));
  checks.expect(shs_compression > 0 && shs_compression <= 1, "shs_compression",
                "must be in (0, 1]" + got(shs_compression));
  checks.expect(shs_max_hz > floor_hz && shs_max_hz <= 20000, "shs_max_hz",
                "must be above floor_hz and at most 20000" + got(shs_max_hz));
}

double PitchTrack::mean_hz() const {
  double sum = 0;
  int64_t count = 0;
  for (double f0 : f0_hz) {
    if (!(f0 > 0)) continue;
    sum += f0;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : kMissing;
}

double PitchTrack::f0_at(double time_s) const {
  if (f0_hz.empty()) return kMissing;
  const double position = (time_s - first_s) / hop_s;
  const double below = std::floor(position);
  const auto value = [this](double frame) {
    return frame >= 0 && frame < static_cast<double>(f0_hz.size()) ? f0_hz[static_cast<size_t>(frame)]
                                                                   : kMissing;
  };
  const double left = value(below);
  const double right = value(below + 1);
  const double phase = position - below;
  if (phase == 0) return left;
  if (left > 0 && right > 0) return left + phase * (right - left);
  return phase < 0.5 ? left : right;
}

void check_voice_rate(double rate_hz) {
  require(rate_hz >= 1000 && rate_hz <= 1e6, ErrorCode::kConfig,
          "voice: sample rate " + std::to_string(rate_hz) +
              " Hz; expected 1000 to 1000000; read it from the file's header");
}

std::vector<double> finite_samples(const float* samples, int64_t num_samples, int64_t first_index) {
  std::vector<double> x(static_cast<size_t>(std::max<int64_t>(0, num_samples)));
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<double>(samples[i]);
    if (!std::isfinite(x[i])) {
      throw Error(ErrorCode::kData,
                  "voice: sample " + std::to_string(first_index + static_cast<int64_t>(i)) +
                      " is not finite; expected audio without gaps; cut the recording there");
    }
  }
  return x;
}

AudioLevel level_of(const std::vector<double>& samples) {
  AudioLevel level;
  if (samples.empty()) return level;
  for (double x : samples) level.mean += x;
  level.mean /= static_cast<double>(samples.size());
  for (double x : samples) level.peak = std::max(level.peak, std::abs(x - level.mean));
  return level;
}

PitchFrames::PitchFrames(const PitchConfig& config, double rate_hz)
    : config_(config),
      rate_hz_(rate_hz),
      hop_s_(automatic_hop_s(config)),
      ceiling_hz_(std::min(config.ceiling_hz, 0.5 * rate_hz)) {
  check_voice_rate(rate_hz);
  checked_pitch(config);
  // As many candidates as there are octaves of undertones at least.
  config_.max_candidates =
      std::max(config.max_candidates, static_cast<int64_t>(std::floor(ceiling_hz_ / config.floor_hz)));
  if (config.method == PitchMethod::kSubharmonicSum) {
    subharmonic_.emplace(config_);
    resampled_.emplace(rate_hz, subharmonic_->low_rate_hz());
  } else {
    correlation_.emplace(options_of(config), rate_hz);
  }
}

double PitchFrames::window_s() const {
  return correlation_ ? correlation_->window_s() : subharmonic_->window_s();
}

void PitchFrames::compute(const SampleSpan& x, const AudioLevel& level, const FrameGrid& grid, int64_t first,
                          int64_t last, std::vector<PitchFrame>& out) const {
  constexpr auto kStep = static_cast<int64_t>(kLanes);
  SampleSpan low;
  std::vector<double> low_samples;
  if (subharmonic_ && last > first) {
    const double rate = resampled_->out_rate_hz();
    const double half_s = 0.5 * window_s();
    low.rate_hz = rate;
    low.first = std::max<int64_t>(0, static_cast<int64_t>((grid.time_of(first) - half_s) * rate) - 2);
    low.last = static_cast<int64_t>((grid.time_of(last - 1) + half_s) * rate) + 2;
    low_samples = resampled_->compute(x, 0.0, low.first, low.last);
    low.data = low_samples.data();
  }
  for (int64_t k = first; k < last; k += kStep) {
    const int64_t used = std::min(kStep, last - k);
    double times_s[kLanes];
    for (int64_t j = 0; j < used; ++j) times_s[j] = grid.time_of(k + j);
    if (subharmonic_) {
      PitchFrame frames[kLanes];
      subharmonic_->compute(low, x, level, times_s, used, frames);
      for (int64_t j = 0; j < used; ++j) out.push_back(std::move(frames[j]));
      continue;
    }
    std::vector<double> r[kLanes];
    double intensity[kLanes];
    correlation_->correlate(x, level, times_s, used, r, intensity);
    for (int64_t j = 0; j < used; ++j) {
      out.push_back({correlation_->maxima(r[j], 0.5 * config_.voicing_threshold, config_.max_candidates,
                                          config_.octave_cost),
                     intensity[j]});
    }
  }
}

struct Pitch::Impl {
  PitchConfig config;
  double rate_hz;
  PitchFrames frames;

  Impl(const PitchConfig& c, double rate) : config(c), rate_hz(rate), frames(c, rate) {}
};

Pitch::Pitch(const PitchConfig& config, double rate_hz)
    : impl_(std::make_unique<const Impl>(config, rate_hz)) {}
Pitch::~Pitch() = default;
Pitch::Pitch(Pitch&&) noexcept = default;
Pitch& Pitch::operator=(Pitch&&) noexcept = default;

PitchTrack Pitch::compute(const float* samples, int64_t num_samples) const {
  const auto x = finite_samples(samples, num_samples);
  const FrameGrid grid = impl_->frames.grid(num_samples);
  std::vector<PitchFrame> frames;
  const AudioLevel level = level_of(x);
  for (const RecordingPiece& piece : recording_pieces(num_samples, impl_->rate_hz)) {
    const SampleSpan part{x.data() + piece.first, piece.first, piece.last, impl_->rate_hz};
    impl_->frames.compute(part, level, grid, grid.from(piece.start_s), grid.from(piece.end_s), frames);
  }
  PitchPath path(impl_->config, impl_->frames.ceiling_hz(), grid.hop_s);
  std::vector<PitchDecision> decided;
  for (PitchFrame& frame : frames) path.push(std::move(frame), decided);
  path.finish(decided);
  PitchTrack track;
  track.first_s = grid.first_s;
  track.hop_s = grid.hop_s;
  for (const PitchDecision& d : decided) {
    track.f0_hz.push_back(d.f0_hz);
    track.strength.push_back(d.strength);
    track.intensity.push_back(d.intensity);
  }
  return track;
}

const PitchConfig& Pitch::config() const {
  return impl_->config;
}
double Pitch::window_s() const {
  return impl_->frames.window_s();
}

}  // namespace limbic::signals
