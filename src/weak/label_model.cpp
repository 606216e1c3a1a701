#include "limbic/weak/label_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "em.h"
#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::weak {
namespace {

constexpr uint64_t kResampleKey = 0x57454B42ULL;

/// Climbs from `p` to where it no longer rises.
struct Climb {
  EmParameters p;
  std::vector<double> posterior_NC;
  std::vector<double> objective;
  bool converged = false;
};
Climb climb(const Em& em, EmParameters p, const std::vector<double>& weight_N, size_t num_classes,
            int64_t max_iterations, double tolerance) {
  Climb result;
  const double total = std::max(std::accumulate(weight_N.begin(), weight_N.end(), 0.0), 1e-12);
  result.posterior_NC.resize(em.num_samples() * num_classes);
  em.expect(p, weight_N, result.posterior_NC);
  for (int64_t i = 0; i < max_iterations; ++i) {
    p = em.maximise(result.posterior_NC, weight_N);
    const double objective = (em.expect(p, weight_N, result.posterior_NC) + em.log_prior(p)) / total;
    result.converged = !result.objective.empty() && objective - result.objective.back() < tolerance;
    result.objective.push_back(objective);
    if (result.converged) break;
  }
  result.p = std::move(p);
  return result;
}

/// Accuracy of each source, voters first, by the posterior.
std::vector<double> accuracies(const LabelModelInput& input, const Em& em, const Climb& fit,
                               const std::vector<double>& weight_N) {
  const auto num = static_cast<size_t>(input.num_classes);
  const auto log_p = em.logarithms(fit.p);
  std::vector<double> result;
  const auto of = [&](const auto& class_at) {
    double right = 0;
    double total = 0;
    for (size_t i = 0; i < weight_N.size(); ++i) {
      const int32_t c = class_at(i);
      if (c < 0) continue;
      right += weight_N[i] * fit.posterior_NC[i * num + static_cast<size_t>(c)];
      total += weight_N[i];
    }
    result.push_back(total > 0 ? right / total : std::numeric_limits<double>::quiet_NaN());
  };
  for (const auto& voter : input.voters) of([&](size_t i) { return voter.vote_N[i]; });
  for (size_t k = 0; k < input.scorers.size(); ++k) {
    of([&](size_t i) { return em.class_by_score(fit.p, log_p, k, i); });
  }
  return result;
}

/// Groups as lists of samples.
std::vector<std::vector<size_t>> members_of(const LabelModelInput& input) {
  std::vector<std::vector<size_t>> groups;
  std::map<int32_t, size_t> known;
  for (size_t i = 0; i < input.known_N.size(); ++i) {
    const bool is_alone = input.group_N.empty();
    const auto [at, is_new] =
        is_alone ? std::pair{known.end(), true} : known.try_emplace(input.group_N[i], groups.size());
    if (is_new) groups.emplace_back();
    (is_alone || is_new ? groups.back() : groups[at->second]).push_back(i);
  }
  return groups;
}

void check_input(const LabelModelInput& input) {
  require(!input.voters.empty() || !input.scorers.empty(), ErrorCode::kConfig,
          "the label model has no source to join");
  require(input.num_classes >= 2, ErrorCode::kConfig, "the label model wants at least two classes");
  const size_t size = input.known_N.size();
  bool fits = input.group_N.empty() || input.group_N.size() == size;
  for (const auto& voter : input.voters) fits = fits && voter.vote_N.size() == size;
  for (const auto& scorer : input.scorers) {
    fits = fits && scorer.score_N.size() == size &&
           (scorer.trust_N.empty() || scorer.trust_N.size() == size) &&
           (scorer.levels_C.empty() || scorer.levels_C.size() == static_cast<size_t>(input.num_classes));
  }
  require(fits, ErrorCode::kInternal, "fit_label_model: lists of different sizes");
}

}  // namespace

LabelModelFit fit_label_model(const LabelModelInput& input, const LabelModelConfig& config) {
  check_input(input);
  const auto num = static_cast<size_t>(input.num_classes);
  const size_t size = input.known_N.size();
  const Em em(input, config);

  LabelModelFit result;
  result.has_evidence_N.assign(size, false);
  std::vector<double> weight_N(size, 0.0);
  std::vector<double> coverage;
  const auto cover = [&](const auto& speaks) {
    int64_t count = 0;
    for (size_t i = 0; i < size; ++i) {
      if (!speaks(i)) continue;
      ++count;
      result.has_evidence_N[i] = true;
    }
    coverage.push_back(size > 0 ? static_cast<double>(count) / static_cast<double>(size) : 0.0);
  };
  for (const auto& voter : input.voters) cover([&](size_t i) { return voter.vote_N[i] >= 0; });
  for (const auto& scorer : input.scorers) cover([&](size_t i) { return !std::isnan(scorer.score_N[i]); });
  for (size_t i = 0; i < size; ++i) {
    if (input.known_N[i] >= 0) result.has_evidence_N[i] = true;
    // What nobody speaks of would only draw the classes' frequencies to where they are.
    if (result.has_evidence_N[i]) weight_N[i] = input.known_N[i] >= 0 ? 1.0 : config.unlabelled_weight;
  }

  Climb fit = climb(em, em.start(), weight_N, num, config.max_iterations, config.tolerance);
  const auto found = accuracies(input, em, fit, weight_N);
  std::vector<std::vector<double>> drawn(found.size());
  const auto groups = members_of(input);
  for (int64_t r = 0; groups.size() > 1 && r < config.num_resamples; ++r) {
    core::Rng rng(static_cast<uint64_t>(r), kResampleKey);
    std::vector<double> drawn_weight(size, 0.0);
    for (size_t g = 0; g < groups.size(); ++g) {
      for (const size_t i : groups[static_cast<size_t>(rng.below(static_cast<int64_t>(groups.size())))])
        drawn_weight[i] += weight_N[i];
    }
    // From the fit itself: it is near, and the classes keep their names.
    const Climb again = climb(em, fit.p, drawn_weight, num, 50, 10 * config.tolerance);
    const auto of_draw = accuracies(input, em, again, drawn_weight);
    for (size_t s = 0; s < found.size(); ++s) drawn[s].push_back(of_draw[s]);
  }
  const auto log_p = em.logarithms(fit.p);
  const auto reliability = [&](size_t s) {
    const auto ends = signals::percentiles(drawn[s], {2.5, 97.5});
    return Reliability{found[s], ends[0], ends[1], coverage[s]};
  };

  for (size_t j = 0; j < input.voters.size(); ++j)
    result.voters.push_back({input.voters[j].name, reliability(j), fit.p.confusion[j]});
  for (size_t k = 0; k < input.scorers.size(); ++k) {
    std::vector<double> deviation;
    for (const double v : fit.p.variance[k]) deviation.push_back(std::sqrt(v));
    std::vector<int32_t> choice_N;
    for (size_t i = 0; i < size; ++i) choice_N.push_back(em.class_by_score(fit.p, log_p, k, i));
    const bool has_bins = config.scorers == ScorerModel::kBins;
    result.scorers.push_back({input.scorers[k].name, reliability(input.voters.size() + k), fit.p.mean[k],
                              std::move(deviation), has_bins ? em.edges(k) : std::vector<double>{},
                              has_bins ? fit.p.density[k] : std::vector<double>{}, std::move(choice_N)});
  }
  result.prior_C = fit.p.prior_C;
  result.posterior_NC = std::move(fit.posterior_NC);
  result.objective = std::move(fit.objective);
  result.converged = fit.converged;
  return result;
}

}  // namespace limbic::weak
