#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <string>
#include <utility>

#include "dialogue/turns.h"
#include "fusion/build.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr double kPi = 3.14159265358979323846;
/// Keeps acos away from 1, where its slope is infinite (the published code's constant).
constexpr double kShrink = 0.99999;
constexpr double kSmallestNorm = 1e-8;

at::Tensor angular_similarity(const at::Tensor& cosine) {
  return 1.0 - (cosine * kShrink).acos() / kPi;
}

/// The normalised adjacency D^-1/2 A D^-1/2 of the graph, never written out: within a modality every pair of
/// turns, across modalities only a turn with itself.
struct TurnGraph {
  at::Tensor within_DMUU;
  at::Tensor across_DUMM;
  at::Tensor scale_DMU1;  ///< D^-1/2, zero at absent nodes

  at::Tensor propagate(const at::Tensor& h_DMUW) const {
    const auto scaled = h_DMUW * scale_DMU1;
    const auto across = at::matmul(across_DUMM, scaled.transpose(1, 2)).transpose(1, 2);
    return (at::matmul(within_DMUU, scaled) + across) * scale_DMU1;
  }
};

TurnGraph graph_of(const at::Tensor& x_DMUW, const at::Tensor& mask_DMU, const MmgcnFusionConfig& config) {
  const auto unit = x_DMUW / x_DMUW.norm(2, -1, /*keepdim=*/true).clamp_min(kSmallestNorm);
  const int64_t num_modalities = mask_DMU.size(1);
  const int64_t num_turns = mask_DMU.size(2);
  const auto on_diagonal = [&](int64_t n) { return at::eye(n, mask_DMU.options()); };

  // A node's edge to itself is 1 by itself: D and A of the paper are those of A + I.
  auto keep_DMUU = mask_DMU.unsqueeze(2).logical_and(mask_DMU.unsqueeze(3));
  if (config.causal) keep_DMUU = keep_DMUU.logical_and(not_after_UU(num_turns, mask_DMU.device()));
  TurnGraph graph;
  graph.within_DMUU = angular_similarity(at::matmul(unit, unit.transpose(2, 3)))
                          .masked_fill(on_diagonal(num_turns), 1.0)
                          .masked_fill(keep_DMUU.logical_not(), 0.0);
  const auto unit_DUMW = unit.transpose(1, 2);
  const auto mask_DUM = mask_DMU.transpose(1, 2);
  const auto keep_DUMM = mask_DUM.unsqueeze(2).logical_and(mask_DUM.unsqueeze(3));
  graph.across_DUMM = angular_similarity(at::matmul(unit_DUMW, unit_DUMW.transpose(2, 3)))
                          .mul(config.cross_weight)
                          .masked_fill(keep_DUMM.logical_not().logical_or(on_diagonal(num_modalities)), 0.0);
  const auto degree_DMU = graph.within_DMUU.sum(3) + graph.across_DUMM.sum(3).transpose(1, 2);
  const auto absent_DMU = mask_DMU.logical_not();
  graph.scale_DMU1 =
      degree_DMU.masked_fill(absent_DMU, 1.0).rsqrt().masked_fill(absent_DMU, 0.0).unsqueeze(3);
  return graph;
}

/// Differs from the published model in that the modality's own context (a BiLSTM for text there) is the
/// model's `context` key, so any modality may have one.
class MmgcnFusionImpl final : public torch::nn::Cloneable<MmgcnFusionImpl>, public Fusion {
 public:
  MmgcnFusionImpl(MmgcnFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(config), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    input_ = register_module("input", torch::nn::ModuleList());
    for (const auto& modality : modalities_)
      input_->push_back(torch::nn::Linear(modality.width, config_.width));
    if (config_.speakers)
      speaker_ = register_module("speaker", SpeakerEmbedding(config_.max_speakers, config_.width));
    first_ = register_module("first", torch::nn::Linear(config_.width, config_.width));
    weight_WW_.clear();
    const double bound = 1.0 / std::sqrt(static_cast<double>(config_.width));
    for (int64_t l = 0; l < config_.layers; ++l) {
      weight_WW_.push_back(register_parameter(
          "layer_" + std::to_string(l), at::empty({config_.width, config_.width}).uniform_(-bound, bound)));
    }
    missing_MW_ = register_parameter(
        "missing", at::zeros({static_cast<int64_t>(modalities_.size()), 2 * config_.width}));
  }

  FusionOutput fuse(const FusionInput& input) override {
    TORCH_CHECK(input.modalities.size() == modalities_.size(), "fusion wants ", modalities_.size(),
                " modalities, got ", input.modalities.size());
    const auto turns = turns_of(input);
    std::vector<at::Tensor> nodes_DUW, mask_DU;
    for (size_t m = 0; m < turns.size(); ++m) {
      nodes_DUW.push_back(input_[m]->as<torch::nn::LinearImpl>()->forward(turns[m].x_DUW));
      mask_DU.push_back(turns[m].mask_DU);
    }
    const auto mask_DMU = at::stack(mask_DU, 1);
    const auto absent_DMU1 = mask_DMU.logical_not().unsqueeze(3);
    auto x_DMUW = at::stack(nodes_DUW, 1);
    if (speaker_) x_DMUW = x_DMUW + speaker_(input.grid.speaker_DU).unsqueeze(1);
    x_DMUW = x_DMUW.masked_fill(absent_DMU1, 0.0);

    const auto read_DMUW = convolve(x_DMUW, graph_of(x_DMUW, mask_DMU, config_));
    const auto joined =
        at::where(absent_DMU1, missing_MW_.unsqueeze(1), at::cat({x_DMUW, read_DMUW}, 3).relu());
    FusionOutput output;
    output.fused_BD = input.grid.to_rows(joined.transpose(1, 2)).flatten(1);
    return output;
  }

  int64_t width() const override { return static_cast<int64_t>(modalities_.size()) * 2 * config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  /// GCNII: H' = ReLU(S ((1 - b) I + b W)), S = (1 - a) P H + a H0, b = log(lambda / l + 1).
  at::Tensor convolve(const at::Tensor& x_DMUW, const TurnGraph& graph) {
    const auto first = first_(fast_dropout(x_DMUW, config_.dropout, is_training())).relu_();
    auto h = first;
    for (size_t l = 0; l < weight_WW_.size(); ++l) {
      const double trust = std::log(config_.decay / static_cast<double>(l + 1) + 1.0);
      const auto dropped = fast_dropout(h, config_.dropout, is_training());
      const auto support = at::lerp(graph.propagate(dropped), first, config_.initial_share);
      h = at::lerp(support, at::matmul(support, weight_WW_[l]), trust).relu_();
    }
    return fast_dropout(h, config_.dropout, is_training());
  }

  MmgcnFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  torch::nn::ModuleList input_{nullptr};
  SpeakerEmbedding speaker_{nullptr};
  torch::nn::Linear first_{nullptr};
  std::vector<at::Tensor> weight_WW_;
  at::Tensor missing_MW_;
};

}  // namespace

std::shared_ptr<Fusion> build(const MmgcnFusionConfig& config, const std::vector<ModalityShape>& modalities) {
  return std::make_shared<MmgcnFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
