#include "limbic/weak/label_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "limbic/core/rng.h"
#include "support/paths.h"
#include "support/python_judge.h"

namespace limbic::weak {
namespace {

const double kNaN = std::nan("");

/// Sources with planted reliabilities over classes that are known to the test alone.
struct Planted {
  LabelModelInput input;
  std::vector<int32_t> truth_N;
};

int32_t vote_of(int32_t truth, double accuracy, int64_t num_classes, core::Rng& rng) {
  if (rng.chance(accuracy)) return truth;
  const auto other = static_cast<int32_t>(rng.below(num_classes - 1));
  return other >= truth ? other + 1 : other;
}

Planted planted(const std::vector<double>& accuracies, int64_t num_classes, int64_t num_samples,
                double coverage) {
  core::Rng rng(7);
  Planted result;
  result.input.num_classes = num_classes;
  for (int64_t i = 0; i < num_samples; ++i) {
    // The first class is twice as frequent as any other.
    const auto drawn = rng.below(num_classes + 1);
    result.truth_N.push_back(static_cast<int32_t>(drawn == num_classes ? 0 : drawn));
  }
  result.input.known_N.assign(static_cast<size_t>(num_samples), -1);
  for (size_t j = 0; j < accuracies.size(); ++j) {
    Voter voter{"voter " + std::to_string(j), {}};
    for (const int32_t truth : result.truth_N) {
      const int32_t vote = vote_of(truth, accuracies[j], num_classes, rng);
      voter.vote_N.push_back(rng.chance(coverage) ? vote : -1);
    }
    result.input.voters.push_back(std::move(voter));
  }
  return result;
}

double share_right(const Planted& world, const LabelModelFit& fit) {
  const auto num = static_cast<size_t>(world.input.num_classes);
  double right = 0;
  for (size_t i = 0; i < world.truth_N.size(); ++i) {
    const auto* row = fit.posterior_NC.data() + i * num;
    right += std::max_element(row, row + num) - row == world.truth_N[i] ? 1 : 0;
  }
  return right / static_cast<double>(world.truth_N.size());
}

TEST(LabelModel, FindsPlantedReliabilitiesWithoutOneLabel) {
  const std::vector<double> accuracies{0.9, 0.75, 0.6, 0.82};
  for (const auto voters : {VoterModel::kFull, VoterModel::kOneCoin}) {
    const auto world = planted(accuracies, 4, 4000, 0.7);
    LabelModelConfig config;
    config.voters = voters;
    config.num_resamples = 40;
    const auto fit = fit_label_model(world.input, config);
    EXPECT_TRUE(fit.converged);
    for (size_t j = 0; j < accuracies.size(); ++j) {
      const auto& found = fit.voters[j].reliability;
      EXPECT_NEAR(found.accuracy, accuracies[j], 0.02) << j;
      EXPECT_LT(found.low, found.accuracy);
      EXPECT_GT(found.high, found.accuracy);
      EXPECT_LT(found.high - found.low, 0.08);
      EXPECT_NEAR(found.coverage, 0.7, 0.03);
    }
    EXPECT_NEAR(fit.prior_C[0], 0.4, 0.03);
    // Better than its best source.
    EXPECT_GT(share_right(world, fit), 0.86);
  }
}

TEST(LabelModel, FindsAConfusionThatIsNotAlikeForAllClasses) {
  core::Rng rng(3);
  Planted world = planted({0.85, 0.8}, 3, 5000, 1.0);
  Voter biased{"biased", {}};
  for (const int32_t truth : world.truth_N)
    biased.vote_N.push_back(truth == 2 && rng.chance(0.5) ? 1 : truth);
  world.input.voters.push_back(biased);
  LabelModelConfig config;
  config.num_resamples = 0;
  const auto fit = fit_label_model(world.input, config);
  const auto& confusion = fit.voters[2].confusion_CC;
  EXPECT_NEAR(confusion[2 * 3 + 1], 0.5, 0.03);
  EXPECT_NEAR(confusion[0 * 3 + 0], 1.0, 0.02);
  EXPECT_TRUE(std::isnan(fit.voters[0].reliability.low));
}

TEST(LabelModel, JoinsScoresWithVotesAndTellsUpFromDownByLevels) {
  core::Rng rng(11);
  Planted world = planted({0.75}, 2, 4000, 0.5);
  Scorer scorer{"score", {}, {}, {-1, 1}};
  Scorer coarse{"coarse", {}, {}, {-1, 1}};
  for (const int32_t truth : world.truth_N) {
    scorer.score_N.push_back(3 + (truth == 1 ? 1.5 : 0.0) + rng.normal());
    coarse.score_N.push_back(rng.chance(0.3) ? kNaN : 2.0 * truth + rng.normal());
  }
  world.input.scorers = {scorer, coarse};
  LabelModelConfig config;
  config.num_resamples = 20;
  const auto fit = fit_label_model(world.input, config);
  EXPECT_NEAR(fit.scorers[0].mean_C[0], 3.0, 0.1);
  EXPECT_NEAR(fit.scorers[0].mean_C[1], 4.5, 0.1);
  EXPECT_NEAR(fit.scorers[0].deviation_C[1], 1.0, 0.05);
  EXPECT_NEAR(fit.scorers[1].reliability.coverage, 0.7, 0.03);
  EXPECT_NEAR(fit.voters[0].reliability.accuracy, 0.75, 0.03);
  // What the score alone gets right, counted against the truth.
  double right = 0;
  for (size_t i = 0; i < world.truth_N.size(); ++i)
    right += fit.scorers[0].choice_N[i] == world.truth_N[i] ? 1 : 0;
  EXPECT_NEAR(fit.scorers[0].reliability.accuracy, right / 4000, 0.02);
  // The same with levels upside down: without a vote that knows better, classes change places.
  world.input.voters.clear();
  world.input.scorers[0].levels_C = world.input.scorers[1].levels_C = {1, -1};
  const auto turned = fit_label_model(world.input, config);
  EXPECT_NEAR(turned.scorers[0].mean_C[0], 4.5, 0.15);
}

TEST(LabelModel, BelievesKnownClassesAndTheyTurnAScoreWithoutLevels) {
  core::Rng rng(5);
  Planted world = planted({}, 2, 2000, 1.0);
  Scorer scorer{"score", {}, {}, {}};
  for (const int32_t truth : world.truth_N) scorer.score_N.push_back(-2.0 * truth + rng.normal());
  world.input.scorers = {scorer};
  for (size_t i = 0; i < 100; ++i) world.input.known_N[i] = world.truth_N[i];
  const auto fit = fit_label_model(world.input, {});
  for (size_t i = 0; i < 100; ++i)
    EXPECT_EQ(fit.posterior_NC[2 * i + static_cast<size_t>(world.truth_N[i])], 1.0);
  EXPECT_NEAR(fit.scorers[0].mean_C[1] - fit.scorers[0].mean_C[0], -2.0, 0.15);
  EXPECT_GT(share_right(world, fit), 0.82);
}

TEST(LabelModel, ASourceOfLittleTrustMovesLessAndASilentOneNothing) {
  LabelModelInput input;
  input.known_N.assign(6, -1);
  input.known_N[0] = 0;
  input.known_N[1] = 1;
  input.scorers = {{"score", {0, 4, 3.5, 3.5, kNaN, 3.5}, {1, 1, 1, 0.1, 1, 0}, {-1, 1}}};
  const auto fit = fit_label_model(input, {});
  const auto high = [&](size_t i) { return fit.posterior_NC[2 * i + 1]; };
  EXPECT_GT(high(2), high(3) + 0.02);
  EXPECT_NEAR(high(4), fit.prior_C[1], 1e-12);
  EXPECT_NEAR(high(5), fit.prior_C[1], 1e-12);
  EXPECT_FALSE(fit.has_evidence_N[4]);
  EXPECT_TRUE(fit.has_evidence_N[3]);
}

TEST(LabelModel, ItsObjectiveNeverFalls) {
  for (const bool is_tied : {false, true}) {
    for (const auto voters : {VoterModel::kFull, VoterModel::kOneCoin}) {
      Planted world = planted({0.7, 0.6, 0.65}, 3, 300, 0.8);
      core::Rng rng(2);
      Scorer scorer{"score", {}, {}, {-1, 0, 1}};
      for (const int32_t truth : world.truth_N) {
        scorer.score_N.push_back(truth + 2 * rng.normal());
        scorer.trust_N.push_back(rng.uniform());
      }
      world.input.scorers = {scorer};
      LabelModelConfig config;
      config.voters = voters;
      config.tied = is_tied;
      config.shared_deviation = is_tied;
      config.num_resamples = 0;
      config.unlabelled_weight = 0.5;
      const auto fit = fit_label_model(world.input, config);
      ASSERT_GT(fit.objective.size(), 3u);
      for (size_t i = 1; i < fit.objective.size(); ++i)
        EXPECT_GE(fit.objective[i], fit.objective[i - 1] - 1e-10) << i;
      if (!is_tied) continue;
      EXPECT_EQ(fit.voters[0].confusion_CC, fit.voters[1].confusion_CC);
    }
  }
}

TEST(LabelModel, OneVoterWithOneKnownSampleIsTheClosedForm) {
  // One class of evidence: with everything known, the M-step is counting.
  LabelModelInput input;
  input.known_N = {0, 0, 0, 1, 1};
  input.voters = {{"voter", {0, 0, 1, 1, -1}}};
  LabelModelConfig config;
  config.num_resamples = 0;
  const auto fit = fit_label_model(input, config);
  // Pseudo-counts: 2 x (0.7, 0.3) a row, 1 a class.
  EXPECT_NEAR(fit.voters[0].confusion_CC[0], (2 + 1.4) / (3 + 2), 1e-12);
  EXPECT_NEAR(fit.voters[0].confusion_CC[3], (1 + 1.4) / (1 + 2), 1e-12);
  EXPECT_NEAR(fit.prior_C[0], (3 + 1.0) / (5 + 2), 1e-12);
  EXPECT_NEAR(fit.voters[0].reliability.accuracy, 0.75, 1e-12);
}

TEST(LabelModel, IsTheEmOfDawidAndSkeneInPython) {
  Planted world = planted({0.8, 0.7, 0.6}, 3, 120, 0.8);
  for (size_t i = 0; i < 10; ++i) world.input.known_N[i] = world.truth_N[i];
  LabelModelConfig config;
  config.num_resamples = 0;
  config.max_iterations = 25;
  config.tolerance = 1e-300;
  const auto fit = fit_label_model(world.input, config);
  auto votes = at::empty({3, 120}, at::TensorOptions(at::kFloat));
  auto known = at::empty({120}, at::TensorOptions(at::kFloat));
  for (int64_t j = 0; j < 3; ++j) {
    for (int64_t i = 0; i < 120; ++i)
      votes.data_ptr<float>()[j * 120 + i] =
          static_cast<float>(world.input.voters[static_cast<size_t>(j)].vote_N[static_cast<size_t>(i)]);
  }
  for (int64_t i = 0; i < 120; ++i)
    known.data_ptr<float>()[i] = static_cast<float>(world.input.known_N[static_cast<size_t>(i)]);
  auto posterior = at::empty({120, 3}, at::TensorOptions(at::kFloat));
  for (int64_t x = 0; x < 360; ++x)
    posterior.data_ptr<float>()[x] = static_cast<float>(fit.posterior_NC[static_cast<size_t>(x)]);
  const auto difference = test::difference_to_python({{"votes", votes}, {"known", known}}, posterior, R"(
v = s['votes'].numpy().astype(int); k = s['known'].numpy().astype(int)
J, N = v.shape; C = 3
prior = np.ones(C) / C
base = np.full((C, C), 0.15); np.fill_diagonal(base, 0.7)
theta = np.stack([base] * J)
def e_step():
    p = np.tile(prior, (N, 1))
    for j in range(J):
        for i in range(N):
            if v[j, i] >= 0: p[i] *= theta[j][:, v[j, i]]
    p /= p.sum(1, keepdims=True)
    for i in range(N):
        if k[i] >= 0: p[i] = np.eye(C)[k[i]]
    return p
p = e_step()
for _ in range(25):
    spoken = np.array([(v[:, i] >= 0).any() or k[i] >= 0 for i in range(N)])
    prior = p[spoken].sum(0) + 1; prior /= prior.sum()
    for j in range(J):
        counts = 2 * base
        for i in range(N):
            if v[j, i] >= 0: counts[:, v[j, i]] += p[i]
        theta[j] = counts / counts.sum(1, keepdims=True)
    p = e_step()
y = torch.tensor(p, dtype=torch.float32)
)");
  if (!difference) GTEST_SKIP() << "no python3-torch";
  EXPECT_LT(*difference, 1e-5);
}

TEST(LabelModel, RefusesWhatItCannotJoin) {
  LabelModelInput empty;
  empty.known_N = {-1};
  EXPECT_EQ(test::error_of([&] { fit_label_model(empty); }, ErrorCode::kConfig),
            "the label model has no source to join");
}

}  // namespace
}  // namespace limbic::weak
