#include <ATen/Functions.h>

#include <string>

#include "limbic/core/error.h"
#include "limbic/features/feature_extractor.h"
#include "streams.h"

namespace limbic::features {

affect::Stream face_stream(const affect::Stream& crops, const FaceCropFeature& feature) {
  check_feature(feature, FaceCropFeature::kType);
  affect::Stream stream = crops;
  stream.values = vision::resize_crops(crops.values, feature.size, feature.channels);
  stream.valid_T = checked_valid(crops.valid_T, stream.values.size(0), "face crops");
  return stream;
}

void FaceCropFeature::validate(config::Checks& checks) const {
  checks.expect(size >= 8 && size <= 1024, "size", "must be in [8, 1024], got " + std::to_string(size));
  checks.expect(channels == 1 || channels == 3, "channels",
                "must be 1 or 3, got " + std::to_string(channels));
}

}  // namespace limbic::features
