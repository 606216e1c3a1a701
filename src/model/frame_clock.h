#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/nn/frame_head.h"
#include "modality_branch.h"

namespace limbic::model {

/// Rows at `rate_hz` from the samples' start to the end of the last real frame of any modality, at least 1.
/// @throws Error(kModel) for a batch that does not say when its frames are
int64_t num_rows_of(const affect::Batch& batch, const std::vector<ModalityBranch>& branches, double rate_hz);

/// Where the tokens that an encoder has made of `stream` lie. How many frames a token stands for follows from
/// the config of encoders that pool over time, else from the ratio of frames and tokens in the batch.
/// @param stream  null where the batch lacks the modality
nn::TokenClock clock_of(const nn::EncoderConfig& encoder, const affect::ModalityBatch* stream,
                        const nn::ModalityFeatures& features);

}  // namespace limbic::model
