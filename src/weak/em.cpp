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
    make_bins(spread_.size() - 1);
  }
}

void Em::make_bins(size_t k) {
  const auto& scores = in_.scorers[k].score_N;
  std::vector<double> percents;
  for (int64_t b = 1; b < config_.num_bins; ++b)
    percents.push_back(100 * static_cast<double>(b) / static_cast<double>(config_.num_bins));
  auto edges = signals::percentiles(scores, percents);
  // A score that many samples share is one bin; below the least there is none.
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  const double least = signals::minimum(scores);
  edges.erase(std::remove_if(edges.begin(), edges.end(), [&](double e) { return !(e > least); }),
              edges.end());
  std::vector<int32_t> bin_N;
  for (const double score : scores) {
    const auto place = std::upper_bound(edges.begin(), edges.end(), score) - edges.begin();
    bin_N.push_back(std::isnan(score) ? -1 : static_cast<int32_t>(place));
  }
  const auto below = [&](double edge, size_t c) {
    return 0.5 * std::erfc((expected_mean(k, c) - edge) / (spread_[k] * std::sqrt(2.0)));
  };
  std::vector<double> expected_CK;
  for (size_t c = 0; c < num_classes_; ++c) {
    double last = 0;
    for (size_t b = 0; b <= edges.size(); ++b) {
      const double up_to = b < edges.size() ? below(edges[b], c) : 1.0;
      // No bin is beyond all belief.
      expected_CK.push_back(std::max(up_to - last, 1e-3));
      last = up_to;
    }
    const size_t num_bins = edges.size() + 1;
    scale_to_one(expected_CK.data() + c * num_bins, num_bins);
  }
  edges_.push_back(std::move(edges));
  bin_N_.push_back(std::move(bin_N));
  expected_CK_.push_back(std::move(expected_CK));
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
    p.density.push_back(expected_CK_[k]);
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
      if (bin_N_[k][i] < 0) continue;
      for (size_t c = 0; c < num; ++c) row[c] += trust(k, i) * log_density(p, log_p, k, i, c);
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
  for (size_t k = 0; k < in_.scorers.size(); ++k) {
    fit_scores(k, posterior_NC, weight_N, p);
    fit_density(k, posterior_NC, weight_N, p);
  }
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
    for (size_t x = 0; has_bins() && x < p.density[k].size(); ++x)
      sum += config_.prior_count * expected_CK_[k][x] * std::log(p.density[k][x]);
    for (size_t c = 0; !has_bins() && c < num; ++c) {
      const double d = p.mean[k][c] - expected_mean(k, c);
      sum -= 0.5 * config_.prior_count *
             (std::log(p.variance[k][c]) + (d * d + spread_[k] * spread_[k]) / p.variance[k][c]);
    }
  }
  return sum;
}

int32_t Em::class_by_score(const EmParameters& p, const EmParameters& log_p, size_t k, size_t sample) const {
  if (bin_N_[k][sample] < 0) return -1;
  int32_t best = 0;
  double highest = -std::numeric_limits<double>::infinity();
  for (size_t c = 0; c < num_classes_; ++c) {
    const double here = log_p.prior_C[c] + log_density(p, log_p, k, sample, c);
    if (here > highest) {
      highest = here;
      best = static_cast<int32_t>(c);
    }
  }
  return best;
}

double Em::log_density(const EmParameters& p, const EmParameters& log_p, size_t k, size_t sample,
                       size_t c) const {
  if (has_bins()) {
    const size_t num_bins = edges_[k].size() + 1;
    return log_p.density[k][c * num_bins + static_cast<size_t>(bin_N_[k][sample])];
  }
  const double d = in_.scorers[k].score_N[sample] - p.mean[k][c];
  return -0.5 * (kLogTwoPi + log_p.variance[k][c] + d * d / p.variance[k][c]);
}

EmParameters Em::logarithms(const EmParameters& p) const {
  EmParameters result = p;
  const auto apply = [](std::vector<double>& values) {
    for (auto& v : values) v = std::log(v);
  };
  apply(result.prior_C);
  for (auto& confusion : result.confusion) apply(confusion);
  for (auto& variance : result.variance) apply(variance);
  for (auto& density : result.density) apply(density);
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

void Em::fit_density(size_t k, const std::vector<double>& posterior_NC, const std::vector<double>& weight_N,
                     EmParameters& p) const {
  const size_t num = num_classes_;
  const size_t num_bins = edges_[k].size() + 1;
  auto density_CK = expected_CK_[k];
  for (auto& share : density_CK) share *= config_.prior_count;
  for (size_t i = 0; i < num_samples(); ++i) {
    if (bin_N_[k][i] < 0) continue;
    for (size_t c = 0; c < num; ++c) {
      density_CK[c * num_bins + static_cast<size_t>(bin_N_[k][i])] +=
          weight_N[i] * trust(k, i) * posterior_NC[i * num + c];
    }
  }
  for (size_t c = 0; c < num; ++c) scale_to_one(density_CK.data() + c * num_bins, num_bins);
  p.density.push_back(std::move(density_CK));
}

}  // namespace limbic::weak
