#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "fusion/build.h"
#include "fusion/parts.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// Added to the diagonal of a class's covariance, which few samples leave singular.
constexpr double kRidge = 1e-3;

torch::nn::Linear xavier_linear(int64_t in_width, int64_t width) {
  torch::nn::Linear layer(in_width, width);
  torch::nn::init::xavier_normal_(layer->weight);
  return layer;
}

/// A linear layer whose weights count as constants.
at::Tensor frozen(const torch::nn::Linear& layer, const at::Tensor& x) {
  return at::linear(x, layer->weight.detach(), layer->bias.detach());
}

// Note [Bounds of MMIM]
// I(x; y) >= E log q(y|x) + H(y) for any q (Barber and Agakov 2003). The authors alternate two optimisers
// over whole epochs: one fits q by maximum likelihood, the other moves the encoders against a fixed q. Here
// both are in one step: "likelihood" fits q on detached embeddings with weight 1, "bound" reads q's weights
// as constants, with weight beta. q's log-variance goes through tanh and counts in the density; the authors'
// last code has neither, which lets q win by an infinite variance. H(y) is that of a Gaussian per class in a
// fixed random projection of y (theirs has no optimiser either) over the batch and a memory of the last
// samples.

/// Barber-Agakov bound of one pair of modalities.
class PairBoundImpl final : public torch::nn::Cloneable<PairBoundImpl> {
 public:
  PairBoundImpl(int64_t x_width, int64_t y_width, int64_t memory)
      : x_width_(x_width), y_width_(y_width), memory_(memory) {
    reset();
  }

  void reset() override {
    mean1_ = register_module("mean1", xavier_linear(x_width_, y_width_));
    mean2_ = register_module("mean2", xavier_linear(y_width_, y_width_));
    variance1_ = register_module("variance1", xavier_linear(x_width_, y_width_));
    variance2_ = register_module("variance2", xavier_linear(y_width_, y_width_));
    const int64_t width = std::max<int64_t>(1, y_width_ / 4);
    const auto projection = xavier_linear(y_width_, width);
    projection_ = register_buffer("projection", projection->weight.detach().clone());
    projection_bias_ = register_buffer("projection_bias", projection->bias.detach().clone());
    // Labels are kept as floats: Module::to casts every buffer.
    memory_NE_ = register_buffer("memory", at::zeros({memory_, width}));
    memory_label_N_ = register_buffer("memory_label", at::full({memory_}, -1.0));
  }

  /// Mean log-density of y given x over the rows of `mask_B`.
  at::Tensor log_likelihood(const at::Tensor& x_BX, const at::Tensor& y_BY, const at::Tensor& mask_B,
                            bool is_frozen) {
    const auto apply = [&](torch::nn::Linear& layer, const at::Tensor& x) {
      return is_frozen ? frozen(layer, x) : layer(x);
    };
    const auto mean_BY = apply(mean2_, apply(mean1_, x_BX).relu());
    const auto log_variance_BY = apply(variance2_, apply(variance1_, x_BX).relu()).tanh();
    const auto density_BY = (mean_BY - y_BY).pow(2) * (-log_variance_BY).exp() + log_variance_BY;
    return mean_of_rows(density_BY.sum(1) * -0.5, mask_B);
  }

  /// Mean over classes of the entropy (up to a constant) of y in projection; then remembers the batch.
  /// @param label_B  int64, -1 = unknown or y absent
  at::Tensor entropy(const at::Tensor& y_BY, const at::Tensor& label_B) {
    const auto z_BE = at::linear(y_BY, projection_, projection_bias_).tanh();
    const auto label_N = at::cat({label_B.to(z_BE.scalar_type()), memory_label_N_});
    const auto z_NE = at::cat({z_BE, memory_NE_});
    const auto num_classes = std::max<int64_t>(1, label_N.max().item<int64_t>() + 1);
    const auto member_CN = label_N.unsqueeze(0)
                               .eq(at::arange(num_classes, label_N.options()).unsqueeze(1))
                               .to(z_NE.scalar_type());
    const auto count_C1 = member_CN.sum(1, /*keepdim=*/true);
    const auto share_CN = member_CN / count_C1.clamp_min(1.0);
    const auto mean_CE = at::matmul(share_CN, z_NE);
    const auto square_NEE = z_NE.unsqueeze(2) * z_NE.unsqueeze(1);
    const auto second_CEE =
        at::matmul(share_CN, square_NEE.flatten(1)).view({num_classes, z_NE.size(1), z_NE.size(1)});
    const auto covariance_CEE = second_CEE - mean_CE.unsqueeze(2) * mean_CE.unsqueeze(1) +
                                at::eye(z_NE.size(1), z_NE.options().requires_grad(false)) * kRidge;
    const auto log_determinant_C = std::get<1>(at::linalg_slogdet(covariance_CEE));
    remember(z_NE.detach(), label_N);
    // A class of one sample has no spread to speak of.
    return mean_of_rows(log_determinant_C, count_C1.squeeze(1) >= 2.0) * 0.5;
  }

 private:
  /// The newest samples come first.
  void remember(const at::Tensor& z_NE, const at::Tensor& label_N) {
    at::NoGradGuard no_grad;
    memory_NE_.copy_(z_NE.narrow(0, 0, memory_));
    memory_label_N_.copy_(label_N.narrow(0, 0, memory_));
  }

  int64_t x_width_;
  int64_t y_width_;
  int64_t memory_;
  torch::nn::Linear mean1_{nullptr}, mean2_{nullptr}, variance1_{nullptr}, variance2_{nullptr};
  at::Tensor projection_, projection_bias_, memory_NE_, memory_label_N_;
};
TORCH_MODULE(PairBound);

/// Rows of length 1.
at::Tensor on_sphere(const at::Tensor& x_BD) {
  return x_BD * x_BD.pow(2).sum(1, /*keepdim=*/true).clamp_min(1e-24).rsqrt();
}

// Multimodal InfoMax (Han et al. 2021): the embeddings side by side through two layers, and bounds that keep
// information between modalities (see Note [Bounds of MMIM]) and from each modality in the fused vector
// (CPC).
class MmimFusionImpl final : public torch::nn::Cloneable<MmimFusionImpl>, public Fusion {
 public:
  MmimFusionImpl(MmimFusionConfig config, std::vector<ModalityShape> modalities, size_t main)
      : config_(std::move(config)), modalities_(std::move(modalities)), main_(main) {
    reset();
  }

  void reset() override {
    bounds_ = register_module("bounds", torch::nn::ModuleList());
    predict_ = register_module("predict", torch::nn::ModuleList());
    int64_t in_width = 0;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      in_width += modalities_[m].width;
      predict_->push_back(xavier_linear(config_.width, modalities_[m].width));
      if (m == main_) continue;
      bounds_->push_back(PairBound(modalities_[main_].width, modalities_[m].width, config_.memory));
    }
    layer1_ = register_module("layer1", xavier_linear(in_width, config_.width));
    layer2_ = register_module("layer2", xavier_linear(config_.width, config_.width));
  }

  FusionOutput fuse(const FusionInput& input) override {
    check_modalities(input, modalities_.size());
    std::vector<at::Tensor> x_BD;
    for (size_t m = 0; m < modalities_.size(); ++m) x_BD.push_back(embedding_or_zero(input, m));
    FusionOutput output;
    const auto all_BD = fast_dropout(at::cat(x_BD, 1), config_.dropout, is_training());
    output.fused_BD = layer2_(layer1_(all_BD).tanh()).tanh();
    if (is_training()) output.losses = losses_of(input, x_BD, output.fused_BD);
    return output;
  }

  int64_t width() const override { return config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  std::map<std::string, at::Tensor> losses_of(const FusionInput& input, const std::vector<at::Tensor>& x_BD,
                                              const at::Tensor& fused_BD) {
    const auto zero = at::zeros({}, fused_BD.options().requires_grad(false));
    auto contrast = zero;
    auto fit = zero;
    auto bound = zero;
    auto entropy = zero;
    size_t pair = 0;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      const auto present_B = input.present_BM.select(1, static_cast<int64_t>(m));
      contrast = contrast + contrast_of(x_BD[m], linear(m, fused_BD), present_B);
      if (m == main_) continue;
      auto& pair_bound = *bounds_[pair++]->as<PairBoundImpl>();
      const auto both_B = present_B.logical_and(input.present_BM.select(1, static_cast<int64_t>(main_)));
      fit = fit - pair_bound.log_likelihood(x_BD[main_].detach(), x_BD[m].detach(), both_B, false);
      bound = bound - pair_bound.log_likelihood(x_BD[main_], x_BD[m], both_B, true);
      if (!input.label_B.defined()) continue;
      entropy = entropy - pair_bound.entropy(x_BD[m], input.label_B.masked_fill(present_B.logical_not(), -1));
    }
    std::map<std::string, at::Tensor> losses;
    losses["contrast"] = contrast * config_.alpha;
    if (modalities_.size() < 2) return losses;
    losses["likelihood"] = fit;
    losses["bound"] = bound * config_.beta;
    if (input.label_B.defined()) losses["entropy"] = entropy * config_.beta;
    return losses;
  }

  at::Tensor linear(size_t m, const at::Tensor& fused_BD) {
    return predict_[m]->as<torch::nn::LinearImpl>()->forward(fused_BD);
  }

  /// InfoNCE (van den Oord et al. 2018): the modality's embedding against what the batch's fused vectors
  /// predict of it, by cosines.
  static at::Tensor contrast_of(const at::Tensor& x_BD, const at::Tensor& predicted_BD,
                                const at::Tensor& present_B) {
    const auto cosine_BB = at::matmul(on_sphere(x_BD), on_sphere(predicted_BD).t());
    const auto all_B = cosine_BB.masked_fill(present_B.logical_not().unsqueeze(0), -1e30).logsumexp(1);
    // Rows that do not count must be finite: without any present, all_B is a large number.
    return mean_of_rows((all_B - cosine_BB.diagonal()).masked_fill(present_B.logical_not(), 0.0), present_B);
  }

  MmimFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  size_t main_;
  torch::nn::ModuleList bounds_{nullptr}, predict_{nullptr};
  torch::nn::Linear layer1_{nullptr}, layer2_{nullptr};
};

}  // namespace

std::shared_ptr<Fusion> build(const MmimFusionConfig& config, const std::vector<ModalityShape>& modalities) {
  std::vector<std::string> names;
  for (const auto& modality : modalities) names.push_back(modality.name);
  const auto found = std::find(names.begin(), names.end(), config.main.empty() ? "text" : config.main);
  require(found != names.end() || config.main.empty(), ErrorCode::kConfig,
          "fusion.main: there is no modality '" + config.main + "', only " + core::join(names) +
              core::did_you_mean(config.main, names));
  const auto main = found == names.end() ? size_t{0} : static_cast<size_t>(found - names.begin());
  return std::make_shared<MmimFusionImpl>(config, modalities, main);
}

}  // namespace limbic::nn
