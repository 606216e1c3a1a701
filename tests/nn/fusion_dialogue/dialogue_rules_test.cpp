// How turns of a conversation may influence each other: rules of everything that reads them, be it a context,
// a fusion over dialogues, or a fusion over tokens that are turns.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <functional>
#include <limits>

#include "dialogue/context_cases.h"
#include "fusion/fusion_cases.h"
#include "limbic/core/rng.h"
#include "limbic/nn/context.h"

namespace limbic::nn {
namespace {

/// Embeddings of each modality, which are present, and how the rows follow each other: (B, width).
using ReadTurns =
    std::function<at::Tensor(const std::vector<at::Tensor>&, const at::Tensor&, const affect::DialogueRows&)>;

struct TurnReader {
  std::shared_ptr<torch::nn::Module> module;
  ReadTurns read;
};

struct ReaderCase {
  std::string name;
  std::vector<int64_t> widths;  ///< of the modalities
  bool is_causal = false;
  bool reads_speakers = false;
  std::function<TurnReader()> build;
};
void PrintTo(const ReaderCase& reader_case, std::ostream* out) {
  *out << reader_case.name;
}

template <class Config>
auto is_causal_config(const Config& config, int /*preferred*/) -> decltype(config.causal) {
  return config.causal;
}
template <class Config>
bool is_causal_config(const Config& /*config*/, long /*otherwise*/) {
  return false;
}
template <class Config>
auto has_speakers(const Config& config, int /*preferred*/) -> decltype(config.speakers) {
  return config.speakers;
}
template <class Config>
bool has_speakers(const Config& /*config*/, long /*otherwise*/) {
  return false;
}

TurnReader read_by_context(const ContextConfig& config) {
  std::shared_ptr<DialogueContext> context = build_context(config, 4);
  return {context->as_module(), [context](const auto& x_BD, const auto& /*present_BM*/, const auto& rows) {
            const auto grid = make_dialogue_grid(rows, x_BD.front().size(0), at::kCPU);
            const auto x_DUW = grid.to_grid(x_BD.front())
                                   .masked_fill(grid.mask_DU.logical_not().unsqueeze(2),
                                                std::numeric_limits<double>::quiet_NaN());
            return grid.to_rows(context->forward(x_DUW, grid));
          }};
}

TurnReader read_by_fusion(const FusionCase& fusion_case) {
  std::shared_ptr<Fusion> fusion = build_fusion(fusion_case.config, fusion_case.modalities);
  return {fusion->as_module(), [fusion](const auto& x_BD, const auto& present_BM, const auto& rows) {
            FusionInput input;
            // Tokens of frames are nothing to such a fusion.
            for (const auto& x : x_BD) input.modalities.push_back({{}, {}, x});
            input.present_BM = present_BM;
            input.grid = make_dialogue_grid(rows, present_BM.size(0), at::kCPU);
            return fusion->fuse(input).fused_BD;
          }};
}

std::vector<ReaderCase> reader_cases() {
  std::vector<ReaderCase> cases;
  for (const auto& tested : context_cases()) {
    const bool is_causal = build_context(tested.config, 4)->is_causal();
    cases.push_back({tested.name, {4}, is_causal, tested.reads_speakers, [tested] {
                       return read_by_context(tested.config);
                     }});
  }
  auto fusions = dialogue_fusion_cases();
  for (const auto& tested : token_fusion_cases()) {
    if (tested.name.find("OverTurns") != std::string::npos) fusions.push_back(tested);
  }
  auto causal_mult = std::get<MultFusionConfig>(token_fusion_cases().front().config);
  causal_mult.over = FusionTokens::kTurns;
  causal_mult.kernel = 1;
  causal_mult.causal = true;
  fusions.push_back({"MultOverTurnsCausal", causal_mult, fusion_modalities(2)});
  for (const auto& tested : fusions) {
    std::vector<int64_t> widths;
    for (const auto& modality : tested.modalities) widths.push_back(modality.width);
    cases.push_back(
        {tested.name, widths,
         std::visit([](const auto& config) { return is_causal_config(config, 0); }, tested.config),
         std::visit([](const auto& config) { return has_speakers(config, 0); }, tested.config),
         [tested] { return read_by_fusion(tested); }});
  }
  return cases;
}

/// Rows 0-4: five turns, out of order; rows 5-7: three turns; row 8 by itself.
affect::DialogueRows three_dialogues() {
  return {at::tensor({4, 4, 4, 4, 4, 9, 9, 9, 1}, at::kLong),
          at::tensor({2, 0, 1, 8, 4, 0, 1, 2, 0}, at::kLong),
          at::tensor({5, 5, 7, 6, -1, 3, 3, 8, 5}, at::kLong)};
}
/// Rows of the first dialogue in the order of their turns.
const std::vector<int64_t> kFirstDialogue = {1, 2, 0, 4, 3};
constexpr int64_t kTurnRows = 9;

class DialogueRules : public testing::TestWithParam<ReaderCase> {
 protected:
  void SetUp() override {
    core::seed_torch(51);
    reader_ = GetParam().build();
    reader_.module->to(at::kDouble);
    reader_.module->eval();
    at::NoGradGuard no_grad;
    for (auto& parameter : reader_.module->parameters()) parameter.add_(at::randn_like(parameter) * 0.3);
    for (const int64_t width : GetParam().widths) x_BD_.push_back(at::randn({kTurnRows, width}, at::kDouble));
    present_BM_ = at::ones({kTurnRows, static_cast<int64_t>(x_BD_.size())}, at::kBool);
    if (x_BD_.size() > 1) {
      present_BM_[2][1] = false;
      present_BM_[6][0] = false;
      present_BM_[7].fill_(false);
    }
  }
  at::Tensor read(const std::vector<at::Tensor>& x_BD, const affect::DialogueRows& rows = three_dialogues()) {
    at::NoGradGuard no_grad;
    return reader_.read(x_BD, present_BM_, rows);
  }
  /// Some rows alone.
  at::Tensor read_rows(const at::Tensor& index_N) {
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> x_ND;
    for (const auto& x : x_BD_) x_ND.push_back(x.index_select(0, index_N));
    const auto rows = three_dialogues();
    return reader_.read(x_ND, present_BM_.index_select(0, index_N),
                        {rows.dialogue_B.index_select(0, index_N), rows.turn_B.index_select(0, index_N),
                         rows.speaker_B.index_select(0, index_N)});
  }
  std::vector<at::Tensor> with_changed_row(int64_t b) const {
    std::vector<at::Tensor> changed;
    for (const auto& x : x_BD_) {
      changed.push_back(x.clone());
      changed.back()[b].neg_();
    }
    return changed;
  }
  static double difference(const at::Tensor& a, const at::Tensor& b) {
    return (a - b).abs().max().item<double>();
  }

  TurnReader reader_;
  std::vector<at::Tensor> x_BD_;
  at::Tensor present_BM_;
};

TEST_P(DialogueRules, TurnsOfOtherDialoguesHaveNoInfluence) {
  const auto before = read(x_BD_);
  const auto after = read(with_changed_row(5));
  EXPECT_LT(difference(before.narrow(0, 0, 5), after.narrow(0, 0, 5)), 1e-12);
  EXPECT_LT(difference(before[8], after[8]), 1e-12);
  EXPECT_GT(difference(before[5], after[5]), 1e-6);
}

TEST_P(DialogueRules, ALongerDialogueInTheBatchChangesNothing) {
  for (const bool is_training : {true, false}) {
    reader_.module->train(is_training);
    const auto whole = read(x_BD_);
    for (const auto& rows : {at::arange(0, 5), at::arange(5, 8), at::arange(8, 9)})
      EXPECT_LT(difference(whole.index_select(0, rows), read_rows(rows)), 1e-12);
  }
}

TEST_P(DialogueRules, TheOrderOfRowsInTheBatchDoesNotMatter) {
  const auto order = at::tensor({8, 3, 6, 0, 5, 2, 1, 7, 4}, at::kLong);
  EXPECT_LT(difference(read(x_BD_).index_select(0, order), read_rows(order)), 1e-12);
}

TEST_P(DialogueRules, EarlierTurnsHaveInfluenceAndLaterOnesUnlessCausal) {
  const auto before = read(x_BD_);
  for (size_t changed = 0; changed < kFirstDialogue.size(); ++changed) {
    const auto after = read(with_changed_row(kFirstDialogue[changed]));
    for (size_t u = 0; u < kFirstDialogue.size(); ++u) {
      const double moved = difference(before[kFirstDialogue[u]], after[kFirstDialogue[u]]);
      if (u < changed && GetParam().is_causal) {
        EXPECT_LT(moved, 1e-12) << "turn " << u << " reads turn " << changed;
      } else {
        EXPECT_GT(moved, 1e-9) << "turn " << u << " does not read turn " << changed;
      }
    }
  }
}

TEST_P(DialogueRules, SpeakersCountByTheirOrderOfAppearance) {
  const auto before = read(x_BD_);
  auto renamed = three_dialogues();
  renamed.speaker_B = at::tensor({70, 70, 5, 900, -1, 0, 0, 1, 2}, at::kLong);
  EXPECT_LT(difference(before, read(x_BD_, renamed)), 1e-12);
  auto unknown = three_dialogues();
  unknown.speaker_B.fill_(-1);
  const auto anonymous = read(x_BD_, unknown);
  EXPECT_TRUE(anonymous.isfinite().all().item<bool>());
  if (GetParam().reads_speakers) {
    EXPECT_GT(difference(before, anonymous), 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, DialogueRules, testing::ValuesIn(reader_cases()),
                         [](const testing::TestParamInfo<ReaderCase>& tested) { return tested.param.name; });

}  // namespace
}  // namespace limbic::nn
