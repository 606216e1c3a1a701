#include "limbic/model/multimodal.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <set>
#include <utility>

#include "frame_clock.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/nn/context.h"
#include "limbic/nn/crf.h"
#include "limbic/nn/fusion.h"
#include "limbic/nn/pretrained.h"
#include "limbic/nn/score_fusion.h"
#include "limbic/nn/state.h"
#include "modality_branch.h"
#include "part_scope.h"

namespace limbic::model {
namespace {

/// Module names are joined with dots, so a dot inside one would be ambiguous.
bool is_name(const std::string& name) {
  return !name.empty() && name.find('.') == std::string::npos;
}

/// What one task has; null or empty = not of this model.
struct TaskHeads {
  std::shared_ptr<nn::Head> main;                      ///< of what was fused; null for late fusion
  std::vector<std::shared_ptr<nn::Head>> of_modality;  ///< by modality
  std::shared_ptr<nn::ScoreFusion> fusion;             ///< late fusion only
  std::shared_ptr<nn::FrameHead> over_time;            ///< of a task over time, instead of all others
};

/// A name for a set of modules, so that state reads "encoders.audio.pool.hidden.weight".
struct Group final : torch::nn::Module {};

class MultimodalImpl final : public torch::nn::Module, public MultimodalModel {
 public:
  MultimodalImpl(ModelConfig config, std::vector<affect::LabelSpace> tasks,
                 std::map<std::string, StreamShape> inputs)
      : config_(std::move(config)), tasks_(std::move(tasks)), inputs_(std::move(inputs)) {
    make_branches();
    const auto fusion = group("fusion");
    std::vector<nn::ModalityShape> shapes;
    for (const auto& branch : branches_) shapes.push_back(branch.shape());
    std::vector<int64_t> modality_widths;
    for (const auto& shape : shapes) modality_widths.push_back(shape.width);
    const auto* score_config = std::get_if<nn::ScoreFusionConfig>(&config_.fusion);
    if (score_config == nullptr) {
      fusion_ = nn::build_fusion(config_.fusion, shapes);
      fusion_name_ = std::visit([](const auto& chosen) { return chosen.kType; }, config_.fusion);
      fusion->register_module(fusion_name_, fusion_->as_module());
      fused_width_ = fusion_->width();
      if (!fusion_->embedding_widths().empty()) modality_widths = fusion_->embedding_widths();
      if (nn::has_context(config_.context)) {
        context_ = nn::build_context(config_.context, fused_width_);
        register_module("context", context_->as_module());
        fused_width_ = context_->width();
      }
    }
    const auto heads = group("heads");
    for (const auto& space : tasks_) {
      const auto found = config_.heads.find(space.task);
      const nn::HeadConfig head_config = found == config_.heads.end() ? nn::HeadConfig{} : found->second;
      auto& of_task = heads_.emplace_back();
      if (space.is_framewise()) {
        of_task.over_time = nn::build_frame_head(head_config, shapes, fused_width_, space);
        heads->register_module(space.task, of_task.over_time->as_module());
        continue;
      }
      if (score_config == nullptr) {
        of_task.main = nn::build_head(head_config, fused_width_, space);
        heads->register_module(space.task, of_task.main->as_module());
      }
      if (head_config.crf) {
        require(space.has_classes(), ErrorCode::kConfig,
                "heads." + space.task + ".crf: the task has no classes");
        crf_[space.task] = nn::build_crf_layer(space.num_classes());
        group("crf")->register_module(space.task, crf_[space.task]->as_module());
      }
      if (score_config == nullptr && !config_.modality_heads) continue;
      // Late fusion has no other heads, so these have their place.
      const auto task_heads = std::make_shared<Group>();
      (score_config != nullptr ? heads : group("modality_heads"))->register_module(space.task, task_heads);
      for (size_t m = 0; m < modalities_.size(); ++m) {
        of_task.of_modality.push_back(nn::build_head(head_config, modality_widths[m], space));
        task_heads->register_module(modalities_[m], of_task.of_modality.back()->as_module());
      }
      if (score_config == nullptr) continue;
      auto mixing = *score_config;
      // Means and products of probabilities are for classes; scores of labels and values are averaged.
      if (!space.has_classes()) {
        mixing.space = nn::ScoreSpace::kLogit;
        if (mixing.weights == nn::ScoreWeights::kProduct) mixing.weights = nn::ScoreWeights::kMean;
      }
      of_task.fusion = nn::build_score_fusion(mixing, static_cast<int64_t>(modalities_.size()),
                                              of_task.of_modality.front()->num_scores());
      fusion->register_module(space.task, of_task.fusion->as_module());
    }
  }

  affect::ModelOutput forward(const affect::Batch& batch) override {
    const auto options = parameters().front().options().requires_grad(false);
    const int64_t batch_size = size_of(batch);
    const auto present_BM = present_modalities(batch, batch_size, options);
    affect::ModelOutput output;
    nn::FusionInput input;
    input.present_BM = present_BM;
    input.grid = nn::make_dialogue_grid(batch.dialogues, batch_size, options.device());
    for (size_t m = 0; m < branches_.size(); ++m) {
      const auto& branch = branches_[m];
      const auto used_B = present_BM.select(1, static_cast<int64_t>(m));
      const auto found = batch.streams.find(branch.modality);
      const auto* stream = found == batch.streams.end() ? nullptr : &found->second;
      auto encoded = encode_used(branch, stream, used_B, options);
      for (auto& [name, loss] : encoded.losses) output.losses[branch.modality + "." + name] = std::move(loss);
      if (branch.context != nullptr)
        encoded.embedding_BD = apply_context(branch, input.grid, encoded.embedding_BD, used_B);
      if (stream != nullptr) output.tokens_BTD[branch.modality] = encoded.tokens_BTD;
      output.embedding_BD[branch.modality] = encoded.embedding_BD;
      output.used_B[branch.modality] = used_B;
      input.modalities.push_back({encoded.tokens_BTD, encoded.mask_BT, encoded.embedding_BD});
    }
    std::vector<at::Tensor> of_modality_BD;
    for (const auto& features : input.modalities) of_modality_BD.push_back(features.embedding_BD);
    if (fusion_ == nullptr) {
      const auto scores_TM = score_modalities(of_modality_BD, output);
      for (size_t t = 0; t < tasks_.size(); ++t) {
        if (heads_[t].fusion == nullptr) continue;
        const PartScope scope("fusion", tasks_[t].task);
        const auto scores_BS = heads_[t].fusion->fuse(scores_TM[t], present_BM);
        heads_[t].of_modality.front()->read(scores_BS).put(tasks_[t].task, output);
      }
      predict_over_time(batch, input, output);
      apply_crf(input.grid, output);
      return output;
    }

    if (is_training()) input.label_B = labels_of(batch);
    auto fused = [&] {
      const PartScope scope("fusion", fusion_name_);
      return fusion_->fuse(input);
    }();
    output.fused_BD = fused.fused_BD;
    output.weight_BM = fused.weight_BM;
    for (auto& [name, loss] : fused.losses) output.losses["fusion." + name] = std::move(loss);
    if (context_ != nullptr) {
      const PartScope scope("context");
      output.fused_BD =
          input.grid.to_rows(context_->forward(input.grid.to_grid(output.fused_BD), input.grid));
    }
    for (size_t t = 0; t < tasks_.size(); ++t) {
      if (heads_[t].main == nullptr) continue;
      const PartScope scope("heads", tasks_[t].task);
      heads_[t].main->read(heads_[t].main->logits(output.fused_BD)).put(tasks_[t].task, output);
    }
    predict_over_time(batch, input, output);
    if (config_.modality_heads)
      score_modalities(fused.embedding_BD.empty() ? of_modality_BD : fused.embedding_BD, output);
    apply_crf(input.grid, output);
    return output;
  }

  void set_input_statistics(const std::string& modality, const std::vector<double>& mean_F,
                            const std::vector<double>& std_F) override {
    for (const auto& branch : branches_) {
      if (branch.modality != modality) continue;
      try {
        branch.encoder->set_input_statistics(mean_F, std_F);
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
    for (const auto& branch : branches_) {
      if (branch.encoder->wants_input_statistics()) names.push_back(branch.modality);
    }
    return names;
  }

  void load_pretrained() override {
    for (const auto& branch : branches_) {
      try {
        branch.encoder->load_pretrained();
      } catch (const Error& error) {
        throw error.in("model.encoders." + branch.modality);
      }
    }
  }

  const std::vector<std::string>& modalities() const override { return modalities_; }
  const std::vector<affect::LabelSpace>& tasks() const override { return tasks_; }
  int64_t fused_width() const override { return fused_width_; }

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
  void make_branches() {
    const auto encoders = group("encoders");
    for (const auto& [modality, encoder_config] : config_.encoders) {
      modalities_.push_back(modality);
      const auto& branch = branches_.emplace_back(config_, modality, inputs_.at(modality));
      encoders->register_module(modality, branch.encoder->as_module());
      if (branch.temporal != nullptr)
        group("temporal")->register_module(modality, branch.temporal->as_module());
      if (branch.context != nullptr)
        group("modality_context")->register_module(modality, branch.context->as_module());
    }
  }

  /// The child that holds modules of one kind; made when it is first asked for.
  std::shared_ptr<torch::nn::Module> group(const std::string& name) {
    const auto children = named_children();
    if (const auto* found = children.find(name)) return *found;
    return register_module(name, std::make_shared<Group>());
  }

  /// (B, M): what counts in this step.
  at::Tensor present_modalities(const affect::Batch& batch, int64_t batch_size,
                                const at::TensorOptions& options) const {
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
    return is_training() && config_.modality_dropout > 0 ? hide_modalities(present_BM) : present_BM;
  }

  /// Classes of the first task, -1 where unknown; undefined without targets, and where it has no classes.
  at::Tensor labels_of(const affect::Batch& batch) const {
    const auto found = batch.targets.find(tasks_.front().task);
    if (found == batch.targets.end() || !found->second.y_B.defined()) return {};
    return found->second.y_B.masked_fill(found->second.mask_B.logical_not(), -1);
  }

  /// What the heads of single modalities say. @return their scores, by task and modality
  std::vector<std::vector<at::Tensor>> score_modalities(const std::vector<at::Tensor>& embedding_BD,
                                                        affect::ModelOutput& output) {
    std::vector<std::vector<at::Tensor>> scores_TM(tasks_.size());
    for (size_t t = 0; t < tasks_.size(); ++t) {
      const PartScope scope(fusion_ == nullptr ? "heads" : "modality_heads", tasks_[t].task);
      for (size_t m = 0; m < heads_[t].of_modality.size(); ++m) {
        const auto& head = heads_[t].of_modality[m];
        scores_TM[t].push_back(head->logits(embedding_BD[m]));
        output.modality_logits_BC[tasks_[t].task][modalities_[m]] = head->read(scores_TM[t].back()).main();
      }
    }
    return scores_TM;
  }

  void predict_over_time(const affect::Batch& batch, const nn::FusionInput& input,
                         affect::ModelOutput& output) {
    std::vector<nn::TokenClock> clocks;
    for (size_t t = 0; t < tasks_.size(); ++t) {
      if (heads_[t].over_time == nullptr) continue;
      const auto& task = tasks_[t].task;
      const PartScope scope("heads", task);
      const int64_t num_rows = num_rows_of(batch, branches_, tasks_[t].traits.rate_hz);
      for (size_t m = clocks.size(); m < branches_.size(); ++m) {
        const auto found = batch.streams.find(modalities_[m]);
        clocks.push_back(clock_of(config_.encoders.at(modalities_[m]),
                                  found == batch.streams.end() ? nullptr : &found->second,
                                  input.modalities[m]));
      }
      const auto reading = heads_[t].over_time->forward(input, clocks, output.fused_BD, num_rows);
      output.value_BTC[task] = reading.value_BTC;
      output.covered_BT[task] = reading.covered_BT;
      if (reading.log_variance_BTC.defined()) output.log_variance_BTC[task] = reading.log_variance_BTC;
    }
  }

  /// In evaluation, scores of tasks with a CRF become posteriors given the whole dialogue.
  void apply_crf(const nn::DialogueGrid& grid, affect::ModelOutput& output) {
    for (const auto& [task, layer] : crf_) {
      const PartScope scope("crf", task);
      auto& logits_BC = output.logits_BC.at(task);
      output.crf[task] = {logits_BC, layer->table_SC()};
      logits_BC = layer->logits(logits_BC, grid);
    }
  }

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
  std::vector<ModalityBranch> branches_;  ///< by modality
  std::shared_ptr<nn::Fusion> fusion_;    ///< null for late fusion
  std::string fusion_name_;
  int64_t fused_width_ = 0;
  std::shared_ptr<nn::DialogueContext> context_;              ///< of what was fused; null = none
  std::vector<TaskHeads> heads_;                              ///< by task
  std::map<std::string, std::shared_ptr<nn::CrfLayer>> crf_;  ///< by task, where asked for
};

}  // namespace

void ModelConfig::validate(config::Checks& checks) const {
  checks.expect(!encoders.empty(), "encoders", "must name at least one modality");
  for (const auto& [modality, encoder] : encoders) {
    checks.expect(is_name(modality), "encoders",
                  "a modality's name must not be empty or hold a dot: '" + modality + "'");
  }
  for (const auto& [modality, layer] : temporal) {
    checks.expect(encoders.count(modality) != 0, "temporal",
                  "there is no encoder for '" + modality + "' whose tokens it could read");
  }
  const bool is_late = std::holds_alternative<nn::ScoreFusionConfig>(fusion);
  checks.expect(!is_late || !nn::has_context(context), "context",
                "fusion 'score' has no fused vector that a context could read; use modality_context");
}

void resolve_pretrained(ModelConfig& config) {
  for (auto& [modality, encoder] : config.encoders) {
    try {
      nn::resolve_pretrained(encoder);
    } catch (const Error& error) {
      throw error.in("model.encoders." + modality);
    }
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
    const int64_t fewest = space.has_classes() ? 2 : 1;
    require(space.num_classes() >= fewest, ErrorCode::kConfig,
            "task '" + space.task + "' has " + std::to_string(space.num_classes()) +
                (space.has_classes() ? " classes" : " outputs") + "; expected at least " +
                std::to_string(fewest));
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

LIMBIC_CONFIG_INSTANCES(, limbic::model::ModelConfig)
