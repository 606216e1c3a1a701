#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/eval/metrics.h"

namespace limbic::data {
class Store;
}

namespace limbic::eval {

/// Dialogical emotion decoding (Yeh, Lin and Lee, "A dialogical emotion decoder for speech emotion
/// recognition in spoken dialog", ICASSP 2020): people keep their emotion, and change into those that the
/// conversation has had. A distance dependent Chinese restaurant process scores whole paths of classes on
/// top of what a classifier said of each turn; beam search finds the best.
struct DecodingConfig {
  int64_t beam = 5;    ///< paths kept after every turn, at least 1
  int64_t copies = 2;  ///< the conversation is decoded this often in a row, at least 1; the last copy counts
  double alpha = 1.0;  ///< weight of classes that the conversation has not had yet, > 0

  /// @throws Error(kConfig)
  void validate() const;
};

/// One conversation, its turns in order.
struct Conversation {
  std::vector<std::vector<double>> logits_TC;  ///< log-probabilities but for a constant a turn; finite
  std::vector<int64_t> speakers_T;             ///< any numbers
};

/// The most probable class of every turn. A path pays -logit for each turn's class and, with p the
/// probability of a shift, n the number of times that the conversation shifted into a class and N their sum:
/// -log(1 - p) when the speaker stays in a class; -log p - log n + log(N + alpha) for a shift into a class
/// that has occurred, and for the first turn of a speaker or a class that has not,
/// -log p - log alpha + log(N + alpha). Of equal costs (to 1e-9: the same shifts in another order cost the
/// same but for rounding) the earlier path and the lower class win.
/// @param shift_probability  in (0, 1). @throws Error(kData) for logits that do not fit
std::vector<int64_t> decode_conversation(const Conversation& conversation, double shift_probability,
                                         const DecodingConfig& config = {});

/// How often a speaker's next turn has another class. Turns of other speakers lie between without counting.
struct ShiftCount {
  int64_t shifts = 0;
  int64_t pairs = 0;

  /// Adds one conversation; class and speaker of its turns may be any numbers.
  void add(const std::vector<int64_t>& classes_T, const std::vector<int64_t>& speakers_T);
  /// (shifts + 1) / pairs, as in the paper's program, kept below 1. @throws Error(kData) without pairs
  double probability() const;
};

/// What a classifier said of one sample of a store.
struct ScoredSample {
  int64_t sample_idx = 0;
  std::vector<double> logits_C;
};

/// Of every sample that has the stream: its only frame, (1, C). @throws Error(kData)
std::vector<ScoredSample> scores_of_stream(const data::Store& store, const std::string& stream,
                                           const affect::LabelSpace& labels);
/// Logarithms of probabilities; an invalid prediction says nothing. @throws Error(kData) for samples that the
/// store lacks
std::vector<ScoredSample> scores_of_predictions(const data::Store& store,
                                                const std::vector<Prediction>& predictions,
                                                const affect::LabelSpace& labels);

/// Where the probability of a shift comes from when none is given: from the labels of dialogues of which
/// nothing is decoded (a run's training and validation part) or, when everything is, from the other sessions.
struct DecodeOptions {
  DecodingConfig decoding;
  std::optional<double> shift_probability;  ///< in (0, 1)
  std::string label_attribute;  ///< count shifts between values of this attribute, not of the task's labels
};

struct DecodedSamples {
  std::vector<Prediction> before;  ///< labelled samples, most probable class; with probabilities
  std::vector<Prediction> after;   ///< the same samples, decoded; without probabilities
  std::vector<std::pair<std::string, double>> shift_probability;  ///< session ("" = all) -> p
  int64_t num_dialogues = 0;
  int64_t num_turns = 0;    ///< with those that have no label
  int64_t num_changed = 0;  ///< of the labelled ones
};

/// Decodes every dialogue. Samples without a dialogue are conversations of one turn; speakers are the
/// subjects. @throws Error(kData, kConfig)
DecodedSamples decode_dialogues(const data::Store& store, const affect::LabelSpace& labels,
                                const std::vector<ScoredSample>& scores, const DecodeOptions& options = {});

}  // namespace limbic::eval
