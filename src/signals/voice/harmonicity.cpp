#include "limbic/signals/voice/harmonicity.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/signals/table.h"
#include "voice/harmonicity_frames.h"
#include "voice/pitch_frames.h"

namespace limbic::signals {
namespace {

constexpr double kHighestDb = 150;

CorrelationFrames::Options harmonicity_options(const HarmonicityConfig& c, double rate_hz) {
  check_voice_rate(rate_hz);
  config::ThrowingChecks checks("harmonicity");
  c.validate(checks);
  using Window = CorrelationFrames::Window;
  constexpr int64_t kDepth = 700;
  const Window window = c.method == HarmonicityMethod::kAutocorrelation ? Window::kGaussian : Window::kNone;
  return {window, c.floor_hz, c.resolved_periods(), kDepth};
}

double decibel_of(double r) {
  if (r <= 0) return -kHighestDb;
  if (r >= 1) return kHighestDb;
  return std::clamp(10.0 * std::log10(r / (1.0 - r)), -kHighestDb, kHighestDb);
}

}  // namespace

void HarmonicityConfig::validate(config::Checks& checks) const {
  const auto got = [](double value) { return ", got " + std::to_string(value); };
  checks.expect(hop_s >= 1e-4 && hop_s <= 10, "hop_s", "must be in [0.0001, 10]" + got(hop_s));
  checks.expect(floor_hz >= 10 && floor_hz <= 2000, "floor_hz", "must be in [10, 2000]" + got(floor_hz));
  checks.expect(silence_threshold >= 0 && silence_threshold <= 1, "silence_threshold",
                "must be in [0, 1]" + got(silence_threshold));
  checks.expect(periods == 0 || (periods >= 1 && periods <= 20), "periods",
                "must be 0 (default of the method) or in [1, 20]" + got(periods));
}

double HarmonicityTrack::mean_db() const {
  double sum = 0;
  int64_t count = 0;
  for (double db : hnr_db) {
    if (std::isnan(db)) continue;
    sum += db;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : kMissing;
}

HarmonicityFrames::HarmonicityFrames(const HarmonicityConfig& config, double rate_hz)
    : config_(config), rate_hz_(rate_hz), correlation_(harmonicity_options(config, rate_hz), rate_hz) {}

void HarmonicityFrames::compute(const SampleSpan& x, const AudioLevel& level, const FrameGrid& grid,
                                int64_t first, int64_t last, std::vector<double>& hnr_db) const {
  constexpr auto kStep = static_cast<int64_t>(kLanes);
  for (int64_t k = first; k < last; k += kStep) {
    const int64_t used = std::min(kStep, last - k);
    double times_s[kLanes];
    for (int64_t j = 0; j < used; ++j) times_s[j] = grid.time_of(k + j);
    std::vector<double> r[kLanes];
    double intensity[kLanes];
    correlation_.correlate(x, level, times_s, used, r, intensity);
    for (int64_t j = 0; j < used; ++j) {
      // The same competition as for F0: "silent" grows stronger as the frame gets quieter.
      const double silent =
          config_.silence_threshold > 0 ? std::max(0.0, 2.0 - intensity[j] / config_.silence_threshold) : 0.0;
      double db = kMissing;
      if (silent < 1.0 || config_.silence_threshold == 0) {
        const PitchCandidate best = correlation_.strongest(r[j]);
        if (best.strength > silent) db = decibel_of(best.strength);
      }
      hnr_db.push_back(db);
    }
  }
}

HarmonicityTrack harmonicity(const float* samples, int64_t num_samples, double rate_hz,
                             const HarmonicityConfig& config) {
  const HarmonicityFrames frames(config, rate_hz);
  const auto x = finite_samples(samples, num_samples);
  const SampleSpan span{x.data(), 0, static_cast<int64_t>(x.size()), rate_hz};
  const FrameGrid grid = frames.grid(num_samples);
  HarmonicityTrack track{grid.first_s, grid.hop_s, {}};
  frames.compute(span, level_of(x), grid, 0, grid.count, track.hnr_db);
  return track;
}

}  // namespace limbic::signals
