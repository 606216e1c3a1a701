#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/core/rng.h"
#include "limbic/data/simulator.h"

// The parts of the simulator; private to the room, tested one by one.
namespace limbic::data::sim {

constexpr double kLatentRateHz = 50.0;

/// A point of the affective space, each in [-1, 1].
struct AffectPoint {
  double valence = 0;
  double arousal = 0;
  double dominance = 0;
};

struct EmotionKind {
  const char* name;
  AffectPoint point;
};

constexpr int kNumEmotions = 6;
/// In the order of the corpus's classes.
const std::array<EmotionKind, kNumEmotions>& emotion_kinds();

/// Random streams of a session; each part draws from its own, so that one part's draws never move another's.
enum class Draws : uint64_t {
  kLatent = 1,
  kEda,
  kVoice,
  kFace,
  kLooks,
  kPixels,
  kBody,
  kSelfReports,
  kRatings,
  kTracker
};
/// `session_idx` -1: what belongs to the subject.
core::Rng rng_for(const SimulatorConfig& config, int64_t subject_idx, int64_t session_idx, Draws draws);

/// Habits of a subject.
struct Temper {
  double expressivity = 1;
  double masking = 0;  ///< probability that an episode is masked
};
Temper draw_temper(const SimulatorConfig& config, int64_t subject_idx);

/// One emotion in [start_s, end_s).
struct Episode {
  double start_s = 0;
  double end_s = 0;
  int felt = 0;   ///< index into emotion_kinds()
  int shown = 0;  ///< the same, unless masked
  bool is_masked() const { return felt != shown; }
};

struct FeltWindow {
  double start_s = 0;
  double end_s = 0;
  double valence = 0;  ///< mean of what is felt
  double arousal = 0;
  int felt = 0;
  int shown = 0;
};

/// What a session is about, before anything is seen or heard of it. Trajectories are sampled at
/// kLatentRateHz.
struct Latent {
  double duration_s = 0;
  std::vector<Episode> episodes;
  std::vector<AffectPoint> felt;
  std::vector<AffectPoint> shown;
  std::vector<FeltWindow> windows;

  const Episode& episode_at(double t_s) const;
  /// Linear in between; the ends are held.
  AffectPoint felt_at(double t_s) const;
  AffectPoint shown_at(double t_s) const;
};
/// Duration of each session, whole frames.
double session_duration_s(const SimulatorConfig& config);
Latent draw_latent(const SimulatorConfig& config, const Temper& temper, int64_t subject_idx,
                   int64_t session_idx);

}  // namespace limbic::data::sim
