#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <string>
#include <utility>

#include "dialogue/turns.h"
#include "fusion/build.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

class PairwiseAttentionFusionImpl final : public torch::nn::Cloneable<PairwiseAttentionFusionImpl>,
                                          public Fusion {
 public:
  PairwiseAttentionFusionImpl(PairwiseAttentionFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(config), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    input_ = register_module("input", torch::nn::ModuleList());
    missing_MW_ =
        register_parameter("missing", at::zeros({static_cast<int64_t>(modalities_.size()), config_.width}));
    std::vector<int64_t> query, source;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      input_->push_back(torch::nn::Linear(modalities_[m].width, config_.width));
      for (size_t k = 0; k < modalities_.size(); ++k) {
        if (k == m) continue;
        query.push_back(static_cast<int64_t>(m));
        source.push_back(static_cast<int64_t>(k));
      }
    }
    // Not part of the state: it follows from the number of modalities.
    query_P_ = at::tensor(query, at::kLong);
    source_P_ = at::tensor(source, at::kLong);
  }

  FusionOutput fuse(const FusionInput& input) override {
    TORCH_CHECK(input.modalities.size() == modalities_.size(), "fusion wants ", modalities_.size(),
                " modalities, got ", input.modalities.size());
    const auto turns = turns_of(input);
    std::vector<at::Tensor> x_DUW, mask_DU;
    for (size_t m = 0; m < turns.size(); ++m) {
      x_DUW.push_back(input_[m]->as<torch::nn::LinearImpl>()->forward(turns[m].x_DUW).tanh_());
      mask_DU.push_back(turns[m].mask_DU);
    }
    const auto mask_DMU = at::stack(mask_DU, 1);
    const auto absent_DMU1 = mask_DMU.logical_not().unsqueeze(3);
    const auto x_DMUW =
        fast_dropout(at::stack(x_DUW, 1), config_.dropout, is_training()).masked_fill(absent_DMU1, 0.0);

    const auto source_P = source_P_.to(x_DMUW.device());
    const auto query_DPUW = x_DMUW.index_select(1, query_P_.to(x_DMUW.device()));
    const auto source_DPUW = x_DMUW.index_select(1, source_P);
    auto keep_DPUU = mask_DMU.index_select(1, source_P).unsqueeze(2);
    if (config_.causal)
      keep_DPUU = keep_DPUU.logical_and(not_after_UU(input.grid.num_turns(), x_DMUW.device()));
    const auto weight_DPUU = masked_softmax(at::matmul(query_DPUW, source_DPUW.transpose(2, 3)), keep_DPUU);
    // An absent query is zero, and so is what a source without turns gives: neither adds anything.
    const auto found_DPUW = at::matmul(weight_DPUU, source_DPUW) * query_DPUW;

    const auto own_DMUW = at::where(absent_DMU1, missing_MW_.unsqueeze(1), x_DMUW);
    FusionOutput output;
    output.fused_BD = input.grid.to_rows(at::cat({found_DPUW, own_DMUW}, 1).transpose(1, 2)).flatten(1);
    return output;
  }

  int64_t width() const override {
    const auto num_modalities = static_cast<int64_t>(modalities_.size());
    return num_modalities * num_modalities * config_.width;  // M (M - 1) pairs and M modalities
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  PairwiseAttentionFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  torch::nn::ModuleList input_{nullptr};
  at::Tensor missing_MW_;
  at::Tensor query_P_, source_P_;  ///< the ordered pairs
};

}  // namespace

std::shared_ptr<Fusion> build(const PairwiseAttentionFusionConfig& config,
                              const std::vector<ModalityShape>& modalities) {
  require(
      modalities.size() >= 2, ErrorCode::kConfig,
      "fusion 'pairwise_attention' wants two modalities or more, got " + std::to_string(modalities.size()));
  return std::make_shared<PairwiseAttentionFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
