#include "limbic/data/augmenter.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "augment/wave.h"
#include "limbic/core/error.h"

namespace limbic::data {
namespace {

template <class Step>
constexpr bool kIsRaw = std::is_same_v<Step, WaveAugment> || std::is_same_v<Step, TextAugment>;

std::vector<AugmentStep> steps_of(const AugmentVariant& config) {
  return std::visit(
      [](const auto& c) -> std::vector<AugmentStep> {
        if constexpr (std::is_same_v<std::decay_t<decltype(c)>, ChainAugment>) {
          return c.steps;
        } else {
          return {c};
        }
      },
      config);
}

bool is_raw(const AugmentStep& step) {
  return std::visit([](const auto& c) { return kIsRaw<std::decay_t<decltype(c)>>; }, step);
}

}  // namespace

void ChainAugment::validate(config::Checks& checks) const {
  checks.expect(!steps.empty(), "steps", "must not be empty");
  checks.expect(std::is_partitioned(steps.begin(), steps.end(), is_raw), "steps",
                "changes of raw streams (wave, text) come before those of features");
}

struct Augmenter::Impl {
  std::vector<std::variant<WaveChanger, TextAugment>> raw;
  AugmentVariant config;
};

Augmenter::Augmenter(const AugmentVariant& config, const std::string& where, int64_t waveform_rate_hz,
                     const RawSource& others) {
  auto impl = std::make_unique<Impl>();
  impl->config = config;
  for (const auto& step : steps_of(config)) {
    if (const auto* wave = std::get_if<WaveAugment>(&step)) {
      require(waveform_rate_hz > 0, ErrorCode::kConfig,
              where + ": `wave` changes waveforms; the feature of this modality is made from none");
      impl->raw.emplace_back(WaveChanger(*wave, where, static_cast<double>(waveform_rate_hz), others));
    } else if (const auto* text = std::get_if<TextAugment>(&step)) {
      impl->raw.emplace_back(*text);
    }
  }
  impl_ = std::move(impl);
}
Augmenter::~Augmenter() = default;

bool Augmenter::changes_raw() const {
  return !impl_->raw.empty();
}

affect::Stream Augmenter::before_features(const affect::Stream& raw, core::Rng& rng) const {
  affect::Stream stream = raw;
  for (const auto& step : impl_->raw) {
    if (const auto* wave = std::get_if<WaveChanger>(&step)) {
      stream = wave->change(stream, rng);
    } else {
      stream = change_text(stream, std::get<TextAugment>(step), rng);
    }
  }
  return stream;
}

affect::Stream Augmenter::after_features(const affect::Stream& stream, core::Rng& rng,
                                         int64_t max_frames) const {
  return augment(stream, impl_->config, rng, max_frames);
}

}  // namespace limbic::data
