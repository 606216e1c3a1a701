#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "limbic/weak/label_model.h"

namespace limbic::weak {

/// Of the label model.
struct EmParameters {
  std::vector<double> prior_C;
  std::vector<std::vector<double>> confusion;  ///< of each voter, (C, C)
  std::vector<std::vector<double>> mean;       ///< of each scorer, C
  std::vector<std::vector<double>> variance;
  std::vector<std::vector<double>> density;  ///< of each scorer in bins, (C, K)
};

/// The model's sums over samples, each with a weight: 1, or how often a bootstrap drew it. Refers to its
/// input.
class Em {
 public:
  Em(const LabelModelInput& input, const LabelModelConfig& config);

  size_t num_samples() const { return in_.known_N.size(); }

  EmParameters start() const;

  /// Fills posterior_NC. @return the weighted log-likelihood
  double expect(const EmParameters& p, const std::vector<double>& weight_N,
                std::vector<double>& posterior_NC) const;

  EmParameters maximise(const std::vector<double>& posterior_NC, const std::vector<double>& weight_N) const;

  /// Log-density of the pseudo-counts, up to a constant: what EM raises is this and the likelihood.
  double log_prior(const EmParameters& p) const;

  /// The class that the score alone makes most probable, -1 without one.
  int32_t class_by_score(const EmParameters& p, const EmParameters& log_p, size_t k, size_t sample) const;
  /// Logarithms of probabilities and variances; means as they are.
  EmParameters logarithms(const EmParameters& p) const;
  /// Borders of a scorer's bins.
  const std::vector<double>& edges(size_t k) const { return edges_[k]; }

 private:
  void make_bins(size_t k);
  bool has_bins() const { return config_.scorers == ScorerModel::kBins; }
  /// Log-likelihood of a sample's score given a class. @param log_p  of logarithms(p)
  double log_density(const EmParameters& p, const EmParameters& log_p, size_t k, size_t sample,
                     size_t c) const;
  void fit_density(size_t k, const std::vector<double>& posterior_NC, const std::vector<double>& weight_N,
                   EmParameters& p) const;

  double trust(size_t k, size_t i) const;

  double expected_mean(size_t k, size_t c) const;

  std::vector<double> expected_confusion() const;

  /// Scores become a posterior; a known class is certain. @return log-likelihood of the sample
  double settle(const std::vector<double>& log_row, int32_t known, double* posterior_C) const;

  std::vector<double> counts_of(const Voter& voter, const std::vector<double>& posterior_NC,
                                const std::vector<double>& weight_N) const;

  static void scale_to_one(double* values, size_t num);

  /// Counts, with those of the prior of `num_voters` voters, become probabilities.
  void finish_confusion(std::vector<double>& counts, size_t num_voters) const;

  /// Given the means, the prior's part of a class's squares is prior_count of them: the scores' own variance
  /// and the way from where the mean was expected.
  void fit_scores(size_t k, const std::vector<double>& posterior_NC, const std::vector<double>& weight_N,
                  EmParameters& p) const;

  const LabelModelInput& in_;
  const LabelModelConfig& config_;
  size_t num_classes_;
  std::vector<double> spread_;  ///< of each scorer
  std::vector<double> centre_;
  std::vector<std::vector<double>> edges_;
  std::vector<std::vector<int32_t>> bin_N_;       ///< of each scorer; -1 = abstains
  std::vector<std::vector<double>> expected_CK_;  ///< of each scorer: Gaussians at the classes' levels
};

}  // namespace limbic::weak
