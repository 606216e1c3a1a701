#include "simulator/face.h"

#include <algorithm>
#include <cmath>

namespace limbic::data::sim {
namespace {

constexpr double kFaceTau_s = 0.25;
constexpr double kBlink_s = 0.22;
constexpr double kHeadLimit_rad = 0.26;  // 15 degrees

/// Every muscle of an expression, so that blends need no list of their own.
constexpr std::array<float Expression::*, 14> kMuscles{
    &Expression::smile,      &Expression::lip_stretch, &Expression::lip_press,  &Expression::lip_open,
    &Expression::jaw,        &Expression::lip_round,   &Expression::brow_inner, &Expression::brow_outer,
    &Expression::brow_lower, &Expression::lid_raise,   &Expression::lid_tight,  &Expression::lid_droop,
    &Expression::cheek,      &Expression::nose_wrinkle};

/// Ornstein-Uhlenbeck process about 0, sampled once a frame.
class Wander {
 public:
  Wander(double stddev, double tau_s, double fps, core::Rng& rng)
      : keep_(std::exp(-1 / (tau_s * fps))),
        kick_(stddev * std::sqrt(1 - keep_ * keep_)),
        x_(stddev * rng.normal()) {}
  double step(core::Rng& rng) {
    x_ = keep_ * x_ + kick_ * rng.normal();
    return x_;
  }

 private:
  double keep_;
  double kick_;
  double x_;
};

double track_at(const std::vector<float>& track, double t_s) {
  const double at = std::clamp(t_s * kLatentRateHz, 0.0, static_cast<double>(track.size() - 1));
  const auto i = static_cast<size_t>(at);
  const double share = at - static_cast<double>(i);
  return (1 - share) * static_cast<double>(track[i]) +
         share * static_cast<double>(track[std::min(i + 1, track.size() - 1)]);
}

/// The muscles' aim at a time: the shown emotion (a mask leaks), pulled about by shown valence and arousal.
Expression wished_expression(const SimulatorConfig& config, const Temper& temper, const Latent& latent,
                             double t_s) {
  const Episode& episode = latent.episode_at(t_s);
  const Expression shown = emotion_expression(episode.shown);
  const Expression felt = emotion_expression(episode.felt);
  const auto leak = static_cast<float>(episode.is_masked() ? config.leakage : 0.0);
  const auto strength = static_cast<float>(temper.expressivity);
  Expression wish;
  for (const auto muscle : kMuscles)
    wish.*muscle = strength * ((1 - leak) * (shown.*muscle) + leak * (felt.*muscle));
  const AffectPoint& middle = emotion_kinds()[static_cast<size_t>(episode.shown)].point;
  const AffectPoint now = latent.shown_at(t_s);
  const auto more_valence = static_cast<float>(now.valence - temper.expressivity * middle.valence);
  const auto more_arousal = static_cast<float>(now.arousal - temper.expressivity * middle.arousal);
  wish.smile += 0.4f * more_valence;
  wish.cheek += 0.2f * more_valence;
  wish.brow_lower -= 0.2f * more_valence;
  wish.lid_raise += 0.3f * more_arousal;
  wish.brow_outer += 0.15f * more_arousal;
  wish.lid_droop -= 0.2f * more_arousal;
  return wish;
}

}  // namespace

Expression emotion_expression(int emotion) {
  Expression e;
  switch (emotion) {
    case 1:  // happy: AU6 + AU12 + AU25
      e.smile = 0.95f, e.cheek = 0.8f, e.lip_open = 0.45f, e.lid_tight = 0.35f;
      break;
    case 2:  // sad: AU1 + AU4 + AU15
      e.smile = -0.75f, e.brow_inner = 0.95f, e.brow_lower = 0.15f, e.lid_droop = 0.4f;
      break;
    case 3:  // angry: AU4 + AU5 + AU7 + AU24
      e.smile = -0.3f, e.brow_lower = 1.0f, e.lid_tight = 0.55f, e.lip_press = 0.8f, e.nose_wrinkle = 0.5f;
      break;
    case 4:  // afraid: AU1 + AU2 + AU5 + AU20 + AU26
      e.brow_inner = 0.9f, e.brow_outer = 0.6f, e.lid_raise = 0.95f, e.lip_stretch = 0.8f, e.smile = -0.15f;
      e.lip_open = 0.4f, e.jaw = 0.3f, e.brow_lower = 0.1f;
      break;
    case 5:  // calm: a faint smile, lids at ease
      e.smile = 0.28f, e.lid_droop = 0.5f, e.cheek = 0.1f, e.brow_outer = -0.1f;
      break;
    default:
      break;
  }
  return e;
}

std::vector<FacePose> draw_face(const SimulatorConfig& config, const Temper& temper, const Latent& latent,
                                const VoiceTrack& voice, int64_t subject_idx, int64_t session_idx) {
  core::Rng rng = rng_for(config, subject_idx, session_idx, Draws::kFace);
  const double fps = config.fps;
  const auto num_frames = static_cast<size_t>(std::llround(latent.duration_s * fps));
  std::vector<Wander> muscle_noise;
  for (size_t m = 0; m < kMuscles.size(); ++m) muscle_noise.emplace_back(config.face_noise, 0.5, fps, rng);
  Wander yaw(0.085, 1.5, fps, rng);
  Wander pitch(0.045, 1.2, fps, rng);
  Wander roll(0.045, 2.0, fps, rng);
  Wander shift_x(0.05, 3.0, fps, rng);
  Wander shift_y(0.03, 3.0, fps, rng);
  Wander nod(0.05, 0.3, fps, rng);
  double gaze_x = 0;
  double gaze_y = 0;
  double next_glance_s = rng.uniform(0.5, 2);
  double blink_start_s = -1;
  const double keep = std::exp(-1 / (kFaceTau_s * fps));
  double mood_pitch = 0;

  std::vector<FacePose> poses(num_frames);
  Expression held = wished_expression(config, temper, latent, 0);
  for (size_t i = 0; i < num_frames; ++i) {
    const double t_s = static_cast<double>(i) / fps;
    FacePose& pose = poses[i];
    const Expression wish = wished_expression(config, temper, latent, std::max(0.0, t_s - kFaceLag_s));
    for (size_t m = 0; m < kMuscles.size(); ++m) {
      float& x = held.*kMuscles[m];
      x = static_cast<float>(wish.*kMuscles[m] + keep * (x - wish.*kMuscles[m]));
      pose.expression.*kMuscles[m] = x + static_cast<float>(muscle_noise[m].step(rng));
    }
    // Speech: the jaw and the lips go with the vowels.
    const double talk = track_at(voice.loudness, t_s);
    const double jaw = track_at(voice.jaw_open, t_s);
    Expression& e = pose.expression;
    e.jaw = std::max(0.0f, e.jaw) + static_cast<float>(0.6 * jaw);
    e.lip_open = std::max(0.0f, e.lip_open) + static_cast<float>(0.35 * jaw);
    e.lip_round = static_cast<float>(0.9 * track_at(voice.lip_round, t_s));
    e.lip_press = std::max(0.0f, e.lip_press) * static_cast<float>(1 - 0.6 * jaw);

    const Episode& episode = latent.episode_at(t_s);
    const bool is_sad = episode.shown == 2;
    const bool is_afraid = episode.shown == 4;
    const bool is_angry = episode.shown == 3;
    const double pitch_wish = temper.expressivity * (is_sad      ? -0.10
                                                     : is_afraid ? 0.05
                                                     : is_angry  ? -0.04
                                                                 : 0);
    mood_pitch += (1 - std::exp(-1 / (0.6 * fps))) * (pitch_wish - mood_pitch);
    const auto limit = [](double rad) {
      return static_cast<float>(kHeadLimit_rad * std::tanh(rad / kHeadLimit_rad));
    };
    pose.yaw_rad = limit(yaw.step(rng));
    pose.pitch_rad = limit(pitch.step(rng) + mood_pitch + talk * nod.step(rng));
    pose.roll_rad = limit(roll.step(rng));
    pose.shift_x = static_cast<float>(std::clamp(shift_x.step(rng), -0.15, 0.15));
    pose.shift_y = static_cast<float>(std::clamp(shift_y.step(rng), -0.1, 0.1));

    // Gaze jumps; the eyes mostly come back to the camera whatever the head does.
    if (t_s >= next_glance_s) {
      const bool is_away = rng.chance(is_sad || is_afraid ? 0.5 : 0.3);
      gaze_x = is_away ? rng.normal(0, 0.5) : 0.05 * rng.normal();
      gaze_y = is_away ? rng.normal(is_sad ? -0.5 : 0, 0.25) : 0.05 * rng.normal();
      next_glance_s = t_s + (is_away ? rng.uniform(0.3, 0.9) : rng.uniform(0.6, 2.5));
    }
    pose.gaze_x = static_cast<float>(std::clamp(gaze_x - pose.yaw_rad * 1.6, -0.9, 0.9));
    pose.gaze_y = static_cast<float>(std::clamp(gaze_y - pose.pitch_rad * 1.2, -0.8, 0.8));

    const double blinks_hz = is_afraid ? 0.5 : 0.25;
    const bool starts = rng.chance(blinks_hz / fps);
    if (blink_start_s < 0 && starts) blink_start_s = t_s;
    if (blink_start_s >= 0) {
      const double x = (t_s - blink_start_s + 0.5 / fps) / kBlink_s;
      // Closes in a third of the time, opens in two.
      const double closed = x < 1.0 / 3 ? 3 * x : 1.5 * (1 - x);
      pose.blink = static_cast<float>(std::clamp(closed * 1.2, 0.0, 1.0));
      if (x >= 1) blink_start_s = -1;
    }
  }
  return poses;
}

}  // namespace limbic::data::sim
