#include <ATen/ATen.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>

#include <utility>

#include "build.h"
#include "embedding.h"
#include "kmeans.h"
#include "limbic/core/error.h"
#include "rows.h"

namespace limbic::objectives {
namespace {

constexpr int64_t kNobody = -1;

/// FNV-1a: the same number for a sample's id in every process, never kNobody.
int64_t key_of(const std::string& id) {
  uint64_t hash = 1469598103934665603ULL;
  for (const char letter : id) hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211ULL;
  return static_cast<int64_t>(hash >> 1U);
}

/// Embeddings of samples as they were last seen, and their clusters.
class EmbeddingBank final : public torch::nn::Module {
 public:
  EmbeddingBank(int64_t capacity, int64_t width)
      : key_M(register_buffer("key", at::full({capacity}, kNobody, at::kLong))),
        vector_MD(register_buffer("vector", at::zeros({capacity, width}))),
        label_M(register_buffer("label", at::full({capacity}, kNobody, at::kLong))),
        next(register_buffer("next", at::zeros({}, at::kLong))) {}

  /// Puts vectors in, each at its sample's place; a new sample takes the oldest one's.
  /// @return the clusters that the samples had, kNobody for none
  at::Tensor exchange(const at::Tensor& key_N, const at::Tensor& x_ND) {
    at::NoGradGuard no_grad;
    const auto match_NM = key_N.unsqueeze(1) == key_M.unsqueeze(0);
    const auto is_known_N = match_NM.any(1);
    const auto is_new_N = is_known_N.logical_not().to(at::kLong);
    const auto fresh_N = (next + is_new_N.cumsum(0) - 1).remainder(key_M.size(0));
    const auto place_N = at::where(is_known_N, match_NM.to(at::kInt).argmax(1), fresh_N);
    const auto label_N = label_M.index_select(0, place_N).masked_fill(is_known_N.logical_not(), kNobody);
    key_M.index_copy_(0, place_N, key_N);
    vector_MD.index_copy_(0, place_N, x_ND.detach().to(vector_MD.scalar_type()));
    label_M.index_copy_(0, place_N, label_N);
    next.copy_((next + is_new_N.sum()).remainder(key_M.size(0)));
    return label_N;
  }
  at::Tensor filled() const { return row_indices(key_M != kNobody); }

  at::Tensor key_M;  ///< of ids, kNobody = free
  at::Tensor vector_MD;
  at::Tensor label_M;
  at::Tensor next;  ///< int64 scalar
};

class DeepClusterObjective final : public Objective {
 public:
  DeepClusterObjective(DeepClusterConfig config, int64_t width)
      : config_(std::move(config)),
        module_(std::make_shared<torch::nn::Module>("deep_cluster")),
        head_(module_->register_module("head", torch::nn::Linear(width, config_.clusters))),
        bank_(module_->register_module("bank", std::make_shared<EmbeddingBank>(config_.bank, width))),
        weight_K_(module_->register_buffer("weight", at::ones({config_.clusters}))),
        num_steps_(module_->register_buffer("num_steps", at::zeros({}, at::kLong))) {}

  LossTerms compute(const TrainStep& step) override {
    const auto embedding = embedding_of(step.output, config_.modality);
    auto index_N = row_indices(embedding.counts_B);
    index_N = index_N.slice(0, 0, config_.bank);
    const auto x_ND = embedding.vector_BD.index_select(0, index_N);
    std::vector<int64_t> keys;
    for (const auto& id : step.batch.ids) keys.push_back(key_of(id));
    const auto key_N = at::tensor(keys, at::kLong).to(x_ND.device()).index_select(0, index_N);
    const auto label_N = bank_->exchange(key_N, x_ND);
    const auto known_N = label_N != kNobody;
    LossTerms loss;
    // Nothing is assigned before the first clustering.
    if (!known_N.any().item<bool>()) {
      loss.total = empty_loss(step.output);
      return loss;
    }
    const auto row_N = row_indices(known_N);
    const auto logits_NK = head_->forward(x_ND.index_select(0, row_N));
    // As if samples were drawn evenly from the clusters.
    const auto main = at::cross_entropy_loss(logits_NK, label_N.index_select(0, row_N),
                                             weight_K_.to(logits_NK.scalar_type()));
    loss.terms[DeepClusterConfig::kType] = main.detach();
    loss.total = main * config_.weight;
    return loss;
  }

  void after_step(model::MultimodalModel& /*model*/) override {
    at::NoGradGuard no_grad;
    num_steps_.add_(1);
    if (num_steps_.item<int64_t>() % config_.every_steps != 0) return;
    const auto row_N = bank_->filled();
    if (row_N.size(0) < config_.clusters) return;
    const auto x_ND = bank_->vector_MD.index_select(0, row_N);
    const auto found = kmeans(config_.whiten > 0 ? whitened_rows(x_ND, config_.whiten) : x_ND,
                              config_.clusters, config_.iterations);
    bank_->label_M.index_copy_(0, row_N, found.label_N);
    const auto count_K = at::bincount(found.label_N, {}, config_.clusters).to(weight_K_.scalar_type());
    weight_K_.copy_((count_K > 0).to(weight_K_.scalar_type()) / count_K.clamp_min(1.0));
    // New clusters have nothing to do with the old ones' numbers.
    torch::nn::init::normal_(head_->weight, 0.0, 0.01);
    torch::nn::init::zeros_(head_->bias);
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }

 private:
  DeepClusterConfig config_;
  std::shared_ptr<torch::nn::Module> module_;
  torch::nn::Linear head_;
  std::shared_ptr<EmbeddingBank> bank_;
  at::Tensor weight_K_;   ///< of each cluster, 1 / its samples
  at::Tensor num_steps_;  ///< int64 scalar
};

}  // namespace

std::unique_ptr<Objective> build(const DeepClusterConfig& config, const ObjectiveContext& context) {
  const auto widths = wanted_embeddings(context, config.modality, DeepClusterConfig::kType);
  require(widths.size() == 1 && config.modality != kEach, ErrorCode::kConfig,
          "deep_cluster: modality must name one modality, or fused");
  return std::make_unique<DeepClusterObjective>(config, widths.begin()->second);
}

}  // namespace limbic::objectives
