#include "limbic/signals/voice/egemaps.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "limbic/core/error.h"
#include "voice/egemaps_stream.h"

namespace limbic::signals {
namespace {

constexpr int64_t kMinRate_hz = 8000;
constexpr int64_t kMaxRate_hz = 192000;

struct Named {
  const char* name;
  const char* unit;
  const char* doc;
};

// In the order of SpectralColumn and VoiceColumn.
constexpr std::array<Named, kEgemapsSpectral> kSpectralNames = {{
    {"Loudness", "1", "mean of 26 auditory bands"},
    {"alphaRatio", "dB", "energy of 1-5 kHz over that below 1 kHz"},
    {"hammarbergIndex", "dB", "strongest bin below 2 kHz over that of 2-5 kHz"},
    {"slope0-500", "dB/Hz", "slope of the log spectrum up to 500 Hz"},
    {"slope500-1500", "dB/Hz", "slope of the log spectrum from 500 to 1500 Hz"},
    {"spectralFlux", "1", "RMS change of the magnitudes up to 5 kHz since the frame before"},
    {"mfcc1", "1", "cepstral coefficient 1, HTK"},
    {"mfcc2", "1", "cepstral coefficient 2, HTK"},
    {"mfcc3", "1", "cepstral coefficient 3, HTK"},
    {"mfcc4", "1", "cepstral coefficient 4, HTK"},
}};
constexpr std::array<Named, kEgemapsVoice> kVoiceNames = {{
    {"F0semitoneFrom27.5Hz", "semitone", "F0 by subharmonic summation"},
    {"jitterLocal", "1", "mean change of the period over its mean"},
    {"shimmerLocaldB", "dB", "mean change of the period's amplitude"},
    {"HNRdBACF", "dB", "harmonics to noise by autocorrelation"},
    {"logRelF0-H1-H2", "dB", "level of 2 F0 over 3 F0"},
    {"logRelF0-H1-A3", "dB", "level of 2 F0 over the strongest harmonic near F3"},
    {"F1frequency", "Hz", "formant 1"},
    {"F1bandwidth", "Hz", "bandwidth of formant 1"},
    {"F1amplitudeLogRelF0", "dB", "strongest harmonic near F1 over F0"},
    {"F2frequency", "Hz", "formant 2"},
    {"F2bandwidth", "Hz", "bandwidth of formant 2"},
    {"F2amplitudeLogRelF0", "dB", "strongest harmonic near F2 over F0"},
    {"F3frequency", "Hz", "formant 3"},
    {"F3bandwidth", "Hz", "bandwidth of formant 3"},
    {"F3amplitudeLogRelF0", "dB", "strongest harmonic near F3 over F0"},
}};

std::vector<Column> lld_columns() {
  std::vector<Column> out;
  for (const Named& n : kSpectralNames) out.push_back({std::string(n.name) + "_sma3", n.unit, n.doc});
  for (const Named& n : kVoiceNames) out.push_back({std::string(n.name) + "_sma3nz", n.unit, n.doc});
  return out;
}

std::vector<Column> functional_columns() {
  std::vector<Column> out;
  const auto put_contour = [&out](const std::string& name, const char* unit) {
    const std::string per_s = std::string(unit) + "/s";
    out.push_back({name + "_amean", unit, "mean"});
    out.push_back({name + "_stddevNorm", "1", "standard deviation over mean"});
    for (const char* p : {"20.0", "50.0", "80.0"}) {
      out.push_back({name + "_percentile" + p, unit, std::string("percentile ") + p});
    }
    out.push_back({name + "_pctlrange0-2", unit, "percentile 80 minus percentile 20"});
    out.push_back({name + "_meanRisingSlope", per_s, "mean slope where it rises"});
    out.push_back({name + "_stddevRisingSlope", per_s, "deviation of these"});
    out.push_back({name + "_meanFallingSlope", per_s, "mean slope where it falls"});
    out.push_back({name + "_stddevFallingSlope", per_s, "deviation of these"});
  };
  const auto put_moments = [&out](const Named& n, const std::string& name, const std::string& where) {
    out.push_back({name + "_amean", n.unit, "mean" + where + ": " + n.doc});
    out.push_back({name + "_stddevNorm", "1", "standard deviation over mean" + where + ": " + n.doc});
  };
  // "slope0-500" of voiced frames is "slopeV0-500", "alphaRatio" is "alphaRatioV".
  const auto marked = [](const Named& n, const std::string& mark) {
    const std::string name = n.name;
    const std::string stem = "slope";
    if (name.compare(0, stem.size(), stem) == 0) return stem + mark + name.substr(stem.size()) + "_sma3nz";
    return name + mark + "_sma3nz";
  };
  put_contour("F0semitoneFrom27.5Hz_sma3nz", "semitone");
  put_contour("loudness_sma3", "1");
  for (size_t i = kFlux; i < kEgemapsSpectral; ++i) {
    put_moments(kSpectralNames[i], std::string(kSpectralNames[i].name) + "_sma3", "");
  }
  for (size_t i = kJitter; i < kEgemapsVoice; ++i) {
    put_moments(kVoiceNames[i], std::string(kVoiceNames[i].name) + "_sma3nz", " of voiced frames");
  }
  for (size_t i = kAlphaRatio; i < kEgemapsSpectral; ++i) {
    put_moments(kSpectralNames[i], marked(kSpectralNames[i], "V"), " of voiced frames");
  }
  for (size_t i = kAlphaRatio; i <= kFlux; ++i) {
    out.push_back({marked(kSpectralNames[i], "UV") + "_amean", kSpectralNames[i].unit,
                   std::string("mean of unvoiced frames: ") + kSpectralNames[i].doc});
  }
  out.push_back({"loudnessPeaksPerSec", "1/s", "peaks of loudness"});
  out.push_back({"VoicedSegmentsPerSec", "1/s", "stretches of voice"});
  out.push_back({"MeanVoicedSegmentLengthSec", "s", "mean length of these"});
  out.push_back({"StddevVoicedSegmentLengthSec", "s", "standard deviation of their lengths"});
  out.push_back({"MeanUnvoicedSegmentLength", "s", "mean length of stretches without voice"});
  out.push_back({"StddevUnvoicedSegmentLength", "s", "standard deviation of their lengths"});
  out.push_back({"equivalentSoundLevel_dBp", "dB", "mean power re full scale"});
  return out;
}

std::vector<std::string> names_of(const std::vector<Column>& columns) {
  std::vector<std::string> out;
  for (const Column& column : columns) out.push_back(column.name);
  return out;
}

const EgemapsConfig& checked_egemaps(const EgemapsConfig& config) {
  config::ThrowingChecks checks("egemaps");
  config.validate(checks);
  return config;
}

}  // namespace

void EgemapsConfig::validate(config::Checks& checks) const {
  checks.expect(sample_rate_hz >= kMinRate_hz && sample_rate_hz <= kMaxRate_hz, "sample_rate_hz",
                "must be in [8000, 192000], got " + std::to_string(sample_rate_hz));
}

Egemaps::Egemaps(const EgemapsConfig& config)
    : tables_(std::make_shared<const Tables>(checked_egemaps(config))) {}
Egemaps::~Egemaps() = default;
Egemaps::Egemaps(Egemaps&&) noexcept = default;
Egemaps& Egemaps::operator=(Egemaps&&) noexcept = default;

const std::vector<std::string>& Egemaps::lld_names() {
  static const std::vector<std::string> names = names_of(lld_columns());
  return names;
}

const std::vector<std::string>& Egemaps::functional_names() {
  static const std::vector<std::string> names = names_of(functional_columns());
  return names;
}

const EgemapsConfig& Egemaps::config() const {
  return tables_->config;
}

Table Egemaps::frames(const float* samples, int64_t num_samples) const {
  EgemapsStream stream(*this);
  stream.push(samples, num_samples);
  stream.finish();
  return stream.take_frames();
}

std::vector<double> Egemaps::functionals(const float* samples, int64_t num_samples) const {
  EgemapsStream stream(*this);
  // The frames are not asked for: let them go a minute at a time.
  const int64_t piece = 60 * tables_->config.sample_rate_hz;
  for (int64_t done = 0; done < num_samples; done += piece) {
    stream.push(samples + done, std::min(piece, num_samples - done));
    stream.take_frames();
  }
  stream.finish();
  return stream.functionals();
}

Table Egemaps::intervals(const float* samples, int64_t num_samples,
                         const std::vector<Interval>& windows) const {
  Table out;
  out.columns = functional_columns();
  const auto rate = static_cast<double>(tables_->config.sample_rate_hz);
  const auto sample_of = [&](double time_s) {
    return static_cast<int64_t>(std::clamp(std::round(time_s * rate), 0.0, static_cast<double>(num_samples)));
  };
  for (const Interval& window : windows) {
    require(window.start_s <= window.end_s, ErrorCode::kData,
            "egemaps: window from " + std::to_string(window.start_s) + " s to " +
                std::to_string(window.end_s) + " s; expected start <= end");
    const int64_t first = sample_of(window.start_s);
    out.add_row(window.start_s, window.end_s, functionals(samples + first, sample_of(window.end_s) - first));
  }
  return out;
}

EgemapsStream::EgemapsStream(const Egemaps& analysis) : state_(std::make_unique<State>(analysis.tables_)) {}
EgemapsStream::~EgemapsStream() = default;
EgemapsStream::EgemapsStream(EgemapsStream&&) noexcept = default;
EgemapsStream& EgemapsStream::operator=(EgemapsStream&&) noexcept = default;

void EgemapsStream::push(const float* samples, int64_t num_samples) {
  state_->push(samples, num_samples);
}

void EgemapsStream::finish() {
  state_->finish();
}

Table EgemapsStream::take_frames() {
  Table out = state_->take_frames();
  out.columns = lld_columns();
  return out;
}

std::vector<double> EgemapsStream::functionals() const {
  require(state_->finished, ErrorCode::kInternal, "egemaps: functionals() before finish()");
  return state_->summary.functionals();
}

}  // namespace limbic::signals
