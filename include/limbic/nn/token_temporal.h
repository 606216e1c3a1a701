#pragma once
#include <cstdint>
#include <memory>

#include "limbic/config/bounds.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/pooling.h"
#include "limbic/nn/temporal_config.h"

namespace limbic::nn {

/// A layer over the tokens of an encoder, and how its tokens become one embedding. Takes the place of the
/// encoder's own pooling.
struct TokenTemporalConfig {
  TemporalConfig layer;
  FramePooling pooling = FramePooling::kMeanStd;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("layer", layer, "what reads the tokens");
    v("pooling", pooling, "over tokens: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
};

class TokenTemporal {
 public:
  virtual ~TokenTemporal() = default;
  /// Tokens of the same number, and their pooled embedding; what else `encoded` holds is kept.
  virtual EncoderOutput apply(EncoderOutput encoded) = 0;
  /// D of embedding_BD, and of tokens_BTD.
  virtual int64_t width() const = 0;
  virtual int64_t token_width() const = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};

std::shared_ptr<TokenTemporal> build_token_temporal(const TokenTemporalConfig& config, int64_t token_width);

}  // namespace limbic::nn
