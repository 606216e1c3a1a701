#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/eval/metrics.h"
#include "limbic/eval/value_metrics.h"

namespace limbic::eval {

inline constexpr const char* kEceName = "ece";
inline constexpr int64_t kEceBins = 15;

/// Expected calibration error (Guo et al. 2017): predictions in 15 bins of equal width by their largest
/// probability, the mean over samples of |accuracy - mean probability| of the sample's bin. Samples without
/// finite probabilities count as wrong with probability 0. NaN without samples or without probabilities.
double ece(const std::vector<Prediction>& predictions);
/// The same with its interval.
Interval bootstrap_ece(const std::vector<Prediction>& predictions, const BootstrapOptions& options = {});
/// Mean of -log P(truth), nats. Probabilities count as 1e-300 at least.
double nll(const std::vector<Prediction>& predictions);

/// The temperature T > 0 that minimises the negative log-likelihood of softmax(logits / T) (Guo et al. 2017);
/// log-probabilities are as good as logits. The likelihood is concave in 1 / T, and its root is bracketed in
/// [1e-2, 1e2]. 1 without samples.
double fit_temperature(const std::vector<Prediction>& predictions);
/// The same of several labels: sigmoid(logit / T) over every known label.
double fit_temperature(const std::vector<ValuePrediction>& predictions);
/// What a temperature makes of probabilities.
std::vector<double> with_temperature(const std::vector<double>& probabilities, double temperature);

}  // namespace limbic::eval
