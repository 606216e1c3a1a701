#pragma once
#include <string>
#include <vector>

#include "simulator/latent.h"

namespace limbic::data::sim {

/// What a subject says after an episode.
struct SelfReport {
  bool is_given = false;
  int felt = 0;
  double valence = 0;
  double arousal = 0;
};

/// What people say of a session, by window.
struct Reports {
  std::vector<SelfReport> self;           ///< of the window's episode
  std::vector<std::vector<int>> ratings;  ///< [annotator][window]: emotion that they see, -1 = not rated
};
Reports draw_reports(const SimulatorConfig& config, const Latent& latent, int64_t subject_idx,
                     int64_t session_idx);

/// Probability that an annotator names the emotion that is shown.
double annotator_accuracy(const SimulatorConfig& config, int64_t annotator_idx);
/// "rater_1"
std::string annotator_name(int64_t annotator_idx);

/// How often what was said is right.
struct ReportTally {
  int64_t num_said = 0;
  int64_t num_right = 0;
  void add(bool is_right) {
    ++num_said;
    num_right += is_right ? 1 : 0;
  }
  void add(const ReportTally& other) {
    num_said += other.num_said;
    num_right += other.num_right;
  }
};
/// Of a session or the corpus: annotators about what is shown; self-reports about what is felt, and about
/// arousal being above config.arousal_cut.
struct ReportTallies {
  std::vector<ReportTally> annotators;
  ReportTally self_felt;
  ReportTally self_arousal;
  void add(const ReportTallies& other);
};
ReportTallies count_right(const SimulatorConfig& config, const Latent& latent, const Reports& reports);

}  // namespace limbic::data::sim
