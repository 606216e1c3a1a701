#pragma once
#include <cstdint>
#include <variant>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/transformer_options.h"

namespace limbic::nn {

/// What the recurrent layers share.
struct RecurrentTemporalConfig {
  int64_t hidden = 64;  ///< units of one direction
  int64_t layers = 1;
  bool bidirectional = true;  ///< false = causal
  double dropout = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("hidden", hidden, "units of one direction", config::at_least(1));
    v("layers", layers, "stacked layers", config::at_least(1));
    v("bidirectional", bidirectional, "also read backwards; false = causal");
    v("dropout", dropout, "dropout between layers, in [0, 1)", config::half_open(0, 1));
  }
};

/// Gated recurrent units (Cho et al. 2014), stacked.
struct GruTemporalConfig : RecurrentTemporalConfig {
  static constexpr const char* kType = "gru";
  static constexpr const char* kDoc = "gated recurrent units (Cho et al. 2014)";
};

/// Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000), stacked.
struct LstmTemporalConfig : RecurrentTemporalConfig {
  static constexpr const char* kType = "lstm";
  static constexpr const char* kDoc = "long short-term memory (Hochreiter & Schmidhuber 1997)";
};

/// Temporal convolutional network (Bai et al. 2018): residual blocks of two dilated convolutions. A layer
/// norm over the channels of each frame takes the place of the paper's weight norm: like it, it does not mix
/// frames or samples, so padding, streams and batches of one need no care, and unlike it it keeps activations
/// in scale when many blocks are stacked.
struct TcnTemporalConfig {
  static constexpr const char* kType = "tcn";
  static constexpr const char* kDoc = "dilated convolutions, causal or not (Bai et al. 2018)";
  int64_t width = 64;
  int64_t layers = 4;  ///< blocks; block i has dilation 2^i
  int64_t kernel = 3;
  bool causal = false;
  double dropout = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "channels", config::at_least(1));
    v("layers", layers, "residual blocks; block i has dilation 2^i", config::in_range(1, 16));
    v("kernel", kernel, "frames of a convolution; odd unless causal", config::at_least(2));
    v("causal", causal, "frame t depends on frames up to t only");
    v("dropout", dropout, "dropout after each convolution, in [0, 1)", config::half_open(0, 1));
  }
  void validate(config::Checks& checks) const;
};

/// Transformer encoder (Vaswani et al. 2017) over a linear projection of the frames.
struct TransformerTemporalConfig {
  static constexpr const char* kType = "transformer";
  static constexpr const char* kDoc =
      "attention with relative, rotary or sinusoidal positions, causal or not; a window bounds its memory";
  int64_t width = 128;
  int64_t layers = 2;
  int64_t heads = 4;
  int64_t hidden = 256;  ///< units of the feed-forward layers
  Positions positions = Positions::kRotary;
  bool causal = false;
  int64_t window = 0;  ///< frames a layer looks back (and ahead), the frame itself included; 0 = all
  bool norm_first = true;
  Activation activation = Activation::kGelu;
  double dropout = 0.1;
  double drop_path = 0.0;  ///< of the last layer; earlier ones skip less, linearly

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "width of a token", config::at_least(1));
    v("layers", layers, "attention blocks", config::at_least(1));
    v("heads", heads, "attention heads; divides width, width / heads >= 32 is fastest", config::at_least(1));
    v("hidden", hidden, "units of the feed-forward layers", config::at_least(1));
    v("positions", positions, "none, sinusoidal, relative (Transformer-XL) or rotary (RoFormer)");
    v("causal", causal, "frame t depends on frames up to t only");
    v("window", window,
      "frames a layer looks back (and ahead, unless causal), the frame itself included: cost linear in the "
      "length, bounded state in a stream; 0 = all",
      config::at_least(0));
    v("norm_first", norm_first,
      "layer norm before each branch, and one at the end; false = after, as in 2017");
    v("activation", activation, "gelu or relu");
    v("dropout", dropout, "dropout in the blocks, in [0, 1)", config::half_open(0, 1));
    v("drop_path", drop_path, "probability to skip a branch of the last layer, falling linearly to the first",
      config::half_open(0, 1));
  }
  void validate(config::Checks& checks) const;
};

/// `type:` picks one.
using TemporalConfig =
    std::variant<GruTemporalConfig, LstmTemporalConfig, TcnTemporalConfig, TransformerTemporalConfig>;

}  // namespace limbic::nn
