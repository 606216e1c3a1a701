#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "limbic/affect/stream.h"
#include "limbic/features/feature_config.h"
#include "limbic/signals/audio/log_mel.h"
#include "limbic/signals/voice/voice_functionals.h"

namespace limbic::features {

/// log_mel_stream with tables that are ready. @param valid_S  null, or one flag a sample
affect::Stream log_mel_stream_with(const signals::LogMel& mel, const LogMelFeature& feature,
                                   const float* samples, int64_t num_samples, core::Timestamp t0,
                                   const bool* valid_S = nullptr);
affect::Stream log_mel_stream_with(const signals::LogMel& mel, const LogMelFeature& feature,
                                   const int16_t* samples, int64_t num_samples, core::Timestamp t0,
                                   const bool* valid_S = nullptr);

/// voice_functionals_stream with tables that are ready. Samples that are not valid count as silence.
affect::Stream voice_functionals_stream_with(const signals::VoiceFunctionals& functionals,
                                             const float* samples, int64_t num_samples, core::Timestamp t0,
                                             const bool* valid_S = nullptr);
affect::Stream voice_functionals_stream_with(const signals::VoiceFunctionals& functionals,
                                             const int16_t* samples, int64_t num_samples, core::Timestamp t0,
                                             const bool* valid_S = nullptr);

/// Samples in [-1, 1], in frames. @param valid_S  null, or one flag a sample
affect::Stream waveform_stream(const WaveformFeature& feature, const float* samples, int64_t num_samples,
                               core::Timestamp t0, const bool* valid_S);
affect::Stream waveform_stream(const WaveformFeature& feature, const int16_t* samples, int64_t num_samples,
                               core::Timestamp t0, const bool* valid_S);

/// Throws Error(kData) with the place of the first sample that is not a finite number.
void check_finite(const float* samples, int64_t num_samples, int64_t sample_rate_hz);
inline void check_finite(const int16_t*, int64_t, int64_t) {}

/// Scales x (num_frames, num_features) in place by its own statistics over valid frames and zeroes the
/// others.
/// @param valid  num_frames flags
void normalise_frames(float* x, int64_t num_frames, int64_t num_features, const bool* valid, Normalise how);

/// bool (T), true throughout when `valid_T` is undefined. @throws Error(kData) when it has another shape or
/// type
at::Tensor checked_valid(const at::Tensor& valid_T, int64_t num_frames, const std::string& what);

/// Throws Error(kConfig) at the first value of `feature` that is out of range. @param name  for the message
void check_feature(const ModalityFeature& feature, const std::string& name);

}  // namespace limbic::features
