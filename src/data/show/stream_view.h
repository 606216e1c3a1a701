#pragma once
#include <string>

#include "limbic/affect/stream.h"
#include "limbic/data/dataset_info.h"

namespace limbic::data {

/// HTML of one stream of one sample: pictures, sound, curves or text, as its kind asks.
std::string stream_html(const affect::Stream& stream, const RawModality& modality);

}  // namespace limbic::data
