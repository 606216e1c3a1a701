#include "fusion/parts.h"

#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// Score of an absent modality; finite, so that a row of them is not NaN.
constexpr double kNoScore = -1e30;

}  // namespace

at::Tensor embedding_or_zero(const FusionInput& input, size_t m) {
  const auto& embedding_BD = input.modalities[m].embedding_BD;
  const auto present_B1 = input.present_BM.narrow(1, static_cast<int64_t>(m), 1);
  return at::where(present_B1, embedding_BD, at::zeros({}, embedding_BD.options()));
}

at::Tensor softmax_over_present(const at::Tensor& score, const at::Tensor& present_BM) {
  auto absent = present_BM.logical_not();
  if (score.dim() == 3) absent = absent.unsqueeze(2);
  return score.masked_fill(absent, kNoScore).softmax(1).masked_fill(absent, 0.0);
}

at::Tensor mean_of_rows(const at::Tensor& x_B, const at::Tensor& mask_B) {
  auto shape = std::vector<int64_t>(static_cast<size_t>(x_B.dim()), 1);
  shape[0] = -1;
  const auto keep_B = mask_B.to(x_B.scalar_type());
  return (x_B * keep_B.view(shape)).sum(0) / keep_B.sum().clamp_min(1.0);
}

void check_modalities(const FusionInput& input, size_t num_modalities) {
  TORCH_CHECK(input.modalities.size() == num_modalities &&
                  input.present_BM.size(1) == static_cast<int64_t>(num_modalities),
              "fusion wants ", num_modalities, " modalities, got ", input.modalities.size());
}

void SubNetImpl::reset() {
  layer1_ = register_module("layer1", torch::nn::Linear(in_width_, width_));
  layer2_ = register_module("layer2", torch::nn::Linear(width_, width_));
  layer3_ = register_module("layer3", torch::nn::Linear(width_, width_));
}

at::Tensor SubNetImpl::forward(const at::Tensor& x_BD) {
  const auto h_BD = layer1_(fast_dropout(x_BD, dropout_, is_training())).relu_();
  return layer3_(layer2_(h_BD).relu_()).relu_();
}

}  // namespace limbic::nn
