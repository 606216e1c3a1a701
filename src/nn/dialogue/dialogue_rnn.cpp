#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include <utility>
#include <vector>

#include "dialogue/build.h"
#include "dialogue/turns.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

torch::nn::Linear make_projection(int64_t in, int64_t out) {
  return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(false));
}

/// A GRU cell (PyTorch's parameters and initialisation) whose input comes in two parts: the turn, known for
/// the whole conversation before the first step, and what only the step knows.
class TurnCellImpl final : public torch::nn::Cloneable<TurnCellImpl> {
 public:
  TurnCellImpl(int64_t turn_width, int64_t step_width, int64_t width)
      : turn_width_(turn_width), step_width_(step_width), width_(width) {
    reset();
  }
  void reset() override {
    cell_ = register_module("cell",
                            torch::nn::GRUCell(torch::nn::GRUCellOptions(turn_width_ + step_width_, width_)));
  }
  /// The turns' share of the gates, (..., 3 width).
  at::Tensor turn_gates(const at::Tensor& x) const {
    return at::linear(x, cell_->weight_ih.narrow(1, 0, turn_width_), cell_->bias_ih);
  }
  /// The step's share, (..., 3 width).
  at::Tensor step_gates(const at::Tensor& x) const {
    return at::linear(x, cell_->weight_ih.narrow(1, turn_width_, step_width_));
  }
  /// @param gates  (..., 3 width), the sum of both shares; broadcast against h
  at::Tensor next(const at::Tensor& gates, const at::Tensor& h) const {
    const auto own = at::linear(h, cell_->weight_hh, cell_->bias_hh);
    const auto reset_update =
        (gates.narrow(-1, 0, 2 * width_) + own.narrow(-1, 0, 2 * width_)).sigmoid().chunk(2, -1);
    const auto candidate =
        (gates.narrow(-1, 2 * width_, width_) + reset_update[0] * own.narrow(-1, 2 * width_, width_)).tanh();
    return at::lerp(candidate, h, reset_update[1]);
  }
  int64_t width() const { return width_; }

 private:
  int64_t turn_width_;
  int64_t step_width_;
  int64_t width_;
  torch::nn::GRUCell cell_{nullptr};
};
TORCH_MODULE(TurnCell);

/// One direction of DialogueRNN.
class DialogueReaderImpl final : public torch::nn::Cloneable<DialogueReaderImpl> {
 public:
  DialogueReaderImpl(DialogueRnnConfig config, int64_t in_width, bool is_backward)
      : config_(config), in_width_(in_width), is_backward_(is_backward) {
    reset();
  }

  void reset() override {
    const auto& c = config_;
    global_ = register_module("global", TurnCell(in_width_, c.party_width, c.global_width));
    party_ = register_module("party", TurnCell(in_width_, c.global_width, c.party_width));
    if (c.listener) {
      listener_ = register_module("listener", TurnCell(in_width_, c.party_width, c.party_width));
    }
    emotion_ = register_module("emotion", TurnCell(c.party_width, 0, c.emotion_width));
    attention_ = register_module("attention", c.attention == HistoryAttention::kGeneral
                                                  ? make_projection(in_width_, c.global_width)
                                                  : make_projection(c.global_width, 1));
  }

  /// (D, U, W) -> (D, U, emotion_width). @param x_DUW  zero where there is no turn
  at::Tensor forward(const at::Tensor& x_DUW, const DialogueGrid& grid) const {
    return read_emotion(read_speakers(x_DUW, grid), grid);
  }

 private:
  /// The turn to read at `step`.
  int64_t turn_at(int64_t step, int64_t num_turns) const {
    return is_backward_ ? num_turns - 1 - step : step;
  }
  at::Tensor drop(const at::Tensor& x) const {
    return fast_dropout(x, config_.recurrent_dropout, is_training());
  }

  /// (D, U, party_width): the speaker's state after each turn.
  at::Tensor read_speakers(const at::Tensor& x_DUW, const DialogueGrid& grid) const {
    const int64_t num_dialogues = x_DUW.size(0);
    const int64_t num_turns = x_DUW.size(1);
    const bool is_padded = !grid.mask_DU.all().item<bool>();
    const bool is_general = config_.attention == HistoryAttention::kGeneral;
    const auto mask_D = grid.mask_DU.unbind(1);
    // The first place is the party of all unknown speakers.
    const auto place_DU11 = (grid.speaker_DU + 1).view({num_dialogues, num_turns, 1, 1});
    const int64_t num_parties = place_DU11.max().item<int64_t>() + 1;

    // All that a turn gives to the gates in one product a cell: steps only add what they alone know.
    const auto global_turns = global_->turn_gates(x_DUW).unbind(1);
    const auto party_turns = party_->turn_gates(x_DUW).unbind(1);
    const auto listener_turns =
        config_.listener ? listener_->turn_gates(x_DUW).unbind(1) : std::vector<at::Tensor>();
    const auto query_DG = is_general ? attention_->forward(x_DUW).unbind(1) : std::vector<at::Tensor>();

    auto global_DG = at::zeros({num_dialogues, config_.global_width}, x_DUW.options());
    auto party_DPW = at::zeros({num_dialogues, num_parties, config_.party_width}, x_DUW.options());
    at::Tensor history_DTG, score_DT, read_DT;  // of the turns read so far
    std::vector<at::Tensor> spoken_DW(static_cast<size_t>(num_turns));
    for (int64_t step = 0; step < num_turns; ++step) {
      const auto u = static_cast<size_t>(turn_at(step, num_turns));
      const auto place_D1W =
          place_DU11.select(1, static_cast<int64_t>(u)).expand({num_dialogues, 1, config_.party_width});
      const auto speaker_DW = party_DPW.gather(1, place_D1W).squeeze(1);
      auto now_DG = drop(global_->next(global_turns[u] + global_->step_gates(speaker_DW), global_DG));

      auto gates = party_turns[u];
      if (step > 0) {
        const auto relevance_DT =
            is_general ? at::bmm(history_DTG, query_DG[u].unsqueeze(2)).squeeze(2) : score_DT;
        const auto weight_DT = is_padded ? masked_softmax(relevance_DT, read_DT) : relevance_DT.softmax(1);
        gates = gates + party_->step_gates(at::bmm(weight_DT.unsqueeze(1), history_DTG).squeeze(1));
      }
      spoken_DW[u] = drop(party_->next(gates, speaker_DW));

      auto parties = party_DPW;
      if (config_.listener) {
        const auto heard = listener_turns[u] + listener_->step_gates(spoken_DW[u]);
        parties = drop(listener_->next(heard.unsqueeze(1), parties));
      }
      parties = parties.scatter(1, place_D1W, spoken_DW[u].unsqueeze(1));
      if (is_padded) {
        const auto mask_D1 = mask_D[u].unsqueeze(1);
        parties = at::where(mask_D1.unsqueeze(2), parties, party_DPW);
        now_DG = at::where(mask_D1, now_DG, global_DG);
        read_DT = step == 0 ? mask_D1 : at::cat({read_DT, mask_D1}, 1);
      }
      party_DPW = parties;
      global_DG = now_DG;
      // Growing the history by one keeps the graph linear in the turns; a stack of all at each step would
      // give every state a gradient from every later step.
      history_DTG = step == 0 ? now_DG.unsqueeze(1) : at::cat({history_DTG, now_DG.unsqueeze(1)}, 1);
      if (!is_general) {
        const auto score_D1 = attention_->forward(now_DG);
        score_DT = step == 0 ? score_D1 : at::cat({score_DT, score_D1}, 1);
      }
    }
    return at::stack(spoken_DW, 1);
  }

  at::Tensor read_emotion(const at::Tensor& spoken_DUW, const DialogueGrid& grid) const {
    const int64_t num_turns = spoken_DUW.size(1);
    const auto gates = emotion_->turn_gates(spoken_DUW).unbind(1);
    const auto mask_DU1 = grid.mask_DU.unsqueeze(2);
    std::vector<at::Tensor> emotion_DE(static_cast<size_t>(num_turns));
    auto state_DE = at::zeros({spoken_DUW.size(0), config_.emotion_width}, spoken_DUW.options());
    for (int64_t step = 0; step < num_turns; ++step) {
      const int64_t u = turn_at(step, num_turns);
      const auto next_DE = drop(emotion_->next(gates[static_cast<size_t>(u)], state_DE));
      state_DE = at::where(mask_DU1.select(1, u), next_DE, state_DE);
      emotion_DE[static_cast<size_t>(u)] = state_DE;
    }
    return at::stack(emotion_DE, 1);
  }

  DialogueRnnConfig config_;
  int64_t in_width_;
  bool is_backward_;
  TurnCell global_{nullptr}, party_{nullptr}, listener_{nullptr}, emotion_{nullptr};
  mutable torch::nn::Linear attention_{nullptr};
};
TORCH_MODULE(DialogueReader);

// Differences from the published code: speakers may be any number; attention over the emotion follows the
// paper's equation (no tanh, no bias); padded turns are never attended to.
class DialogueRnnImpl final : public torch::nn::Cloneable<DialogueRnnImpl>, public DialogueContext {
 public:
  DialogueRnnImpl(DialogueRnnConfig config, int64_t in_width) : config_(config), in_width_(in_width) {
    reset();
  }

  void reset() override {
    forward_ = register_module("forward", DialogueReader(config_, in_width_, false));
    if (config_.bidirectional)
      backward_ = register_module("backward", DialogueReader(config_, in_width_, true));
    const int64_t directions = config_.bidirectional ? 2 : 1;
    const int64_t emotion_width = config_.emotion_width * directions;
    if (config_.emotion_attention)
      attention_ = register_module("attention", make_projection(emotion_width, emotion_width));
    width_ = emotion_width;
    if (config_.hidden > 0) {
      width_ = config_.hidden * directions;
      hidden_ = register_module("hidden", torch::nn::Linear(emotion_width, width_));
    }
  }

  at::Tensor forward(const at::Tensor& x_DUW, const DialogueGrid& grid) override {
    const auto absent_DU1 = grid.mask_DU.logical_not().unsqueeze(2);
    const auto turn_DUW = x_DUW.masked_fill(absent_DU1, 0.0);
    auto emotion_DUE = forward_(turn_DUW, grid);
    if (backward_) emotion_DUE = at::cat({emotion_DUE, backward_(turn_DUW, grid)}, 2);
    emotion_DUE = fast_dropout(emotion_DUE, config_.dropout, is_training());
    if (attention_) {
      auto keep_DUU = grid.mask_DU.unsqueeze(1);
      if (!config_.bidirectional)
        keep_DUU = keep_DUU.logical_and(not_after_UU(grid.num_turns(), turn_DUW.device()));
      const auto score_DUU = at::bmm(attention_(emotion_DUE), emotion_DUE.transpose(1, 2));
      emotion_DUE = at::bmm(masked_softmax(score_DUU, keep_DUU), emotion_DUE);
    }
    if (hidden_) emotion_DUE = fast_dropout(hidden_(emotion_DUE).relu_(), config_.dropout, is_training());
    return emotion_DUE.masked_fill(absent_DU1, 0.0);
  }

  int64_t width() const override { return width_; }
  bool is_causal() const override { return !config_.bidirectional; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  DialogueRnnConfig config_;
  int64_t in_width_;
  int64_t width_ = 0;
  DialogueReader forward_{nullptr}, backward_{nullptr};
  torch::nn::Linear attention_{nullptr}, hidden_{nullptr};
};

}  // namespace

std::shared_ptr<DialogueContext> build(const DialogueRnnConfig& config, int64_t in_width) {
  return std::make_shared<DialogueRnnImpl>(config, in_width);
}

}  // namespace limbic::nn
