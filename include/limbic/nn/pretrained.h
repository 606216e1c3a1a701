#pragma once
#include "limbic/nn/encoder_config.h"

namespace limbic::nn {

// Note [Pretrained weights]
// An encoder's config holds the path of its published weights and every size of its network. Training calls
// resolve_pretrained() on the config before it is written anywhere, which fills the sizes in from the
// published config.json, then builds the model, then calls Encoder::load_pretrained() once. Whatever is built
// from the resolved config later (a copy, a bundle, a resumed run) needs neither file: its weights come with
// its state.

/// Fills in what config.json and preprocessor_config.json beside the weights say; nothing where there are
/// none. Twice is as good as once.
/// @throws Error(kModel) for a file of another architecture; Error(kConfig) for a size that the recipe gives
/// and that is neither the default nor the file's
void resolve_pretrained(EncoderConfig& config);

}  // namespace limbic::nn
