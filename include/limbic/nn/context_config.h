#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <variant>

#include "limbic/config/bounds.h"
#include "limbic/nn/temporal_config.h"

namespace limbic::nn {

/// Every turn by itself.
struct NoContextConfig {
  static constexpr const char* kType = "none";
  static constexpr const char* kDoc = "every turn by itself";

  template <class Visitor>
  void visit(Visitor& /*v*/) {}
};

/// A sequence model over the turns of a conversation. With an LSTM and `out_projection` it is bc-LSTM (Poria
/// et al. 2017).
struct SequenceContextConfig {
  static constexpr const char* kType = "sequence";
  static constexpr const char* kDoc =
      "a temporal layer over the turns; with an LSTM: bc-LSTM (Poria et al. 2017)";
  TemporalConfig layer;
  int64_t in_projection = 0;      ///< units of a linear layer + ReLU + dropout before `layer`; 0 = none
  int64_t out_projection = 0;     ///< the same after it
  int64_t speaker_embedding = 0;  ///< values that say who speaks, joined to the turn; 0 = none
  int64_t max_speakers = 8;       ///< later ones of a conversation share the last embedding
  bool same_speaker = false;      ///< joins 1 where the speaker is that of the turn before, else 0
  bool residual = false;          ///< adds the turn itself (through a linear map where widths differ)
  double dropout = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("layer", layer, "what reads the turns");
    v("in_projection", in_projection, "units of linear + ReLU + dropout before the layer; 0 = none",
      config::at_least(0));
    v("out_projection", out_projection, "units of linear + ReLU + dropout after the layer; 0 = none",
      config::at_least(0));
    v("speaker_embedding", speaker_embedding, "width of an embedding of the speaker; 0 = none",
      config::at_least(0));
    v("max_speakers", max_speakers, "speakers with an embedding of their own, by order of appearance",
      config::at_least(1));
    v("same_speaker", same_speaker, "tell the layer whether the speaker is that of the turn before");
    v("residual", residual, "add the turn itself to what the layer makes of it");
    v("dropout", dropout, "dropout after the projections and the layer, in [0, 1)", config::half_open(0, 1));
  }
};

/// How DialogueRNN looks back at the conversation.
enum class HistoryAttention {
  kGeneral,  ///< softmax(u_t' W g_i): what matters depends on the turn
  kSimple,   ///< softmax(w' g_i)
};
constexpr auto enum_names(HistoryAttention) {
  return std::array<std::pair<HistoryAttention, const char*>, 2>{
      {{HistoryAttention::kGeneral, "general"}, {HistoryAttention::kSimple, "simple"}}};
}

/// DialogueRNN (Majumder et al. 2019): recurrent states of the conversation, of every speaker and of the
/// emotion. Any number of speakers; those that nobody knows count as one. Bidirectional with
/// emotion_attention it is the paper's BiDialogueRNN+Att.
struct DialogueRnnConfig {
  static constexpr const char* kType = "dialogue_rnn";
  static constexpr const char* kDoc =
      "DialogueRNN: states of conversation, speakers and emotion (Majumder et al. 2019)";
  int64_t global_width = 500;
  int64_t party_width = 500;
  int64_t emotion_width = 300;
  int64_t hidden = 300;  ///< units, for each direction, of the layer on top; 0 = none
  HistoryAttention attention = HistoryAttention::kGeneral;
  bool listener = false;
  bool emotion_attention = true;
  bool bidirectional = true;
  double recurrent_dropout = 0.1;
  double dropout = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("global_width", global_width, "units of the state of the conversation", config::at_least(1));
    v("party_width", party_width, "units of the state of a speaker", config::at_least(1));
    v("emotion_width", emotion_width, "units of the emotion's state, in each direction", config::at_least(1));
    v("hidden", hidden, "units in each direction of a layer + ReLU on top; 0 = none", config::at_least(0));
    v("attention", attention,
      "over earlier states of the conversation: general (asks with the turn) or simple");
    v("listener", listener, "also update the states of those who listen");
    v("emotion_attention", emotion_attention,
      "attend over the emotion of all turns (causal: up to the turn)");
    v("bidirectional", bidirectional, "also read backwards; false = causal");
    v("recurrent_dropout", recurrent_dropout, "dropout of the states, in [0, 1)", config::half_open(0, 1));
    v("dropout", dropout, "dropout of the emotion and of the hidden layer, in [0, 1)",
      config::half_open(0, 1));
  }
};

/// `type:` picks one.
using ContextConfig = std::variant<  //
    NoContextConfig,                 //
    SequenceContextConfig,           //
    DialogueRnnConfig>;

inline bool has_context(const ContextConfig& config) {
  return !std::holds_alternative<NoContextConfig>(config);
}

}  // namespace limbic::nn
