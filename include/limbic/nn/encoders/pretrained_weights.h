#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::nn {

/// Which parameters of a pretrained network are trained. What is not trained stays in evaluation mode.
enum class Tune {
  kFrozen,  ///< none
  kAll,
  kTop,   ///< the last layers and the final norm
  kLora,  ///< low-rank updates beside frozen weights
};
constexpr auto enum_names(Tune) {
  return std::array<std::pair<Tune, const char*>, 4>{
      {{Tune::kFrozen, "frozen"}, {Tune::kAll, "all"}, {Tune::kTop, "top"}, {Tune::kLora, "lora"}}};
}

/// A linear layer of a transformer block.
enum class Projection { kQuery, kKey, kValue, kOut, kGate, kUp, kDown };
constexpr auto enum_names(Projection) {
  return std::array<std::pair<Projection, const char*>, 7>{{{Projection::kQuery, "query"},
                                                            {Projection::kKey, "key"},
                                                            {Projection::kValue, "value"},
                                                            {Projection::kOut, "out"},
                                                            {Projection::kGate, "gate"},
                                                            {Projection::kUp, "up"},
                                                            {Projection::kDown, "down"}}};
}

/// Low-rank adaptation (Hu et al. 2022): W x + alpha / rank B A x. A is Kaiming-uniform, B zero.
struct LoraConfig {
  int64_t rank = 8;
  double alpha = 16.0;
  double dropout = 0.0;  ///< on the update's input
  std::vector<Projection> projections = {Projection::kQuery, Projection::kValue};

  template <class Visitor>
  void visit(Visitor& v) {
    v("rank", rank, "rank of the update", config::at_least(1));
    v("alpha", alpha, "the update is scaled by alpha / rank", config::above(0));
    v("dropout", dropout, "dropout on the update's input, in [0, 1)", config::half_open(0, 1));
    v("projections", projections, "which layers get one: query, key, value, out, gate, up, down");
  }
};

/// Where the weights of a network come from, and what training does with them.
struct PretrainedConfig {
  /// A .safetensors file, or a folder as Hugging Face publishes them: config.json and model.safetensors
  /// (or its shards). Empty = random initialisation. Read once, when training starts: a bundle holds the
  /// weights and does not need the file.
  std::string weights;
  std::vector<std::string> allow_unexpected;  ///< tensors whose names begin so are left out: "lm_head"
  Tune tune = Tune::kAll;
  int64_t top_layers = 2;
  LoraConfig lora;
  int64_t layer = -1;      ///< tokens are the output of this block; 0 = the embeddings; -1 = the last, normed
  bool layer_mix = false;  ///< tokens are a learned mean of all hidden states (SUPERB, Yang et al. 2021)

  template <class Visitor>
  void visit(Visitor& v) {
    v("weights", weights, "safetensors file, or folder with config.json and model.safetensors; '' = random");
    v("allow_unexpected", allow_unexpected,
      "tensors of the file whose names begin so are left out: [lm_head]");
    v("tune", tune, "frozen, all, top (the last top_layers) or lora");
    v("top_layers", top_layers, "tune top: so many blocks are trained", config::at_least(1));
    v("lora", lora, "tune lora: low-rank updates");
    v("layer", layer, "tokens are the output of this block; 0 = embeddings, -1 = last", config::at_least(-1));
    v("layer_mix", layer_mix, "tokens are a learned weighted mean of all hidden states");
  }
  void validate(config::Checks& checks) const;
};

/// The shape of a stack of transformer blocks; a config.json beside the weights fills it in.
struct TransformerSize {
  int64_t width = 384;
  int64_t layers = 12;
  int64_t heads = 6;
  int64_t hidden = 1536;  ///< of the feed-forward part

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "D of every token", config::at_least(1));
    v("layers", layers, "transformer blocks", config::at_least(1));
    v("heads", heads, "attention heads; they divide width", config::at_least(1));
    v("hidden", hidden, "units of the feed-forward part", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
