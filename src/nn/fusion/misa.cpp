#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/normalization.h>

#include <map>
#include <string>
#include <utility>

#include "blocks/attention.h"
#include "fusion/build.h"
#include "fusion/parts.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// Rows of a batch over units of a vector at which the authors chose the weight of the difference loss
/// (MOSI).
constexpr double kRowsPerUnit = 64.0 / 128.0;
/// Central moments that CMD compares, the mean being the first (Zellinger et al. 2017).
constexpr int64_t kMoments = 5;

// Note [MISA's losses and collapse]
// Two of the losses, as the authors wrote them, are lowest when all samples have the same vectors. From a
// weak start a model goes there before its task has begun to be learned, and stays at the majority class.
// - difference: their code takes the length of a centred vector as a constant. Then the gradient has a part
//   along the vector, which shrinks it for ever without making the loss smaller. Here it is the gradient of
//   the paper's formula, to which the length does not matter.
// - difference again: as a sum over the batch it grows with (rows / width)^2. Here it is scaled to what it is
//   at the sizes for which they chose its weight.
// - reconstruction: its target counts as a constant here; else the target moves to what is easily rebuilt.

/// Euclidean length over the last dimension, with a gradient of zero where it is zero.
at::Tensor safe_length(const at::Tensor& x) {
  return x.pow(2).sum(-1).clamp_min(1e-24).sqrt();
}

/// (B, D) minus the mean of the rows of `mask_B`, rows scaled to length 1; other rows are zero.
at::Tensor centred_rows(const at::Tensor& x_BD, const at::Tensor& mask_B) {
  const auto centred_BD =
      (x_BD - mean_of_rows(x_BD, mask_B)).masked_fill(mask_B.logical_not().unsqueeze(1), 0.0);
  return centred_BD / (safe_length(centred_BD).unsqueeze(1) + 1e-6);
}

// MISA (Hazarika et al. 2020) from the projections on: a private and a shared vector per modality, one
// transformer layer over the 2 M of them, and three losses. Vectors of an absent modality are masked keys,
// and zero in the concatenation; each loss reads the rows that have its modalities.
class MisaFusionImpl final : public torch::nn::Cloneable<MisaFusionImpl>, public Fusion {
 public:
  MisaFusionImpl(MisaFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(config), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    project_ = register_module("project", torch::nn::ModuleList());
    project_norm_ = register_module("project_norm", torch::nn::ModuleList());
    private_ = register_module("private", torch::nn::ModuleList());
    reconstruct_ = register_module("reconstruct", torch::nn::ModuleList());
    const int64_t width = config_.width;
    for (const auto& modality : modalities_) {
      project_->push_back(torch::nn::Linear(modality.width, width));
      project_norm_->push_back(torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
      private_->push_back(torch::nn::Linear(width, width));
      reconstruct_->push_back(torch::nn::Linear(width, width));
    }
    shared_ = register_module("shared", torch::nn::Linear(width, width));
    TransformerBlockOptions block;
    block.width = width;
    block.heads = config_.heads;
    block.hidden = config_.transformer_hidden;
    block.dropout = config_.transformer_dropout;
    // The authors' norms come after the sums, which wants their learning rate (1e-4) or a long warm-up.
    block.norm_first = true;
    block.activation = Activation::kRelu;
    transformer_ = register_module("transformer", TransformerBlock(block));
    const auto num_modalities = static_cast<int64_t>(modalities_.size());
    last_ = register_module("last", torch::nn::Linear(2 * num_modalities * width, num_modalities * width));
  }

  FusionOutput fuse(const FusionInput& input) override {
    check_modalities(input, modalities_.size());
    std::vector<at::Tensor> common_BD;
    std::vector<at::Tensor> private_BD;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      const auto h_BD = linear(project_, m, embedding_or_zero(input, m)).relu_();
      common_BD.push_back(project_norm_[m]->as<torch::nn::LayerNormImpl>()->forward(h_BD));
      private_BD.push_back(linear(private_, m, common_BD.back()));
    }
    const auto common_BMD = at::stack(common_BD, 1);
    const auto private_BMD = at::stack(private_BD, 1).sigmoid_();
    const auto shared_BMD = shared_(common_BMD).sigmoid_();
    const auto present_BN = at::cat({input.present_BM, input.present_BM}, 1);
    const auto fused_BND = transformer_(at::cat({private_BMD, shared_BMD}, 1), present_BN);
    FusionOutput output;
    output.fused_BD = fast_dropout(last_(fused_BND.flatten(1)), config_.dropout, is_training()).relu();
    if (is_training()) output.losses = losses_of(input.present_BM, common_BMD, private_BMD, shared_BMD);
    return output;
  }

  int64_t width() const override { return static_cast<int64_t>(modalities_.size()) * config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  static at::Tensor linear(torch::nn::ModuleList& list, size_t m, const at::Tensor& x_BD) {
    return list[m]->as<torch::nn::LinearImpl>()->forward(x_BD);
  }

  std::map<std::string, at::Tensor> losses_of(const at::Tensor& present_BM, const at::Tensor& common_BMD,
                                              const at::Tensor& private_BMD, const at::Tensor& shared_BMD) {
    const auto num_modalities = static_cast<int64_t>(modalities_.size());
    auto difference = at::zeros({}, common_BMD.options().requires_grad(false));
    auto reconstruction = difference;
    for (int64_t i = 0; i < num_modalities; ++i) {
      const auto present_B = present_BM.select(1, i);
      const auto private_BD = private_BMD.select(1, i);
      difference = difference + overlap(private_BD, shared_BMD.select(1, i), present_B);
      for (int64_t j = i + 1; j < num_modalities; ++j) {
        difference = difference + overlap(private_BD, private_BMD.select(1, j),
                                          present_B.logical_and(present_BM.select(1, j)));
      }
      const auto rebuilt_BD =
          linear(reconstruct_, static_cast<size_t>(i), private_BD + shared_BMD.select(1, i));
      const auto error_B = (rebuilt_BD - common_BMD.select(1, i).detach()).pow(2).mean(1);
      reconstruction = reconstruction + mean_of_rows(error_B, present_B);
    }
    std::map<std::string, at::Tensor> losses;
    losses["difference"] = difference * config_.difference_weight;
    losses["reconstruction"] =
        reconstruction * (config_.reconstruction_weight / static_cast<double>(num_modalities));
    if (num_modalities > 1) {
      losses["similarity"] = moment_discrepancy(shared_BMD, present_BM) * config_.similarity_weight;
    }
    return losses;
  }

  /// Squared Frobenius norm of the two's cross-products, as a mean over its elements, for so many rows as the
  /// authors had.
  static at::Tensor overlap(const at::Tensor& a_BD, const at::Tensor& b_BD, const at::Tensor& mask_B) {
    const auto rows = mask_B.sum().clamp_min(1).to(a_BD.scalar_type());
    const auto scale = kRowsPerUnit * static_cast<double>(a_BD.size(1)) / rows;
    return (at::matmul(centred_rows(a_BD, mask_B).t(), centred_rows(b_BD, mask_B)) * scale).pow(2).mean();
  }

  /// Mean over pairs of modalities of the central moment discrepancy; pairs without rows count 0.
  static at::Tensor moment_discrepancy(const at::Tensor& shared_BMD, const at::Tensor& present_BM) {
    const auto keep_BM1 = present_BM.to(shared_BMD.scalar_type()).unsqueeze(2);
    const auto num_M1 = keep_BM1.sum(0).clamp_min(1.0);
    std::vector<at::Tensor> moment_MD = {(shared_BMD * keep_BM1).sum(0) / num_M1};
    const auto centred_BMD = (shared_BMD - moment_MD.front()) * keep_BM1;
    for (int64_t k = 2; k <= kMoments; ++k) moment_MD.push_back(centred_BMD.pow(k).sum(0) / num_M1);
    const auto moment_KMD = at::stack(moment_MD);
    const auto is_there_M = present_BM.any(0);
    auto sum = at::zeros({}, shared_BMD.options().requires_grad(false));
    int64_t num_pairs = 0;
    for (int64_t i = 0; i < shared_BMD.size(1); ++i) {
      for (int64_t j = i + 1; j < shared_BMD.size(1); ++j) {
        const auto both = is_there_M[i].logical_and(is_there_M[j]);
        sum = sum + safe_length(moment_KMD.select(1, i) - moment_KMD.select(1, j)).sum() * both;
        ++num_pairs;
      }
    }
    return sum / static_cast<double>(num_pairs);
  }

  MisaFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  torch::nn::ModuleList project_{nullptr}, project_norm_{nullptr}, private_{nullptr}, reconstruct_{nullptr};
  torch::nn::Linear shared_{nullptr}, last_{nullptr};
  TransformerBlock transformer_{nullptr};
};

}  // namespace

std::shared_ptr<Fusion> build(const MisaFusionConfig& config, const std::vector<ModalityShape>& modalities) {
  require(config.width % config.heads == 0, ErrorCode::kConfig,
          "fusion 'misa': heads (" + std::to_string(config.heads) + ") must divide width (" +
              std::to_string(config.width) + ")");
  return std::make_shared<MisaFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
