#pragma once
#include <array>
#include <utility>

namespace limbic::nn {

/// The non-linearity of a feed-forward layer.
enum class Activation { kGelu, kRelu };
constexpr auto enum_names(Activation) {
  return std::array<std::pair<Activation, const char*>, 2>{
      {{Activation::kGelu, "gelu"}, {Activation::kRelu, "relu"}}};
}

/// How a transformer knows the order of its tokens.
enum class Positions {
  kNone,
  kSinusoidal,  ///< added to the input (Vaswani et al. 2017)
  kRelative,    ///< scores from distances, with learned biases (Transformer-XL, Dai et al. 2019)
  kRotary,      ///< queries and keys turned by their position (RoFormer, Su et al. 2021)
};
constexpr auto enum_names(Positions) {
  return std::array<std::pair<Positions, const char*>, 4>{{{Positions::kNone, "none"},
                                                           {Positions::kSinusoidal, "sinusoidal"},
                                                           {Positions::kRelative, "relative"},
                                                           {Positions::kRotary, "rotary"}}};
}

}  // namespace limbic::nn
