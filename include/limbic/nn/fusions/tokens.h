#pragma once
#include <array>
#include <cstdint>
#include <utility>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::nn {

/// What the tokens of a fusion over tokens are.
enum class FusionTokens {
  kFrames,  ///< what the encoders make of a sample's frames; the fusion pools them
  kTurns,   ///< the samples' embeddings along their conversation or video; one result a turn
};
constexpr auto enum_names(FusionTokens) {
  return std::array<std::pair<FusionTokens, const char*>, 2>{
      {{FusionTokens::kFrames, "frames"}, {FusionTokens::kTurns, "turns"}}};
}

/// How tokens become one vector.
enum class TokenPooling { kLast, kMean, kAttention };
constexpr auto enum_names(TokenPooling) {
  return std::array<std::pair<TokenPooling, const char*>, 3>{{{TokenPooling::kLast, "last"},
                                                              {TokenPooling::kMean, "mean"},
                                                              {TokenPooling::kAttention, "attention"}}};
}

/// MulT (Tsai et al. 2019): convolutions to a common width, a crossmodal transformer for every ordered pair,
/// and self-attention over what each modality gathered. Without its future mask by default: `causal`.
struct MultFusionConfig {
  static constexpr const char* kType = "mult";
  static constexpr const char* kDoc =
      "crossmodal transformers for every ordered pair (MulT, Tsai et al. 2019)";
  FusionTokens over = FusionTokens::kFrames;
  int64_t width = 30;
  int64_t heads = 5;
  int64_t layers = 5;  ///< of a crossmodal transformer; the self-attention has at least 3
  int64_t kernel = 1;  ///< odd, tokens of the convolution
  TokenPooling pooling = TokenPooling::kLast;
  double dropout = 0.1;  ///< of attention weights, activations and residual branches
  double embedding_dropout = 0.25;
  double output_dropout = 0.0;
  bool causal = false;  ///< over turns

  template <class Visitor>
  void visit(Visitor& v) {
    v("over", over, "tokens are the frames of a sample, or the turns of its conversation");
    v("width", width, "units of a token; even, a multiple of heads", config::at_least(2));
    v("heads", heads, "attention heads", config::at_least(1));
    v("layers", layers, "layers of each crossmodal transformer", config::at_least(1));
    v("kernel", kernel, "tokens that the convolution to the common width sees, odd", config::at_least(1));
    v("pooling", pooling, "frames to one vector: last (as published), mean or attention");
    v("dropout", dropout, "of attention weights, activations and branches, in [0, 1)",
      config::half_open(0, 1));
    v("embedding_dropout", embedding_dropout, "of the tokens with their positions, in [0, 1)",
      config::half_open(0, 1));
    v("output_dropout", output_dropout, "of the last hidden layer, in [0, 1)", config::half_open(0, 1));
    v("causal", causal, "a turn sees earlier turns only; wants `over: turns`");
  }
  void validate(config::Checks& checks) const {
    checks.expect(width % heads == 0 && width % 2 == 0, "width", "must be even and a multiple of heads");
    checks.expect(kernel % 2 == 1, "kernel", "must be odd");
    checks.expect(!causal || over == FusionTokens::kTurns, "causal", "wants `over: turns`");
    checks.expect(!causal || kernel == 1, "kernel", "must be 1 when causal: a longer one sees the next turn");
  }
};

/// MBT (Nagrani et al. 2021): a transformer per modality; from `fusion_layer` on they exchange information
/// only through a few bottleneck tokens, averaged over the modalities that are present.
struct MbtFusionConfig {
  static constexpr const char* kType = "mbt";
  static constexpr const char* kDoc =
      "transformers that exchange bottleneck tokens (MBT, Nagrani et al. 2021)";
  FusionTokens over = FusionTokens::kFrames;
  int64_t width = 768;
  int64_t heads = 12;
  int64_t hidden = 3072;  ///< units of the feed-forward layers
  int64_t layers = 12;
  int64_t fusion_layer = 8;  ///< first layer with bottleneck tokens
  int64_t bottlenecks = 4;
  double dropout = 0.0;
  double drop_path = 0.3;  ///< of the last layer; grows linearly from 0

  template <class Visitor>
  void visit(Visitor& v) {
    v("over", over, "tokens are the frames of a sample, or the turns of its conversation");
    v("width", width, "units of a token; even, a multiple of heads", config::at_least(2));
    v("heads", heads, "attention heads", config::at_least(1));
    v("hidden", hidden, "units of the feed-forward layers", config::at_least(1));
    v("layers", layers, "transformer layers of each modality", config::at_least(1));
    v("fusion_layer", fusion_layer, "first layer (from 0) that exchanges bottleneck tokens",
      config::at_least(0));
    v("bottlenecks", bottlenecks, "bottleneck tokens", config::at_least(1));
    v("dropout", dropout, "dropout in [0, 1)", config::half_open(0, 1));
    v("drop_path", drop_path, "share of samples that skip a branch of the last layer, in [0, 1)",
      config::half_open(0, 1));
  }
  void validate(config::Checks& checks) const {
    checks.expect(width % heads == 0 && width % 2 == 0, "width", "must be even and a multiple of heads");
    checks.expect(fusion_layer < layers, "fusion_layer", "must be below layers, or nothing is exchanged");
  }
};

/// Perceiver IO (Jaegle et al. 2021): learned latents read all tokens of all modalities, think in
/// self-attention, and a query reads the result from them. Cost is linear in the tokens.
struct PerceiverFusionConfig {
  static constexpr const char* kType = "perceiver";
  static constexpr const char* kDoc =
      "learned latents that read all tokens (Perceiver IO, Jaegle et al. 2021)";
  FusionTokens over = FusionTokens::kFrames;
  int64_t latents = 64;
  int64_t width = 256;  ///< of latents and tokens
  int64_t heads = 8;    ///< of the self-attention; the cross-attention has one, as published
  int64_t layers = 8;
  int64_t hidden = 256;
  double dropout = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("over", over, "tokens are the frames of a sample, or the turns of its conversation");
    v("latents", latents, "latent vectors", config::at_least(1));
    v("width", width, "units of latents and tokens; even, a multiple of heads", config::at_least(2));
    v("heads", heads, "heads of the latents' self-attention", config::at_least(1));
    v("layers", layers, "layers of the latents' self-attention", config::at_least(0));
    v("hidden", hidden, "units of the feed-forward layers", config::at_least(1));
    v("dropout", dropout, "dropout in [0, 1)", config::half_open(0, 1));
  }
  void validate(config::Checks& checks) const {
    checks.expect(width % heads == 0 && width % 2 == 0, "width", "must be even and a multiple of heads");
  }
};

}  // namespace limbic::nn
