#include "limbic/model/multimodal.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <set>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/fusion.h"
#include "limbic/nn/score_fusion.h"
#include "limbic/nn/state.h"

namespace limbic::model {
namespace {

/// Module names are joined with dots, so a dot inside one would be ambiguous.
bool is_name(const std::string& name) {
  return !name.empty() && name.find('.') == std::string::npos;
}

// Note [Absent modalities]
// A sample's row reaches an encoder only when the modality is used: present, with at least one real frame,
// and not hidden by modality dropout. Rows are gathered before the encoder and scattered into zeros after it,
// so absent rows cost nothing, stay out of batch norms and cannot influence a result through NaN either.
class MultimodalImpl final : public torch::nn::Module, public MultimodalModel {
 public:
  MultimodalImpl(ModelConfig config, std::vector<affect::LabelSpace> tasks,
                 std::map<std::string, StreamShape> inputs)
      : config_(std::move(config)), tasks_(std::move(tasks)), inputs_(std::move(inputs)) {
    for (const auto& [modality, encoder] : config_.encoders) modalities_.push_back(modality);
    const auto encoders = register_module("encoders", std::make_shared<Group>());
    std::vector<nn::ModalityShape> shapes;
    for (const auto& [modality, encoder_config] : config_.encoders) {
      auto encoder = nn::build_encoder(encoder_config, inputs_.at(modality));
      encoders->register_module(modality, encoder->as_module());
      shapes.push_back({modality, encoder->width(), encoder->token_width()});
      encoders_.push_back(std::move(encoder));
    }
    const auto* score_config = std::get_if<nn::ScoreFusionConfig>(&config_.fusion);
    const auto fusion = register_module("fusion", std::make_shared<Group>());
    const auto heads = register_module("heads", std::make_shared<Group>());
    if (score_config == nullptr) {
      fusion_ = nn::build_fusion(config_.fusion, shapes);
      fusion->register_module("layer", fusion_->as_module());
    }
    for (const auto& space : tasks_) {
      const auto found = config_.heads.find(space.task);
      const nn::HeadConfig head_config = found == config_.heads.end() ? nn::HeadConfig{} : found->second;
      if (score_config == nullptr) {
        auto head = nn::build_head(head_config, fusion_->width(), space.num_classes());
        heads->register_module(space.task, head->as_module());
        heads_.push_back(std::move(head));
        continue;
      }
      const auto task_heads = std::make_shared<Group>();
      heads->register_module(space.task, task_heads);
      modality_heads_.emplace_back();
      for (size_t m = 0; m < modalities_.size(); ++m) {
        auto head = nn::build_head(head_config, shapes[m].width, space.num_classes());
        task_heads->register_module(modalities_[m], head->as_module());
        modality_heads_.back().push_back(std::move(head));
      }
      auto score_fusion = nn::build_score_fusion(*score_config, static_cast<int64_t>(modalities_.size()),
                                                 space.num_classes());
      fusion->register_module(space.task, score_fusion->as_module());
      score_fusions_.push_back(std::move(score_fusion));
    }
  }

  affect::ModelOutput forward(const affect::Batch& batch) override {
    const auto options = parameters().front().options().requires_grad(false);
    const int64_t batch_size = size_of(batch);
    auto present_BM =
        at::zeros({batch_size, static_cast<int64_t>(modalities_.size())}, options.dtype(at::kBool));
    for (size_t m = 0; m < modalities_.size(); ++m) {
      const auto found = batch.streams.find(modalities_[m]);
      if (found == batch.streams.end()) continue;
      const auto& stream = found->second;
      TORCH_CHECK(stream.x.size(0) == batch_size && stream.present_B.numel() == batch_size, "modality '",
                  modalities_[m], "' has ", stream.x.size(0), " rows in a batch of ", batch_size);
      present_BM.select(1, static_cast<int64_t>(m))
          .copy_(stream.present_B.logical_and(stream.mask_BT.any(1)));
    }
    if (is_training() && config_.modality_dropout > 0) present_BM = hide_modalities(present_BM);

    affect::ModelOutput output;
    std::vector<at::Tensor> embedding_BD;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      const auto& modality = modalities_[m];
      const auto used_B = present_BM.select(1, static_cast<int64_t>(m));
      const auto num_used = used_B.sum().item<int64_t>();
      at::Tensor embedding;
      if (num_used == 0) {
        embedding = at::zeros({batch_size, encoders_[m]->width()}, options);
      } else if (num_used == batch_size) {
        const auto& stream = batch.streams.at(modality);
        auto encoded = encoders_[m]->encode(stream.x, stream.mask_BT);
        output.tokens_BTD[modality] = std::move(encoded.tokens_BTD);
        embedding = std::move(encoded.embedding_BD);
      } else {
        const auto& stream = batch.streams.at(modality);
        const auto index_N = used_B.nonzero().squeeze(1);
        const auto encoded =
            encoders_[m]->encode(stream.x.index_select(0, index_N), stream.mask_BT.index_select(0, index_N));
        const auto scatter = [&](const at::Tensor& rows) {
          auto shape = rows.sizes().vec();
          shape[0] = batch_size;
          return at::zeros(shape, rows.options().requires_grad(false)).index_copy(0, index_N, rows);
        };
        output.tokens_BTD[modality] = scatter(encoded.tokens_BTD);
        embedding = scatter(encoded.embedding_BD);
      }
      output.embedding_BD[modality] = embedding;
      output.used_B[modality] = used_B;
      embedding_BD.push_back(std::move(embedding));
    }

    if (fusion_ != nullptr) {
      nn::FusionInput input;
      for (size_t m = 0; m < modalities_.size(); ++m) input.modalities.push_back({{}, {}, embedding_BD[m]});
      input.present_BM = present_BM;
      output.fused_BD = fusion_->fuse(input).fused_BD;
      for (size_t t = 0; t < tasks_.size(); ++t) {
        output.logits_BC[tasks_[t].task] = heads_[t]->logits(output.fused_BD);
      }
      return output;
    }
    for (size_t t = 0; t < tasks_.size(); ++t) {
      std::vector<at::Tensor> logits_BC;
      for (size_t m = 0; m < modalities_.size(); ++m) {
        logits_BC.push_back(modality_heads_[t][m]->logits(embedding_BD[m]));
        output.modality_logits_BC[tasks_[t].task][modalities_[m]] = logits_BC.back();
      }
      output.logits_BC[tasks_[t].task] = score_fusions_[t]->fuse(logits_BC, present_BM);
    }
    return output;
  }

  void set_input_statistics(const std::string& modality, const std::vector<double>& mean_F,
                            const std::vector<double>& std_F) override {
    for (size_t m = 0; m < modalities_.size(); ++m) {
      if (modalities_[m] != modality) continue;
      try {
        encoders_[m]->set_input_statistics(mean_F, std_F);
      } catch (const Error& error) {
        throw error.in("modality '" + modality + "'");
      }
      return;
    }
    throw Error(ErrorCode::kModel, "the model has no modality '" + modality + "', only " +
                                       core::join(modalities_) + core::did_you_mean(modality, modalities_));
  }

  std::vector<std::string> modalities_wanting_statistics() const override {
    std::vector<std::string> names;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      if (encoders_[m]->wants_input_statistics()) names.push_back(modalities_[m]);
    }
    return names;
  }

  const std::vector<std::string>& modalities() const override { return modalities_; }
  const std::vector<affect::LabelSpace>& tasks() const override { return tasks_; }

  std::shared_ptr<MultimodalModel> copy() const override {
    auto copied = std::make_shared<MultimodalImpl>(config_, tasks_, inputs_);
    const at::Tensor first = parameters().front();
    copied->to(first.device(), first.scalar_type());
    nn::load_state(*copied, nn::state_of(*this));
    copied->train(is_training());
    return copied;
  }

  // Module's own way to copy; Cloneable cannot follow pointers to modules two levels down.
  std::shared_ptr<torch::nn::Module> clone(const torch::optional<torch::Device>& device) const override {
    const auto copied = copy()->as_module();
    if (device) copied->to(*device);
    return copied;
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  /// A name for a set of modules, so that state reads "encoders.audio.pool.hidden.weight".
  struct Group final : torch::nn::Module {};

  int64_t size_of(const affect::Batch& batch) const {
    for (const auto& modality : modalities_) {
      const auto found = batch.streams.find(modality);
      if (found != batch.streams.end()) return found->second.x.size(0);
    }
    return batch.size();
  }

  /// Each present modality is hidden with the configured probability; a sample that would lose all keeps one
  /// of its own, each with equal chance.
  at::Tensor hide_modalities(const at::Tensor& present_BM) const {
    const auto chance_BM = at::rand(present_BM.sizes(), present_BM.options().dtype(at::kFloat));
    const auto kept_BM = present_BM.logical_and(chance_BM >= config_.modality_dropout);
    // The present modality with the largest draw survives anyway.
    const auto best_B1 = chance_BM.masked_fill(present_BM.logical_not(), -1.0).argmax(1, /*keepdim=*/true);
    const auto survivor_BM = at::zeros_like(present_BM).scatter(1, best_B1, true).logical_and(present_BM);
    return kept_BM.logical_or(survivor_BM);
  }

  ModelConfig config_;
  std::vector<affect::LabelSpace> tasks_;
  std::map<std::string, StreamShape> inputs_;
  std::vector<std::string> modalities_;
  std::vector<std::shared_ptr<nn::Encoder>> encoders_;  ///< by modality
  std::shared_ptr<nn::Fusion> fusion_;                  ///< all but late fusion
  std::vector<std::shared_ptr<nn::Head>> heads_;        ///< by task, early fusion only
  std::vector<std::vector<std::shared_ptr<nn::Head>>>
      modality_heads_;                                           ///< by task and modality, late fusion only
  std::vector<std::shared_ptr<nn::ScoreFusion>> score_fusions_;  ///< by task, late fusion only
};

}  // namespace

void ModelConfig::validate(config::Checks& checks) const {
  checks.expect(!encoders.empty(), "encoders", "must name at least one modality");
  for (const auto& [modality, encoder] : encoders) {
    checks.expect(is_name(modality), "encoders",
                  "a modality's name must not be empty or hold a dot: '" + modality + "'");
  }
}

std::shared_ptr<MultimodalModel> build_model(const ModelConfig& config,
                                             const std::vector<affect::LabelSpace>& tasks,
                                             const std::map<std::string, StreamShape>& inputs) {
  require(!config.encoders.empty(), ErrorCode::kConfig,
          "model.encoders is empty; name at least one modality");
  require(!tasks.empty(), ErrorCode::kConfig, "the model has no task to predict; declare at least one");
  std::vector<std::string> input_names;
  for (const auto& [name, shape] : inputs) input_names.push_back(name);
  std::map<std::string, StreamShape> used_inputs;
  for (const auto& [modality, encoder] : config.encoders) {
    require(is_name(modality), ErrorCode::kConfig,
            "'" + modality + "' is no name for a modality: no dots, not empty");
    const auto found = inputs.find(modality);
    require(found != inputs.end(), ErrorCode::kConfig,
            "model.encoders." + modality + ": the data has no modality '" + modality + "', only " +
                core::join(input_names) + core::did_you_mean(modality, input_names));
    used_inputs[modality] = found->second;
  }
  std::vector<std::string> task_names;
  for (const auto& space : tasks) {
    require(is_name(space.task), ErrorCode::kConfig,
            "'" + space.task + "' is no name for a task: no dots, not empty");
    require(space.num_classes() >= 2, ErrorCode::kConfig,
            "task '" + space.task + "' has " + std::to_string(space.num_classes()) +
                " classes; expected at least 2");
    task_names.push_back(space.task);
  }
  require(std::set<std::string>(task_names.begin(), task_names.end()).size() == task_names.size(),
          ErrorCode::kConfig, "two tasks have the same name: " + core::join(task_names));
  for (const auto& [task, head] : config.heads) {
    require(std::find(task_names.begin(), task_names.end(), task) != task_names.end(), ErrorCode::kConfig,
            "model.heads." + task + ": there is no task '" + task + "', only " + core::join(task_names) +
                core::did_you_mean(task, task_names));
  }
  try {
    return std::make_shared<MultimodalImpl>(config, tasks, used_inputs);
  } catch (const Error& error) {
    throw error.in("model");
  }
}

}  // namespace limbic::model
