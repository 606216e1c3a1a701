#pragma once
// Blocks that the encoders share; private to the room.
#include <ATen/ATen.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/pimpl.h>

#include <array>
#include <memory>
#include <vector>

#include "limbic/affect/stream_shape.h"
#include "limbic/nn/encoders/normalization.h"
#include "limbic/nn/encoders/sound.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// A mask over frames with what the layers ask of it, computed once.
struct FrameMask {
  at::Tensor mask_BT;    ///< bool
  int64_t num_real = 0;  ///< real frames of the whole batch
  at::Tensor keep_BT1;   ///< 1 or 0 in the layers' type; undefined when no frame is padded

  FrameMask() = default;
  FrameMask(at::Tensor mask, at::ScalarType dtype);
  bool is_padded() const { return keep_BT1.defined(); }
  /// One token for every `factor` frames, the last group may be short; real when one of its frames is.
  FrameMask reduced(int64_t factor) const;
  /// x, zero at padded frames; frames are dimension 1 of 3.
  at::Tensor apply_BTD(const at::Tensor& x_BTD) const { return is_padded() ? x_BTD * keep_BT1 : x_BTD; }
  /// The same in place, frames being dimension 2: (B, C, T) or (B, C, T, ...).
  at::Tensor apply_BCT_(at::Tensor x_BCT) const {
    return is_padded() ? x_BCT.mul_(keep_as_BCT(x_BCT.dim())) : x_BCT;
  }
  /// keep_BT1 as (B, 1, T), with ones behind it up to `num_dims` dimensions.
  at::Tensor keep_as_BCT(int64_t num_dims) const;
};

// Note [Frames of convolutions without padding]
// A frame is real when all that it sees is: then how far a batch is padded changes neither the number nor the
// value of a clip's frames. The first frame of a clip that is shorter than the kernel sees zeros behind it.

/// Up to the last real frame, those missing before it included: (B) int64.
at::Tensor length_of(const at::Tensor& mask_BT);
/// Frames that a convolution without padding makes of so many; see the note above.
at::Tensor frames_of(const at::Tensor& length_B, int64_t kernel, int64_t stride);

/// Scales (B, T, F) features; padded frames come out zero whatever they held.
class InputScaleImpl final : public torch::nn::Cloneable<InputScaleImpl> {
 public:
  InputScaleImpl(Normalization normalization, int64_t num_features)
      : normalization_(normalization), num_features_(num_features) {
    reset();
  }
  void reset() override;
  at::Tensor forward(const at::Tensor& x_BTF, const FrameMask& mask) const;
  void set_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F);

 private:
  Normalization normalization_;
  int64_t num_features_;
  at::Tensor mean_F_, std_F_;
};
TORCH_MODULE(InputScale);

/// True where the training set's statistics have a use.
inline bool uses_training_set(Normalization normalization) {
  return normalization == Normalization::kGlobal || normalization == Normalization::kUtteranceMean;
}

/// Copies statistics into the buffers; deviations below 1e-5 count as 1. @throws Error(kModel)
void assign_statistics(at::Tensor& mean_F, at::Tensor& std_F, const std::vector<double>& mean,
                       const std::vector<double>& std);

/// Batch norm over (B, C, T, ...) whose statistics leave padded frames out, so that padding has no influence
/// in training either. Without padding it is LibTorch's own. A batch of one value per channel uses the
/// running statistics.
class MaskedBatchNormImpl final : public torch::nn::Cloneable<MaskedBatchNormImpl> {
 public:
  explicit MaskedBatchNormImpl(int64_t channels) : channels_(channels) { reset(); }
  void reset() override;
  /// @param mask  over dimension 2; null = all frames count
  at::Tensor forward(const at::Tensor& x_BCT, const FrameMask* mask = nullptr);

  /// What it does in evaluation: x * scale + shift.
  struct Affine {
    at::Tensor scale_C, shift_C;
  };
  Affine evaluation_affine() const;
  /// All that it holds.
  std::array<at::Tensor, 4> tensors() const { return {weight_C_, bias_C_, running_mean_C_, running_var_C_}; }

 private:
  int64_t channels_;
  at::Tensor weight_C_, bias_C_, running_mean_C_, running_var_C_;
};
TORCH_MODULE(MaskedBatchNorm);

/// Tokens to one vector.
class FramePoolImpl final : public torch::nn::Cloneable<FramePoolImpl> {
 public:
  FramePoolImpl(FramePooling pooling, int64_t token_width, int64_t attention_hidden)
      : pooling_(pooling), token_width_(token_width), attention_hidden_(attention_hidden) {
    reset();
  }
  void reset() override;
  /// @param tokens_BTD  zero at padded tokens
  at::Tensor forward(const at::Tensor& tokens_BTD, const FrameMask& mask);
  int64_t width() const { return has_std() ? 2 * token_width_ : token_width_; }

 private:
  bool has_std() const {
    return pooling_ == FramePooling::kMeanStd || pooling_ == FramePooling::kAttentionStd;
  }
  bool has_attention() const {
    return pooling_ == FramePooling::kAttention || pooling_ == FramePooling::kAttentionStd;
  }

  FramePooling pooling_;
  int64_t token_width_;
  int64_t attention_hidden_;
  torch::nn::Linear hidden_{nullptr}, score_{nullptr};
};
TORCH_MODULE(FramePool);

/// GRU or LSTM over (B, T, D); padded frames at the end are never read, in either direction.
class RecurrentStackImpl final : public torch::nn::Cloneable<RecurrentStackImpl> {
 public:
  struct Options {
    Recurrent kind = Recurrent::kGru;
    int64_t in_width = 0;
    int64_t hidden = 0;
    int64_t layers = 1;
    bool bidirectional = true;
    double dropout = 0.0;
  };
  explicit RecurrentStackImpl(Options options) : options_(options) { reset(); }
  void reset() override;
  /// Zero at padded frames.
  at::Tensor forward(const at::Tensor& x_BTD, const FrameMask& mask);
  /// The next chunk of a stream, of one direction. @param state  (B, hidden) of each layer (and its cell);
  /// empty before the first chunk
  at::Tensor step(const at::Tensor& x_BTD, std::vector<at::Tensor>& state);
  int64_t width() const { return options_.hidden * (options_.bidirectional ? 2 : 1); }

 private:
  /// The layers over (B, T, D), or over packed frames when batch_size_T is defined.
  at::Tensor run(at::Tensor x, const at::Tensor& batch_size_T, int64_t batch, std::vector<at::Tensor>* state);

  Options options_;
  torch::nn::GRU gru_{nullptr};
  torch::nn::LSTM lstm_{nullptr};
};
TORCH_MODULE(RecurrentStack);

/// at::gelu with the right gradient for any memory layout: in LibTorch 1.13 oneDNN's backward reads a
/// gradient that is not contiguous (behind a transpose) as if it were, and returns garbage.
at::Tensor safe_gelu(const at::Tensor& x);

/// Skips a residual branch for whole samples, dimension 0 (stochastic depth, Huang et al. 2016).
at::Tensor drop_path(const at::Tensor& x, double p, bool is_training);

/// @throws Error(kConfig) unless frames are feature vectors; `kind` is the encoder's type
void require_features(const affect::StreamShape& input, const char* kind);

}  // namespace limbic::nn
