#include "voice/pitch_path.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "limbic/signals/table.h"

namespace limbic::signals {

PitchPath::PitchPath(const PitchConfig& config, double ceiling_hz, double hop_s)
    : config_(config),
      ceiling_hz_(ceiling_hz),
      jump_cost_(config.octave_jump_cost * 0.01 / hop_s),
      switch_cost_(config.voiced_unvoiced_cost * 0.01 / hop_s) {}

void PitchPath::push(PitchFrame frame, std::vector<PitchDecision>& decided) {
  Column column;
  column.intensity = frame.intensity;
  double unvoiced = config_.voicing_threshold;
  if (config_.silence_threshold > 0) {
    const double loudness = frame.intensity * (1.0 + config_.voicing_threshold) / config_.silence_threshold;
    unvoiced += std::max(0.0, 2.0 - loudness);
  }
  column.states.push_back({0, unvoiced, 0, false, 0, 0});
  for (const PitchCandidate& c : frame.candidates) {
    column.best_strength = std::max(column.best_strength, c.strength);
    const bool is_voiced = c.hz <= ceiling_hz_;
    const double log2_hz = std::log2(c.hz);
    const double value =
        is_voiced ? c.strength - config_.octave_cost * (std::log2(ceiling_hz_) - log2_hz) : unvoiced;
    column.states.push_back({log2_hz, value, 0, is_voiced, c.hz, c.strength});
  }
  if (!newest_.empty()) {
    const auto& before = newest_;
    for (State& to : column.states) {
      double best = -1e308;
      for (size_t s = 0; s < before.size(); ++s) {
        const State& from = before[s];
        double cost = 0;
        if (from.is_voiced != to.is_voiced) {
          cost = switch_cost_;
        } else if (to.is_voiced) {
          cost = jump_cost_ * std::abs(from.log2_hz - to.log2_hz);
        }
        if (from.value - cost > best) {
          best = from.value - cost;
          to.origin = s;
        }
      }
      to.value += best;
    }
  }
  newest_ = column.states;
  open_.push_back(std::move(column));

  // Trace all survivors back until they meet.
  std::vector<char> alive(open_.back().states.size(), 1);
  size_t num_alive = alive.size();
  for (size_t c = open_.size(); c-- > 0;) {
    if (num_alive == 1) {
      const auto state = static_cast<size_t>(std::find(alive.begin(), alive.end(), 1) - alive.begin());
      settle(c + 1, state, decided);
      break;
    }
    if (c == 0) break;
    std::vector<char> origins(open_[c - 1].states.size(), 0);
    num_alive = 0;
    for (size_t s = 0; s < alive.size(); ++s) {
      if (alive[s] == 0) continue;
      char& seen = origins[open_[c].states[s].origin];
      num_alive += seen == 0 ? 1 : 0;
      seen = 1;
    }
    alive.swap(origins);
  }
  if (open_.size() > kMaxWait) {
    std::vector<PitchDecision> all;
    const auto& last = open_.back().states;
    const auto best = std::max_element(last.begin(), last.end(),
                                       [](const State& a, const State& b) { return a.value < b.value; });
    size_t state = static_cast<size_t>(best - last.begin());
    // The best path so far decides the older half; the newer half stays open.
    const size_t keep = kMaxWait / 2;
    for (size_t c = open_.size(); c-- > open_.size() - keep;) state = open_[c].states[state].origin;
    settle(open_.size() - keep, state, decided);
  }
}

void PitchPath::settle(size_t num_columns, size_t state_of_last, std::vector<PitchDecision>& decided) {
  const size_t first = decided.size();
  decided.resize(first + num_columns);
  size_t state = state_of_last;
  for (size_t c = num_columns; c-- > 0;) {
    const Column& column = open_[c];
    const State& s = column.states[state];
    decided[first + c] = {s.is_voiced ? s.hz : kMissing, s.is_voiced ? s.strength : column.best_strength,
                          column.intensity};
    state = s.origin;
  }
  open_.erase(open_.begin(), open_.begin() + static_cast<std::ptrdiff_t>(num_columns));
}

void PitchPath::finish(std::vector<PitchDecision>& decided) {
  if (open_.empty()) return;
  const auto& last = open_.back().states;
  const auto best = std::max_element(last.begin(), last.end(),
                                     [](const State& a, const State& b) { return a.value < b.value; });
  settle(open_.size(), static_cast<size_t>(best - last.begin()), decided);
}

}  // namespace limbic::signals
