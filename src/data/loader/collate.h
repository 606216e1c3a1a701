#pragma once
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/data/loader.h"
#include "loader/batch_buffers.h"
#include "loader/feature_source.h"

namespace limbic::data {

/// Rows of one modality, one copy each, side by side; what is shorter than the longest is padded with zeros
/// and masked. Counts frames into `profile`.
affect::ModalityBatch collate(const LoaderModality& modality, const std::vector<SampleRow>& rows,
                              BatchBuffers& buffers, LoaderProfile& profile);

}  // namespace limbic::data
