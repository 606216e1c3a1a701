#include "limbic/nn/encoder.h"

#include "encoders/build.h"

namespace limbic::nn {

std::shared_ptr<Encoder> build_encoder(const EncoderConfig& config, const affect::StreamShape& input) {
  return std::visit([&](const auto& chosen) { return build(chosen, input); }, config);
}

}  // namespace limbic::nn
