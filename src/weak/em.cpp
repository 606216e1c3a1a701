#include "em.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "limbic/signals/dsp/statistics.h"

namespace limbic::weak {
namespace {

constexpr double kLogTwoPi = 1.8378770664093453;
/// Of the scores' own deviation: no class is narrower, however few scores it has.
constexpr double kLeastDeviation = 0.05;

}  // namespace

Em::Em(const LabelModelInput& input, const LabelModelConfig& config)
    : in_(input), config_(config), num_classes_(static_cast<size_t>(input.num_classes)) {
  for (const auto& scorer : in_.scorers) {
    spread_.push_back(std::max(signals::standard_deviation(scorer.score_N), 1e-12));
    centre_.push_back(signals::mean(scorer.score_N));
  }
}

EmParameters Em::start() const {
  const size_t num = num_classes_;
  EmParameters p;
  p.prior_C.assign(num, 1 / static_cast<double>(num));
  for (size_t j = 0; j < in_.voters.size(); ++j) p.confusion.push_back(expected_confusion());
  for (size_t k = 0; k < in_.scorers.size(); ++k) {
    p.mean.emplace_back();
    for (size_t c = 0; c < num; ++c) p.mean.back().push_back(expected_mean(k, c));
    p.variance.emplace_back(num, spread_[k] * spread_[k]);
  }
  return p;
}

double Em::expect(const EmParameters& p, const std::vector<double>& weight_N,
                  std::vector<double>& posterior_NC) const {
  const size_t num = num_classes_;
  const auto log_p = logarithms(p);
  double total = 0;
  std::vector<double> row(num);
  for (size_t i = 0; i < num_samples(); ++i) {
    for (size_t c = 0; c < num; ++c) row[c] = log_p.prior_C[c];
    for (size_t j = 0; j < in_.voters.size(); ++j) {
      const int32_t vote = in_.voters[j].vote_N[i];
      if (vote < 0) continue;
      for (size_t c = 0; c < num; ++c) row[c] += log_p.confusion[j][c * num + static_cast<size_t>(vote)];
    }
    for (size_t k = 0; k < in_.scorers.size(); ++k) {
      const double score = in_.scorers[k].score_N[i];
      if (std::isnan(score)) continue;
      for (size_t c = 0; c < num; ++c) {
        const double d = score - p.mean[k][c];
        row[c] -= 0.5 * trust(k, i) * (kLogTwoPi + log_p.variance[k][c] + d * d / p.variance[k][c]);
      }
    }
    total += weight_N[i] * settle(row, in_.known_N[i], posterior_NC.data() + i * num);
  }
  return total;
}

EmParameters Em::maximise(const std::vector<double>& posterior_NC,
                          const std::vector<double>& weight_N) const {
  const size_t num = num_classes_;
  EmParameters p;
  p.prior_C.assign(num, config_.learn_prior ? 1.0 : 0.0);
  if (config_.learn_prior) {
    for (size_t i = 0; i < num_samples(); ++i) {
      for (size_t c = 0; c < num; ++c) p.prior_C[c] += weight_N[i] * posterior_NC[i * num + c];
    }
  } else {
    std::fill(p.prior_C.begin(), p.prior_C.end(), 1.0);
  }
  scale_to_one(p.prior_C.data(), num);
  for (const auto& voter : in_.voters) p.confusion.push_back(counts_of(voter, posterior_NC, weight_N));
  if (config_.tied && !p.confusion.empty()) {
    auto sum = p.confusion.front();
    for (size_t j = 1; j < p.confusion.size(); ++j) {
      for (size_t x = 0; x < sum.size(); ++x) sum[x] += p.confusion[j][x];
    }
    std::fill(p.confusion.begin(), p.confusion.end(), sum);
  }
  for (auto& counts : p.confusion) finish_confusion(counts, config_.tied ? in_.voters.size() : 1);
  for (size_t k = 0; k < in_.scorers.size(); ++k) fit_scores(k, posterior_NC, weight_N, p);
  return p;
}

double Em::log_prior(const EmParameters& p) const {
  const size_t num = num_classes_;
  double sum = 0;
  if (config_.learn_prior) {
    for (const double share : p.prior_C) sum += std::log(share);
  }
  const auto expected = expected_confusion();
  for (const auto& confusion : p.confusion) {
    for (size_t x = 0; x < confusion.size(); ++x)
      sum += config_.prior_count * expected[x] * std::log(confusion[x]);
  }
  for (size_t k = 0; k < in_.scorers.size(); ++k) {
    for (size_t c = 0; c < num; ++c) {
      const double d = p.mean[k][c] - expected_mean(k, c);
      sum -= 0.5 * config_.prior_count *
             (std::log(p.variance[k][c]) + (d * d + spread_[k] * spread_[k]) / p.variance[k][c]);
    }
  }
  return sum;
}

int32_t Em::class_by_score(const EmParameters& p, size_t k, double score) const {
  if (std::isnan(score)) return -1;
  size_t best = 0;
  double highest = -std::numeric_limits<double>::infinity();
  for (size_t c = 0; c < num_classes_; ++c) {
    const double d = score - p.mean[k][c];
    const double log_p =
        std::log(p.prior_C[c]) - 0.5 * (std::log(p.variance[k][c]) + d * d / p.variance[k][c]);
    if (log_p > highest) {
      highest = log_p;
      best = c;
    }
  }
  return static_cast<int32_t>(best);
}

EmParameters Em::logarithms(const EmParameters& p) const {
  EmParameters result = p;
  const auto apply = [](std::vector<double>& values) {
    for (auto& v : values) v = std::log(v);
  };
  apply(result.prior_C);
  for (auto& confusion : result.confusion) apply(confusion);
  for (auto& variance : result.variance) apply(variance);
  return result;
}

double Em::trust(size_t k, size_t i) const {
  return in_.scorers[k].trust_N.empty() ? 1.0 : in_.scorers[k].trust_N[i];
}

double Em::expected_mean(size_t k, size_t c) const {
  return centre_[k] + (in_.scorers[k].levels_C.empty() ? 0.0 : spread_[k] * in_.scorers[k].levels_C[c]);
}

std::vector<double> Em::expected_confusion() const {
  const size_t num = num_classes_;
  const double other = (1 - config_.prior_accuracy) / static_cast<double>(num - 1);
  std::vector<double> confusion(num * num, other);
  for (size_t c = 0; c < num; ++c) confusion[c * num + c] = config_.prior_accuracy;
  return confusion;
}

double Em::settle(const std::vector<double>& log_row, int32_t known, double* posterior_C) const {
  if (known >= 0) {
    std::fill_n(posterior_C, num_classes_, 0.0);
    posterior_C[known] = 1;
    return log_row[static_cast<size_t>(known)];
  }
  const double highest = *std::max_element(log_row.begin(), log_row.end());
  double sum = 0;
  for (size_t c = 0; c < num_classes_; ++c) sum += posterior_C[c] = std::exp(log_row[c] - highest);
  for (size_t c = 0; c < num_classes_; ++c) posterior_C[c] /= sum;
  return highest + std::log(sum);
}

std::vector<double> Em::counts_of(const Voter& voter, const std::vector<double>& posterior_NC,
                                  const std::vector<double>& weight_N) const {
  const size_t num = num_classes_;
  std::vector<double> counts(num * num, 0.0);
  for (size_t i = 0; i < num_samples(); ++i) {
    if (voter.vote_N[i] < 0) continue;
    for (size_t c = 0; c < num; ++c)
      counts[c * num + static_cast<size_t>(voter.vote_N[i])] += weight_N[i] * posterior_NC[i * num + c];
  }
  return counts;
}

void Em::scale_to_one(double* values, size_t num) {
  const double sum = std::accumulate(values, values + num, 0.0);
  for (size_t c = 0; c < num; ++c) values[c] /= sum;
}

void Em::finish_confusion(std::vector<double>& counts, size_t num_voters) const {
  const size_t num = num_classes_;
  const auto expected = expected_confusion();
  for (size_t x = 0; x < counts.size(); ++x)
    counts[x] += config_.prior_count * static_cast<double>(num_voters) * expected[x];
  if (config_.voters == VoterModel::kFull) {
    for (size_t c = 0; c < num; ++c) scale_to_one(counts.data() + c * num, num);
    return;
  }
  double right = 0;
  for (size_t c = 0; c < num; ++c) right += counts[c * num + c];
  const double accuracy = right / std::accumulate(counts.begin(), counts.end(), 0.0);
  std::fill(counts.begin(), counts.end(), (1 - accuracy) / static_cast<double>(num - 1));
  for (size_t c = 0; c < num; ++c) counts[c * num + c] = accuracy;
}

void Em::fit_scores(size_t k, const std::vector<double>& posterior_NC, const std::vector<double>& weight_N,
                    EmParameters& p) const {
  const size_t num = num_classes_;
  const auto& scores = in_.scorers[k].score_N;
  std::vector<double> weight(num, config_.prior_count);
  std::vector<double> mean(num);
  for (size_t c = 0; c < num; ++c) mean[c] = config_.prior_count * expected_mean(k, c);
  for (size_t i = 0; i < num_samples(); ++i) {
    if (std::isnan(scores[i])) continue;
    for (size_t c = 0; c < num; ++c) {
      const double w = weight_N[i] * trust(k, i) * posterior_NC[i * num + c];
      weight[c] += w;
      mean[c] += w * scores[i];
    }
  }
  for (size_t c = 0; c < num; ++c) mean[c] /= weight[c];
  std::vector<double> square(num);
  for (size_t c = 0; c < num; ++c) {
    const double d = mean[c] - expected_mean(k, c);
    square[c] = config_.prior_count * (spread_[k] * spread_[k] + d * d);
  }
  for (size_t i = 0; i < num_samples(); ++i) {
    if (std::isnan(scores[i])) continue;
    for (size_t c = 0; c < num; ++c) {
      const double d = scores[i] - mean[c];
      square[c] += weight_N[i] * trust(k, i) * posterior_NC[i * num + c] * d * d;
    }
  }
  if (config_.shared_deviation) {
    const double sum = std::accumulate(square.begin(), square.end(), 0.0);
    const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
    for (size_t c = 0; c < num; ++c) square[c] = sum / total * weight[c];
  }
  const double least = kLeastDeviation * kLeastDeviation * spread_[k] * spread_[k];
  std::vector<double> variance(num);
  for (size_t c = 0; c < num; ++c) variance[c] = std::max(square[c] / weight[c], least);
  p.mean.push_back(std::move(mean));
  p.variance.push_back(std::move(variance));
}

}  // namespace limbic::weak
