#pragma once
#include <cstdint>

#include "limbic/config/bounds.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// An embedding of token ids, learned from scratch, and a pool over tokens; for what stands between the two
/// see the model's temporal layers. Frames are ids (T, 1) of feature 'tokens'; the size of the vocabulary
/// comes with the input's shape. Vectors start uniform in [-0.25, 0.25] (Kim 2014).
struct TextConfig {
  static constexpr const char* kType = "text";
  static constexpr const char* kDoc = "token ids: an embedding learned from scratch";
  int64_t width = 128;
  double dropout = 0.3;       ///< on embedded tokens
  double word_dropout = 0.0;  ///< Bowman et al. 2016; also what teaches the vector of unknown words
  int64_t unknown_id = 1;     ///< <unk> of limbic's own word vocabularies; BERT 100, RoBERTa 3
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "numbers a token", config::at_least(1));
    v("dropout", dropout, "dropout on embedded tokens, in [0, 1)", config::half_open(0, 1));
    v("word_dropout", word_dropout, "probability in [0, 1) that training reads a token as unknown_id",
      config::half_open(0, 1));
    v("unknown_id", unknown_id, "id of unknown words: 1 in limbic's word vocabularies, BERT 100, RoBERTa 3",
      config::at_least(0));
    v("pooling", pooling, "over tokens: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
};

}  // namespace limbic::nn
