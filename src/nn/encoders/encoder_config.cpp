#include "limbic/nn/encoder_config.h"

#include <string>

namespace limbic::nn {
namespace {

/// An even kernel would shift the frames by half a step.
void expect_odd(config::Checks& checks, const char* field, int64_t value) {
  checks.expect(value % 2 == 1, field, "must be odd, got " + std::to_string(value));
}

}  // namespace

void ConvLayer::validate(config::Checks& checks) const {
  expect_odd(checks, "kernel", kernel);
}

void ConvRecurrentConfig::validate(config::Checks& checks) const {
  checks.expect(!layers.empty(), "layers", "must have at least one layer; use type 'gru' for none");
}

}  // namespace limbic::nn
