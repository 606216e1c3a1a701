#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "limbic/core/error.h"
#include "limbic/data/store.h"
#include "limbic/eval/dialogue_decoding.h"

namespace limbic::eval {
namespace {

/// Samples of a store that are one conversation, in the order of turns; a sample without a dialogue is one by
/// itself. By the dialogue's name within its corpus.
using DialogueRows = std::map<std::pair<std::string, std::string>, std::vector<int64_t>>;

DialogueRows rows_of_dialogues(const data::SampleTable& samples) {
  DialogueRows dialogues;
  for (int64_t i = 0; i < samples.size(); ++i) {
    const std::string dialogue(samples.dialogue(i));
    // No dialogue's name begins with a zero byte.
    const std::string name = dialogue.empty() ? std::string(1, '\0') + std::string(samples.id(i)) : dialogue;
    dialogues[{std::string(samples.corpus(i)), name}].push_back(i);
  }
  for (auto& [name, rows] : dialogues) {
    std::stable_sort(rows.begin(), rows.end(),
                     [&](int64_t a, int64_t b) { return samples.turn(a) < samples.turn(b); });
  }
  return dialogues;
}

/// Counts the shifts of dialogues between values of the task, or of an attribute instead.
class ShiftCounter {
 public:
  ShiftCounter(const data::SampleTable& samples, std::string task, std::string attribute)
      : samples_(samples), task_(std::move(task)), attribute_(std::move(attribute)) {}

  void add(const std::vector<int64_t>& rows, ShiftCount& count) {
    std::vector<int64_t> classes_T;
    std::vector<int64_t> speakers_T;
    for (const int64_t row : rows) {
      const auto label =
          attribute_.empty() ? samples_.label(task_, row) : samples_.attribute(attribute_, row);
      if (label.empty()) continue;
      const auto number = static_cast<int64_t>(numbers_.size());
      classes_T.push_back(numbers_.emplace(std::string(label), number).first->second);
      speakers_T.push_back(samples_.code(data::SampleField::kSubject, row));
    }
    count.add(classes_T, speakers_T);
  }

 private:
  const data::SampleTable& samples_;
  std::string task_, attribute_;
  std::map<std::string, int64_t> numbers_;
};

std::vector<double> softmax(const std::vector<double>& logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  double total = 0.0;
  for (const double x : logits) total += p.emplace_back(std::exp(x - largest));
  for (double& value : p) value /= total;
  return p;
}

/// The probability of a shift for every session that is decoded.
std::map<std::string, double> shift_probabilities(const data::SampleTable& samples,
                                                  const DialogueRows& dialogues,
                                                  const std::set<int64_t>& decoded,
                                                  const affect::LabelSpace& labels,
                                                  const DecodeOptions& options) {
  const auto is_decoded = [&](int64_t row) { return decoded.count(row) != 0; };
  std::set<std::string> sessions;
  for (const int64_t row : decoded) sessions.emplace(samples.session(row));
  std::map<std::string, double> of_session;
  if (options.shift_probability) {
    for (const auto& session : sessions) of_session[session] = *options.shift_probability;
    return of_session;
  }
  ShiftCounter counter(samples, labels.task, options.label_attribute);
  ShiftCount elsewhere;
  for (const auto& [name, rows] : dialogues) {
    if (std::none_of(rows.begin(), rows.end(), is_decoded)) counter.add(rows, elsewhere);
  }
  for (const auto& session : sessions) {
    ShiftCount count = elsewhere;
    if (count.pairs == 0) {
      for (const auto& [name, rows] : dialogues) {
        if (samples.session(rows.front()) != session) counter.add(rows, count);
      }
    }
    of_session[session] = count.probability();
  }
  return of_session;
}

}  // namespace

std::vector<ScoredSample> scores_of_stream(const data::Store& store, const std::string& stream,
                                           const affect::LabelSpace& labels) {
  std::vector<ScoredSample> scores;
  for (int64_t i = 0; i < store.size(); ++i) {
    if (!store.samples().has_stream(stream, i)) continue;
    const at::Tensor logits = store.read(i, stream).to(at::kDouble).reshape({-1}).contiguous();
    require(logits.size(0) == labels.num_classes(), ErrorCode::kData,
            fmt::format("{}: '{}' has {} values for {} classes of task '{}'", store.samples().id(i), stream,
                        logits.size(0), labels.num_classes(), labels.task));
    const double* x = logits.data_ptr<double>();
    scores.push_back({i, {x, x + logits.size(0)}});
  }
  require(!scores.empty(), ErrorCode::kData, fmt::format("{}: no sample has '{}'", store.path(), stream));
  return scores;
}

std::vector<ScoredSample> scores_of_predictions(const data::Store& store,
                                                const std::vector<Prediction>& predictions,
                                                const affect::LabelSpace& labels) {
  std::vector<ScoredSample> scores;
  for (const Prediction& p : predictions) {
    ScoredSample score{store.index_of(p.id), std::vector<double>(labels.classes.size(), 0.0)};
    if (p.prediction != kInvalid) {
      require(p.probabilities.size() == labels.classes.size(), ErrorCode::kData,
              fmt::format("'{}' has no probabilities, and nothing can be decoded from classes alone", p.id));
      for (size_t c = 0; c < p.probabilities.size(); ++c)
        score.logits_C[c] = std::log(std::max(p.probabilities[c], 1e-300));
    }
    scores.push_back(std::move(score));
  }
  return scores;
}

DecodedSamples decode_dialogues(const data::Store& store, const affect::LabelSpace& labels,
                                const std::vector<ScoredSample>& scores, const DecodeOptions& options) {
  options.decoding.validate();
  const data::SampleTable& samples = store.samples();
  std::map<int64_t, const std::vector<double>*> logits_of;
  std::set<int64_t> decoded;
  for (const auto& score : scores) {
    logits_of[score.sample_idx] = &score.logits_C;
    decoded.insert(score.sample_idx);
  }
  require(std::any_of(scores.begin(), scores.end(),
                      [&](const ScoredSample& s) { return !samples.dialogue(s.sample_idx).empty(); }),
          ErrorCode::kData, store.path() + ": the samples to decode belong to no dialogue");
  const DialogueRows dialogues = rows_of_dialogues(samples);
  const auto shift_of = shift_probabilities(samples, dialogues, decoded, labels, options);

  DecodedSamples result;
  result.shift_probability.assign(shift_of.begin(), shift_of.end());
  for (const auto& [name, rows] : dialogues) {
    Conversation conversation;
    std::vector<int64_t> turns;
    for (const int64_t row : rows) {
      const auto logits = logits_of.find(row);
      if (logits == logits_of.end()) continue;
      conversation.logits_TC.push_back(*logits->second);
      conversation.speakers_T.push_back(samples.code(data::SampleField::kSubject, row));
      turns.push_back(row);
    }
    if (turns.empty()) continue;
    const double p = shift_of.at(std::string(samples.session(turns.front())));
    const auto classes_T = decode_conversation(conversation, p, options.decoding);
    ++result.num_dialogues;
    for (size_t t = 0; t < turns.size(); ++t) {
      ++result.num_turns;
      const auto label = samples.label(labels.task, turns[t]);
      if (label.empty()) continue;
      const int64_t truth = labels.index_of(std::string(label));
      const std::string id(samples.id(turns[t]));
      const std::string subject(samples.subject(turns[t]));
      result.before.push_back(make_prediction(id, subject, truth, softmax(conversation.logits_TC[t])));
      result.after.push_back({id, subject, truth, classes_T[t], {}});
      if (result.before.back().prediction != classes_T[t]) ++result.num_changed;
    }
  }
  return result;
}

}  // namespace limbic::eval
