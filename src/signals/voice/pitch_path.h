#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "voice/pitch_candidates.h"

namespace limbic::signals {

/// What the path search decided about a frame.
struct PitchDecision {
  double f0_hz = 0;  ///< NaN = unvoiced
  double strength = 0;
  double intensity = 0;
};

/// The best path through the candidates of a recording, frame after frame: a frame is decided as soon as all
/// paths that may still win agree on it, so the result is that of a search over the whole recording however
/// frames are fed. A decision waits for at most kMaxWait frames; silence settles it at once.
class PitchPath {
 public:
  /// @param hop_s  distance of frames: costs of changes are meant per 10 ms
  PitchPath(const PitchConfig& config, double ceiling_hz, double hop_s);

  /// Appends what is now settled to `decided`.
  void push(PitchFrame frame, std::vector<PitchDecision>& decided);
  void finish(std::vector<PitchDecision>& decided);

 private:
  static constexpr size_t kMaxWait = 6000;  ///< one minute of 10 ms
  struct State {
    double log2_hz;  ///< of a voiced candidate
    double value;    ///< of the best path that ends here
    size_t origin;   ///< state of the frame before
    bool is_voiced;
    double hz;
    double strength;
  };
  struct Column {
    std::vector<State> states;  ///< 0 is "unvoiced"
    double best_strength = 0;
    double intensity = 0;
  };

  void settle(size_t num_columns, size_t state_of_last, std::vector<PitchDecision>& decided);

  PitchConfig config_;
  double ceiling_hz_;
  double jump_cost_;
  double switch_cost_;
  std::vector<State> newest_;  ///< states of the last frame pushed
  std::deque<Column> open_;    ///< frames that are not decided
};

}  // namespace limbic::signals
