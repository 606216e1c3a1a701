#include "pretrained/names.h"

namespace limbic::nn {
namespace {

/// `encoder.layer.#` with BERT's attention, which the first vision transformers took over.
constexpr const char* kBertOut = "encoder.layer.#.attention.output.dense";

}  // namespace

NameTable names_of(VitFamily family) {
  switch (family) {
    case VitFamily::kVit:
      return {{"", "vit."},
              {{"class_token", "embeddings.cls_token"},
               {"positions", "embeddings.position_embeddings"},
               {"patch", "embeddings.patch_embeddings.projection"},
               {"stack.layers.#.norm1", "encoder.layer.#.layernorm_before"},
               {"stack.layers.#.query", "encoder.layer.#.attention.attention.query"},
               {"stack.layers.#.key", "encoder.layer.#.attention.attention.key"},
               {"stack.layers.#.value", "encoder.layer.#.attention.attention.value"},
               {"stack.layers.#.out", kBertOut},
               {"stack.layers.#.norm2", "encoder.layer.#.layernorm_after"},
               {"stack.layers.#.up", "encoder.layer.#.intermediate.dense"},
               {"stack.layers.#.down", "encoder.layer.#.output.dense"},
               {"stack.norm", "layernorm"}},
              {"embeddings.mask_token"}};
    case VitFamily::kDinov2:
      return {{"", "dinov2.", "dinov2_with_registers."},
              {{"class_token", "embeddings.cls_token"},
               {"registers", "embeddings.register_tokens"},
               {"positions", "embeddings.position_embeddings"},
               {"patch", "embeddings.patch_embeddings.projection"},
               {"stack.layers.#.norm1", "encoder.layer.#.norm1"},
               {"stack.layers.#.query", "encoder.layer.#.attention.attention.query"},
               {"stack.layers.#.key", "encoder.layer.#.attention.attention.key"},
               {"stack.layers.#.value", "encoder.layer.#.attention.attention.value"},
               {"stack.layers.#.out", kBertOut},
               {"stack.layers.#.scale1", "encoder.layer.#.layer_scale1.lambda1"},
               {"stack.layers.#.norm2", "encoder.layer.#.norm2"},
               {"stack.layers.#.gate", "encoder.layer.#.mlp.weights_in[0]"},
               {"stack.layers.#.up", "encoder.layer.#.mlp.fc1|encoder.layer.#.mlp.weights_in[1]"},
               {"stack.layers.#.down", "encoder.layer.#.mlp.fc2|encoder.layer.#.mlp.weights_out"},
               {"stack.layers.#.scale2", "encoder.layer.#.layer_scale2.lambda1"},
               {"stack.norm", "layernorm"}},
              {"embeddings.mask_token"}};
    case VitFamily::kDinov3:
      return {{"", "dinov3_vit."},
              {{"class_token", "embeddings.cls_token"},
               {"registers", "embeddings.register_tokens"},
               {"patch", "embeddings.patch_embeddings"},
               {"stack.layers.#.norm1", "layer.#.norm1|model.layer.#.norm1"},
               {"stack.layers.#.query", "layer.#.attention.q_proj|model.layer.#.attention.q_proj"},
               {"stack.layers.#.key", "layer.#.attention.k_proj|model.layer.#.attention.k_proj"},
               {"stack.layers.#.value", "layer.#.attention.v_proj|model.layer.#.attention.v_proj"},
               {"stack.layers.#.out", "layer.#.attention.o_proj|model.layer.#.attention.o_proj"},
               {"stack.layers.#.scale1", "layer.#.layer_scale1.lambda1|model.layer.#.layer_scale1.lambda1"},
               {"stack.layers.#.norm2", "layer.#.norm2|model.layer.#.norm2"},
               {"stack.layers.#.gate", "layer.#.mlp.gate_proj|model.layer.#.mlp.gate_proj"},
               {"stack.layers.#.up", "layer.#.mlp.up_proj|model.layer.#.mlp.up_proj"},
               {"stack.layers.#.down", "layer.#.mlp.down_proj|model.layer.#.mlp.down_proj"},
               {"stack.layers.#.scale2", "layer.#.layer_scale2.lambda1|model.layer.#.layer_scale2.lambda1"},
               {"stack.norm", "norm"}},
              {"embeddings.mask_token"}};
    case VitFamily::kClip:
      return {{"", "vision_model.", "clip.vision_model."},
              {{"class_token", "embeddings.class_embedding"},
               {"positions", "embeddings.position_embedding.weight"},
               {"patch", "embeddings.patch_embedding"},
               {"pre_norm", "pre_layrnorm|pre_layernorm"},  // their spelling
               {"stack.layers.#.norm1", "encoder.layers.#.layer_norm1"},
               {"stack.layers.#.query", "encoder.layers.#.self_attn.q_proj"},
               {"stack.layers.#.key", "encoder.layers.#.self_attn.k_proj"},
               {"stack.layers.#.value", "encoder.layers.#.self_attn.v_proj"},
               {"stack.layers.#.out", "encoder.layers.#.self_attn.out_proj"},
               {"stack.layers.#.norm2", "encoder.layers.#.layer_norm2"},
               {"stack.layers.#.up", "encoder.layers.#.mlp.fc1"},
               {"stack.layers.#.down", "encoder.layers.#.mlp.fc2"},
               {"stack.norm", "post_layernorm"}},
              {"embeddings.position_ids"}};
  }
  return {};
}

NameTable names_of(SpeechFamily family, bool norm_first) {
  const char* prefix = family == SpeechFamily::kWav2Vec2 ? "wav2vec2."
                       : family == SpeechFamily::kHubert ? "hubert."
                                                         : "wavlm.";
  return {
      {"", prefix},
      {{"convolutions.#", "feature_extractor.conv_layers.#.conv"},
       {"conv_norms.#", "feature_extractor.conv_layers.#.layer_norm"},
       {"feature_norm", "feature_projection.layer_norm"},
       {"projection", "feature_projection.projection"},
       {"position_scale",
        "encoder.pos_conv_embed.conv.weight_g|encoder.pos_conv_embed.conv.parametrizations.weight.original0"},
       {"position_direction",
        "encoder.pos_conv_embed.conv.weight_v|encoder.pos_conv_embed.conv.parametrizations.weight.original1"},
       {"position_bias", "encoder.pos_conv_embed.conv.bias"},
       {norm_first ? "stack.norm" : "norm", "encoder.layer_norm"},
       {"relative", "encoder.layers.0.attention.rel_attn_embed.weight"},
       {"stack.layers.#.relative_gate", "encoder.layers.#.attention.gru_rel_pos_linear"},
       {"stack.layers.#.relative_const", "encoder.layers.#.attention.gru_rel_pos_const"},
       {"stack.layers.#.query", "encoder.layers.#.attention.q_proj"},
       {"stack.layers.#.key", "encoder.layers.#.attention.k_proj"},
       {"stack.layers.#.value", "encoder.layers.#.attention.v_proj"},
       {"stack.layers.#.out", "encoder.layers.#.attention.out_proj"},
       {"stack.layers.#.norm1", "encoder.layers.#.layer_norm"},
       {"stack.layers.#.up", "encoder.layers.#.feed_forward.intermediate_dense"},
       {"stack.layers.#.down", "encoder.layers.#.feed_forward.output_dense"},
       {"stack.layers.#.norm2", "encoder.layers.#.final_layer_norm"}},
      {"masked_spec_embed"}};
}

NameTable names_of(BertFamily family) {
  return {{"", family == BertFamily::kBert ? "bert." : "roberta."},
          {{"words", "embeddings.word_embeddings.weight"},
           {"positions", "embeddings.position_embeddings.weight"},
           {"types", "embeddings.token_type_embeddings.weight"},
           {"norm", "embeddings.LayerNorm"},
           {"stack.layers.#.query", "encoder.layer.#.attention.self.query"},
           {"stack.layers.#.key", "encoder.layer.#.attention.self.key"},
           {"stack.layers.#.value", "encoder.layer.#.attention.self.value"},
           {"stack.layers.#.out", kBertOut},
           {"stack.layers.#.norm1", "encoder.layer.#.attention.output.LayerNorm"},
           {"stack.layers.#.up", "encoder.layer.#.intermediate.dense"},
           {"stack.layers.#.down", "encoder.layer.#.output.dense"},
           {"stack.layers.#.norm2", "encoder.layer.#.output.LayerNorm"}},
          {"embeddings.position_ids"}};
}

}  // namespace limbic::nn
