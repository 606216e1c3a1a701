#include "simulator/latent.h"

#include <algorithm>
#include <cmath>

namespace limbic::data::sim {
namespace {

constexpr double kShownTau_s = 0.3;

AffectPoint mix(const AffectPoint& a, const AffectPoint& b, double share_of_b) {
  const auto of = [share_of_b](double x, double y) { return x + share_of_b * (y - x); };
  return {of(a.valence, b.valence), of(a.arousal, b.arousal), of(a.dominance, b.dominance)};
}

/// What a face puts on: smiles are the usual mask of bad feelings, a straight face that of good ones.
int draw_mask(int felt, core::Rng& rng) {
  constexpr int kNeutral = 0;
  constexpr int kHappy = 1;
  constexpr int kCalm = 5;
  const double valence = emotion_kinds()[static_cast<size_t>(felt)].point.valence;
  const bool first = rng.chance(0.6);
  if (felt == kNeutral) return first ? kHappy : kCalm;
  if (valence > 0) return felt == kCalm || first ? kNeutral : kCalm;
  return first ? kHappy : kNeutral;
}

std::vector<Episode> draw_episodes(const SimulatorConfig& config, const Temper& temper, double duration_s,
                                   core::Rng& rng) {
  std::vector<Episode> episodes;
  std::vector<int> deck;
  double t_s = 0;
  while (t_s < duration_s) {
    if (deck.empty()) {
      for (int i = 0; i < kNumEmotions; ++i) deck.push_back(i);
      rng.shuffle(deck);
      // Cards go from the back; an emotion never follows itself.
      if (!episodes.empty() && deck.back() == episodes.back().felt) std::swap(deck.front(), deck.back());
    }
    Episode episode;
    episode.felt = deck.back();
    deck.pop_back();
    episode.shown = rng.chance(temper.masking) ? draw_mask(episode.felt, rng) : episode.felt;
    episode.start_s = t_s;
    const auto num_windows = static_cast<double>(1 + rng.below(config.max_episode_windows));
    t_s += num_windows * config.window_s + rng.uniform(0, config.transition_s);
    episode.end_s = std::min(t_s, duration_s);
    episodes.push_back(episode);
  }
  return episodes;
}

AffectPoint sample_at(const std::vector<AffectPoint>& points, double t_s) {
  const double at = std::clamp(t_s * kLatentRateHz, 0.0, static_cast<double>(points.size() - 1));
  const auto i = static_cast<size_t>(at);
  return mix(points[i], points[std::min(i + 1, points.size() - 1)], at - static_cast<double>(i));
}

}  // namespace

const std::array<EmotionKind, kNumEmotions>& emotion_kinds() {
  static const std::array<EmotionKind, kNumEmotions> kinds{{
      {"neutral", {0.0, -0.1, 0.1}},
      {"happy", {0.75, 0.45, 0.4}},
      {"sad", {-0.65, -0.5, -0.4}},
      {"angry", {-0.65, 0.7, 0.7}},
      {"afraid", {-0.55, 0.8, -0.7}},
      {"calm", {0.45, -0.65, 0.3}},
  }};
  return kinds;
}

core::Rng rng_for(const SimulatorConfig& config, int64_t subject_idx, int64_t session_idx, Draws draws) {
  return core::Rng(config.seed, static_cast<uint64_t>(subject_idx + 1),
                   static_cast<uint64_t>(session_idx + 1) * 64 + static_cast<uint64_t>(draws));
}

Temper draw_temper(const SimulatorConfig& config, int64_t subject_idx) {
  core::Rng rng = rng_for(config, subject_idx, -1, Draws::kLatent);
  Temper temper;
  temper.expressivity = std::clamp(rng.normal(config.expressivity, config.expressivity_spread),
                                   0.4 * config.expressivity, 1.6 * config.expressivity);
  // Clipped alike on both sides, so that the mean over subjects stays the configured one.
  const double room = std::min({config.masking, 1 - config.masking, 2 * config.masking_spread});
  temper.masking = config.masking + std::clamp(rng.normal(0, config.masking_spread), -room, room);
  return temper;
}

double session_duration_s(const SimulatorConfig& config) {
  const double wished_s = config.minutes * 60 / static_cast<double>(config.sessions_per_subject);
  return std::max(1.0, std::round(wished_s * config.fps)) / config.fps;
}

const Episode& Latent::episode_at(double t_s) const {
  const auto after = std::upper_bound(episodes.begin(), episodes.end(), t_s,
                                      [](double t, const Episode& episode) { return t < episode.start_s; });
  return after == episodes.begin() ? episodes.front() : *(after - 1);
}

AffectPoint Latent::felt_at(double t_s) const {
  return sample_at(felt, t_s);
}
AffectPoint Latent::shown_at(double t_s) const {
  return sample_at(shown, t_s);
}

Latent draw_latent(const SimulatorConfig& config, const Temper& temper, int64_t subject_idx,
                   int64_t session_idx) {
  core::Rng rng = rng_for(config, subject_idx, session_idx, Draws::kLatent);
  Latent latent;
  latent.duration_s = session_duration_s(config);
  latent.episodes = draw_episodes(config, temper, latent.duration_s, rng);

  const auto num_points = static_cast<size_t>(std::ceil(latent.duration_s * kLatentRateHz)) + 1;
  const double keep = std::exp(-1 / (kLatentRateHz * config.latent_tau_s));
  const double kick = config.latent_spread * std::sqrt(1 - keep * keep);
  const double shown_keep = std::exp(-1 / (kLatentRateHz * kShownTau_s));
  const double shown_kick = config.face_noise * std::sqrt(1 - shown_keep * shown_keep);
  AffectPoint felt = emotion_kinds()[static_cast<size_t>(latent.episodes.front().felt)].point;
  AffectPoint base;  // what is shown before noise
  AffectPoint noise;
  latent.felt.reserve(num_points);
  latent.shown.reserve(num_points);
  for (size_t i = 0; i < num_points; ++i) {
    const Episode& episode = latent.episode_at(static_cast<double>(i) / kLatentRateHz);
    const AffectPoint& target = emotion_kinds()[static_cast<size_t>(episode.felt)].point;
    const auto move = [&](double& x, double mean) {
      x = std::clamp(mean + keep * (x - mean) + kick * rng.normal(), -1.0, 1.0);
    };
    move(felt.valence, target.valence);
    move(felt.arousal, target.arousal);
    move(felt.dominance, target.dominance);
    const AffectPoint wish =
        episode.is_masked()
            ? mix(emotion_kinds()[static_cast<size_t>(episode.shown)].point, felt, config.leakage)
            : felt;
    base = i == 0 ? wish : mix(wish, base, shown_keep);
    const auto show = [&](double x, double& n) {
      n = shown_keep * n + shown_kick * rng.normal();
      return std::clamp(temper.expressivity * x + n, -1.0, 1.0);
    };
    AffectPoint shown;
    shown.valence = show(base.valence, noise.valence);
    shown.arousal = show(base.arousal, noise.arousal);
    shown.dominance = show(base.dominance, noise.dominance);
    latent.felt.push_back(felt);
    latent.shown.push_back(shown);
  }

  for (const Episode& episode : latent.episodes) {
    // A millisecond of slack: the ends are sums of decimal fractions.
    for (double t_s = episode.start_s; t_s + config.window_s <= episode.end_s + 1e-3;
         t_s += config.window_s) {
      FeltWindow window;
      window.start_s = t_s;
      window.end_s = std::min(t_s + config.window_s, latent.duration_s);
      window.felt = episode.felt;
      window.shown = episode.shown;
      const auto first = static_cast<size_t>(std::ceil(window.start_s * kLatentRateHz));
      const auto end = std::max(first + 1, static_cast<size_t>(std::ceil(window.end_s * kLatentRateHz)));
      for (size_t i = first; i < end; ++i) {
        window.valence += latent.felt[std::min(i, num_points - 1)].valence;
        window.arousal += latent.felt[std::min(i, num_points - 1)].arousal;
      }
      window.valence /= static_cast<double>(end - first);
      window.arousal /= static_cast<double>(end - first);
      latent.windows.push_back(window);
    }
  }
  return latent;
}

}  // namespace limbic::data::sim
