#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::weak {

/// How a voter errs.
enum class VoterModel {
  kFull,     ///< a confusion matrix of its own
  kOneCoin,  ///< one accuracy; errors go to every other class alike
};
constexpr auto enum_names(VoterModel) {
  return std::array{std::pair{VoterModel::kFull, "full"}, std::pair{VoterModel::kOneCoin, "one_coin"}};
}

/// What a score's distribution given the class is taken for.
enum class ScorerModel {
  kBins,      ///< any: frequencies in bins of equal numbers of scores
  kGaussian,  ///< normal; where it is not, EM without labels finds the score's own clumps, not the classes
};
constexpr auto enum_names(ScorerModel) {
  return std::array{std::pair{ScorerModel::kBins, "bins"}, std::pair{ScorerModel::kGaussian, "gaussian"}};
}

struct LabelModelConfig {
  VoterModel voters = VoterModel::kFull;
  ScorerModel scorers = ScorerModel::kBins;
  int64_t num_bins = 8;
  bool tied = false;
  bool learn_prior = true;
  bool shared_deviation = true;
  double prior_accuracy = 0.7;
  double prior_count = 2.0;
  double unlabelled_weight = 1.0;
  int64_t max_iterations = 500;
  double tolerance = 1e-7;
  int64_t num_resamples = 100;

  template <class Visitor>
  void visit(Visitor& v) {
    v("voters", voters, "full: a confusion matrix a voter; one_coin: one accuracy a voter");
    v("tied", tied, "all voters share one confusion matrix (accuracy): many of them with few votes each");
    v("scorers", scorers, "how scores scatter given the class: bins (any way) or gaussian");
    v("num_bins", num_bins, "bins: of every scorer, each with as many scores; equal scores share one",
      config::in_range(2, 256));
    v("learn_prior", learn_prior, "learn how frequent the classes are; false: all alike");
    v("shared_deviation", shared_deviation,
      "gaussian: scores of all classes scatter alike, so that a higher score never speaks for a lower class");
    v("prior_accuracy", prior_accuracy, "what is thought of a voter before anything is seen",
      config::between(0.0, 1.0));
    v("prior_count", prior_count, "and how many samples of every class that thought weighs",
      config::at_least(1e-6));
    v("unlabelled_weight", unlabelled_weight,
      "weight of a sample without a label beside one with (Nigam et al. 2000, section 5.3.1)",
      config::in_range(0.0, 1.0));
    v("max_iterations", max_iterations, "of EM", config::at_least(1));
    v("tolerance", tolerance, "EM ends when the mean log-likelihood of a sample rises by less",
      config::above(0.0));
    v("num_resamples", num_resamples,
      "bootstrap draws of people for the intervals of reliabilities; 0 = none", config::in_range(0, 100000));
  }
};

/// A source that names a class or abstains.
struct Voter {
  std::string name;
  std::vector<int32_t> vote_N;  ///< class, -1 = abstains
};

/// A source that gives a number or abstains.
struct Scorer {
  std::string name;
  std::vector<double> score_N;  ///< NaN = abstains
  std::vector<double> trust_N;  ///< in [0, 1], the power of its likelihood; empty = 1
  /// Where the classes' scores are expected before anything is seen: deviations from the mean. They tell up
  /// from down where no label does; a lone scorer without labels has nothing else to go by.
  std::vector<double> levels_C;
};

struct LabelModelInput {
  int64_t num_classes = 2;
  std::vector<Voter> voters;
  std::vector<Scorer> scorers;
  std::vector<int32_t> known_N;  ///< true class, -1 = not known; it is believed as it is
  std::vector<int32_t> group_N;  ///< whose sample it is: resampled together; empty = each on its own
};

/// How often a source is right where it does not abstain, by the model's own posterior: of a voter its vote,
/// of a scorer the class that its score alone makes most probable.
struct Reliability {
  double accuracy = 0;
  double low = 0;  ///< 95 % percentile interval of the bootstrap; NaN, as is high, without one
  double high = 0;
  double coverage = 0;  ///< share of samples about which it says something
};

struct VoterFit {
  std::string name;
  Reliability reliability;
  std::vector<double> confusion_CC;  ///< row = truth; rows sum to 1
};
struct ScorerFit {
  std::string name;
  Reliability reliability;
  std::vector<double> mean_C;  ///< by the posterior
  std::vector<double> deviation_C;
  std::vector<double> edges;       ///< bins: K - 1 ascending borders; a score on a border is of the bin above
  std::vector<double> density_CK;  ///< bins: probability of each given the class; rows sum to 1
  std::vector<int32_t> choice_N;   ///< class that the score alone makes most probable; -1 without one
};

struct LabelModelFit {
  std::vector<double> prior_C;
  std::vector<VoterFit> voters;
  std::vector<ScorerFit> scorers;
  std::vector<double> posterior_NC;  ///< rows sum to 1; the prior where nothing is said
  std::vector<bool> has_evidence_N;  ///< a source speaks, or the class is known
  std::vector<double> objective;     ///< mean log-posterior of a sample after each iteration; never falls
  bool converged = false;
};

/// EM of Dawid & Skene (Applied Statistics 28(1), 1979) with abstention that means nothing, pseudo-counts,
/// known classes held (semi-supervised), and numbers as further sources, with a distribution given the class
/// and independent of the others. Two sources that err together count double: see WeakLabelConfig::groups.
/// Deterministic.
/// @throws Error(kConfig) without a source; Error(kInternal) for lists of different sizes
LabelModelFit fit_label_model(const LabelModelInput& input, const LabelModelConfig& config = {});

}  // namespace limbic::weak
