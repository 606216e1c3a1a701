#pragma once
// Checkpoints as Hugging Face publishes them, tiny and random. The names of their tensors are those of the
// public implementations (DINOv2 and DINOv3 were read there; of the others none was at hand to compare with:
// facebook/dinov2-with-registers-small, facebook/dinov3-vits16-pretrain-lvd1689m,
// openai/clip-vit-base-patch16, google/vit-base-patch16-224, facebook/wav2vec2-base,
// facebook/hubert-large-ll60k, microsoft/wavlm-base-plus, bert-base-uncased, roberta-base).
#include <ATen/ATen.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

namespace limbic::nn {

using Tensors = std::map<std::string, at::Tensor>;

constexpr int64_t kWidth = 16;
constexpr int64_t kHidden = 24;
constexpr int64_t kHeads = 2;
constexpr int64_t kLayers = 2;
constexpr const char* kSizesJson =
    R"("hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24)";

/// Random tensors under published names.
class Publisher {
 public:
  explicit Publisher(std::string prefix = "") : prefix_(std::move(prefix)) {}
  void add(const std::string& name, std::vector<int64_t> sizes, double scale = 0.3) {
    tensors[prefix_ + name] = at::randn(sizes) * scale;
  }
  void linear(const std::string& name, int64_t in, int64_t out, bool bias = true) {
    add(name + ".weight", {out, in});
    if (bias) add(name + ".bias", {out});
  }
  void norm(const std::string& name, int64_t width = kWidth, const char* weight = "weight",
            const char* bias = "bias") {
    tensors[prefix_ + name + "." + weight] = at::rand({width}) + 0.5;
    add(name + "." + bias, {width});
  }
  Tensors tensors;

 private:
  std::string prefix_;
};

inline std::string numbered_layer(const char* begin, int64_t i) {
  return begin + std::to_string(i) + ".";
}

inline Tensors publish_vit(int64_t patch, int64_t positions) {
  Publisher p;
  p.add("embeddings.cls_token", {1, 1, kWidth});
  p.add("embeddings.position_embeddings", {1, positions + 1, kWidth});
  p.add("embeddings.patch_embeddings.projection.weight", {kWidth, 3, patch, patch}, 0.1);
  p.add("embeddings.patch_embeddings.projection.bias", {kWidth});
  for (int64_t i = 0; i < kLayers; ++i) {
    const auto layer = numbered_layer("encoder.layer.", i);
    p.norm(layer + "layernorm_before");
    for (const char* which : {"query", "key", "value"})
      p.linear(layer + "attention.attention." + which, kWidth, kWidth);
    p.linear(layer + "attention.output.dense", kWidth, kWidth);
    p.norm(layer + "layernorm_after");
    p.linear(layer + "intermediate.dense", kWidth, kHidden);
    p.linear(layer + "output.dense", kHidden, kWidth);
  }
  p.norm("layernorm");
  return p.tensors;
}

inline Tensors publish_dinov2(int64_t patch, int64_t positions, int64_t registers, bool swiglu) {
  Publisher p;
  p.add("embeddings.cls_token", {1, 1, kWidth});
  p.add("embeddings.mask_token", {1, kWidth});
  if (registers > 0) p.add("embeddings.register_tokens", {1, registers, kWidth});
  p.add("embeddings.position_embeddings", {1, positions + 1, kWidth});
  p.add("embeddings.patch_embeddings.projection.weight", {kWidth, 3, patch, patch}, 0.1);
  p.add("embeddings.patch_embeddings.projection.bias", {kWidth});
  for (int64_t i = 0; i < kLayers; ++i) {
    const auto layer = numbered_layer("encoder.layer.", i);
    p.norm(layer + "norm1");
    for (const char* which : {"query", "key", "value"})
      p.linear(layer + "attention.attention." + which, kWidth, kWidth);
    p.linear(layer + "attention.output.dense", kWidth, kWidth);
    p.add(layer + "layer_scale1.lambda1", {kWidth});
    p.norm(layer + "norm2");
    if (swiglu) {
      p.linear(layer + "mlp.weights_in", kWidth, 2 * kHidden);
      p.linear(layer + "mlp.weights_out", kHidden, kWidth);
    } else {
      p.linear(layer + "mlp.fc1", kWidth, kHidden);
      p.linear(layer + "mlp.fc2", kHidden, kWidth);
    }
    p.add(layer + "layer_scale2.lambda1", {kWidth});
  }
  p.norm("layernorm");
  return p.tensors;
}

inline Tensors publish_dinov3(int64_t patch, int64_t registers, bool gated) {
  Publisher p;
  p.add("embeddings.cls_token", {1, 1, kWidth});
  p.add("embeddings.mask_token", {1, 1, kWidth});
  p.add("embeddings.register_tokens", {1, registers, kWidth});
  p.add("embeddings.patch_embeddings.weight", {kWidth, 3, patch, patch}, 0.1);
  p.add("embeddings.patch_embeddings.bias", {kWidth});
  for (int64_t i = 0; i < kLayers; ++i) {
    const auto layer = numbered_layer("layer.", i);
    p.norm(layer + "norm1");
    p.linear(layer + "attention.q_proj", kWidth, kWidth);
    p.linear(layer + "attention.k_proj", kWidth, kWidth, /*bias=*/false);
    p.linear(layer + "attention.v_proj", kWidth, kWidth);
    p.linear(layer + "attention.o_proj", kWidth, kWidth);
    p.add(layer + "layer_scale1.lambda1", {kWidth});
    p.norm(layer + "norm2");
    if (gated) p.linear(layer + "mlp.gate_proj", kWidth, kHidden);
    p.linear(layer + "mlp.up_proj", kWidth, kHidden);
    p.linear(layer + "mlp.down_proj", kHidden, kWidth);
    p.add(layer + "layer_scale2.lambda1", {kWidth});
  }
  p.norm("norm");
  return p.tensors;
}

inline Tensors publish_clip(int64_t patch, int64_t positions) {
  Publisher p("vision_model.");
  p.add("embeddings.class_embedding", {kWidth});
  p.add("embeddings.patch_embedding.weight", {kWidth, 3, patch, patch}, 0.1);
  p.add("embeddings.position_embedding.weight", {positions + 1, kWidth});
  p.norm("pre_layrnorm");
  for (int64_t i = 0; i < kLayers; ++i) {
    const auto layer = numbered_layer("encoder.layers.", i);
    for (const char* which : {"k_proj", "v_proj", "q_proj", "out_proj"})
      p.linear(layer + "self_attn." + which, kWidth, kWidth);
    p.norm(layer + "layer_norm1");
    p.linear(layer + "mlp.fc1", kWidth, kHidden);
    p.linear(layer + "mlp.fc2", kHidden, kWidth);
    p.norm(layer + "layer_norm2");
  }
  p.norm("post_layernorm");
  p.tensors["vision_model.embeddings.position_ids"] = at::arange(positions + 1).unsqueeze(0);
  return p.tensors;
}

/// @param large  layer norm and biases in the convolutions, as the large models have
inline Tensors publish_speech(const std::string& prefix, bool large, bool wavlm, int64_t buckets = 8) {
  Publisher p(prefix);
  constexpr int64_t kChannels = 6;
  const std::vector<int64_t> kernels = {4, 3};
  for (size_t i = 0; i < kernels.size(); ++i) {
    const auto layer = numbered_layer("feature_extractor.conv_layers.", static_cast<int64_t>(i));
    p.add(layer + "conv.weight", {kChannels, i == 0 ? 1 : kChannels, kernels[i]}, 0.6);
    if (large) p.add(layer + "conv.bias", {kChannels});
    if (large || i == 0) p.norm(layer + "layer_norm", kChannels);
  }
  p.norm("feature_projection.layer_norm", kChannels);
  p.linear("feature_projection.projection", kChannels, kWidth);
  const std::string conv = "encoder.pos_conv_embed.conv.";
  p.add(conv + (large ? "parametrizations.weight.original0" : "weight_g"), {1, 1, 6}, 1.0);
  p.add(conv + (large ? "parametrizations.weight.original1" : "weight_v"), {kWidth, kWidth / 4, 6});
  p.add(conv + "bias", {kWidth});
  p.norm("encoder.layer_norm");
  if (wavlm) p.add("encoder.layers.0.attention.rel_attn_embed.weight", {buckets, kHeads}, 1.0);
  for (int64_t i = 0; i < kLayers; ++i) {
    const auto layer = numbered_layer("encoder.layers.", i);
    for (const char* which : {"k_proj", "v_proj", "q_proj", "out_proj"})
      p.linear(layer + "attention." + which, kWidth, kWidth);
    if (wavlm) {
      p.add(layer + "attention.gru_rel_pos_const", {1, kHeads, 1, 1}, 1.0);
      p.linear(layer + "attention.gru_rel_pos_linear", kWidth / kHeads, 8);
    }
    p.norm(layer + "layer_norm");
    p.linear(layer + "feed_forward.intermediate_dense", kWidth, kHidden);
    p.linear(layer + "feed_forward.output_dense", kHidden, kWidth);
    p.norm(layer + "final_layer_norm");
  }
  p.add("masked_spec_embed", {kWidth});
  return p.tensors;
}

/// @param gamma  TensorFlow's names of norms, as in bert-base-uncased
inline Tensors publish_bert(const std::string& prefix, int64_t vocabulary, int64_t positions, int64_t types,
                            bool gamma) {
  Publisher p(prefix);
  const char* weight = gamma ? "gamma" : "weight";
  const char* bias = gamma ? "beta" : "bias";
  p.add("embeddings.word_embeddings.weight", {vocabulary, kWidth});
  p.add("embeddings.position_embeddings.weight", {positions, kWidth});
  p.add("embeddings.token_type_embeddings.weight", {types, kWidth});
  p.norm("embeddings.LayerNorm", kWidth, weight, bias);
  p.tensors[prefix + "embeddings.position_ids"] = at::arange(positions).unsqueeze(0);
  for (int64_t i = 0; i < kLayers; ++i) {
    const auto layer = numbered_layer("encoder.layer.", i);
    for (const char* which : {"query", "key", "value"})
      p.linear(layer + "attention.self." + which, kWidth, kWidth);
    p.linear(layer + "attention.output.dense", kWidth, kWidth);
    p.norm(layer + "attention.output.LayerNorm", kWidth, weight, bias);
    p.linear(layer + "intermediate.dense", kWidth, kHidden);
    p.linear(layer + "output.dense", kHidden, kWidth);
    p.norm(layer + "output.LayerNorm", kWidth, weight, bias);
  }
  return p.tensors;
}

}  // namespace limbic::nn
