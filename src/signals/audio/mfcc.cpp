#include "limbic/signals/audio/mfcc.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "dsp/constants.h"
#include "frame_reader.h"
#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

const MfccConfig& checked_mfcc(const MfccConfig& config) {
  config::ThrowingChecks checks("mfcc");
  config.validate(checks);
  return config;
}

bool has_energy(Zeroth zeroth) {
  return zeroth == Zeroth::kEnergyFirst || zeroth == Zeroth::kEnergyLast;
}

}  // namespace

LogMelConfig MfccConfig::kaldi_mel() {
  LogMelConfig mel;
  mel.num_mels = 23;
  return mel;
}

MfccConfig MfccConfig::librosa(int64_t sample_rate_hz) {
  MfccConfig c;
  c.mel = LogMelConfig::librosa(sample_rate_hz);
  c.num_cepstra = 20;
  c.lifter = 0;
  c.lifter_index = Lifter::kFromOne;
  return c;
}

MfccConfig MfccConfig::htk(int64_t sample_rate_hz) {
  MfccConfig c;
  c.mel.sample_rate_hz = sample_rate_hz;
  c.mel.window_samples = sample_rate_hz / 40;
  c.mel.hop_samples = sample_rate_hz / 100;
  c.mel.num_mels = 26;
  c.mel.low_hz = 0;
  c.mel.window = WindowShape::kHamming;
  c.mel.remove_dc = false;
  c.mel.power = 1.0;
  c.mel.floor = 1.0;
  c.mel.sample_scale = SampleScale::kInt16;
  c.norm = DctNorm::kHtk;
  c.zeroth = Zeroth::kLast;
  return c;
}

void MfccConfig::validate(config::Checks& checks) const {
  const int64_t most = zeroth == Zeroth::kOmitted ? mel.num_mels - 1 : mel.num_mels;
  checks.expect(num_cepstra >= 1 && num_cepstra <= most, "num_cepstra",
                "must be in [1, " + std::to_string(most) + "] with " + std::to_string(mel.num_mels) +
                    " mels, got " + std::to_string(num_cepstra));
  checks.expect(lifter >= 0 && std::isfinite(lifter), "lifter",
                "must not be negative, got " + std::to_string(lifter));
  checks.expect(norm != DctNorm::kHtk || dct == DctType::kTwo, "norm", "htk needs dct: 2");
  checks.expect(dct != DctType::kOne || mel.num_mels >= 2, "dct", "type 1 needs at least 2 mels");
}

std::vector<double> cosine_transform(DctType type, DctNorm norm, int64_t num_rows, int64_t num_points) {
  require(norm != DctNorm::kHtk || type == DctType::kTwo, ErrorCode::kConfig,
          "cosine_transform: norm htk needs type 2");
  require(num_points >= (type == DctType::kOne ? 2 : 1), ErrorCode::kConfig,
          "cosine_transform: too few points for its type");
  const auto n = static_cast<double>(num_points);
  const bool is_orthonormal = norm == DctNorm::kOrthonormal;
  std::vector<double> rows;
  for (int64_t k = 0; k < num_rows; ++k) {
    for (int64_t i = 0; i < num_points; ++i) {
      const auto row = static_cast<double>(k);
      const auto point = static_cast<double>(i);
      double weight = 0;
      if (type == DctType::kTwo) {
        weight = 2.0 * std::cos(kPi * row * (point + 0.5) / n);
        if (is_orthonormal) weight *= std::sqrt((k == 0 ? 0.25 : 0.5) / n);
        if (norm == DctNorm::kHtk) weight *= std::sqrt(0.5 / n);
      } else if (type == DctType::kThree) {
        weight = (i == 0 ? 1.0 : 2.0) * std::cos(kPi * (row + 0.5) * point / n);
        if (is_orthonormal) weight *= i == 0 ? std::sqrt(1.0 / n) : std::sqrt(0.5 / n);
      } else {
        const bool is_end = i == 0 || i == num_points - 1;
        const bool is_end_row = k == 0 || k == num_points - 1;
        weight = (is_end ? 1.0 : 2.0) * std::cos(kPi * row * point / (n - 1));
        if (is_orthonormal)
          weight *= (is_end ? std::sqrt(2.0) : 1.0) * 0.5 * std::sqrt((is_end_row ? 1.0 : 2.0) / (n - 1));
      }
      rows.push_back(weight);
    }
  }
  return rows;
}

struct Mfcc::Impl {
  MfccConfig config;
  LogMel mel;
  FrameReader frames;
  std::vector<double> rows;  ///< liftered, in the order of the output
  int64_t energy_at = -1;    ///< which of the output is the energy

  explicit Impl(const MfccConfig& c) : config(c), mel(c.mel), frames(frame_layout(c.mel)) {
    const int64_t points = c.mel.num_mels;
    const int64_t count = c.num_cepstra;
    const auto transform = cosine_transform(c.dct, c.norm, std::min(points, count + 1), points);
    const bool is_last = c.zeroth == Zeroth::kLast || c.zeroth == Zeroth::kEnergyLast;
    if (has_energy(c.zeroth)) energy_at = is_last ? count - 1 : 0;
    for (int64_t out = 0; out < count; ++out) {
      int64_t k = out;
      if (c.zeroth == Zeroth::kOmitted) k = out + 1;
      if (is_last) k = (out + 1) % count;
      const double index = static_cast<double>(k + (c.lifter_index == Lifter::kFromOne ? 1 : 0));
      const double lift = c.lifter > 0 ? 1.0 + 0.5 * c.lifter * std::sin(kPi * index / c.lifter) : 1.0;
      for (int64_t i = 0; i < points; ++i)
        rows.push_back(lift * transform[static_cast<size_t>(k * points + i)]);
    }
  }

  void of_log_mel(const float* log_mel_F, float* out_C) const {
    const auto points = static_cast<size_t>(config.mel.num_mels);
    for (size_t c = 0; c < static_cast<size_t>(config.num_cepstra); ++c) {
      const double* row = rows.data() + c * points;
      double sum = 0;
      for (size_t i = 0; i < points; ++i) sum += row[i] * static_cast<double>(log_mel_F[i]);
      out_C[c] = static_cast<float>(sum);
    }
  }
};

Mfcc::Mfcc(const MfccConfig& config) : impl_(std::make_unique<const Impl>(checked_mfcc(config))) {}
Mfcc::~Mfcc() = default;
Mfcc::Mfcc(Mfcc&&) noexcept = default;
Mfcc& Mfcc::operator=(Mfcc&&) noexcept = default;

void Mfcc::compute(const float* samples, int64_t num_samples, std::vector<float>& out_TC) const {
  const MfccConfig& c = impl_->config;
  std::vector<float> mel_TF;
  impl_->mel.compute(samples, num_samples, mel_TF);
  const int64_t total = impl_->mel.num_frames(num_samples);
  out_TC.resize(static_cast<size_t>(total * c.num_cepstra));
  std::vector<double> frame(static_cast<size_t>(c.mel.window_samples));
  for (int64_t t = 0; t < total; ++t) {
    float* out = out_TC.data() + t * c.num_cepstra;
    impl_->of_log_mel(mel_TF.data() + t * c.mel.num_mels, out);
    if (impl_->energy_at >= 0) {
      double energy = 0;
      impl_->frames.read(samples, num_samples, t, frame.data(), &energy);
      out[impl_->energy_at] = static_cast<float>(std::log(std::max(energy, c.mel.floor)));
    }
  }
}

void Mfcc::of_log_mel(const float* log_mel_F, float* out_C) const {
  impl_->of_log_mel(log_mel_F, out_C);
}
const LogMel& Mfcc::log_mel() const {
  return impl_->mel;
}
const MfccConfig& Mfcc::config() const {
  return impl_->config;
}

}  // namespace limbic::signals
