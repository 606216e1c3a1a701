#include "limbic/eval/dialogue_decoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "limbic/core/error.h"

namespace limbic::eval {
namespace {

constexpr int64_t kNoClass = -1;

/// A path of classes up to some turn. Steps are kept apart, so that paths share what they have in common.
struct DecodedPath {
  double cost = 0.0;
  int64_t step = -1;                     ///< its last turn in the list of steps, -1 = none yet
  std::vector<int64_t> last_of_speaker;  ///< class, or kNoClass
  std::vector<int64_t> shifts_into_C;
};

struct DecodedStep {
  int64_t class_idx = 0;
  int64_t previous = -1;
};

/// A path that goes on with one class.
struct Extension {
  double cost = 0.0;
  size_t path = 0;
  int64_t class_idx = 0;
  bool is_shift = true;
};

/// Paths with the same shifts in another order tie; rounding must not decide between them.
double rounded(double cost) {
  return std::round(cost * 1e9);
}

/// Speakers as 0, 1, ... in the order in which they first speak.
std::vector<size_t> numbered(const std::vector<int64_t>& speakers_T, size_t& num_speakers) {
  std::map<int64_t, size_t> numbers;
  std::vector<size_t> numbered_T;
  for (const int64_t speaker : speakers_T)
    numbered_T.push_back(numbers.emplace(speaker, numbers.size()).first->second);
  num_speakers = numbers.size();
  return numbered_T;
}

void check_conversation(const Conversation& conversation) {
  require(conversation.logits_TC.size() == conversation.speakers_T.size(), ErrorCode::kInternal,
          "decode_conversation: logits and speakers differ in number");
  for (const auto& logits_C : conversation.logits_TC) {
    require(!logits_C.empty() && logits_C.size() == conversation.logits_TC.front().size(), ErrorCode::kData,
            "decode_conversation: every turn needs a logit for each class");
    for (const double logit : logits_C) {
      require(std::isfinite(logit), ErrorCode::kData,
              fmt::format("decode_conversation: a logit is {}; expected finite numbers", logit));
    }
  }
}

void check_shift_probability(double p) {
  require(p > 0 && p < 1, ErrorCode::kConfig,
          fmt::format("the probability of a shift must be in (0, 1), got {}", p));
}

}  // namespace

void DecodingConfig::validate() const {
  require(beam >= 1, ErrorCode::kConfig, fmt::format("beam must be at least 1, got {}", beam));
  require(copies >= 1, ErrorCode::kConfig, fmt::format("copies must be at least 1, got {}", copies));
  require(alpha > 0 && std::isfinite(alpha), ErrorCode::kConfig,
          fmt::format("alpha must be positive, got {}", alpha));
}

std::vector<int64_t> decode_conversation(const Conversation& conversation, double shift_probability,
                                         const DecodingConfig& config) {
  config.validate();
  check_shift_probability(shift_probability);
  check_conversation(conversation);
  const size_t num_turns = conversation.logits_TC.size();
  if (num_turns == 0) return {};
  const size_t num_classes = conversation.logits_TC.front().size();
  size_t num_speakers = 0;
  const auto speaker_T = numbered(conversation.speakers_T, num_speakers);
  const double cost_of_staying = -std::log(1 - shift_probability);
  const double cost_of_shift = -std::log(shift_probability);
  const double cost_of_new = cost_of_shift - std::log(config.alpha);

  std::vector<DecodedStep> steps;
  std::vector<DecodedPath> paths{
      {0.0, -1, std::vector<int64_t>(num_speakers, kNoClass), std::vector<int64_t>(num_classes, 0)}};
  std::vector<Extension> extensions;
  for (size_t t = 0; t < num_turns * static_cast<size_t>(config.copies); ++t) {
    const auto& logits_C = conversation.logits_TC[t % num_turns];
    const size_t speaker = speaker_T[t % num_turns];
    extensions.clear();
    for (size_t i = 0; i < paths.size(); ++i) {
      const DecodedPath& path = paths[i];
      const int64_t last = path.last_of_speaker[speaker];
      const auto num_shifts = std::accumulate(path.shifts_into_C.begin(), path.shifts_into_C.end(), 0.0);
      const double log_total = std::log(num_shifts + config.alpha);
      for (size_t c = 0; c < num_classes; ++c) {
        Extension next{path.cost - logits_C[c], i, static_cast<int64_t>(c), true};
        const auto n = path.shifts_into_C[c];
        if (last == kNoClass || n == 0) {
          next.cost += cost_of_new + log_total;
        } else if (last == next.class_idx) {
          next.cost += cost_of_staying;
          next.is_shift = false;
        } else {
          next.cost += cost_of_shift - std::log(static_cast<double>(n)) + log_total;
        }
        extensions.push_back(next);
      }
    }
    std::stable_sort(extensions.begin(), extensions.end(), [](const Extension& a, const Extension& b) {
      return rounded(a.cost) < rounded(b.cost);
    });
    extensions.resize(std::min(extensions.size(), static_cast<size_t>(config.beam)));
    std::vector<DecodedPath> kept;
    for (const Extension& next : extensions) {
      DecodedPath path = paths[next.path];
      steps.push_back({next.class_idx, path.step});
      path.cost = next.cost;
      path.step = static_cast<int64_t>(steps.size()) - 1;
      path.last_of_speaker[speaker] = next.class_idx;
      if (next.is_shift) ++path.shifts_into_C[static_cast<size_t>(next.class_idx)];
      kept.push_back(std::move(path));
    }
    paths = std::move(kept);
  }
  std::vector<int64_t> classes_T(num_turns);
  int64_t step = paths.front().step;
  for (size_t t = num_turns; t-- > 0; step = steps[static_cast<size_t>(step)].previous)
    classes_T[t] = steps[static_cast<size_t>(step)].class_idx;
  return classes_T;
}

void ShiftCount::add(const std::vector<int64_t>& classes_T, const std::vector<int64_t>& speakers_T) {
  require(classes_T.size() == speakers_T.size(), ErrorCode::kInternal,
          "ShiftCount: classes and speakers differ in number");
  std::map<int64_t, int64_t> last;
  for (size_t t = 0; t < classes_T.size(); ++t) {
    const auto [before, is_first] = last.emplace(speakers_T[t], classes_T[t]);
    if (is_first) continue;
    ++pairs;
    if (before->second != classes_T[t]) ++shifts;
    before->second = classes_T[t];
  }
}

double ShiftCount::probability() const {
  require(pairs > 0, ErrorCode::kData,
          "no speaker has two labelled turns in a dialogue that is not decoded: the probability of a shift "
          "cannot be counted; give it with --shift");
  const auto n = static_cast<double>(pairs);
  return std::min(static_cast<double>(shifts + 1) / n, n / (n + 1));
}

}  // namespace limbic::eval
