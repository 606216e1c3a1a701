#pragma once
// What fusions of embeddings share; private to the room.
#include <ATen/ATen.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include "limbic/nn/fusion.h"

namespace limbic::nn {

/// Embedding m where it is present, else zero: an absent one has no influence, forwards or backwards.
at::Tensor embedding_or_zero(const FusionInput& input, size_t m);
/// Softmax over dimension 1, the modalities. Absent ones weigh 0, and all do where nothing is present.
/// @param score       (B, M) or (B, M, D)
/// @param present_BM  bool
at::Tensor softmax_over_present(const at::Tensor& score, const at::Tensor& present_BM);
/// Sum over the rows of `mask_B` divided by their number; zero without any. Others must be finite.
at::Tensor mean_of_rows(const at::Tensor& x_B, const at::Tensor& mask_B);
/// @throws c10::Error unless `input` has M modalities
void check_modalities(const FusionInput& input, size_t num_modalities);

/// The modality sub-network of TFN and LMF (Zadeh et al. 2017), which MERBench took over: dropout, then three
/// layers with ReLU.
class SubNetImpl final : public torch::nn::Cloneable<SubNetImpl> {
 public:
  SubNetImpl(int64_t in_width, int64_t width, double dropout)
      : in_width_(in_width), width_(width), dropout_(dropout) {
    reset();
  }
  void reset() override;
  at::Tensor forward(const at::Tensor& x_BD);

 private:
  int64_t in_width_;
  int64_t width_;
  double dropout_;
  torch::nn::Linear layer1_{nullptr}, layer2_{nullptr}, layer3_{nullptr};
};
TORCH_MODULE(SubNet);

}  // namespace limbic::nn
