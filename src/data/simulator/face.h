#pragma once
#include "simulator/latent.h"
#include "simulator/voice.h"

namespace limbic::data::sim {

/// What the muscles of a face do at one moment; the likes of FACS action units, 0 at rest, about 1 at most.
struct Expression {
  float smile = 0;         ///< AU12 - AU15: lip corners, negative = down
  float lip_stretch = 0;   ///< AU20
  float lip_press = 0;     ///< AU24
  float lip_open = 0;      ///< AU25, without the jaw
  float jaw = 0;           ///< AU26
  float lip_round = 0;     ///< AU18
  float brow_inner = 0;    ///< AU1, raises
  float brow_outer = 0;    ///< AU2, raises
  float brow_lower = 0;    ///< AU4
  float lid_raise = 0;     ///< AU5
  float lid_tight = 0;     ///< AU7
  float lid_droop = 0;     ///< AU43, half closed
  float cheek = 0;         ///< AU6
  float nose_wrinkle = 0;  ///< AU9
};

/// A face at one moment.
struct FacePose {
  Expression expression;
  float blink = 0;                                 ///< 0 open ... 1 closed
  float gaze_x = 0;                                ///< towards the picture's right, 1 is about 30 degrees
  float gaze_y = 0;                                ///< up
  float yaw_rad = 0, pitch_rad = 0, roll_rad = 0;  ///< turned to the picture's right, up, clockwise
  float shift_x = 0, shift_y = 0;                  ///< of the head, in its half heights
  float shoulder_lift = 0, torso_lean = 0;         ///< of the body, up and to the picture's right, the same
};

/// From what is felt or shown to the face, before its muscles' own inertia.
constexpr double kFaceLag_s = 0.2;

/// Action units of one emotion at full strength.
Expression emotion_expression(int emotion);
/// Pose of every video frame of a session.
std::vector<FacePose> draw_face(const SimulatorConfig& config, const Temper& temper, const Latent& latent,
                                const VoiceTrack& voice, int64_t subject_idx, int64_t session_idx);

}  // namespace limbic::data::sim
