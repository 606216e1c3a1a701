#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/signals/eda/cvx_eda.h"
#include "limbic/signals/eda/eda_analysis.h"

namespace limbic::weak {

/// What of skin conductance is taken for arousal.
enum class EdaScore {
  kScrRate,       ///< responses that begin, a second
  kScrAmplitude,  ///< root of their summed amplitudes: sums are skewed
  kDriver,        ///< root of the mean of cvxEDA's sudomotor driver
  kTonic,         ///< logarithm of the mean tonic level (cvxEDA)
  kCombined,      ///< mean of rate, amplitude and driver, each normalised, and combined_tonic of the level
};
constexpr auto enum_names(EdaScore) {
  return std::array{std::pair{EdaScore::kScrRate, "scr_rate"},
                    std::pair{EdaScore::kScrAmplitude, "scr_amplitude"},
                    std::pair{EdaScore::kDriver, "driver"}, std::pair{EdaScore::kTonic, "tonic"},
                    std::pair{EdaScore::kCombined, "combined"}};
}

/// On what scale scores of different people meet.
enum class WithinSubject {
  kRobust,  ///< distance from the person's median in median deviations (x 1.4826; where that is 0, as kZ)
  kZ,       ///< distance from the mean in standard deviations
  kRank,    ///< normal score of the rank (van der Waerden), ties share theirs
  kNone,
};
constexpr auto enum_names(WithinSubject) {
  return std::array{std::pair{WithinSubject::kRobust, "robust"}, std::pair{WithinSubject::kZ, "z"},
                    std::pair{WithinSubject::kRank, "rank"}, std::pair{WithinSubject::kNone, "none"}};
}

struct EdaArousalConfig {
  EdaScore score = EdaScore::kCombined;
  double combined_tonic = 0.25;
  WithinSubject normalise = WithinSubject::kZ;
  std::optional<double> lag_s;
  double min_lag_s = 0.0;
  double max_lag_s = 6.0;
  double lag_step_s = 0.25;
  std::optional<double> inertia_s = 0.75;
  double max_inertia_s = 2.0;
  double min_good_share = 0.5;
  signals::EdaConfig analysis;
  signals::CvxEdaConfig cvxeda;

  template <class Visitor>
  void visit(Visitor& v) {
    v("score", score, "scr_rate, scr_amplitude, driver, tonic or combined");
    v("combined_tonic", combined_tonic, "combined: weight of the tonic level beside the phasic mean",
      config::at_least(0.0));
    v("normalise", normalise, "within each subject: robust, z, rank or none");
    v("lag_s", lag_s, "from a label's window to its responses; null = learned in [min_lag_s, max_lag_s]",
      config::in_range(0.0, 30.0));
    v("min_lag_s", min_lag_s, "of a learned lag", config::in_range(0.0, 30.0));
    v("max_lag_s", max_lag_s, "of a learned lag", config::in_range(0.0, 30.0));
    v("lag_step_s", lag_step_s, "between the lags that are tried", config::in_range(0.01, 5.0));
    v("inertia_s", inertia_s,
      "time constant in which a felt state follows what its label says at once, to tell the skin's latency "
      "from the lag; null = learned up to max_inertia_s, which takes hours of labels",
      config::in_range(0.0, 30.0));
    v("max_inertia_s", max_inertia_s, "of a learned inertia", config::in_range(0.0, 30.0));
    v("min_good_share", min_good_share, "windows with a smaller share of good samples get no score",
      config::in_range(0.0, 1.0));
    v("analysis", analysis, "quality and responses");
    v("cvxeda", cvxeda, "driver and tonic level");
  }
  void validate(config::Checks& checks) const;
};

/// One recording, analysed once and asked about any stretch of it. Const methods are thread-safe.
class EdaTrack {
 public:
  /// @param eda  microsiemens, NaN = missing
  EdaTrack(const signals::TimeSeries& eda, const EdaArousalConfig& config);

  struct Window {
    double scr_rate_hz = 0;
    double scr_amplitude = 0;  ///< microsiemens, summed
    double driver = 0;         ///< microsiemens a second, mean
    double tonic = 0;          ///< microsiemens, mean
    double good_share = 0;     ///< of the window's length; what lies outside the recording is not good
  };
  /// [start_s, end_s) of the recording's clock; what is bad or missing has no part in rates and means, NaN
  /// when all is.
  Window at(double start_s, double end_s) const;
  /// Responses that begin in each of `num_steps` steps from start_s on: sum of the roots of their amplitudes.
  std::vector<double> activity(double start_s, double step_s, size_t num_steps) const;
  double start_s() const { return good_.t0_s; }
  double end_s() const { return good_.t0_s + static_cast<double>(good_.sum.size() - 1) / good_.rate_hz; }

 private:
  /// Integral of a series from its start, between samples linear, so that means of any stretch are O(1).
  struct Integral {
    double rate_hz = 1;
    double t0_s = 0;
    std::vector<double> sum;  ///< at sample borders
    double over(double start_s, double end_s) const;
  };
  static Integral integrate(const std::vector<double>& values, const std::vector<bool>& is_good,
                            double rate_hz, double t0_s);

  Integral good_;
  Integral driver_;
  Integral tonic_;
  std::vector<double> onset_s_;
  std::vector<double> amplitude_sum_;  ///< of the responses before
};

/// A labelled stretch of a recording.
struct EdaWindow {
  size_t track_idx = 0;
  int32_t subject = 0;  ///< scores are normalised over all of one
  double start_s = 0;
  double end_s = 0;
};

struct EdaScores {
  std::vector<double> score_N;    ///< NaN = too little good signal
  std::vector<double> quality_N;  ///< good share of the stretch that was looked at, in [0, 1]
};

/// Arousal of every window: what the skin did `lag_s` later, on the subject's own scale.
EdaScores eda_scores(const std::vector<EdaTrack>& tracks, const std::vector<EdaWindow>& windows,
                     const EdaArousalConfig& config, double lag_s);

struct LagEstimate {
  double lag_s = 0;  ///< vertex of the parabola through the curve about its highest point
  double low_s = 0;  ///< 95 % percentile interval, people resampled; NaN with one
  double high_s = 0;
  std::vector<double> lags_s;
  std::vector<double> association;  ///< in [0, 1]
  /// The skin's own part of the lag, beyond the inertia of what is felt.
  double latency_s = 0;
  double latency_low_s = 0;
  double latency_high_s = 0;
  double inertia_s = 0;
  int64_t num_known = 0;  ///< windows that had a say
};

// Note [The lag]
// A label holds from the first to the last moment of its window; what is felt takes time to turn (emotional
// inertia: Kuppens, Allen, Sheeber, Psychological Science 21(7), 2010), and the skin answers with a latency.
// The lag from labels to responses is about the sum of both, and the one to look at windows with. For the
// latency, classes over time (known windows as they are, the mean where nothing is known) first pass a
// low-pass of time constant `inertia_s`, 0 for the lag. Either way they explain, so long later, the responses
// that begin in each step: the association is the share of variance explained (R^2), pooled over people, each
// about their own means. Latency and inertia can be learned together, for a step keeps its onset where a
// low-pass smears it; but it takes some hours of labelled signal to tell them apart.

/// The lag with which the classes explain the responses best, see Note [The lag].
/// @param membership_NC  probabilities of the classes of each window, a row of zeros where nothing is known
/// @throws Error(kData) when fewer than two classes have a window, or no response is near them
LagEstimate learn_lag(const std::vector<EdaTrack>& tracks, const std::vector<EdaWindow>& windows,
                      const std::vector<double>& membership_NC, int64_t num_classes,
                      const EdaArousalConfig& config);

/// Scores on each subject's own scale. NaN stays NaN and has no say.
std::vector<double> normalise_within(const std::vector<double>& score_N,
                                     const std::vector<int32_t>& subject_N, WithinSubject how);

}  // namespace limbic::weak
