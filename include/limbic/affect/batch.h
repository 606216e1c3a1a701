#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace limbic::affect {

/// One modality of a batch. Which frames and samples are real is explicit, never read off zeros.
struct ModalityBatch {
  at::Tensor x;          ///< (B, T, F) float32, or (B, T, C, H, W) uint8 images in [0, 255]
  at::Tensor mask_BT;    ///< bool, true = real frame
  at::Tensor present_B;  ///< bool, true = the sample has this modality
  /// float64, where the frames lie: seconds from the sample's start to frame 0, and frames per second (0 =
  /// stills). Undefined unless a task has targets per frame.
  at::Tensor start_s_B{};
  at::Tensor rate_hz_B{};
};

/// Targets of one task. Its kind says which of them are defined.
struct Targets {
  at::Tensor y_B;     ///< single label, ordinal: int64 class index (0 where unknown)
  at::Tensor mask_B;  ///< bool, true = known; where there are several values: at least one of them
  /// Optional (B, C) float probabilities that stand in for y_B: mixed samples, several annotators.
  at::Tensor soft_BC{};
  /// Multi label: float32 (B, C), 1 = holds, 0 = not; continuous: the values. 0 where unknown.
  at::Tensor value_BC{};
  at::Tensor known_BC{};  ///< bool
  /// Continuous in time: float32 (B, T, C), row t at t / rate_hz seconds from the sample's start.
  at::Tensor value_BTC{};
  at::Tensor known_BTC{};  ///< bool
  // Levels of supervision, of training batches whose recipe has data.supervision; else undefined.
  at::Tensor weight_B{};  ///< float32 in [0, 1], how sure the target is; undefined = 1 where it is known
  at::Tensor level_B{};   ///< int64, a Supervision; undefined = kFull where the target is known
  at::Tensor
      withheld_B{};  ///< int64 true class that the recipe withholds, -1 = not known: audits alone read it
};

/// How a row of a task is supervised: Targets::level_B.
enum Supervision : int64_t {
  kNoSupervision = 0,    ///< the target is unknown
  kWeakSupervision = 1,  ///< it was made by rules or sensors, see room weak
  kFullSupervision = 2,  ///< somebody labelled it
};

/// How the rows of a batch follow each other in conversations. Undefined tensors = every row on its own.
struct DialogueRows {
  at::Tensor dialogue_B;  ///< int64, rows with the same number are turns of one conversation
  at::Tensor turn_B;      ///< int64, their order in it; gaps are allowed, equal turns are not
  at::Tensor speaker_B;   ///< int64, who speaks, any number within the dialogue; -1 = unknown

  bool is_defined() const { return dialogue_B.defined(); }
};

/// Modalities by name.
using Streams = std::map<std::string, ModalityBatch>;

/// What a loader hands to a model: modalities and tasks by name.
struct Batch {
  Streams streams;
  std::map<std::string, Targets> targets;
  DialogueRows dialogues;        ///< from a loader that keeps dialogues together, else undefined
  std::vector<std::string> ids;  ///< sample ids, B of them
  /// The same samples changed at random once more, for objectives that compare views; see data.views.
  std::vector<Streams> views{};

  int64_t size() const { return static_cast<int64_t>(ids.size()); }
  /// Another view of the same samples: its streams, and all else of this batch but the views.
  Batch with_view(size_t view) const;
  /// The same batch with every tensor on `device` ("cpu", "cuda:0").
  Batch to(const std::string& device) const;
};

/// What a conditional random field over the turns of dialogues reads (nn/crf.h).
struct CrfScores {
  at::Tensor emission_BC;  ///< the head's scores of every row
  at::Tensor table_SC;     ///< (C + 2, C): transitions, first turn, last turn
};

/// What a model makes of a batch.
struct ModelOutput {
  std::map<std::string, at::Tensor> tokens_BTD;  ///< per modality, zero where mask_BT is false
  std::map<std::string, at::Tensor>
      embedding_BD;  ///< per modality, pooled over real frames; zero where absent
  /// Per modality: bool, true = it took part (present, with real frames, not hidden by modality dropout).
  std::map<std::string, at::Tensor> used_B;
  at::Tensor fused_BD;   ///< undefined for score (late) fusion
  at::Tensor weight_BM;  ///< how much each modality counted, where the fusion says so; else undefined
  /// Per task of one class: scores whose softmax are the probabilities (ordinal: their logarithms).
  std::map<std::string, at::Tensor> logits_BC;
  std::map<std::string, at::Tensor> label_logits_BC;  ///< per multi-label task; the sigmoid is a probability
  std::map<std::string, at::Tensor> value_BC;         ///< per continuous task
  /// Per continuous task whose head says how sure it is: log of the variance, per value (per clip or frame).
  std::map<std::string, at::Tensor> log_variance_BC;
  /// Per task continuous in time: (B, T, C), row t at t / rate_hz seconds from the sample's start; and where
  /// a modality covers it (bool).
  std::map<std::string, at::Tensor> value_BTC;
  std::map<std::string, at::Tensor> log_variance_BTC;
  std::map<std::string, at::Tensor> covered_BT;
  /// Per task and modality, where the model has a head for each: late fusion (the scores that were fused),
  /// and ModelConfig::modality_heads. Class scores, logits of labels or values, as the task's kind is.
  std::map<std::string, std::map<std::string, at::Tensor>> modality_logits_BC;
  std::map<std::string, CrfScores> crf;      ///< per task whose head is a CRF
  std::map<std::string, at::Tensor> losses;  ///< auxiliary, of parts of the model; weighted; in training only
};

}  // namespace limbic::affect
