#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/stream_shape.h"
#include "limbic/nn/encoder_config.h"

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// What an encoder makes of one modality. T' may be shorter than the input's T where the encoder pools over
/// time.
struct EncoderOutput {
  at::Tensor tokens_BTD;    ///< (B, T', token_width) float, zero where mask_BT is false
  at::Tensor mask_BT;       ///< (B, T') bool, true = at least one real frame went into the token
  at::Tensor embedding_BD;  ///< (B, width) pooled over real tokens; zero for a row without any
  /// Auxiliary losses by name, scalars with their weight in them; in training only, mostly empty.
  std::map<std::string, at::Tensor> losses{};
};

/// Maps one modality's frames to tokens and one embedding. Padded frames (mask false) have no influence on
/// the result, in training either; whatever they hold, NaN included, is ignored.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// @param x        (B, T, F) float, or (B, T, C, H, W) uint8 or float pixels in [0, 255]
  /// @param mask_BT  bool, true = real frame
  virtual EncoderOutput encode(const at::Tensor& x, const at::Tensor& mask_BT) = 0;
  /// Mean and standard deviation of the training set's real frames, per feature (F) or, for images, per
  /// channel (C) of pixels in [0, 255]. They become buffers, so they travel with the weights. A deviation
  /// below 1e-5 counts as 1.
  /// @throws Error(kModel) when their number does not fit the frames
  virtual void set_input_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F) = 0;
  /// True where the config scales by the training set, so that set_input_statistics has a use.
  virtual bool wants_input_statistics() const = 0;
  /// Reads the published weights that the config names (nn/pretrained.h); nothing for encoders without. For a
  /// new model, before its first step; what is built from a bundle or checkpoint has its weights already.
  /// @throws Error(kModel)
  virtual void load_pretrained() {}

  /// D of embedding_BD.
  virtual int64_t width() const = 0;
  /// D of tokens_BTD.
  virtual int64_t token_width() const = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};

/// @param input  what one frame looks like
/// @throws Error(kConfig) when the encoder cannot take such frames
std::shared_ptr<Encoder> build_encoder(const EncoderConfig& config, const affect::StreamShape& input);

}  // namespace limbic::nn
