#include "limbic/signals/voice/voice_functionals.h"

#include <algorithm>
#include <cmath>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "voice_groups.h"

namespace limbic::signals {
namespace {

constexpr const char* kGroupLeftOut = "mel_mean";

const VoiceFunctionalsConfig& checked_functionals(const VoiceFunctionalsConfig& config) {
  config::ThrowingChecks checks("voice_functionals");
  config.validate(checks);
  return config;
}

std::vector<Series> cepstral_cosines(size_t num_mels) {
  std::vector<Series> rows(kNumCepstra, Series(num_mels));
  for (size_t m = 0; m < num_mels; ++m) {
    Series unit(num_mels, 0.0);
    unit[m] = 1.0;
    for (size_t k = 0; k < kNumCepstra; ++k) rows[k][m] = cosine_coefficient(unit, k);
  }
  return rows;
}

}  // namespace

const std::vector<std::string>& voice_functional_groups() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const FunctionalGroup& group : functional_groups()) all.emplace_back(group.name);
    return all;
  }();
  return names;
}

void VoiceFunctionalsConfig::validate(config::Checks& checks) const {
  const auto& known = voice_functional_groups();
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::string& group = groups[i];
    checks.expect(
        std::find(known.begin(), known.end(), group) != known.end(), "groups",
        "no group '" + group + "'; groups: " + core::join(known) + core::did_you_mean(group, known));
    const auto here = groups.begin() + static_cast<std::ptrdiff_t>(i);
    checks.expect(std::find(groups.begin(), here, group) == here, "groups", "'" + group + "' is named twice");
  }
}

struct VoiceFunctionals::Impl {
  VoiceFunctionalsConfig config;
  VoiceFrames frames;
  RealFft modulation_fft{kModulationFrames};
  std::vector<Series> cosines;
  std::vector<FunctionalGroup> groups;  ///< in the order of the table, not of the config
  std::vector<std::string> names;

  explicit Impl(const VoiceFunctionalsConfig& c)
      : config(c), frames(c.frames), cosines(cepstral_cosines(static_cast<size_t>(c.frames.num_mels))) {
    for (const FunctionalGroup& group : functional_groups()) {
      const bool is_named = std::find(c.groups.begin(), c.groups.end(), group.name) != c.groups.end();
      if (is_named || (c.groups.empty() && std::string(group.name) != kGroupLeftOut)) groups.push_back(group);
    }
    VoiceTrack still;  // one silent frame, for the names
    still.num_frames = 1;
    still.log_mel_TF.assign(static_cast<size_t>(c.frames.num_mels), 0.0f);
    still.f0_log2 = still.strength = still.log_energy = still.zero_crossing = {0.0};
    std::vector<float> values;
    fill(still, values, &names);
  }

  void fill(const VoiceTrack& track, std::vector<float>& out, std::vector<std::string>* out_names) const {
    out.clear();
    const VoiceColumns clip(track, static_cast<size_t>(config.frames.num_mels), cosines);
    FunctionalSink sink(out, out_names);
    for (const FunctionalGroup& group : groups) group.put(clip, modulation_fft, sink);
  }

  void compute(const VoiceTrack& track, std::vector<float>& out) const {
    if (track.num_frames == 0) {
      out.assign(names.size(), 0.0f);
      return;
    }
    const auto wanted = static_cast<size_t>(track.num_frames * config.frames.num_mels);
    require(track.log_mel_TF.size() == wanted, ErrorCode::kInternal,
            "VoiceFunctionals: the track has another number of mels than the config");
    out.reserve(names.size());
    fill(track, out, nullptr);
  }
};

VoiceFunctionals::VoiceFunctionals(const VoiceFunctionalsConfig& config)
    : impl_(std::make_unique<const Impl>(checked_functionals(config))) {}
VoiceFunctionals::~VoiceFunctionals() = default;
VoiceFunctionals::VoiceFunctionals(VoiceFunctionals&&) noexcept = default;
VoiceFunctionals& VoiceFunctionals::operator=(VoiceFunctionals&&) noexcept = default;

const std::vector<std::string>& VoiceFunctionals::names() const {
  return impl_->names;
}

int64_t VoiceFunctionals::num_values() const {
  return static_cast<int64_t>(impl_->names.size());
}

void VoiceFunctionals::compute(const float* samples, int64_t num_samples, std::vector<float>& out) const {
  impl_->compute(impl_->frames.compute(samples, num_samples), out);
}

void VoiceFunctionals::compute(const VoiceTrack& track, std::vector<float>& out) const {
  impl_->compute(track, out);
}

const VoiceFrames& VoiceFunctionals::frames() const {
  return impl_->frames;
}

const VoiceFunctionalsConfig& VoiceFunctionals::config() const {
  return impl_->config;
}

}  // namespace limbic::signals
