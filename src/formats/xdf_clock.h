#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "limbic/formats/sensor_recording.h"

namespace limbic::formats::detail {

/// One measurement of a stream's clock: at `time_s` of the sender, the recorder's clock was `offset_s` ahead.
struct XdfOffset {
  double time_s;
  double offset_s;
};

/// Moves a stream's time stamps onto the recorder's clock: a line through the offsets with Huber loss (0.1
/// ms), so that measurements that waited in the network do not bend it; one line for each run of the sender's
/// clock (a restart begins a new one).
/// @returns the first sample of each run but the first
std::vector<size_t> synchronise(std::vector<double>& time_s, const std::vector<XdfOffset>& offsets);

/// Gives a stream that was sent at an even rate even times: a line through the time stamps of each part
/// between drop-outs. One rate for all parts, and NaN in between, when that places every sample within half a
/// period; otherwise each sample keeps its own (even) time and the stream is irregular.
/// @param breaks  samples that begin a new part in any case
void straighten(SensorStream& stream, std::vector<double> time_s, double nominal_hz,
                std::vector<size_t> breaks, const SensorReadOptions& options,
                std::vector<std::string>& notes);

}  // namespace limbic::formats::detail
