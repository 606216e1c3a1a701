#include "simulator/reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace limbic::data::sim {
namespace {

/// `truth` with that probability, else any other emotion.
int said_emotion(int truth, double accuracy, core::Rng& rng) {
  const bool is_right = rng.chance(accuracy);
  const auto other = static_cast<int>(rng.below(kNumEmotions - 1));
  return is_right ? truth : (other >= truth ? other + 1 : other);
}

}  // namespace

std::string annotator_name(int64_t annotator_idx) {
  return fmt::format("rater_{}", annotator_idx + 1);
}

double annotator_accuracy(const SimulatorConfig& config, int64_t annotator_idx) {
  core::Rng rng(config.seed, static_cast<uint64_t>(annotator_idx + 1),
                static_cast<uint64_t>(Draws::kRatings));
  const double drawn = rng.normal(config.annotator_accuracy, config.annotator_accuracy_spread);
  return std::clamp(drawn, 1.0 / kNumEmotions, 1.0);
}

Reports draw_reports(const SimulatorConfig& config, const Latent& latent, int64_t subject_idx,
                     int64_t session_idx) {
  Reports reports;
  core::Rng rng = rng_for(config, subject_idx, session_idx, Draws::kSelfReports);
  core::Rng person = rng_for(config, subject_idx, -1, Draws::kSelfReports);
  const double bias = person.normal(0, config.self_report_bias);
  std::vector<SelfReport> of_episode;
  for (const Episode& episode : latent.episodes) {
    AffectPoint mean;
    const auto first = static_cast<size_t>(std::ceil(episode.start_s * kLatentRateHz));
    const auto end = std::clamp(static_cast<size_t>(std::ceil(episode.end_s * kLatentRateHz)), first + 1,
                                std::max(first + 1, latent.felt.size()));
    for (size_t i = first; i < end; ++i) {
      const auto& point = latent.felt[std::min(i, latent.felt.size() - 1)];
      mean.valence += point.valence / static_cast<double>(end - first);
      mean.arousal += point.arousal / static_cast<double>(end - first);
    }
    SelfReport report;
    report.is_given = rng.chance(config.self_reports);
    report.felt = said_emotion(episode.felt, config.self_report_accuracy, rng);
    report.valence = std::clamp(mean.valence + config.self_report_noise * rng.normal(), -1.0, 1.0);
    report.arousal = std::clamp(mean.arousal + bias + config.self_report_noise * rng.normal(), -1.0, 1.0);
    of_episode.push_back(report);
  }
  for (const FeltWindow& window : latent.windows) {
    const auto at = static_cast<size_t>(&latent.episode_at(window.start_s) - latent.episodes.data());
    reports.self.push_back(of_episode[at]);
  }
  for (int64_t a = 0; a < config.annotators; ++a) {
    core::Rng of_rater(config.seed,
                       static_cast<uint64_t>(subject_idx * config.sessions_per_subject + session_idx + 1),
                       (static_cast<uint64_t>(a + 1) << 8) + static_cast<uint64_t>(Draws::kRatings));
    const double accuracy = annotator_accuracy(config, a);
    std::vector<int> rated;
    for (const FeltWindow& window : latent.windows) {
      const bool is_rated = of_rater.chance(config.annotator_coverage);
      const int said = said_emotion(window.shown, accuracy, of_rater);
      rated.push_back(is_rated ? said : -1);
    }
    reports.ratings.push_back(std::move(rated));
  }
  return reports;
}

void ReportTallies::add(const ReportTallies& other) {
  annotators.resize(std::max(annotators.size(), other.annotators.size()));
  for (size_t a = 0; a < other.annotators.size(); ++a) annotators[a].add(other.annotators[a]);
  self_felt.add(other.self_felt);
  self_arousal.add(other.self_arousal);
}

ReportTallies count_right(const SimulatorConfig& config, const Latent& latent, const Reports& reports) {
  ReportTallies tallies;
  tallies.annotators.resize(reports.ratings.size());
  for (size_t w = 0; w < latent.windows.size(); ++w) {
    const auto& window = latent.windows[w];
    for (size_t a = 0; a < reports.ratings.size(); ++a) {
      if (reports.ratings[a][w] >= 0) tallies.annotators[a].add(reports.ratings[a][w] == window.shown);
    }
    if (!reports.self[w].is_given) continue;
    tallies.self_felt.add(reports.self[w].felt == window.felt);
    tallies.self_arousal.add((reports.self[w].arousal >= config.arousal_cut) ==
                             (window.arousal >= config.arousal_cut));
  }
  return tallies;
}

}  // namespace limbic::data::sim
