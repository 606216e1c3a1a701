#include "voice/egemaps_viterbi.h"

#include <algorithm>
#include <cmath>

namespace limbic::signals {
namespace {

constexpr float kVoicingThreshold = 0.7f;
constexpr double kLocalWeight = 2.0;
constexpr double kThresholdCost = 4.0;
constexpr double kRangeWeight = 1.0;
constexpr double kChangeWeight = 10.0;  ///< of log F0
constexpr double kChangeOfChangeWeight = 10.0;
constexpr double kSwitchCost = 10.0;  ///< voiced to unvoiced and back
constexpr double kStayUnvoicedCost = 1.0;
constexpr double kEmptyCost = 999.0;  ///< to or from a candidate that does not exist

/// Voices lie between 100 and 350 Hz.
double range_cost(float f0_hz) {
  if (f0_hz <= 0) return 2.0;
  if (f0_hz < 100.0f) return 1.0 - static_cast<double>(f0_hz) / 100.0;
  if (f0_hz < 350.0f) return 0.0;
  if (f0_hz < 600.0f) return (static_cast<double>(f0_hz) - 350.0) / 250.0;
  return 1.2;
}

}  // namespace

double EgemapsViterbi::local_cost(size_t state, const PitchCandidates& frame) {
  if (state == kUnvoiced) {
    const bool any_voiced = std::any_of(frame.voicing.begin(), frame.voicing.end(),
                                        [](float voicing) { return voicing >= kVoicingThreshold; });
    return any_voiced ? kLocalWeight * kThresholdCost : 0.0;
  }
  const double voicing = std::clamp(static_cast<double>(frame.voicing[state]), 0.01, 1.0);
  const double threshold = voicing < static_cast<double>(kVoicingThreshold) ? kThresholdCost : 0.0;
  return (threshold - std::log(voicing)) * kLocalWeight + range_cost(frame.f0_hz[state]) * kRangeWeight;
}

double EgemapsViterbi::step_cost(size_t from, size_t to, const PitchCandidates& before,
                                 const PitchCandidates& now) {
  if (from == kUnvoiced && to == kUnvoiced) return kStayUnvoicedCost;
  if (from == kUnvoiced || to == kUnvoiced) {
    last_change_ = 0;
    return kSwitchCost;
  }
  const float f0 = before.f0_hz[from];
  const float f1 = now.f0_hz[to];
  if (f0 == 0 || f1 == 0) return kEmptyCost;
  const double change = std::log(static_cast<double>(f1 / f0));
  const double cost =
      kChangeWeight * std::abs(change) + kChangeOfChangeWeight * std::abs(change - last_change_);
  last_change_ = change;
  return cost;
}

size_t EgemapsViterbi::cheapest() const {
  return static_cast<size_t>(std::min_element(costs_.begin(), costs_.end()) - costs_.begin());
}

void EgemapsViterbi::decide(size_t state, std::vector<float>& decided_hz) {
  decided_hz.push_back(state == kUnvoiced ? 0.0f : frames_[slot(num_decided_)].f0_hz[state]);
  ++num_decided_;
}

void EgemapsViterbi::push(const PitchCandidates& frame, std::vector<float>& decided_hz) {
  const int64_t t = num_frames_++;
  frames_[slot(t)] = frame;
  if (t == 0) {
    for (size_t s = 0; s < kStates; ++s) {
      costs_[s] = local_cost(s, frame);
      paths_[s][slot(t)] = static_cast<uint8_t>(s);
    }
  } else {
    const PitchCandidates& before = frames_[slot(t - 1)];
    std::array<Path, kStates> paths;
    std::array<double, kStates> costs;
    for (size_t to = 0; to < kStates; ++to) {
      size_t best = 0;
      double least = 0;
      for (size_t from = 0; from < kStates; ++from) {
        const double cost = step_cost(from, to, before, frame) + costs_[from];
        if (from == 0 || cost < least) {
          least = cost;
          best = from;
        }
      }
      costs[to] = least + local_cost(to, frame);
      paths[to] = paths_[best];
      paths[to][slot(t)] = static_cast<uint8_t>(to);
    }
    paths_ = paths;
    costs_ = costs;
  }

  if (num_frames_ - num_decided_ >= kViterbiLag) {
    decide(paths_[cheapest()][slot(num_decided_)], decided_hz);
    return;
  }
  // All paths go through one state: certain.
  while (num_decided_ < num_frames_) {
    const size_t at = slot(num_decided_);
    const uint8_t state = paths_[0][at];
    if (!std::all_of(paths_.begin(), paths_.end(), [&](const Path& p) { return p[at] == state; })) break;
    decide(state, decided_hz);
  }
}

void EgemapsViterbi::finish(std::vector<float>& decided_hz) {
  const size_t best = cheapest();
  while (num_decided_ < num_frames_) decide(paths_[best][slot(num_decided_)], decided_hz);
  *this = EgemapsViterbi();
}

}  // namespace limbic::signals
