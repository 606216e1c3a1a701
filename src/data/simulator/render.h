#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "simulator/face.h"

namespace limbic::data::sim {

struct Rgb {
  float r = 0;
  float g = 0;
  float b = 0;
};

/// Looks of a subject in one session. Lengths in half heights of the head.
struct Looks {
  int skin_tone = 0;  ///< 0 lightest ... 5 darkest
  Rgb skin, hair, iris, lips, shirt, wall, decor;
  float head_width = 0.68f;
  float jaw_taper = 0.3f;
  float eye_x = 0.27f;
  float eye_size = 1.0f;
  float nose_length = 1.0f;
  float nose_width = 1.0f;
  float mouth_width = 0.22f;
  float lip_fullness = 1.0f;
  float brow_thickness = 1.0f;
  float hairline = 0.56f;
  float hair_volume = 0.07f;
  bool has_long_hair = false;
  float beard = 0;        ///< 0 none ... 1
  float light_x = -0.4f;  ///< where the light comes from: the picture's right and up
  float light_y = 0.5f;
  float ambient = 0.5f;
  float head_px_share = 0.275f;  ///< half height of the head over the picture's height
  float center_x = 0.5f;
  float center_y = 0.46f;
};
Looks draw_looks(const SimulatorConfig& config, int64_t subject_idx, int64_t session_idx);

/// Draws a subject: a lit mesh of the head with a z-buffer at twice the resolution, over a still body and
/// room. One object a thread; a picture depends on the constructor's arguments and the draw's alone.
class FaceRenderer {
 public:
  FaceRenderer(const Looks& looks, int width, int height, double pixel_noise);
  ~FaceRenderer();
  FaceRenderer(FaceRenderer&&) noexcept;
  FaceRenderer& operator=(FaceRenderer&&) noexcept;

  /// @param rng  of the camera's noise
  /// @return height x width x 3, packed; valid until the next draw
  const uint8_t* draw(const FacePose& pose, core::Rng& rng);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::data::sim
