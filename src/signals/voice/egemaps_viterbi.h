#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "voice/egemaps_shs.h"

namespace limbic::signals {

/// The cheapest path through the candidates and "unvoiced", decided at most kViterbiLag frames late.
constexpr int64_t kViterbiLag = 40;

// Note [Viterbi as openSMILE runs it]
// Costs are those of eGeMAPS as they act, not as they are named: the weight of F0's second difference is the
// one of the first difference (10), staying unvoiced costs 1, and the "last change" that the second
// difference refers to is that of the transition computed before, whichever it was. F0 follows from these.
class EgemapsViterbi {
 public:
  /// Adds a frame; appends the F0 (0 = unvoiced) of the frames that became certain.
  void push(const PitchCandidates& frame, std::vector<float>& decided_hz);
  /// Appends those of all frames left and begins anew.
  void finish(std::vector<float>& decided_hz);

 private:
  static constexpr size_t kStates = kPitchCandidates + 1;
  static constexpr size_t kUnvoiced = kPitchCandidates;
  using Path = std::array<uint8_t, kViterbiLag>;

  static double local_cost(size_t state, const PitchCandidates& frame);
  double step_cost(size_t from, size_t to, const PitchCandidates& before, const PitchCandidates& now);
  size_t cheapest() const;
  void decide(size_t state, std::vector<float>& decided_hz);
  static size_t slot(int64_t frame) { return static_cast<size_t>(frame % kViterbiLag); }

  int64_t num_frames_ = 0;
  int64_t num_decided_ = 0;
  double last_change_ = 1.0;
  std::array<PitchCandidates, kViterbiLag> frames_{};
  std::array<Path, kStates> paths_{};
  std::array<double, kStates> costs_{};
};

}  // namespace limbic::signals
