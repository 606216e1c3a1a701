#pragma once
#include <array>
#include <cstdint>
#include <utility>

#include "limbic/nn/encoders/pretrained_weights.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// Whose form of text transformer.
enum class BertFamily {
  kBert,     ///< Devlin et al. 2019
  kRoberta,  ///< Liu et al. 2019: positions start at 2
};
constexpr auto enum_names(BertFamily) {
  return std::array<std::pair<BertFamily, const char*>, 2>{
      {{BertFamily::kBert, "bert"}, {BertFamily::kRoberta, "roberta"}}};
}

/// What stands for a text.
enum class TextPooling { kClass, kMean, kMeanStd, kAttention, kAttentionStd };
constexpr auto enum_names(TextPooling) {
  return std::array<std::pair<TextPooling, const char*>, 5>{{{TextPooling::kClass, "class"},
                                                             {TextPooling::kMean, "mean"},
                                                             {TextPooling::kMeanStd, "mean_std"},
                                                             {TextPooling::kAttention, "attention"},
                                                             {TextPooling::kAttentionStd, "attention_std"}}};
}

/// Text transformer over token ids (feature `tokens` with the model's own tokenizer). The defaults are BERT
/// base.
struct BertConfig {
  static constexpr const char* kType = "bert";
  static constexpr const char* kDoc = "pretrained text transformer: BERT, RoBERTa";
  PretrainedConfig pretrained;
  BertFamily family = BertFamily::kBert;
  TransformerSize size = {768, 12, 12, 3072};
  int64_t vocabulary = 30522;
  int64_t positions = 512;  ///< rows of the position table; RoBERTa uses all but the first two
  int64_t token_types = 2;  ///< rows of the type table; every token has type 0
  double epsilon = 1e-12;   ///< of the layer norms
  double dropout = 0.1;     ///< after embeddings, attention and feed-forward part
  double attention_dropout = 0.1;
  TextPooling pooling = TextPooling::kClass;
  int64_t attention_hidden = 128;

  template <class Visitor>
  void visit(Visitor& v) {
    v("pretrained", pretrained, "weights, and what training does with them");
    v("family", family, "bert or roberta");
    v("size", size, "shape of the transformer");
    v("vocabulary", vocabulary, "token ids", config::at_least(1));
    v("positions", positions, "rows of the position table", config::at_least(3));
    v("token_types", token_types, "rows of the token type table", config::at_least(1));
    v("epsilon", epsilon, "of the layer norms", config::above(0));
    v("dropout", dropout, "after embeddings, attention and feed-forward part", config::half_open(0, 1));
    v("attention_dropout", attention_dropout, "on attention weights", config::half_open(0, 1));
    v("pooling", pooling, "class (the first token), mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
