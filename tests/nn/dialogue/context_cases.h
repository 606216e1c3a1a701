#pragma once
// The dialogue contexts that the suites check: small sizes, no dropout.
#include <string>
#include <vector>

#include "limbic/nn/context_config.h"

namespace limbic::nn {

struct ContextCase {
  std::string name;
  ContextConfig config;
  bool reads_speakers = true;
};

inline std::vector<ContextCase> context_cases() {
  std::vector<ContextCase> cases;
  GruTemporalConfig gru;
  gru.hidden = 3;
  gru.dropout = 0.0;
  SequenceContextConfig sequence;
  sequence.layer = gru;
  cases.push_back({"Sequence", sequence, false});
  sequence.residual = true;
  sequence.in_projection = 5;
  sequence.out_projection = 4;
  sequence.speaker_embedding = 2;
  sequence.max_speakers = 2;
  sequence.same_speaker = true;
  cases.push_back({"SequenceWithSpeakers", sequence});
  gru.bidirectional = false;
  sequence.layer = gru;
  cases.push_back({"SequenceCausal", sequence});

  DialogueRnnConfig rnn;
  rnn.global_width = 3;
  rnn.party_width = 4;
  rnn.emotion_width = 2;
  rnn.hidden = 3;
  rnn.recurrent_dropout = rnn.dropout = 0.0;
  cases.push_back({"DialogueRnn", rnn});
  rnn.attention = HistoryAttention::kSimple;
  rnn.listener = true;
  rnn.emotion_attention = false;
  rnn.hidden = 0;
  cases.push_back({"DialogueRnnWithListeners", rnn});
  rnn.emotion_attention = true;
  rnn.bidirectional = false;
  cases.push_back({"DialogueRnnCausal", rnn});
  return cases;
}

}  // namespace limbic::nn
