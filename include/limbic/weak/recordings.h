#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/data/store.h"
#include "limbic/signals/time_series.h"

namespace limbic::weak {

/// Samples of one recording and the series that they hold together.
struct Recording {
  std::vector<int64_t> samples;  ///< rows of the store, by time
  signals::TimeSeries series;    ///< on the recording's clock; NaN between samples and where invalid
};

/// Puts the windows of a stream together in time: samples of the same corpus, subject, session and clip, on
/// the clock that they share, are one recording unless more than `max_gap_s` lies between them. What no
/// sample of `indices` covers is missing, so nothing of other parts of a split is seen. Overlapping windows
/// hold the same values; the later one's are kept. Samples without the stream are left out.
/// @param column  empty = the only one
/// @throws Error(kConfig) no such stream or column; Error(kData) a stream without a rate, or windows of one
/// recording at different rates
std::vector<Recording> assemble_recordings(const data::Store& store, const std::vector<int64_t>& indices,
                                           const std::string& stream, const std::string& column,
                                           double max_gap_s);

/// Place of a column of a series. @param column  empty = the only one
/// @throws Error(kConfig) with what there is
int64_t column_place(const data::Store& store, const std::string& stream, const std::string& column);

}  // namespace limbic::weak
